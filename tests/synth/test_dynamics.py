"""Intensities over time: episodes, the two modes, the rules of a face, sides, and unlabelled movements."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.synth.co_occurrence import ANTAGONISTS, FOLLOWERS, NATURAL_PREVALENCE, NATURAL_SIGNS, apply_rules
from pyskl.synth.dynamics import MODES, Temper, episode_curves, simulate_distractions, simulate_intensities
from pyskl.synth.dynamics import simulate_episodes as episodes
from pyskl.synth.expressions import BALANCED, NATURAL, SIMULATED_AUS, Expression
from pyskl.synth.face_model import FaceModel
from pyskl.synth.laterality import ONE_SIDED, simulate_sides
from pyskl.synth.speech import simulate_activity

COLUMN = {au: column for column, au in enumerate(SIMULATED_AUS)}


@functools.cache
def tracks(mode, count=500, frames=150):
    """Intensities of many tracks (count, T, 22)."""
    levels = [
        simulate_intensities(np.random.default_rng([0, number]), frames, 30.0, SIMULATED_AUS, number, mode)
        for number in range(count)
    ]
    return np.stack(levels)


def present(mode):
    """Occurrence in every frame of many tracks (frames, 22)."""
    return tracks(mode).reshape(-1, len(SIMULATED_AUS)) >= 2


def literal_curve(moment, start, onset, hold, offset):
    """One episode at one moment, phase by phase."""
    since = moment - start
    if since <= 0 or since >= onset + hold + offset:
        return 0.0
    if since < onset:
        level = since / onset
    elif since <= onset + hold:
        level = 1.0
    else:
        level = (onset + hold + offset - since) / offset
    return 3 * level**2 - 2 * level**3


def test_episode_curve_rises_holds_and_falls():
    time = np.linspace(0, 4, 401)
    (curve,) = episode_curves(time, np.array([1.0]), np.array([0.5]), np.array([1.0]), np.array([0.8]))
    assert (curve[time <= 1.0] == 0).all()
    np.testing.assert_allclose(curve[(time >= 1.51) & (time <= 2.49)], 1)
    assert curve[125] == pytest.approx(0.5)  # half way through the onset
    assert curve[290] == pytest.approx(0.5)  # half way through the offset
    assert (curve[time >= 3.31] == 0).all()


def test_episode_curves_equal_a_literal_loop():
    rng = np.random.default_rng(0)
    start, onset, hold, offset = rng.uniform([[-2], [0.2], [0.3], [0.3]], [[5], [0.7], [4], [1.5]], (4, 12))
    time = np.arange(150) / 30
    curves = episode_curves(time, start, onset, hold, offset)
    assert curves.shape == (12, 150) and curves.dtype == np.float32
    expected = [
        [literal_curve(moment, *phases) for moment in time] for phases in zip(start, onset, hold, offset, strict=True)
    ]
    np.testing.assert_allclose(curves, expected, atol=1e-5)


def test_onset_apex_and_offset_last_as_long_as_published():
    """One expression at a time, so that its phases can be read off the curve."""
    temper = Temper((Expression('only', 2.0, {'AU4': 1}, (0.5, 2.8)),), 0.0, 0.0, (4.0, 4.0), 1.0)
    onsets, offsets, apexes = [], [], []
    for seed in range(300):
        level = episodes(np.random.default_rng(seed), 1000, 100.0, temper, ['AU4'])[:, 0]
        above = np.flatnonzero(level > 0.004)
        if not len(above) or above[0] == 0 or above[-1] == 999 or (np.diff(above) > 1).any():
            continue
        apex = np.flatnonzero(level > 3.996)
        if not len(apex) or (np.diff(apex) > 1).any():
            continue
        onsets.append((apex[0] - above[0]) / 100)
        apexes.append((apex[-1] - apex[0]) / 100)
        offsets.append((above[-1] - apex[-1]) / 100)
    assert len(onsets) > 15
    assert min(onsets) > 0.15 and max(onsets) < 0.75
    assert min(apexes) > 0.3 and max(apexes) < 5.0
    assert np.mean(offsets) > 1.3 * np.mean(onsets)


def test_every_expression_names_known_action_units():
    known = set(FaceModel.load().au_names)
    for table in (BALANCED, NATURAL):
        for expression in table:
            assert set(expression.members) <= set(SIMULATED_AUS), expression.name
        assert {name for expression in table for name in expression.members} == set(SIMULATED_AUS) - {'AU45'}
    assert set(SIMULATED_AUS) <= known


@pytest.mark.parametrize('mode', MODES)
def test_intensities_keep_the_rules_of_the_face(mode):
    levels = tracks(mode).reshape(-1, len(SIMULATED_AUS))
    assert levels.dtype == np.float32 and levels.min() >= 0 and levels.max() <= 5
    assert levels.max() > 4.5
    for follower, leader, share in FOLLOWERS:
        assert (levels[:, COLUMN[follower]] >= share * levels[:, COLUMN[leader]] - 1e-5).all()
    for one, other in (('AU26', 'AU27'), ('AU24', 'AU25'), ('AU28', 'AU25'), ('AU5', 'AU45')):
        assert not ((levels[:, COLUMN[one]] >= 2) & (levels[:, COLUMN[other]] >= 2.5)).any(), (one, other)
    assert (levels[levels[:, COLUMN['AU25']] >= 2, COLUMN['AU24']] == 0).all()


def literal_rules(level):
    """The rules for one frame, on a dict."""
    level = dict(zip(SIMULATED_AUS, level, strict=True))
    weaker, stronger, limit = ANTAGONISTS[0]
    level[weaker] *= max(0.0, 1 - level[stronger] / limit)
    for follower, leader, share in FOLLOWERS:
        level[follower] = max(level[follower], share * level[leader])
    for weaker, stronger, limit in ANTAGONISTS[1:]:
        level[weaker] *= max(0.0, 1 - level[stronger] / limit)
    return list(level.values())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 5), min_size=22, max_size=22))
def test_rules_equal_a_literal_loop(level):
    np.testing.assert_allclose(apply_rules(np.array([level]))[0], literal_rules(level), atol=1e-9)


@pytest.mark.parametrize('mode', MODES)
def test_intensities_do_not_jump(mode):
    """But for lids: the fastest are lips that shut between two syllables, in a tenth of a second."""
    steps = np.abs(np.diff(tracks(mode), axis=1)).max(axis=(0, 1))
    assert max(step for au, step in zip(SIMULATED_AUS, steps, strict=True) if au not in ('AU5', 'AU45')) < 3.6
    for au in ('AU1', 'AU2', 'AU4', 'AU6', 'AU7', 'AU9', 'AU12', 'AU14', 'AU20'):
        assert steps[COLUMN[au]] < 1.6, au


def test_balanced_intensities_show_every_action_unit_often():
    share = present('balanced').mean(axis=0)
    for au in AFFWILD_AUS:
        assert share[COLUMN[au]] > 0.11, au
    for au in SIMULATED_AUS:
        assert 0.03 < share[COLUMN[au]] < 0.55, au


def test_natural_intensities_have_the_published_prevalence():
    share = present('natural').mean(axis=0)
    for au, target in NATURAL_PREVALENCE.items():
        assert abs(share[COLUMN[au]] - target) < (0.045 if target > 0.2 else 0.025), (au, share[COLUMN[au]], target)
        if target < 0.06:  # a few points would be as much as the target itself
            assert 0.55 * target < share[COLUMN[au]] < 1.6 * target, (au, share[COLUMN[au]], target)
    assert (share > 0.003).all()


def test_natural_intensities_co_occur_as_published():
    correlation = np.corrcoef(present('natural').T)
    for (one, other), sign in NATURAL_SIGNS.items():
        assert sign * correlation[COLUMN[one], COLUMN[other]] > 0.04, (one, other)


def test_weak_and_strong_expressions_both_occur():
    peaks = tracks('natural').max(axis=1)[:, COLUMN['AU4']]
    peaks = peaks[peaks > 0.3]
    assert (peaks < 2).mean() > 0.05 and (peaks > 4).mean() > 0.08


def test_people_differ():
    shares = (tracks('natural')[:, :, COLUMN['AU25']] >= 2).mean(axis=1)
    assert (shares < 0.2).mean() > 0.05 and (shares > 0.9).mean() > 0.05


def test_intensities_depend_on_the_generator_and_number_alone():
    first = simulate_intensities(np.random.default_rng(5), 90, 25.0, SIMULATED_AUS, 7, 'natural')
    tracks('balanced')
    np.testing.assert_array_equal(
        first, simulate_intensities(np.random.default_rng(5), 90, 25.0, SIMULATED_AUS, 7, 'natural')
    )
    some = simulate_intensities(np.random.default_rng(5), 90, 25.0, ['AU12', 'AU1'], 7, 'natural')
    np.testing.assert_array_equal(some, first[:, [COLUMN['AU12'], COLUMN['AU1']]])


@pytest.mark.parametrize(('frames', 'fps', 'number'), [(1, 30.0, 0), (2, 8.0, 2**40 - 1), (400, 60.0, 3)])
@pytest.mark.parametrize('mode', MODES)
def test_tracks_of_any_length_can_be_made(frames, fps, number, mode):
    rng = np.random.default_rng(0)
    activity = simulate_activity(rng, frames, fps, mode)
    levels = simulate_intensities(rng, frames, fps, AFFWILD_AUS, number, mode, activity)
    assert levels.shape == (frames, 12) and np.isfinite(levels).all()
    assert simulate_distractions(rng, frames, fps, ('gaze_up', 'jaw_left'), activity).shape == (frames, 2)


def test_unknown_modes_and_action_units_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"unknown mode 'naturel'.*natural"):
        simulate_intensities(rng, 10, 30.0, ['AU1'], mode='naturel')
    with pytest.raises(InputError, match="unknown mode 'loud'"):
        simulate_activity(rng, 10, 30.0, 'loud')
    with pytest.raises(InputError, match="'AU99'"):
        simulate_intensities(rng, 10, 30.0, ['AU99'])


def test_distractions_are_shares_and_gaze_has_fixations():
    names = FaceModel.load().distraction_names
    levels = np.concatenate(
        [simulate_distractions(np.random.default_rng(seed), 600, 30.0, names) for seed in range(80)]
    )
    assert levels.dtype == np.float32 and levels.min() >= 0 and levels.max() <= 1
    assert (levels.max(axis=0) > 0.3).all()
    left, right = (levels[:, names.index(name)] for name in ('gaze_left', 'gaze_right'))
    assert not ((left > 0) & (right > 0)).any()
    still = np.abs(np.diff(left - right)) < 1e-6
    assert 0.7 < still.mean() < 0.98  # eyes rest between saccades


def test_sides_are_mostly_even_and_sometimes_one():
    levels = tracks('balanced')[:120]
    sides = [simulate_sides(np.random.default_rng(seed), level, SIMULATED_AUS) for seed, level in enumerate(levels)]
    factors = np.concatenate(sides)
    assert factors.shape == (120 * 150, 22, 2) and factors.dtype == np.float32
    np.testing.assert_array_equal(factors.max(axis=2), 1)
    assert factors.min() >= 0
    moving = levels.reshape(-1, 22) > 0.2
    for au in ('AU25', 'AU26', 'AU24'):
        assert (factors[:, COLUMN[au]] == 1).all()
    for au, least, most in (('AU14', 0.2, 0.5), ('AU4', 0, 0.01), ('AU12', 0.03, 0.2)):
        alone = (factors[:, COLUMN[au]].min(axis=1) < 0.5)[moving[:, COLUMN[au]]].mean()
        assert least <= alone <= most, (au, alone)
    assert set(ONE_SIDED) <= set(SIMULATED_AUS)


def test_a_movement_keeps_its_side():
    level = np.zeros((30, 1))
    level[5:12], level[15:25] = 3, 4
    factors = simulate_sides(np.random.default_rng(2), level, ['AU14'])
    for run in (slice(5, 12), slice(15, 25)):
        assert (factors[run] == factors[run][0]).all()
    assert (factors[:5] == 1).all() and (factors[12:15] == 1).all()
