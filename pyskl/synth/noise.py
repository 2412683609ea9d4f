"""Random signals over time."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

__all__ = ['drifting_noise', 'smooth_noise']


def drifting_noise(rng: np.random.Generator, num_frames: int, num_signals: int, time_constant: float) -> np.ndarray:
    """First-order autoregressive noise of unit variance, stationary from the first frame on.

    Args:
        rng: source of randomness.
        num_frames: length T.
        num_signals: number of independent signals.
        time_constant: frames after which the correlation has fallen to 1/e.

    Returns:
        (T, num_signals) float32.
    """
    decay = np.float32(np.exp(-1 / time_constant))
    white = rng.standard_normal((num_frames, num_signals), dtype=np.float32)
    white[1:] *= np.sqrt(1 - decay**2)
    return lfilter([np.float32(1)], np.array([1, -decay], dtype=np.float32), white, axis=0)


def smooth_noise(rng: np.random.Generator, num_frames: int, num_signals: int, width: float) -> np.ndarray:
    """Gaussian-smoothed white noise of unit variance: a signal with no jumps in its speed.

    Args:
        rng: source of randomness.
        num_frames: length T.
        num_signals: number of independent signals.
        width: standard deviation of the smoothing kernel in frames.

    Returns:
        (T, num_signals) float32.
    """
    radius = int(4 * width + 0.5)
    impulse = np.zeros(2 * radius + 1)
    impulse[radius] = 1
    gain = np.linalg.norm(gaussian_filter1d(impulse, width, radius=radius, mode='constant'))
    white = rng.standard_normal((num_frames + 2 * radius, num_signals))
    smooth = gaussian_filter1d(white, width, axis=0, radius=radius, mode='constant')
    return (smooth[radius : radius + num_frames] / gain).astype(np.float32)
