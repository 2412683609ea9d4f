"""Random signals over time."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

__all__ = ['drifting_noise', 'fade', 'smooth_noise', 'smooth_step', 'stepping_signal']


def smooth_step(level: np.ndarray) -> np.ndarray:
    """Cubic that leads from 0 to 1 and is flat at both ends; outside 0..1 it stays at the end it left."""
    level = np.clip(level, 0, 1)
    return level * level * (3 - 2 * level)


def fade(signal: np.ndarray, decay: float) -> None:
    """Add to each frame, in place, ``decay`` times what the frame before has become: a first-order recursive filter.

    Args:
        signal: (T, N) float32. A row at a time is several times quicker than ``scipy.signal.lfilter`` down the columns.
        decay: 0..1.
    """
    decay, part = np.float32(decay), np.empty(signal.shape[1], np.float32)
    for before, now in pairwise(signal):
        np.multiply(before, decay, out=part)
        now += part


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
    fade(white, decay)
    return white


@lru_cache(maxsize=64)
def _smoothing_gain(width: float, radius: int) -> float:
    impulse = np.zeros(2 * radius + 1)
    impulse[radius] = 1
    return float(np.linalg.norm(gaussian_filter1d(impulse, width, radius=radius, mode='constant')))


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
    white = rng.standard_normal((num_signals, num_frames + 2 * radius))
    smooth = gaussian_filter1d(white, width, axis=1, radius=radius, mode='constant')
    return (smooth.T[radius : radius + num_frames] / _smoothing_gain(width, radius)).astype(np.float32)


def stepping_signal(
    time: np.ndarray, starts: np.ndarray, values: np.ndarray, seconds: np.ndarray | float
) -> np.ndarray:
    """A signal that rests at one value after the other, with smooth transitions.

    Args:
        time: (T,) seconds.
        starts: (S,) ascending seconds at which the signal leaves for the next value.
        values: (S + 1, D) the resting values; the first holds until ``starts[0]``.
        seconds: (S,) or scalar, duration of each transition. One that is cut off by the next change jumps.

    Returns:
        (T, D) float32.
    """
    values = np.asarray(values, dtype=np.float32)
    if not len(starts):
        return np.repeat(values[:1], len(time), axis=0)
    last = np.searchsorted(starts, time, side='right') - 1
    since = (time - starts[last]) / np.broadcast_to(seconds, starts.shape)[last]
    share = np.where(last < 0, 1.0, smooth_step(since)).astype(np.float32)[:, None]
    return values[np.maximum(last, 0)] * (1 - share) + values[last + 1] * share
