"""What a person's face looks like at rest, from the keypoints of a whole track; and the face of the average person."""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints.layouts import KeypointLayout, convert_keypoints, get_layout

__all__ = ['MEAN_FACE', 'mean_face', 'resting_face']

MOST_LOOKED = 20_000  # frames of a track in which eyes are looked for
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
    Coordinates are relative to the eyes: the origin lies in the middle between their centres, x runs to the subject's
    left eye, y down, and 1 is the distance between the centres.

    Args:
        keypoint: (M, T, V, 2) pixels.
        score: (M, T, V), 0 where a keypoint was not detected.
        layout: theirs; it must have ``eye_corners``. Lips count if it has the region ``inner_lips``.
        frames: at most so many frames of each person are used, spread evenly over those in which the eyes were found.

    Returns:
        The resting faces (M, V, 2) float32, NaN for keypoints that were not seen, and the number of frames in which
        each person's eyes were found (M,) float32; of tracks above 20,000 frames an estimate.

    Raises:
        InputError: if the layout has no eyes.
    """
    if layout.eye_corners is None:
        raise InputError(f"resting face: the layout '{layout.name}' has no corners of the eyes")
    persons, total, points = score.shape
    looked = _evenly(np.arange(total), MOST_LOOKED)
    corners = list(layout.eye_corners)
    span = _eyes(keypoint[:, looked[:, None], corners], score[:, looked[:, None], corners])[1]
    faces = np.full((persons, points, 2), np.nan, np.float32)
    lips = list(layout.regions.get('inner_lips', ()))
    for person in range(persons):
        chosen = _evenly(looked[span[person] != 0], frames)
        if len(chosen):
            faces[person] = _calm_median(_relative(keypoint[person, chosen], score[person, chosen], corners), lips)
    return faces, ((span != 0).sum(1) * (total / max(1, len(looked)))).astype(np.float32)


def _evenly(numbers: np.ndarray, most: int) -> np.ndarray:
    if len(numbers) <= most:
        return numbers
    return numbers[np.linspace(0, len(numbers) - 1, most).round().astype(np.int64)]


def _eyes(corners: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 4, 2) and (..., 4) -> middle between the eyes and right to left eye, (...) complex; 0 where not found."""
    point = corners[..., 0].astype(np.float64) + 1j * corners[..., 1]
    right, left = point[..., :2].mean(-1), point[..., 2:].mean(-1)
    found = ((score > 0) & (corners != 0).any(-1)).all(-1)
    found &= np.abs(left - right) >= MIN_EYE_DISTANCE
    return np.where(found, (right + left) / 2, 0), np.where(found, left - right, 0)


def _relative(keypoint: np.ndarray, score: np.ndarray, corners: list[int]) -> np.ndarray:
    """(T, V, 2) and (T, V), eyes found -> (T, V) complex in eye coordinates; NaN where a keypoint was not detected."""
    middle, span = _eyes(keypoint[:, corners], score[:, corners])
    place = keypoint[..., 0].astype(np.float64) + 1j * keypoint[..., 1]
    place = (place - middle[:, None]) / span[:, None]
    place[(score <= 0) | (keypoint == 0).all(-1)] = complex(np.nan, np.nan)
    return place


def _calm_median(face: np.ndarray, lips: list[int]) -> np.ndarray:
    """Return (V, 2): the median over the calm ones of (T, V) faces; NaN marks what was not seen."""
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
