"""Centres of the eyes, against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.keypoints import LAYOUTS, eye_centers, get_layout


@pytest.mark.parametrize('name', LAYOUTS)
def test_centers_agree_with_a_loop(name):
    layout = get_layout(name)
    rng = np.random.default_rng(0)
    keypoint = rng.uniform(1, 100, (2, 40, layout.num_keypoints, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, keypoint.shape[:3]).astype(np.float32)
    missing = rng.random(score.shape) < 0.1
    score[missing] = 0
    keypoint[0, 3, layout.eye_corners[2]] = 0
    centers, found = eye_centers(keypoint, score, layout)
    assert centers.dtype == np.float32 and centers.shape == (2, 40, 2, 2)
    assert found.any() and not found.all()
    for person, frame in np.ndindex(2, 40):
        points, scores = keypoint[person, frame], score[person, frame]
        outer_right, inner_right, inner_left, outer_left = layout.eye_corners
        there = all(scores[corner] > 0 and points[corner].any() for corner in layout.eye_corners)
        assert found[person, frame] == there
        expected = np.zeros((2, 2))
        if there:
            expected[0] = (points[outer_right] + points[inner_right]) / 2
            expected[1] = (points[inner_left] + points[outer_left]) / 2
        np.testing.assert_allclose(centers[person, frame], expected, rtol=1e-6)


def test_a_blink_leaves_the_centers_where_they_are():
    layout = get_layout('ibug68')
    keypoint = np.random.default_rng(0).uniform(1, 100, (1, 2, 68, 2)).astype(np.float32)
    keypoint[0, 1] = keypoint[0, 0]
    keypoint[0, 1, [37, 38, 40, 41, 43, 44, 46, 47], 1] += 5
    centers, _ = eye_centers(keypoint, np.ones((1, 2, 68), np.float32), layout)
    np.testing.assert_array_equal(centers[0, 0], centers[0, 1])
