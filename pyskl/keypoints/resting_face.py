"""What a person's face looks like at rest, from the keypoints of a whole track; and the face of the average person."""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints.eyes import eye_centers
from pyskl.keypoints.layouts import KeypointLayout, convert_keypoints, get_layout

__all__ = ['MEAN_FACE', 'mean_face', 'resting_face']

MIN_EYE_DISTANCE = 1.0  # pixels; eyes closer than this say nothing about the size of the face
CLOSED_SHARE = 1 / 2  # of the frames, those with the lips closest together
CALM_SHARE = 2 / 3  # of these, those closest to their median

# Mean resting face of the simulator (pyskl/synth/face_model.npz: `neutral` of ibug68, seen from the front), in the
# coordinates of `resting_face`. tests/keypoints/test_resting_face.py holds the two together.
MEAN_FACE = np.array([
    (-1.134, -0.150), (-1.140, 0.324), (-1.120, 0.560), (-0.995, 1.029), (-0.893, 1.246),
    (-0.776, 1.411), (-0.515, 1.660), (-0.215, 1.812), (0.000, 1.835), (0.215, 1.812),
    (0.515, 1.660), (0.776, 1.411), (0.893, 1.246), (0.995, 1.029), (1.120, 0.560),
    (1.140, 0.324), (1.134, -0.150), (-0.978, -0.240), (-0.814, -0.310), (-0.657, -0.383),
    (-0.463, -0.399), (-0.239, -0.393), (0.239, -0.393), (0.463, -0.399), (0.657, -0.383),
    (0.814, -0.310), (0.978, -0.240), (0.000, -0.116), (0.000, 0.093), (0.000, 0.276),
    (0.000, 0.412), (-0.181, 0.663), (-0.096, 0.708), (0.000, 0.710), (0.096, 0.708),
    (0.181, 0.663), (-0.720, -0.008), (-0.616, -0.096), (-0.453, -0.089), (-0.280, 0.008),
    (-0.433, 0.046), (-0.597, 0.044), (0.280, 0.008), (0.453, -0.089), (0.616, -0.096),
    (0.720, -0.008), (0.597, 0.044), (0.433, 0.046), (-0.428, 1.058), (-0.242, 0.914),
    (-0.118, 0.887), (0.000, 0.909), (0.118, 0.887), (0.242, 0.914), (0.428, 1.058),
    (0.239, 1.160), (0.118, 1.180), (0.000, 1.180), (-0.118, 1.180), (-0.239, 1.160),
    (-0.392, 1.064), (-0.083, 1.037), (0.000, 1.043), (0.083, 1.037), (0.392, 1.064),
    (0.091, 1.037), (0.000, 1.043), (-0.091, 1.037),
], dtype=np.float32)  # fmt: skip


def resting_face(
    keypoint: np.ndarray, score: np.ndarray, layout: KeypointLayout, frames: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Return the median of each keypoint over the calm third of a track, the eyes of all frames laid upon each other.

    Calm frames are, of the half with the lips closest together, the two thirds that are closest to their median.
    Coordinates are relative to the eyes: the origin lies in the middle between their centres, x
    runs to the subject's left eye, y down, and 1 is the distance between the centres.

    Args:
        keypoint: (M, T, V, 2) pixels.
        score: (M, T, V), 0 where a keypoint was not detected.
        layout: theirs; it must have ``eye_corners``. Lips count if it has the region ``inner_lips``.
        frames: at most so many frames are looked at, spread evenly over the track.

    Returns:
        The resting faces (M, V, 2) float32, NaN for keypoints that were not seen, and the number of frames of the
        track in which each person's eyes were found (M,) float32, estimated from those looked at.

    Raises:
        InputError: if the layout has no eyes.
    """
    if layout.eye_corners is None:
        raise InputError(f"resting face: the layout '{layout.name}' has no corners of the eyes")
    total = keypoint.shape[1]
    chosen = np.unique(np.linspace(0, total - 1, min(frames, total)).round().astype(np.int64))
    keypoint = keypoint[:, chosen].astype(np.float32, copy=False)
    score = score[:, chosen]
    centers, found = eye_centers(keypoint, score, layout)
    right, left = centers[..., 0, :].astype(np.float64), centers[..., 1, :].astype(np.float64)
    span = (left - right).view(np.complex128)[..., 0]
    found &= np.abs(span) >= MIN_EYE_DISTANCE
    relative = (keypoint - (right + left)[..., None, :] / 2).view(np.complex128)[..., 0]
    relative /= np.where(found, span, 1)[..., None]
    relative[~found[..., None] | (score <= 0) | (keypoint == 0).all(-1)] = complex(np.nan, np.nan)
    lips = list(layout.regions.get('inner_lips', ()))
    faces = np.stack([_calm_median(person[there], lips) for person, there in zip(relative, found, strict=True)])
    return faces.astype(np.float32), (found.sum(1) * (total / len(chosen))).astype(np.float32)


def _calm_median(face: np.ndarray, lips: list[int]) -> np.ndarray:
    """Return (V, 2): the median over the calm ones of (T, V) faces; NaN marks what was not seen."""
    if not len(face):
        return np.full((face.shape[1], 2), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)  # keypoints that no frame has
        if lips:
            opening = face[:, lips].imag
            opening = np.nan_to_num(np.nanmax(opening, axis=1) - np.nanmin(opening, axis=1))
            face = face[np.argsort(opening, kind='stable')[: math.ceil(len(face) * CLOSED_SHARE)]]
        restless = np.nan_to_num(np.nanmean(np.abs(face - _median(face)), axis=1))
        calm = np.argsort(restless, kind='stable')[: math.ceil(len(face) * CALM_SHARE)]
        median = _median(face[calm])
    return np.stack([median.real, median.imag], axis=-1)


def _median(face: np.ndarray) -> np.ndarray:
    """Return (V,) complex: the median of each coordinate over the frames that have it."""
    return np.nanmedian(face.real, axis=0) + 1j * np.nanmedian(face.imag, axis=0)


def mean_face(layout: str) -> np.ndarray:
    """Return the average face at rest, in the coordinates of :func:`resting_face`.

    Args:
        layout: name of a layout whose keypoints are among the 68 of iBUG.

    Returns:
        (V, 2) float32, read-only.

    Raises:
        InputError: if the layout has other keypoints.
    """
    return _mean_face(get_layout(layout).name)


@functools.lru_cache(maxsize=16)
def _mean_face(name: str) -> np.ndarray:
    try:
        face = MEAN_FACE[convert_keypoints('ibug68', name)]
    except InputError as error:
        raise InputError(f"there is no average face in the layout '{name}': {error}") from None
    face.setflags(write=False)
    return face
