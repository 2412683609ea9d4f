"""The face at rest, against faces whose rest is known."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout, mean_face, resting_face
from pyskl.synth import FaceModel

LAYOUT = get_layout('ibug68')


def seen_by_a_camera(face: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """(T, 68, 2) pixels of a face (T, 68, 2) in eye coordinates, each frame turned, scaled and moved anew."""
    angle, scale = rng.uniform(-0.5, 0.5, frames), rng.uniform(20, 200, frames)
    turn = (scale * np.exp(1j * angle))[:, None]
    numbers = (face[..., 0] + 1j * face[..., 1]) * turn + rng.uniform(300, 600, (frames, 1))
    return np.stack([numbers.real, numbers.imag + 400], axis=-1)


def person(rng: np.random.Generator) -> np.ndarray:
    """(68, 2): a face that is not the average one, its eyes where the coordinates have them."""
    face = mean_face('ibug68') + rng.normal(0, 0.03, (68, 2))
    face[[36, 39, 42, 45]] = mean_face('ibug68')[[36, 39, 42, 45]]
    return face


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(30, 500))
def test_movements_in_half_of_the_frames_do_not_matter(seed, frames):
    rng = np.random.default_rng(seed)
    rest = person(rng)
    face = np.tile(rest, (frames, 1, 1))
    active = rng.permutation(frames)[: frames // 2]
    face[active, 17:36] -= rng.uniform(0, 0.2, (len(active), 1, 1))  # brows and nose
    face[active, 48:] += rng.uniform(0, 0.2, (len(active), 20, 2))
    found, count = resting_face(seen_by_a_camera(face, frames, rng)[None], np.ones((1, frames, 68)), LAYOUT)
    assert found.shape == (1, 68, 2) and found.dtype == np.float32
    assert count.tolist() == [frames]
    np.testing.assert_allclose(found[0], rest, atol=2e-4)


def test_a_mouth_that_is_mostly_open_is_at_rest_when_closed():
    rng = np.random.default_rng(1)
    rest = person(rng)
    face = np.tile(rest, (100, 1, 1))
    face[:65, [65, 66, 67, 55, 56, 57, 58, 59], 1] += 0.3
    found, _ = resting_face(seen_by_a_camera(face, 100, rng)[None], np.ones((1, 100, 68)), LAYOUT)
    np.testing.assert_allclose(found[0], rest, atol=2e-4)


def test_missing_keypoints_and_frames_are_left_out():
    rng = np.random.default_rng(2)
    rest = person(rng)
    keypoint = seen_by_a_camera(np.tile(rest, (90, 1, 1)), 90, rng)
    score = np.ones((2, 90, 68), np.float32)
    keypoint = np.stack([keypoint, keypoint])
    keypoint[:, 10:40] = 0  # no face
    score[:, 10:40] = 0
    keypoint[0, ::2, 30], score[0, ::2, 30] = (7777, 7777), 0  # a keypoint that is now and then not found
    keypoint[0, :, 5] = 0  # and one that never is
    score[1] = 0  # a person who was never there
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found, count = resting_face(keypoint, score, LAYOUT)
    assert count.tolist() == [60, 0]
    assert np.isnan(found[0, 5]).all() and np.isnan(found[1]).all()
    there = np.arange(68) != 5
    np.testing.assert_allclose(found[0, there], rest[there], atol=2e-4)


def test_a_face_that_is_seldom_there_is_looked_at_where_it_is():
    rng = np.random.default_rng(4)
    rest = person(rng)
    keypoint, score = np.zeros((1, 15_000, 68, 2)), np.zeros((1, 15_000, 68))
    shown = np.tile(rest, (100, 1, 1))
    shown[:40, 48:] += rng.uniform(0, 0.2, (40, 20, 2))
    keypoint[0, 7000:7100], score[0, 7000:7100] = seen_by_a_camera(shown, 100, rng), 1
    found, count = resting_face(keypoint, score, LAYOUT)
    np.testing.assert_allclose(found[0], rest, atol=2e-4)
    assert count.tolist() == [100]


def test_no_frames_at_all():
    found, count = resting_face(np.zeros((2, 0, 68, 2)), np.zeros((2, 0, 68)), LAYOUT)
    assert np.isnan(found).all() and count.tolist() == [0, 0]


def test_the_cost_does_not_grow_with_the_track():
    """Beside the eyes at most 200 frames are read: frames between them may hold anything."""
    keypoint = seen_by_a_camera(np.tile(mean_face('ibug68'), (2000, 1, 1)), 2000, np.random.default_rng(3))[None]
    read = np.unique(np.linspace(0, 1999, 200).round().astype(int))
    garbage = np.full_like(keypoint, np.nan)
    garbage[:, read] = keypoint[:, read]
    garbage[:, :, LAYOUT.eye_corners] = keypoint[:, :, LAYOUT.eye_corners]
    found, count = resting_face(garbage, np.ones((1, 2000, 68)), LAYOUT)
    np.testing.assert_allclose(found[0], mean_face('ibug68'), atol=2e-4)
    assert count.tolist() == [2000]


def test_average_face_is_that_of_the_simulator():
    neutral = FaceModel.load(layout='ibug68').neutral.astype(float)[:, :2] * (1, -1)
    found, _ = resting_face(1000 + 300 * neutral[None, None], np.ones((1, 1, 68)), LAYOUT)
    np.testing.assert_allclose(mean_face('ibug68'), found[0], atol=6e-4)


@pytest.mark.parametrize('layout', ['ibug51', 'openface68', 'ibug68:brows+mouth'])
def test_average_face_of_a_selection(layout):
    np.testing.assert_array_equal(mean_face(layout), mean_face('ibug68')[convert_keypoints('ibug68', layout)])
    assert not mean_face(layout).flags.writeable


def test_what_cannot_be_used():
    with pytest.raises(InputError, match='coco_wholebody133'):
        mean_face('coco_wholebody133')
    mouth = get_layout('ibug68:mouth')
    with pytest.raises(InputError, match='corners of the eyes'):
        resting_face(np.ones((1, 5, 20, 2)), np.ones((1, 5, 20)), mouth)
