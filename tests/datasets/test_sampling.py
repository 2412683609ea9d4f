"""Which frames a clip consists of."""

from __future__ import annotations

import pickle
import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.datasets.transforms import PoseDecode, SampleWindow, UniformSampleFrames
from pyskl.datasets.windows import WindowIndex
from pyskl.errors import InputError


@pytest.fixture
def legacy_seed():
    """Seed NumPy's global generator, and put it back afterwards."""
    state = np.random.get_state()  # noqa: NPY002
    yield np.random.seed
    np.random.set_state(state)  # noqa: NPY002


def literal_test_frames(total: int, clip_len: int, num_clips: int) -> list[int]:
    """The frames of the test mode, one after the other, drawn from the global generator."""
    frames = []
    for clip in range(num_clips):
        if total < clip_len:
            first = clip * total // num_clips if total >= num_clips else clip
            frames += [(first + step) % total for step in range(clip_len)]
        elif total < 2 * clip_len:
            gaps = np.random.choice(clip_len + 1, total - clip_len, replace=False)  # noqa: NPY002
            frames += [step + sum(gap <= step for gap in gaps.tolist()) for step in range(clip_len)]
        else:
            edges = [total * part // clip_len for part in range(clip_len + 1)]
            sizes = [end - start for start, end in pairwise(edges)]
            draws = np.random.randint(np.array(sizes))  # noqa: NPY002
            frames += [start + int(draw) for start, draw in zip(edges[:-1], draws, strict=True)]
    return frames


@pytest.mark.parametrize('num_clips', [1, 3, 10])
@pytest.mark.parametrize('clip_len', [1, 5, 16])
@pytest.mark.parametrize('seed', [255, 7])
def test_test_mode_draws_what_the_global_legacy_generator_would(legacy_seed, clip_len, num_clips, seed):
    for total in [*range(1, 3 * clip_len + 3), 100, 3001]:
        legacy_seed(seed)
        expected = literal_test_frames(total, clip_len, num_clips)
        sample = UniformSampleFrames(clip_len, num_clips, test_mode=True, seed=seed).transform({'total_frames': total})
        assert sample['frame_inds'].tolist() == expected, total
        assert sample['frame_inds'].dtype == np.int64
        assert (sample['clip_len'], sample['num_clips'], sample['frame_interval']) == (clip_len, num_clips, None)


@pytest.mark.parametrize(
    ('total', 'num_clips', 'expected'),
    [
        (3, 2, [0, 1, 2, 0, 1, 1, 2, 0, 1, 2]),
        (1, 2, [0] * 10),
        (7, 1, [1, 2, 4, 5, 6]),
        (30, 2, [3, 7, 13, 23, 24, 5, 7, 14, 22, 25]),
    ],
)
def test_frames_of_mmaction2(total, num_clips, expected):
    """Noted from a run of the reference with five frames a clip."""
    sample = UniformSampleFrames(5, num_clips, test_mode=True).transform({'total_frames': total})
    assert sample['frame_inds'].tolist() == expected


@pytest.mark.parametrize('test_mode', [True, False])
@pytest.mark.parametrize('total', [3, 7, 40])
def test_global_random_states_are_left_alone(total, test_mode):
    before = pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002
    UniformSampleFrames(5, 2, test_mode=test_mode).transform({'total_frames': total})
    SampleWindow(5).transform({'total_frames': total, 'test_mode': test_mode})
    assert pickle.dumps((np.random.get_state(), random.getstate())) == before  # noqa: NPY002


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 4), st.integers(0, 2**32))
def test_train_mode_takes_one_frame_of_each_part(total, clip_len, num_clips, seed):
    sample = {'total_frames': total, 'rng': np.random.default_rng(seed)}
    frames = UniformSampleFrames(clip_len, num_clips).transform(sample)['frame_inds']
    assert frames.shape == (num_clips * clip_len,)
    assert frames.min() >= 0
    assert frames.max() < total
    for clip in frames.reshape(num_clips, clip_len):
        if total < clip_len:
            np.testing.assert_array_equal(np.diff(clip) % total, np.ones(clip_len - 1) % total)
        else:
            assert (np.diff(clip) > 0).all()
        if total >= 2 * clip_len:
            parts = np.array([part * total // clip_len for part in range(clip_len + 1)])
            assert (parts[:-1] <= clip).all()
            assert (clip < parts[1:]).all()


@pytest.mark.parametrize('total', [4, 8, 20])
def test_train_mode_reaches_every_frame(total):
    rng = np.random.default_rng(0)
    step = UniformSampleFrames(5)
    drawn = [step.transform({'total_frames': total, 'rng': rng})['frame_inds'] for _ in range(300)]
    assert set(np.concatenate(drawn).tolist()) == set(range(total))


def test_start_index_moves_the_frames_and_decoding_moves_them_back():
    keypoint = np.random.default_rng(0).random((1, 9, 4, 2), dtype=np.float32)
    for step in (UniformSampleFrames(3, test_mode=True), SampleWindow(12)):
        plain = step.transform({'total_frames': 9, 'test_mode': True, 'keypoint': keypoint})
        moved = step.transform({'total_frames': 9, 'test_mode': True, 'keypoint': keypoint, 'start_index': 20})
        np.testing.assert_array_equal(moved['frame_inds'], plain['frame_inds'] + 20)
        np.testing.assert_array_equal(
            PoseDecode().transform(moved)['keypoint'], PoseDecode().transform(plain)['keypoint']
        )


def test_windows_by_hand():
    sample = {'total_frames': 10, 'window_start': 6, 'owned': (7, 10), 'test_mode': True}
    sample = SampleWindow(4).transform(sample)
    assert sample['frame_inds'].tolist() == [6, 7, 8, 9]
    assert sample['frame_valid'].tolist() == [False, True, True, True]
    assert sample['frame_padded'].tolist() == [False] * 4
    assert (sample['clip_len'], sample['num_clips'], sample['frame_interval']) == (4, 1, 1)


def test_a_short_track_repeats_its_last_frame_which_is_owned_once():
    sample = SampleWindow(5).transform({'total_frames': 3, 'owned': (0, 3), 'test_mode': True})
    assert sample['frame_inds'].tolist() == [0, 1, 2, 2, 2]
    assert sample['frame_valid'].tolist() == [True, True, True, False, False]
    assert sample['frame_padded'].tolist() == [False, False, False, True, True]


def test_frame_interval_by_hand():
    sample = SampleWindow(4, frame_interval=3).transform({'total_frames': 8, 'test_mode': True})
    assert sample['frame_inds'].tolist() == [0, 3, 6, 7]
    assert sample['frame_valid'].tolist() == [True, True, True, False]
    assert sample['frame_padded'].tolist() == [False, False, False, True]


@given(st.integers(1, 120), st.integers(1, 30), st.data())
def test_the_windows_of_a_track_own_every_frame_once(total, clip_len, data):
    index = WindowIndex([total], clip_len, data.draw(st.integers(1, clip_len)))
    owners = np.zeros(total, int)
    for number in range(len(index)):
        start, first, end = index.span(*index[number])
        sample = {'total_frames': total, 'window_start': start, 'owned': (first, end), 'test_mode': True}
        sample = SampleWindow(clip_len).transform(sample)
        np.add.at(owners, sample['frame_inds'][sample['frame_valid']], 1)
    assert (owners == 1).all()


@given(st.integers(1, 120), st.integers(1, 30), st.integers(1, 4), st.integers(0, 2**32), st.data())
def test_in_training_the_moved_window_stays_in_the_track(total, clip_len, interval, seed, data):
    start = data.draw(st.integers(0, total - 1))
    sample = {'total_frames': total, 'window_start': start, 'rng': np.random.default_rng(seed)}
    sample = SampleWindow(clip_len, interval).transform(sample)
    frames, padded = sample['frame_inds'], sample['frame_padded']
    assert frames.min() >= 0
    assert frames.max() < total
    span = (clip_len - 1) * interval + 1
    if total >= span:
        assert not padded.any()
    else:
        assert frames[0] == 0
        assert (frames[padded] == total - 1).all()
    assert (np.diff(frames[~padded]) == interval).all()
    assert not (sample['frame_valid'] & padded).any()


def test_in_training_the_window_moves_by_up_to_half_its_length():
    rng = np.random.default_rng(0)
    samples = [{'total_frames': 100, 'window_start': 40, 'rng': rng} for _ in range(400)]
    assert {int(SampleWindow(10).transform(sample)['frame_inds'][0]) for sample in samples} == set(range(35, 46))


@pytest.mark.parametrize(('step', 'arguments'), [(UniformSampleFrames, (0,)), (UniformSampleFrames, (4, 0))])
def test_lengths_below_one_are_refused(step, arguments):
    with pytest.raises(InputError, match='at least 1'):
        step(*arguments)


@pytest.mark.parametrize('arguments', [(0,), (-3,), (4, 0)])
def test_windows_below_one_frame_are_refused(arguments):
    with pytest.raises(InputError, match='at least 1'):
        SampleWindow(*arguments)


@pytest.mark.parametrize('options', [{'clip_len': 4}, {'clip_len': 8, 'frame_interval': 2}])
def test_a_test_clip_that_would_leave_frames_unpredicted_is_refused(options):
    results = {'total_frames': 16, 'window_start': 0, 'owned': (0, 8), 'test_mode': True}
    with pytest.raises(InputError, match='leaves out frames'):
        SampleWindow(**options)(results)


def moving(total: int = 60) -> dict:
    """A track in which keypoint 0 is at x = 10 + frame."""
    keypoint = np.ones((1, total, 2, 2), np.float32)
    keypoint[0, :, 0, 0] = 10 + np.arange(total)
    label = np.arange(total)[:, None] % 2
    return dict(
        total_frames=total,
        keypoint=keypoint,
        keypoint_score=np.ones((1, total, 2), np.float32),
        label=label.astype(np.int8),
        window_start=20,
        owned=(20, 28),
    )


@pytest.mark.parametrize('speed', [(0.5, 0.5), (1.3, 1.3), (2.0, 2.0), (0.7, 1.5)])
def test_a_track_is_played_at_another_speed(speed):
    for seed in range(20):
        results = {**moving(), 'rng': np.random.default_rng(seed)}
        results = PoseDecode()(SampleWindow(8, speed=speed)(results))
        x = results['keypoint'][0, :, 0, 0]
        steps = np.diff(x)
        assert np.allclose(steps, steps[0], atol=1e-5)
        assert speed[0] - 1e-5 <= steps[0] <= speed[1] + 1e-5
        nearest = np.floor(x - 10 + 0.5).astype(int)
        assert results['frame_inds'].tolist() == nearest.tolist()
        assert results['label'][:, 0].tolist() == (nearest % 2).tolist()


def test_speed_is_for_training_only():
    results = {**moving(), 'test_mode': True}
    results = SampleWindow(8, speed=(2, 2))(results)
    assert results['frame_inds'].tolist() == list(range(20, 28))


@pytest.mark.parametrize('score', [0, 1])
def test_a_frame_without_the_keypoint_is_not_interpolated_into(score):
    results = moving()
    results['keypoint'][0, 21], results['keypoint_score'][0, 21] = 0, score
    results['frame_positions'] = np.array([20.0, 20.4, 21.0, 21.6, 22.0, 22.5])
    results['frame_inds'] = np.floor(results['frame_positions'] + 0.5).astype(int)
    results = PoseDecode()(results)
    # between 20 and the gap: 20 itself; at the gap: nothing; between the gap and 22: 22 itself
    np.testing.assert_allclose(results['keypoint'][0, :, 0, 0], [30, 30, 0, 32, 32, 32.5])
    np.testing.assert_allclose(results['keypoint_score'][0, :, 0], [1, 1, score, 1, 1, 1])


@pytest.mark.parametrize('speed', [(0, 1), (2, 1), 1, (1, np.inf), 'fast', (1, 1, 1)])
def test_impossible_speeds_are_refused(speed):
    with pytest.raises(InputError, match='speed must be two positive numbers'):
        SampleWindow(8, speed=speed)


def test_a_window_around_a_frame_at_the_edge_repeats_the_edge():
    results = {**moving(10), 'window_start': -3, 'owned': (0, 1), 'window_fixed': True}
    results = PoseDecode()(SampleWindow(7)(results))
    assert results['frame_inds'].tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert results['frame_padded'].tolist() == [True] * 3 + [False] * 4
    assert results['frame_valid'].tolist() == [False] * 3 + [True] + [False] * 3
    assert results['label'][:, 0].tolist() == [-1, -1, -1, 0, 1, 0, 1]
