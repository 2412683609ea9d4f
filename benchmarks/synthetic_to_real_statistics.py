"""Correlations of time series that are short, smooth and come from several clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

MIN_FRAMES = 30
"""A clip with fewer frames has no correlation."""

MIN_BLOCKS = 4
"""With fewer blocks to draw from, an interval would say nothing."""


@dataclass(frozen=True)
class Pair:
    """Two series of one clip.

    Attributes:
        x: (T,) what is tested.
        y: (T,) the reference.
        block: frames of a block of the bootstrap.
    """

    x: np.ndarray
    y: np.ndarray
    block: int


@dataclass(frozen=True)
class Correlation:
    """Correlations of two series, with 95 % intervals.

    Attributes:
        frames: number of frames.
        pearson, spearman: the correlations; NaN where one series is constant.
        pearson_low, pearson_high, spearman_low, spearman_high: ends of the intervals.
    """

    frames: int
    pearson: float
    pearson_low: float
    pearson_high: float
    spearman: float
    spearman_low: float
    spearman_high: float

    def as_json(self) -> dict[str, Any]:
        """As plain numbers; None for NaN."""
        return {key: None if value != value else value for key, value in asdict(self).items()}


def spread(values: np.ndarray) -> float:
    """Range between the 5th and the 95th percentile of the known values; NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.subtract(*np.percentile(known, [95, 5]))) if known.size else float('nan')


def standardise(values: np.ndarray) -> np.ndarray:
    """Shift and scale (T,) to mean 0 and deviation 1; a constant series becomes 0."""
    centred = values - values.mean()
    deviation = centred.std()
    return centred / deviation if deviation > 1e-12 else np.zeros_like(centred)


def pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson correlation along the last axis; NaN where a series is constant."""
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    scale = np.sqrt((x * x).sum(axis=-1) * (y * y).sum(axis=-1))
    with np.errstate(invalid='ignore', divide='ignore'):
        return np.where(scale > 1e-12, (x * y).sum(axis=-1) / scale, np.nan)


def spearman(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rank correlation along the last axis; NaN where a series is constant."""
    return pearson(rankdata(x, axis=-1), rankdata(y, axis=-1))


def block_rows(length: int, block: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows of a time series in blocks, as in the circular block bootstrap (Politis and Romano, 1992).

    Args:
        length: T.
        block: frames that stay together; more than T counts as T.
        draws: number of samples.
        rng: source of randomness.

    Returns:
        (draws, T) int64: consecutive runs of ``block`` rows, the last run cut off; runs go on at the beginning where
        they reach the end, so that every row is drawn equally often.
    """
    block = max(1, min(block, length))
    starts = rng.integers(length, size=(draws, -(-length // block)))
    rows = (starts[:, :, None] + np.arange(block)) % length
    return rows.reshape(draws, -1)[:, :length]


def known(pair: Pair) -> Pair:
    """Leave out the frames where one of the series is not known."""
    both = np.isfinite(pair.x) & np.isfinite(pair.y)
    return Pair(pair.x[both], pair.y[both], pair.block)


def correlate(pairs: Sequence[Pair], draws: int = 500, seed: int = 0) -> Correlation | None:
    """Correlate two series over one or more clips.

    Each clip is standardised on its own, so that faces and cameras that differ at rest neither help nor harm: what is
    left is whether the two move together in time. Frames with NaN are left out. The intervals come from a block
    bootstrap over time, within each clip.

    Args:
        pairs: one for each clip; clips with fewer than :data:`MIN_FRAMES` known frames are left out.
        draws: bootstrap samples.
        seed: of the bootstrap.

    Returns:
        The correlations over all clips together, or None if no clip is left.
    """
    usable = [pair for pair in map(known, pairs) if len(pair.x) >= MIN_FRAMES]
    if not usable:
        return None
    samples = _samples(usable, draws, seed)
    whole, ends = [], []
    for standard in (_values, _ranks):
        value, drawn = _bootstrap([standard(pair) for pair in usable], samples)
        whole.append(value)
        ends.append(_interval(drawn, usable))
    return Correlation(sum(len(pair.x) for pair in usable), whole[0], *ends[0], whole[1], *ends[1])


def difference(
    pairs: Sequence[Pair], others: Sequence[Pair], draws: int = 500, seed: int = 0
) -> tuple[float, float, float] | None:
    """Tell by how much one series has the higher rank correlation with the reference than another one.

    Args:
        pairs: one for each clip.
        others: the same clips and references, with the other series as ``x``.
        draws: bootstrap samples; the same rows are drawn for both.
        seed: of the bootstrap.

    Returns:
        The difference of Spearman's correlations and the ends of its 95 % interval, or None if no clip is left.
    """
    usable = []
    for pair, other in zip(pairs, others, strict=True):
        both = np.isfinite(pair.x) & np.isfinite(pair.y) & np.isfinite(other.x)
        if both.sum() >= MIN_FRAMES:
            usable.append((Pair(pair.x[both], pair.y[both], pair.block), Pair(other.x[both], pair.y[both], pair.block)))
    if not usable:
        return None
    samples = _samples([one for one, _ in usable], draws, seed)
    first, second = (_bootstrap([_ranks(both[side]) for both in usable], samples) for side in (0, 1))
    ends = _interval(first[1] - second[1], [one for one, _ in usable])
    return (first[0] - second[0], *ends)


def _samples(pairs: Sequence[Pair], draws: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [block_rows(len(pair.x), pair.block, draws, rng) for pair in pairs]


def _bootstrap(
    series: Sequence[tuple[np.ndarray, np.ndarray]], samples: Sequence[np.ndarray]
) -> tuple[float, np.ndarray]:
    """Correlation over all clips, and of each bootstrap sample (draws,)."""
    x, y = (np.concatenate(part) for part in zip(*series, strict=True))
    at = [(one[rows], two[rows]) for (one, two), rows in zip(series, samples, strict=True)]
    many_x, many_y = (np.concatenate(part, axis=1) for part in zip(*at, strict=True))
    return float(pearson(x, y)), pearson(many_x, many_y)


def _values(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    return standardise(pair.x), standardise(pair.y)


def _ranks(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    return standardise(rankdata(pair.x)), standardise(rankdata(pair.y))


def _interval(values: np.ndarray, pairs: Sequence[Pair]) -> tuple[float, float]:
    """95 % interval of the drawn values; NaN where too few blocks were there to draw from."""
    values = values[np.isfinite(values)]
    if not values.size or sum(len(pair.x) // pair.block for pair in pairs) < MIN_BLOCKS:
        return float('nan'), float('nan')
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
