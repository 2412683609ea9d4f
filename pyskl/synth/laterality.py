"""Which side of the face moves: most movements are made by both sides, some by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ['ONE_SIDED', 'simulate_sides']

ONE_SIDED: Mapping[str, float] = {
    'AU2': 0.15, 'AU10': 0.12, 'AU12': 0.1, 'AU14': 0.35, 'AU15': 0.05, 'AU20': 0.1, 'AU45': 0.04,
}  # fmt: skip
"""Share of the movements that one side makes alone or nearly so: a raised brow, a sneer, a smirk, a wink."""

MIDLINE = ('AU17', 'AU18', 'AU22', 'AU23', 'AU24', 'AU25', 'AU26', 'AU27', 'AU28')
REST = 0.2  # intensity below which a movement has ended
UNEVEN = 0.06  # standard deviation of the difference between the sides of any other movement


def simulate_sides(rng: np.random.Generator, levels: np.ndarray, aus: Sequence[str]) -> np.ndarray:
    """Draw how much each side takes part, anew for each movement.

    Args:
        rng: source of randomness.
        levels: (T, A) intensities 0..5.
        aus: names of the Action Units of the columns.

    Returns:
        (T, A, 2) float32 factors on the intensity of the subject's right and left side, 1 on the stronger one. The jaw
        and lips that part, press or purse have no sides.
    """
    num_aus = levels.shape[1]
    moving = levels > REST
    begins = moving & ~np.concatenate([np.zeros((1, num_aus), dtype=bool), moving[:-1]])
    run = np.cumsum(begins, axis=0)  # number of the movement, 0 before the first
    most = int(run.max(initial=0)) + 1
    chance = np.array([ONE_SIDED.get(au, 0.0) for au in aus])
    weaker = 1 - np.abs(rng.normal(0, UNEVEN, (most, num_aus)))
    weaker = np.where(rng.uniform(size=(most, num_aus)) < chance, rng.uniform(0, 0.3, (most, num_aus)), weaker)
    weaker[:, [au in MIDLINE for au in aus]] = 1
    side = rng.integers(2, size=(most, num_aus))
    factors = np.ones((most, num_aus, 2), dtype=np.float32)
    np.put_along_axis(factors, side[..., None], weaker[..., None].astype(np.float32), axis=2)
    return np.where(moving[..., None], factors[run, np.arange(num_aus)], np.float32(1))
