"""How detected landmarks tremble: jitter that is new in every frame and drift that stays, alone and together."""

from __future__ import annotations

import numpy as np

from pyskl.synth.detectors import Geometry
from pyskl.synth.noise import drifting_noise

__all__ = ['landmark_noise', 'shared_noise']

SHARED_DRIFT = 0.6  # of the drift, how much all landmarks of a feature have in common
BLOCK = 64  # frames whose arrays stay in the processor's cache
FEATURES = ('jaw', 'right_brow', 'left_brow', 'nose', 'right_eye', 'left_eye', 'mouth')


def landmark_noise(
    rng: np.random.Generator,
    keypoint: np.ndarray,
    jitter: np.ndarray,
    drift: np.ndarray,
    memory: float,
    geometry: Geometry,
) -> np.ndarray:
    """(2, T, V) float32 x and y: jitter and drift, larger along contours than across them.

    Coordinates are kept apart: numpy is several times slower where the innermost axis has two elements.

    Args:
        rng: source of randomness.
        keypoint: (T, V, 2) float32 pixels.
        jitter: (T, 1) float32 pixels, its standard deviation at the mouth.
        drift: (T, 1) float32 pixels, likewise.
        memory: frames after which the drift is forgotten.
        geometry: of the layout.
    """
    num_frames, num_keypoints, _ = keypoint.shape
    error = rng.standard_normal((num_frames, num_keypoints * 2), dtype=np.float32)
    error *= jitter
    wander = drifting_noise(rng, num_frames, num_keypoints * 2, memory)
    wander *= drift * np.float32(np.sqrt(1 - SHARED_DRIFT**2))
    error += wander
    turned = np.empty((2, num_frames, num_keypoints), np.float32)
    alone = geometry.before == geometry.after
    points = keypoint.view(np.complex64)[..., 0]
    for start in range(0, num_frames, BLOCK):
        rows = slice(start, start + BLOCK)
        along = points[rows].take(geometry.after, axis=1) - points[rows].take(geometry.before, axis=1)
        length = np.maximum(np.sqrt(along.real * along.real + along.imag * along.imag), np.float32(1e-6))
        x, y = along.real / length, along.imag / length
        x[:, alone], y[:, alone] = 1, 0
        part = error[rows] * geometry.spread.ravel()
        first, second = part[:, ::2], part[:, 1::2]
        np.subtract(first * x, second * y, out=turned[0, rows])
        np.add(first * y, second * x, out=turned[1, rows])
    common = drifting_noise(rng, num_frames, 2 * len(FEATURES), memory) * (drift * np.float32(SHARED_DRIFT))
    for number, feature in enumerate(FEATURES):
        points = geometry.regions[feature]
        size = np.float32(geometry.spread[points].mean())
        for axis in range(2):
            turned[axis][:, points] += size * common[:, 2 * number + axis, None]
    return turned


def shared_noise(
    rng: np.random.Generator, jitter: np.ndarray, drift: np.ndarray, memory: float, together: float, fields: np.ndarray
) -> np.ndarray:
    """(2, T, V) float32: jitter and drift that neighbouring landmarks share; see :func:`landmark_noise`."""
    num_frames = len(jitter)
    bumps = rng.standard_normal((num_frames, 2 * len(fields)), dtype=np.float32)
    bumps *= jitter
    wander = drifting_noise(rng, num_frames, 2 * len(fields), memory)
    wander *= drift
    bumps += wander
    bumps *= np.float32(np.sqrt(together))
    return (bumps.reshape(-1, len(fields)) @ fields).reshape(num_frames, 2, -1).transpose(1, 0, 2)
