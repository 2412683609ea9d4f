"""Correlations of the report on real faces."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic_to_real_statistics import (
    Pair,
    block_rows,
    correlate,
    difference,
    pearson,
    spearman,
    spread,
    standardise,
)


def walk(seed: int, length: int = 200) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).standard_normal(length))


def test_correlations_are_those_of_scipy() -> None:
    x, y = walk(0).round(), walk(1).round()  # with ties
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    found = correlate([Pair(x, y, 20)])
    assert found.spearman == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.pearson == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.frames == 200


def test_a_constant_series_has_no_correlation() -> None:
    found = correlate([Pair(walk(0), np.full(200, 0.3), 20)])
    assert np.isnan(found.pearson)
    assert np.isnan(found.spearman)
    assert found.as_json()['spearman'] is None
    json.dumps(found.as_json(), allow_nan=False)


def test_offsets_between_clips_do_not_matter() -> None:
    x, y = walk(0), walk(1)
    together = correlate([Pair(x[:100], y[:100], 10), Pair(x[100:], y[100:], 10)])
    moved = correlate([Pair(x[:100] + 50, 3 * y[:100], 10), Pair(x[100:], y[100:] - 70, 10)])
    assert moved.spearman == pytest.approx(together.spearman)
    assert moved.pearson == pytest.approx(together.pearson)


def test_pooling_is_the_mean_of_clips_of_one_length() -> None:
    pairs = [Pair(walk(seed, 90), walk(seed + 10, 90), 9) for seed in range(3)]
    each = [stats.spearmanr(pair.x, pair.y).statistic for pair in pairs]
    assert correlate(pairs).spearman == pytest.approx(np.mean(each))


def test_unknown_frames_are_left_out() -> None:
    x, y = walk(0), walk(1)
    x[::7], y[3::11] = np.nan, np.nan
    both = np.isfinite(x) & np.isfinite(y)
    found = correlate([Pair(x, y, 10)])
    assert found.frames == both.sum()
    assert found.pearson == pytest.approx(stats.pearsonr(x[both], y[both]).statistic)


def test_short_clips_are_left_out() -> None:
    short = Pair(walk(0, 20), walk(1, 20), 5)
    assert correlate([short]) is None
    assert correlate([]) is None
    assert difference([short], [short]) is None


def test_few_blocks_give_no_interval() -> None:
    found = correlate([Pair(walk(0, 72), walk(1, 72), 30)])
    assert np.isfinite(found.spearman)
    assert np.isnan(found.spearman_low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for number in range(60):
        x = rng.standard_normal(300)
        y = 0.6 * x + 0.8 * rng.standard_normal(300)
        found = correlate([Pair(x, y, 1)], draws=200, seed=number)
        held += found.pearson_low <= 0.6 <= found.pearson_high
    assert held >= 51  # of 57 expected


def test_blocks_widen_the_interval_of_slow_series() -> None:
    pair = [(walk(2, 400), walk(3, 400))]
    narrow, wide = (correlate([Pair(x, y, block) for x, y in pair]) for block in (1, 60))
    assert wide.spearman_high - wide.spearman_low > 2 * (narrow.spearman_high - narrow.spearman_low)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 90), st.integers(1, 120), st.integers(0, 9))
def test_block_rows_are_runs(length: int, block: int, seed: int) -> None:
    rows = block_rows(length, block, 5, np.random.default_rng(seed))
    assert rows.shape == (5, length)
    assert rows.min() >= 0
    assert rows.max() < length
    size = min(block, length)
    for start in range(0, length, size):
        run = rows[:, start : start + size]
        assert ((run - run[:, :1]) % length == np.arange(run.shape[1]) % length).all()


def test_difference_is_that_of_the_correlations() -> None:
    x, y = walk(0), walk(1)
    good, bad = y + 0.1 * walk(5), x
    value, low, high = difference([Pair(good, y, 10)], [Pair(bad, y, 10)])
    assert value == pytest.approx(stats.spearmanr(good, y).statistic - stats.spearmanr(bad, y).statistic)
    assert low < value < high
    assert low > 0
    assert difference([Pair(x, y, 10)], [Pair(x, y, 10)]) == (0.0, 0.0, 0.0)


def test_same_seed_same_interval() -> None:
    pair = [Pair(walk(0), walk(1), 10)]
    assert correlate(pair, seed=3) == correlate(pair, seed=3)
    assert correlate(pair, seed=3) != correlate(pair, seed=4)


def test_spread_and_standardise() -> None:
    values = np.concatenate([np.arange(101.0), [np.nan]])
    assert spread(values) == pytest.approx(90)
    assert np.isnan(spread(np.full(4, np.nan)))
    scaled = standardise(values[:-1])
    assert scaled.mean() == pytest.approx(0)
    assert scaled.std() == pytest.approx(1)
    assert not standardise(np.ones(5)).any()
