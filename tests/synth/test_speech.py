"""Speech, laughs and blinks."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.synth.expressions import SIMULATED_AUS
from pyskl.synth.speech import blink_intensity, simulate_activity

COLUMN = {au: column for column, au in enumerate(SIMULATED_AUS)}


def activities(mode, count=120, frames=300):
    return [simulate_activity(np.random.default_rng(seed), frames, 30.0, mode) for seed in range(count)]


def dominant_frequency(signal, fps):
    """Frequency in hertz of the strongest component above 1 Hz, by literal Fourier sums."""
    time = np.arange(len(signal)) / fps
    signal = signal - signal.mean()
    candidates = np.arange(1.0, 12.0, 0.05)
    power = [abs((signal * np.exp(-2j * np.pi * hertz * time)).sum()) for hertz in candidates]
    return candidates[int(np.argmax(power))]


def test_activity_has_the_stated_shapes_and_ranges():
    for activity in activities('natural', 40):
        for signal in (activity.speech, activity.syllable, activity.laugh, activity.beat):
            assert signal.shape == (300,) and signal.dtype == np.float32 and np.abs(signal).max() <= 1
        assert min(activity.speech.min(), activity.syllable.min(), activity.laugh.min()) >= 0
        assert (np.abs(activity.beat) <= activity.laugh + 1e-6).all()
        assert activity.intensities.shape == (300, 22) and activity.intensities.dtype == np.float32


def test_people_speak_and_laugh_more_in_natural_tracks_than_in_balanced_ones():
    natural, balanced = (np.mean([a.speech.mean() for a in activities(mode)]) for mode in ('natural', 'balanced'))
    assert 0.45 < natural < 0.75 and 0.08 < balanced < 0.3


def test_syllables_come_three_to_six_times_a_second():
    found = []
    for activity in activities('natural', 60, 600):
        if activity.speech.mean() > 0.5:
            crossings = np.flatnonzero((activity.syllable[1:] > 0.5) & (activity.syllable[:-1] <= 0.5))
            found.append(len(crossings) / (activity.speech.sum() / 30))
    assert len(found) > 10
    assert 3 < np.mean(found) < 6 and min(found) > 2.3 and max(found) < 6.5


def test_speech_parts_the_lips_and_leaves_the_rest_below_an_occurrence():
    parted, dropped, quiet = [], [], 0.0
    for activity in activities('natural'):
        speaking = (activity.speech == 1) & (activity.laugh == 0)
        levels = activity.intensities[speaking]
        parted.append(levels[:, COLUMN['AU25']] >= 2)
        dropped.append(levels[:, COLUMN['AU26']] >= 2)
        others = [column for au, column in COLUMN.items() if au not in ('AU25', 'AU26', 'AU45')]
        quiet = max(quiet, levels[:, others].max(initial=0))
        resting = (activity.speech == 0) & (activity.laugh == 0)
        assert (np.delete(activity.intensities[resting], COLUMN['AU45'], axis=1) == 0).all()
    parted, dropped = np.concatenate(parted).mean(), np.concatenate(dropped).mean()
    assert 0.5 < parted < 0.95 and 0.005 < dropped < 0.3
    assert 1.0 < quiet < 2.0


def test_laughs_have_a_rhythm_and_their_action_units():
    beats = []
    for seed in range(400):
        activity = simulate_activity(np.random.default_rng(seed), 240, 60.0, 'natural')
        strong = activity.laugh > 0.6
        if not strong.any():
            continue
        for au in ('AU6', 'AU12', 'AU25'):
            assert (activity.intensities[strong, COLUMN[au]] > 1.5).all()
        if strong.sum() > 60:
            beats.append(dominant_frequency(activity.beat, 60.0))
    assert len(beats) > 5
    assert min(beats) > 3.7 and max(beats) < 5.3


def count_blinks(level):
    closed = level > 1.5
    return int((closed[1:] & ~closed[:-1]).sum())


@pytest.mark.parametrize(('speaking', 'least', 'most'), [(0.0, 11, 18), (1.0, 15, 25)])
def test_blinks_come_at_the_published_rate(speaking, least, most):
    time = np.arange(6000) / 100
    speech = np.full(6000, speaking)
    minutes = [count_blinks(blink_intensity(np.random.default_rng(seed), time, speech)) for seed in range(60)]
    assert least < np.mean(minutes) < most
    assert min(minutes) >= 3 and max(minutes) <= 45


def test_blinks_are_short_and_close_faster_than_they_open():
    time = np.arange(12000) / 200
    lengths, closing, opening = [], [], []
    for seed in range(20):
        level = blink_intensity(np.random.default_rng(seed), time, np.zeros(12000))
        assert level.dtype == np.float32 and level.min() >= 0 and level.max() <= 5
        edges = np.flatnonzero(np.diff((level > 0.01).astype(int)))
        for start, end in zip(edges[level[edges] <= 0.01], edges[level[edges] > 0.01], strict=False):
            if end > start and level[start:end].max() > 4.9:
                top = np.flatnonzero(level[start:end] > 4.9)
                lengths.append((end - start) / 200)
                closing.append(top[0] / 200)
                opening.append((end - start - top[-1]) / 200)
    assert len(lengths) > 100
    assert np.percentile(lengths, 3) > 0.09 and np.percentile(lengths, 90) < 0.45
    assert np.mean(opening) > 1.5 * np.mean(closing)
