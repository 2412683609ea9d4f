"""What goes badly wrong for a few frames: faces beside their place, swollen mouths, half eyes, stale detections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pyskl.synth.detectors import Geometry

if TYPE_CHECKING:
    from pyskl.synth.sensor import Sensor

__all__ = ['bursts', 'confuse_features', 'freeze', 'slip']


def bursts(
    rng: np.random.Generator,
    num_frames: int,
    fps: float,
    rate: float,
    seconds: float,
    hazard: np.ndarray | None = None,
) -> list[tuple[int, int]]:
    """Draw stretches of frames.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        rate: expected number of stretches per second where ``hazard`` is 1.
        seconds: mean duration; it varies as that of a process without memory.
        hazard: (T,) how much more often a stretch begins in each frame; 1 when not given.

    Returns:
        First frame and one past the last, of each stretch.
    """
    weight = np.ones(num_frames) if hazard is None else np.asarray(hazard, np.float64)
    total = np.cumsum(weight)
    count = rng.poisson(rate * total[-1] / fps)
    starts = np.searchsorted(total, rng.uniform(0, total[-1], count))
    lengths = 1 + np.floor(rng.exponential(seconds * fps, count)).astype(np.int64)
    return [
        (int(start), int(min(start + length, num_frames)))
        for start, length in zip(starts.clip(max=num_frames - 1), lengths, strict=True)
    ]


def confuse_features(
    rng: np.random.Generator,
    seen: np.ndarray,
    up: np.ndarray,
    fps: float,
    sensor: Sensor,
    hazard: np.ndarray,
    geometry: Geometry,
) -> None:
    """Spoil mouths and eyes in place: lips collapse, swell or change places, an eye closes half or gapes.

    Args:
        rng: source of randomness.
        seen: (T, V, 2) pixels.
        up: (T, 2) unit vectors towards the forehead.
        fps: frames per second.
        sensor: the detector.
        hazard: (T,) how much more often it happens in each frame.
        geometry: of the layout.
    """
    num_frames = len(seen)
    for start, stop in bursts(rng, num_frames, fps, sensor.mouth_rate, sensor.blunder_seconds, hazard):
        kind = rng.integers(3)
        if kind == 0:  # collapsed
            outer = inner = rng.uniform(0.2, 0.6)
        elif kind == 1:  # swollen
            outer, inner = rng.uniform(1.2, 1.7), rng.uniform(1.2, 2.5)
        else:  # the upper lip's edge taken for the lower one's
            outer, inner = 1.0, -rng.uniform(0.4, 1.0)
        centre = seen[start:stop, geometry.regions['outer_lips']].mean(axis=1, keepdims=True)
        for region, factor in (('outer_lips', outer), ('inner_lips', inner)):
            _stretch(seen[start:stop], geometry.regions[region], centre, up[start:stop], factor)
    for start, stop in bursts(rng, num_frames, fps, sensor.eye_rate, sensor.blunder_seconds, hazard):
        points = geometry.regions[('right_eye', 'left_eye')[rng.integers(2)]]
        factor = rng.uniform(0.2, 0.7) if rng.uniform() < 0.7 else rng.uniform(1.2, 1.6)
        centre = seen[start:stop, points].mean(axis=1, keepdims=True)
        _stretch(seen[start:stop], points, centre, up[start:stop], factor)


def _stretch(part: np.ndarray, points: np.ndarray, centre: np.ndarray, up: np.ndarray, factor: float) -> None:
    """Stretch landmarks about a centre along ``up``, in place."""
    height = np.einsum('tvc,tc->tv', part[:, points] - centre, up)
    part[:, points] += ((factor - 1) * height)[..., None] * up[:, None]


def slip(
    rng: np.random.Generator, seen: np.ndarray, scale: np.ndarray, fps: float, sensor: Sensor, hazard: np.ndarray
) -> None:
    """Put the whole face beside its place for some frames: moved, turned and of another size; in place."""
    for start, stop in bursts(rng, len(seen), fps, sensor.slip_rate, sensor.blunder_seconds, hazard):
        part = seen[start:stop]
        centre = part.mean(axis=1, keepdims=True)
        angle, size = rng.normal(0, 0.12), np.exp(rng.normal(0, 0.1))
        turn = size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
        move = rng.normal(0, 0.15, 2).astype(np.float32) * scale[start:stop, None]
        part[:] = (part - centre) @ turn.astype(np.float32) + centre + move[:, None]


def freeze(rng: np.random.Generator, seen: np.ndarray, fps: float, sensor: Sensor, lost: np.ndarray) -> None:
    """Repeat the detection of an earlier frame; in place."""
    for start, stop in bursts(rng, len(seen), fps, sensor.freeze_rate, sensor.blunder_seconds):
        if not lost[start]:
            seen[start:stop] = seen[start]
