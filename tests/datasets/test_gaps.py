"""Short gaps filled with straight lines, against a loop over single keypoints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.datasets.transforms import InterpolateGaps
from pyskl.errors import InputError


def literal_fill(keypoint, score, max_gap, decay, times, clips=1):
    """Each missing keypoint from its neighbours in time, one at a time."""
    persons, frames, points = score.shape
    new, new_score = keypoint.astype(np.float64), score.astype(np.float64)
    there = np.zeros(score.shape, bool)
    for place in np.ndindex(*score.shape):
        there[place] = score[place] > 0 and keypoint[place].any()
    filled = there.copy()
    length = frames // clips
    for person, frame, point in np.ndindex(persons, frames, points):
        if there[person, frame, point]:
            continue
        first, end = frame // length * length, (frame // length + 1) * length
        before = [other for other in range(first, frame) if there[person, other, point]]
        after = [other for other in range(frame + 1, end) if there[person, other, point]]
        if not before or not after:
            continue
        begin, stop = before[-1], after[0]
        gap = times[stop] - times[begin] - 1
        if times[stop] <= times[begin] or gap > max_gap or not times[begin] <= times[frame] <= times[stop]:
            continue
        part = (times[frame] - times[begin]) / (times[stop] - times[begin])
        new[person, frame, point] = (1 - part) * keypoint[person, begin, point] + part * keypoint[person, stop, point]
        nearer = min(times[frame] - times[begin], times[stop] - times[frame])
        new_score[person, frame, point] = min(score[person, begin, point], score[person, stop, point]) * decay**nearer
        filled[person, frame, point] = True
    return new, new_score, filled


def random_sample(seed: int, persons: int, frames: int, points: int, missing: float) -> dict:
    rng = np.random.default_rng(seed)
    keypoint = rng.uniform(1, 200, (persons, frames, points, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, keypoint.shape[:3]).astype(np.float32)
    lost = rng.random(score.shape) < missing
    lost |= rng.random((persons, frames, 1)) < missing / 2
    score[lost] = 0
    keypoint[lost & (rng.random(score.shape) < 0.5)] = 0  # some detectors leave a guess behind
    keypoint[rng.random(score.shape) < 0.02] = 0  # and some a score
    return {'keypoint': keypoint, 'keypoint_score': score, 'img_shape': (240, 320), 'rng': rng}


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    persons=st.integers(1, 2),
    clips=st.sampled_from([1, 1, 3]),
    length=st.integers(1, 12),
    points=st.integers(1, 5),
    missing=st.sampled_from([0, 0.1, 0.5, 0.9, 1]),
    max_gap=st.integers(1, 6),
    decay=st.sampled_from([1.0, 0.9, 0.5]),
    kind=st.sampled_from(['none', 'steps', 'uneven', 'speed', 'wrapped', 'padded']),
)
def test_filling_agrees_with_a_loop(seed, persons, clips, length, points, missing, max_gap, decay, kind):
    frames = clips * length
    sample = random_sample(seed, persons, frames, points, missing)
    rng = sample['rng']
    times = np.arange(frames, dtype=np.float64)
    if kind == 'steps':
        times = sample['frame_inds'] = 7 + 2 * np.arange(frames)
    elif kind == 'uneven':
        times = sample['frame_inds'] = np.cumsum(rng.integers(1, 4, frames))
    elif kind == 'speed':
        sample['frame_inds'] = np.arange(frames)
        times = sample['frame_positions'] = 0.9 * np.arange(frames)
    elif kind == 'wrapped':
        times = sample['frame_inds'] = np.arange(frames) % 5
    elif kind == 'padded':
        times = sample['frame_inds'] = np.minimum(np.arange(frames), frames // 2)
    sample['num_clips'] = clips
    sample['eye_found'] = rng.random((persons, frames)) < 0.6
    sample['eye_centers'] = rng.uniform(1, 99, (persons, frames, 2, 2)).astype(np.float32)
    sample['eye_centers'][~sample['eye_found']] = 0
    before = {name: np.array(sample[name]) for name in ('keypoint', 'keypoint_score', 'eye_centers', 'eye_found')}
    for name in before:
        sample[name].flags.writeable = False
    result = InterpolateGaps(max_gap, decay).transform(dict(sample))
    points_expected, scores, _ = literal_fill(
        before['keypoint'], before['keypoint_score'], max_gap, decay, times, clips
    )
    np.testing.assert_allclose(result['keypoint'], points_expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(result['keypoint_score'], scores, rtol=1e-5)
    both = np.repeat(before['eye_found'][..., None], 2, axis=-1).astype(np.float32)
    eyes, _, found = literal_fill(before['eye_centers'], both, max_gap, decay, times, clips)
    np.testing.assert_allclose(result['eye_centers'], eyes, rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(result['eye_found'], found[..., 0])
    dtypes = [result[name].dtype for name in before]
    assert dtypes == [np.float32, np.float32, np.float32, bool]


def line(scores, xs=None) -> dict:
    score = np.array(scores, np.float32)[None, :, None]
    x = np.arange(1, len(scores) + 1) if xs is None else np.array(xs)
    keypoint = np.stack([x, 10 * x], axis=-1).astype(np.float32)[None, :, None]
    return {'keypoint': keypoint * (score > 0)[..., None], 'keypoint_score': score, 'img_shape': (99, 99)}


def test_by_hand():
    sample = line([0, 0.8, 0, 0, 0.4, 0, 0, 0, 1, 0], [0, 10, 0, 0, 16, 0, 0, 0, 24, 0])
    result = InterpolateGaps(max_gap=2, decay=0.5).transform(dict(sample))
    np.testing.assert_allclose(result['keypoint'][0, :, 0, 0], [0, 10, 12, 14, 16, 0, 0, 0, 24, 0], rtol=1e-6)
    np.testing.assert_allclose(result['keypoint'][0, :, 0, 1], [0, 100, 120, 140, 160, 0, 0, 0, 240, 0], rtol=1e-6)
    np.testing.assert_allclose(result['keypoint_score'][0, :, 0], [0, 0.8, 0.2, 0.2, 0.4, 0, 0, 0, 1, 0], rtol=1e-6)
    longer = InterpolateGaps(max_gap=3, decay=1).transform(dict(sample))
    np.testing.assert_allclose(longer['keypoint'][0, 5:8, 0, 0], [18, 20, 22], rtol=1e-6)
    np.testing.assert_allclose(longer['keypoint_score'][0, 5:8, 0], 0.4, rtol=1e-6)


def test_gaps_are_measured_in_frames_of_the_video():
    """One missing frame of a clip that takes every tenth is a gap of nineteen."""
    sample = line([1, 0, 1])
    sample['frame_inds'] = np.array([0, 10, 20])
    assert InterpolateGaps(18).transform(dict(sample))['keypoint_score'][0, 1, 0] == 0
    assert InterpolateGaps(19).transform(dict(sample))['keypoint_score'][0, 1, 0] > 0


def test_nothing_missing_gives_the_same_arrays_back():
    sample = random_sample(0, 1, 8, 5, 0)
    sample['keypoint'][sample['keypoint'] == 0] = 1
    result = InterpolateGaps(5).transform(dict(sample))
    assert result['keypoint'] is sample['keypoint'] and result['keypoint_score'] is sample['keypoint_score']


@pytest.mark.parametrize(
    'arguments',
    [
        {'max_gap': 0},
        {'max_gap': -1},
        {'max_gap': float('nan')},
        {'max_gap': 3, 'decay': 0},
        {'max_gap': 3, 'decay': 1.1},
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(InputError, match='InterpolateGaps'):
        InterpolateGaps(**arguments)
