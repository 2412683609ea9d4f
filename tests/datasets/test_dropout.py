"""Keypoints, regions and frames lost at random: how often, which, and never all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.datasets.transforms import KeypointDropout
from pyskl.errors import InputError
from pyskl.keypoints import LAYOUTS, get_layout

PARTS = ('jaw', 'right_brow', 'left_brow', 'nose', 'right_eye', 'left_eye', 'mouth')


def sample(layout: str = 'ibug68', frames: int = 8, persons: int = 1, seed: int = 0, missing: float = 0.0) -> dict:
    rng = np.random.default_rng(seed)
    shape = (persons, frames, get_layout(layout).num_keypoints)
    keypoint = rng.uniform(1, 200, (*shape, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, shape).astype(np.float32)
    lost = rng.random(shape) < missing
    keypoint[lost], score[lost] = 0, 0
    keypoint.flags.writeable = score.flags.writeable = False
    return {
        'keypoint': keypoint,
        'keypoint_score': score,
        'img_shape': (240, 320),
        'keypoint_layout': layout,
        'rng': np.random.default_rng(seed),
    }


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    layout=st.sampled_from([*LAYOUTS, 'ibug68:mouth', 'ibug68:outer_lips']),
    frames=st.integers(1, 6),
    missing=st.sampled_from([0, 0.5, 0.99, 1]),
    probabilities=st.tuples(*[st.sampled_from([0.0, 0.2, 0.95, 1.0])] * 3),
)
def test_what_stays_is_untouched_and_something_stays(seed, layout, frames, missing, probabilities):
    before = sample(layout, frames, 2, seed, missing)
    after = KeypointDropout(*probabilities).transform(dict(before))
    lost = (after['keypoint_score'] == 0) & (before['keypoint_score'] > 0)
    assert (after['keypoint'][lost] == 0).all()
    np.testing.assert_array_equal(after['keypoint'][~lost], before['keypoint'][~lost])
    np.testing.assert_array_equal(after['keypoint_score'][~lost], before['keypoint_score'][~lost])
    assert after['keypoint'].dtype == after['keypoint_score'].dtype == np.float32
    assert (after['keypoint_score'] > 0).any() == (before['keypoint_score'] > 0).any()
    again = KeypointDropout(*probabilities).transform({**before, 'rng': np.random.default_rng(seed)})
    np.testing.assert_array_equal(again['keypoint'], after['keypoint'])


def test_a_clip_that_would_lose_everything_keeps_one_whole_frame_drawn_at_random():
    spared = set()
    for seed in range(60):
        result = KeypointDropout(frame=1.0).transform(sample(seed=seed, frames=5))
        kept = (result['keypoint_score'][0] > 0).all(axis=1)
        assert kept.sum() == 1 and (result['keypoint_score'][0, ~kept] == 0).all()
        spared.add(int(np.flatnonzero(kept)[0]))
    assert spared == set(range(5))


@pytest.mark.parametrize('probability', [0.05, 0.5])
def test_points_and_frames_are_lost_as_often_as_told(probability):
    points, frames = [], []
    for seed in range(60):
        result = KeypointDropout(point=probability).transform(sample(seed=seed, frames=40))
        points.append((result['keypoint_score'] == 0).mean())
        result = KeypointDropout(frame=probability).transform(sample(seed=seed, frames=40))
        lost = result['keypoint_score'][0] == 0
        assert (lost.all(axis=1) == lost.any(axis=1)).all()
        frames.append(lost.all(axis=1).mean())
    assert np.mean(points) == pytest.approx(probability, abs=0.01)
    assert np.mean(frames) == pytest.approx(probability, abs=0.04)


def test_regions_are_lost_as_a_whole_for_one_run_of_frames():
    layout = get_layout('ibug68')
    counts, runs = dict.fromkeys(PARTS, 0), []
    for seed in range(400):
        lost = KeypointDropout(region=0.2).transform(sample(seed=seed, frames=6))['keypoint_score'][0] == 0
        for region in PARTS:
            inside = lost[:, list(layout.regions[region])]
            assert (inside.all(axis=1) == inside.any(axis=1)).all()
            gone = np.flatnonzero(inside.all(axis=1))
            if gone.size:
                counts[region] += 1
                runs.append(gone.size)
                assert gone.size == gone[-1] - gone[0] + 1
    for region, count in counts.items():
        assert count / 400 == pytest.approx(0.2, abs=0.07), region
    assert set(runs) == set(range(1, 7))


def test_only_the_regions_named_are_lost():
    brows = [*range(17, 27)]
    seen = np.zeros(68, bool)
    for seed in range(30):
        lost = KeypointDropout(region=0.5, regions=['brows']).transform(sample(seed=seed))['keypoint_score'][0] == 0
        seen |= lost.any(axis=0)
    assert np.flatnonzero(seen).tolist() == brows


def test_nothing_drawn_gives_the_same_arrays_back():
    before = sample()
    after = KeypointDropout().transform(dict(before))
    assert after['keypoint'] is before['keypoint'] and after['keypoint_score'] is before['keypoint_score']


@pytest.mark.parametrize(
    'arguments',
    [{'point': -0.1}, {'region': 1.5}, {'frame': float('nan')}, {'regions': 'brows'}],
)
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(InputError, match='KeypointDropout'):
        KeypointDropout(**arguments)


@pytest.mark.parametrize(
    ('changes', 'regions', 'message'),
    [
        ({}, ['brow'], "layout 'ibug68' has no region 'brow'; did you mean 'brows'"),
        ({'keypoint_layout': 'ibug51'}, None, "has 68 keypoints, its layout 'ibug51' 51"),
        ({'keypoint_layout': None}, None, 'has no keypoint_layout'),
    ],
)
def test_regions_that_do_not_fit_the_sample_are_refused(changes, regions, message):
    with pytest.raises(InputError, match=message):
        KeypointDropout(region=0.5, regions=regions).transform({**sample(), **changes})
