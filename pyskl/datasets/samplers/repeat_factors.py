"""How often each window should be drawn so that rare Action Units are seen more often.

Repeat-factor sampling: Gupta, Dollar and Girshick, LVIS, 2019 (arXiv 1908.03195), class-aware repeat factors. There a
picture is repeated for the rarest of the categories in it; here a window for the rarest of the AUs active in it.
"""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

import numpy as np

from pyskl.errors import InputError

__all__ = ['BalanceReport', 'RepeatFactors', 'window_counts']


def window_counts(dataset: Sized) -> tuple[np.ndarray, np.ndarray]:
    """Count the labels of every window of a data set.

    Args:
        dataset: a :class:`~pyskl.datasets.PoseDataset`, or anything with its ``window_counts()``.

    Returns:
        (W, A) number of 1s and (W, A) number of known labels, among the frames each window owns.

    Raises:
        InputError: if the data set cannot count its labels, or has none.
    """
    count = getattr(dataset, 'window_counts', None)
    if count is None:
        raise InputError(
            f'BalancedAUSampler: needs a PoseDataset, which knows the labels of its windows; this one is a '
            f'{type(dataset).__name__}'
        )
    return count()


@dataclass(frozen=True)
class RepeatFactors:
    """The rule that turns frequency into repetition: ``clip((threshold / frequency) ** power, 1, max_repeat)``.

    Attributes:
        threshold: AUs active in a smaller share of the windows than this are drawn more often; in 0..1, not 0.
        power: 0 leaves everything as it is, 0.5 is the paper's square root, 1 brings every AU up to ``threshold``
            (were it alone).
        max_repeat: a window is never favoured more than this many times over one without a rare AU.

    Raises:
        InputError: if a value is out of range.
    """

    threshold: float = 0.3
    power: float = 0.5
    max_repeat: float = 5.0

    def __post_init__(self) -> None:
        for name, low, high in (('threshold', 0.0, 1.0), ('power', 0.0, 10.0), ('max_repeat', 1.0, 1e6)):
            value = getattr(self, name)
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not number or not low <= value <= high or (name == 'threshold' and value == 0):
                above = 'above 0, at most 1' if name == 'threshold' else f'in {low:g}..{high:g}'
                raise InputError(f'BalancedAUSampler: {name} must be a number {above}, but is {value!r}')

    def of_aus(self, frequency: np.ndarray) -> np.ndarray:
        """Return how often windows with each AU are to be repeated.

        Args:
            frequency: (A,) share of the windows in which the AU is active; 0 or NaN for one that never is.

        Returns:
            (A,) float64, 1 or more; 1 for an AU that is never active.
        """
        seen = np.nan_to_num(np.asarray(frequency, dtype=np.float64)) > 0
        factor = np.ones(len(seen))
        factor[seen] = (self.threshold / np.asarray(frequency)[seen]) ** self.power
        return np.clip(factor, 1.0, self.max_repeat)

    def of_windows(self, active: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return how often each window is to be repeated: the largest factor of the AUs active in it, at least 1.

        Args:
            active: (W, A) bool.
            factor: (A,) from :meth:`of_aus`.

        Returns:
            (W,) float32.
        """
        weight = np.ones(len(active), dtype=np.float32)
        for column, value in zip(active.T, factor, strict=True):
            np.maximum(weight, np.float32(value), out=weight, where=column)
        return weight


@dataclass(frozen=True)
class BalanceReport:
    """What balancing does to a data set.

    Attributes:
        aus: names of the AUs (or classes).
        window_share: (A,) share of the windows with a known label in which the AU is active; NaN where none is known.
        factor: (A,) repeat factor of each AU.
        before: (A,) share of positive frames among the known ones when every window is drawn once.
        after: (A,) the same, expected in an epoch of this sampler.
        num_windows: windows of the data set.
        num_skipped: those that are never drawn, because no label in them is known.
        coverage: expected share of the other windows that an epoch draws at least once.
        epoch_length: windows drawn in an epoch, over all processes.
    """

    aus: tuple[str, ...]
    window_share: np.ndarray
    factor: np.ndarray
    before: np.ndarray
    after: np.ndarray
    num_windows: int
    num_skipped: int
    coverage: float
    epoch_length: int

    def __str__(self) -> str:
        """Return a table of fixed width for logs."""
        lines = [
            f'Balanced sampling: {self.epoch_length} draws an epoch from {self.num_windows} windows '
            f'({self.num_skipped} left out, without a known label); {100 * self.coverage:.1f} % of the rest drawn',
            f'{"":8}{"windows %":>11}{"factor":>9}{"frames %":>11}{"drawn %":>10}',
        ]
        for au, *row in zip(self.aus, self.window_share, self.factor, self.before, self.after, strict=True):
            share, factor, before, after = row
            cells = [_percent(share), f'{factor:.2f}', _percent(before), _percent(after)]
            lines.append(f'{au:8}{cells[0]:>11}{cells[1]:>9}{cells[2]:>11}{cells[3]:>10}')
        return '\n'.join(lines)


def _percent(share: float) -> str:
    return '-' if np.isnan(share) else f'{100 * share:.1f}'
