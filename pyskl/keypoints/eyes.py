"""Where the eyes are: the fixed points that faces are aligned by."""

from __future__ import annotations

import functools

import numpy as np

from pyskl.keypoints.layout import KeypointLayout

__all__ = ['eye_centers']


def eye_centers(keypoint: np.ndarray, score: np.ndarray, layout: KeypointLayout) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle between the two corners of each eye, which blinks and glances leave where it is.

    Args:
        keypoint: (..., V, 2) pixels.
        score: (..., V), 0 where a keypoint was not detected.
        layout: theirs; it must have ``eye_corners``.

    Returns:
        Centres (..., 2, 2) float32 of the subject's right and left eye in pixels, and whether all four corners were
        detected (...,) bool. Centres of eyes that were not found are 0.
    """
    corners = _as_array(layout.eye_corners)
    points = keypoint.take(corners, axis=-2).astype(np.float32, copy=False)
    found = (score.take(corners, axis=-1) > 0) & ((points[..., 0] != 0) | (points[..., 1] != 0))
    found = found.all(axis=-1)
    centers = points[..., 0::2, :] + points[..., 1::2, :]
    centers *= np.float32(0.5)
    if not found.all():
        centers[~found] = 0
    return centers, found


@functools.lru_cache(maxsize=64)
def _as_array(corners: tuple[int, ...]) -> np.ndarray:
    return np.array(corners)
