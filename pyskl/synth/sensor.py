"""How a landmark detector sees the face: jitter, slow drift, confidence, and frames in which it finds nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.synth.noise import drifting_noise

__all__ = ['Sensor', 'observe']


def _noise_scale() -> np.ndarray:
    """(68,) float32: how uncertain each landmark is relative to the mouth; contours slide, corners hold."""
    scale = np.ones(68, dtype=np.float32)
    scale[0:17] = 2.0
    scale[17:27] = 1.1
    scale[27:36] = 0.8
    scale[36:48] = 0.7
    return scale


LANDMARK_NOISE = _noise_scale()


@dataclass(frozen=True)
class Sensor:
    """A landmark detector.

    Attributes:
        jitter: standard deviation of the error that is new in every frame, in outer-eye distances.
        drift: standard deviation of the error that stays for a while.
        drift_seconds: time after which the drift has lost its memory (correlation 1/e).
        loss_rate: expected number of times per second that the face gets lost.
        loss_seconds: mean duration of a loss.
    """

    jitter: float = 0.004
    drift: float = 0.005
    drift_seconds: float = 0.4
    loss_rate: float = 0.04
    loss_seconds: float = 0.25


def observe(
    rng: np.random.Generator,
    keypoint: np.ndarray,
    scale: np.ndarray,
    fps: float,
    sensor: Sensor,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn true landmark places into detections.

    Args:
        rng: source of randomness.
        keypoint: (T, 68, 2) pixels.
        scale: (T,) outer-eye distance in pixels.
        fps: frames per second.
        sensor: the detector.

    Returns:
        (T, 68, 2) float32 detected pixels and (T, 68) float32 scores in 0..1. A frame without a face is zero in both.
    """
    num_frames, num_keypoints, _ = keypoint.shape
    error = sensor.jitter * rng.standard_normal((num_frames, num_keypoints * 2), dtype=np.float32)
    error += sensor.drift * drifting_noise(rng, num_frames, num_keypoints * 2, sensor.drift_seconds * fps)
    error = error.reshape(keypoint.shape) * LANDMARK_NOISE[:, None]
    seen = keypoint + error * np.asarray(scale, dtype=np.float32)[:, None, None]
    doubt = np.linalg.norm(error, axis=-1) / (sensor.jitter + sensor.drift + 1e-9)
    confidence = drifting_noise(rng, num_frames, 1, fps)
    score = np.clip(0.97 - 0.015 * np.abs(confidence) - 0.02 * doubt, 0.3, 1.0)
    found = ~_lost(rng, num_frames, fps, sensor)
    seen[~found] = 0
    score[~found] = 0
    return seen.astype(np.float32), score.astype(np.float32)


def _lost(rng: np.random.Generator, num_frames: int, fps: float, sensor: Sensor) -> np.ndarray:
    """(T,) bool: frames in which the detector finds no face; at least one frame always has one."""
    lost = np.zeros(num_frames, dtype=bool)
    for _ in range(rng.poisson(sensor.loss_rate * num_frames / fps)):
        start = rng.integers(num_frames)
        lost[start : start + 1 + rng.poisson(sensor.loss_seconds * fps)] = True
    if lost.all():
        lost[0] = False
    return lost
