"""Predictions of a made-up model, in the form a recognizer returns them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


def make_windows(
    num_tracks: int = 3, num_windows: int = 2, frames: int = 5, num_aus: int = 3, seed: int = 0
) -> list[dict[str, Any]]:
    """Per-frame predictions; windows of a track come last first, and frames within one in no order."""
    rng = np.random.default_rng(seed)
    samples = []
    for track in range(num_tracks):
        for window in reversed(range(num_windows)):
            samples.append(
                {
                    'frame_dir': f'video{track}_left',
                    'sample_idx': len(samples),
                    'frame_inds': rng.permutation(frames) + frames * window,
                    'score': rng.random((frames, num_aus)).astype(np.float32),
                    'label': rng.integers(-1, 2, (frames, num_aus)).astype(np.int8),
                    'face_found': rng.random(frames) > 0.2,
                }
            )
    return samples


@pytest.fixture
def windows() -> Callable[..., list[dict[str, Any]]]:
    return make_windows


@pytest.fixture
def clips() -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    return [
        {
            'frame_dir': f'clip{i}',
            'sample_idx': i,
            'score': rng.random(3).astype(np.float32),
            'label': rng.integers(-1, 2, 3).astype(np.int8),
            'face_found': i != 4,
        }
        for i in range(12)
    ]


@pytest.fixture
def single() -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    return [
        {
            'frame_dir': f'clip{i}',
            'sample_idx': i,
            'score': rng.random(4).astype(np.float32),
            'label': int(rng.integers(4)),
            'face_found': True,
        }
        for i in range(30)
    ]
