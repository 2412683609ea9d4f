"""The sampler that shows a network rare Action Units more often."""

from __future__ import annotations

from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, is_main_process, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from pyskl.datasets.samplers.repeat_factors import BalanceReport, RepeatFactors, window_counts
from pyskl.errors import InputError
from pyskl.registry import DATA_SAMPLERS

__all__ = ['BalancedAUSampler', 'draw_epoch']

_BLOCK = 4096  # indices turned into Python numbers at a time


def draw_epoch(weight: np.ndarray, size: int, rng: np.random.Generator, shuffle: bool = True) -> np.ndarray:
    """Draw windows in proportion to their weights, as evenly as whole numbers allow.

    Systematic sampling: the weights, scaled to the sum ``size``, are laid end to end in random order, and a comb with
    teeth at distance 1 and a random offset is put over them. A window of scaled weight w is drawn floor(w) or
    ceil(w) times and w times in expectation, and the total is exact. Equal weights and ``size`` = W give every window
    once.

    Args:
        weight: (W,) not negative, not all 0.
        size: number of draws.
        rng: the source of randomness.
        shuffle: whether the draws come in random order; otherwise ascending.

    Returns:
        (size,) int64 window numbers.
    """
    order = rng.permutation(len(weight))
    ends = np.cumsum(weight[order], dtype=np.float64)
    ends *= size / ends[-1]
    # An offset clear of 0 and 1 keeps rounding errors from tipping sums that are whole numbers, the total above all.
    before = np.ceil(ends - rng.uniform(1e-5, 1 - 1e-5)).astype(np.int64)
    drawn = np.repeat(order, np.diff(before, prepend=0))
    if shuffle:
        rng.shuffle(drawn)
    else:
        drawn.sort()
    return drawn


@DATA_SAMPLERS.register_module()
class BalancedAUSampler(Sampler):
    """Draws windows with rare Action Units more often, by repeat-factor sampling.

    An AU active in a share f of the windows (of those where it is known) has the repeat factor
    ``max(1, (threshold / f) ** power)``; a window is drawn in proportion to the largest factor of the AUs active in
    it. An epoch is as long as the data set, so frequent windows give way to rare ones: see :meth:`report`.

    The order depends on (seed, epoch) and on nothing else, so a resumed run goes on with the order it would have had.
    All processes draw the same list and take every world-size-th entry of it; each gets the same number.

    Args:
        dataset: a training set with labels; of frames, of tracks, or class numbers.
        threshold: AUs active in fewer windows than this share are drawn more often.
        power: how much more: 0 not at all, 0.5 as in the paper, 1 in full proportion.
        max_repeat: upper limit of a repeat factor.
        skip_unlabelled: never draw windows in which no label is known.
        seed: of the order; None: one that the processes agree on. mmengine passes that of the run.
        shuffle: False gives the draws of an epoch in ascending order.

    Raises:
        InputError: if an argument is out of range, or the data set has no known label, does not know its labels, or is
            one for testing.

    Source: Gupta et al., LVIS, 2019 (arXiv 1908.03195), repeat factors; the drawing keeps the length of an epoch
    instead of repeating at random.

    Example:
        >>> train_dataloader = dict(sampler=dict(type='BalancedAUSampler', threshold=0.3))
    """

    def __init__(
        self,
        dataset: Sized,
        threshold: float = 0.3,
        power: float = 0.5,
        max_repeat: float = 5.0,
        skip_unlabelled: bool = True,
        seed: int | None = None,
        shuffle: bool = True,
    ) -> None:
        rule = RepeatFactors(threshold, power, max_repeat)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0):
            raise InputError(f'BalancedAUSampler: seed must be a whole number of 0 or more, but is {seed!r}')
        if getattr(dataset, 'test_mode', False):
            raise InputError(
                'BalancedAUSampler: is for training; a data set with test_mode=True needs every window once: use '
                "sampler=dict(type='DefaultSampler', shuffle=False)"
            )
        self.seed = sync_random_seed() if seed is None else int(seed)
        self.shuffle = shuffle
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()
        # The length is the data set's own: mmengine's num_batch_per_epoch makes it differ from the number of windows.
        self.num_samples = -(-len(dataset) // self.world_size)
        self._announced = False
        self._weight, self._report = self._balance(dataset, rule, skip_unlabelled)

    def _balance(self, dataset: Sized, rule: RepeatFactors, skip_unlabelled: bool) -> tuple[np.ndarray, BalanceReport]:
        positive, known = window_counts(dataset)
        active, labelled = positive > 0, known > 0
        if not labelled.any():
            source = getattr(dataset, 'ann_file', type(dataset).__name__)
            raise InputError(f'BalancedAUSampler: {source}: no label is known, so there is nothing to balance')
        with np.errstate(invalid='ignore'):
            share = active.sum(axis=0) / labelled.sum(axis=0)
        factor = rule.of_aus(share)
        weight = rule.of_windows(active, factor)
        empty = ~labelled.any(axis=1)
        if skip_unlabelled:
            weight[empty] = 0
        draws = weight * (self.num_samples * self.world_size / weight.sum(dtype=np.float64))
        drawable = weight > 0
        with np.errstate(invalid='ignore'):
            before = positive.sum(axis=0, dtype=np.float64) / known.sum(axis=0, dtype=np.float64)
            # Column by column: the product of a whole table would first turn it into floats.
            after = np.array([draws @ one / (draws @ all_) for one, all_ in zip(positive.T, known.T, strict=True)])
        aus = (getattr(dataset, 'metainfo', None) or {}).get('aus') or range(positive.shape[1])
        report = BalanceReport(
            aus=tuple(str(au) for au in aus),
            window_share=share,
            factor=factor,
            before=before,
            after=after,
            num_windows=len(weight),
            num_skipped=int(empty.sum()) if skip_unlabelled else 0,
            coverage=float(np.minimum(draws[drawable], 1).mean()),
            epoch_length=self.num_samples * self.world_size,
        )
        return weight, report

    @property
    def weights(self) -> np.ndarray:
        """(W,) float64: how many times each window is expected in an epoch, over all processes."""
        weight = self._weight.astype(np.float64)
        return weight * (self.num_samples * self.world_size / weight.sum())

    def report(self) -> BalanceReport:
        """Return what the sampler does to the prevalence of each AU."""
        return self._report

    def draw(self) -> np.ndarray:
        """Return the windows of the whole epoch, of all processes, in order: (num_samples * world_size,) int64."""
        rng = np.random.default_rng((self.seed, self.epoch))
        return draw_epoch(self._weight, self.num_samples * self.world_size, rng, self.shuffle)

    def __iter__(self) -> Iterator[int]:
        if not self._announced and is_main_process():
            print_log(str(self._report), logger='current')
        self._announced = True
        drawn = self.draw()[self.rank :: self.world_size].astype(np.int32)
        for start in range(0, len(drawn), _BLOCK):
            yield from drawn[start : start + _BLOCK].tolist()

    def __len__(self) -> int:
        """The number of windows this process draws in an epoch."""
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, and with it the order; mmengine calls this at the start of each."""
        self.epoch = epoch
