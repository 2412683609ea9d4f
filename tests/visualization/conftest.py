"""A made-up result, and an annotation to go with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pyskl.action_units import AFFWILD_AUS
from pyskl.apis.results import AUResult


@pytest.fixture(scope='session')
def make_result() -> Callable[..., AUResult]:
    """Return ``make(num_frames, without_face=(), fps=25, aus=AFFWILD_AUS)``."""

    def make(num_frames: int, without_face=(), fps: float = 25, aus=AFFWILD_AUS) -> AUResult:
        rng = np.random.default_rng(7)
        success = np.ones(num_frames, bool)
        success[list(without_face)] = False
        thresholds = np.linspace(0.3, 0.7, len(aus), dtype=np.float32)
        probability = rng.random((num_frames, len(aus)), dtype=np.float32)
        occurrence = np.where(success[:, None], probability >= thresholds, -1)
        probability[~success] = np.nan
        return AUResult(
            frame=np.arange(1, num_frames + 1),
            timestamp=np.arange(num_frames) / fps,
            confidence=success,
            success=success,
            probability=probability,
            occurrence=occurrence,
            aus=aus,
            thresholds=tuple(thresholds),
        )

    return make


@pytest.fixture(scope='session')
def make_annotation() -> Callable[..., dict]:
    """Return ``make(num_frames, height, width)``: a face that fills the middle of the picture."""

    def make(num_frames: int, height: int, width: int) -> dict:
        angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
        points = np.stack([width / 2 + height / 4 * np.cos(angle), height / 2 + height / 3 * np.sin(angle)], axis=-1)
        return {
            'frame_dir': 'made-up',
            'total_frames': num_frames,
            'img_shape': (height, width),
            'original_shape': (height, width),
            'keypoint': np.tile(points.astype(np.float32), (1, num_frames, 1, 1)),
            'keypoint_score': np.ones((1, num_frames, 68), np.float32),
            'keypoint_layout': 'ibug68',
            'fps': 25.0,
        }

    return make
