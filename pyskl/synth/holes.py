"""Which labels are missing, as in the real releases."""

from __future__ import annotations

import numpy as np

__all__ = ['forget_labels']


def forget_labels(rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
    """Replace some labels by -1.

    Whole frames are missing in runs, or at the beginning or the end of a track; one Action Unit is missing for a run,
    or in the whole track.

    Args:
        rng: source of randomness.
        label: (T, A) int8; changed in place.

    Returns:
        The same array.
    """
    num_frames, num_aus = label.shape
    if rng.uniform() < 0.4:
        start = rng.integers(num_frames)
        label[start : start + max(1, num_frames // 25)] = -1
    for column in np.flatnonzero(rng.uniform(size=num_aus) < 0.05):
        start = rng.integers(num_frames)
        label[start : start + max(1, num_frames // 5), column] = -1
    late, early = rng.uniform(size=2) < 0.06
    edges = 1 + (rng.uniform(0, 0.1, 2) * num_frames).astype(np.int64)
    if late:
        label[: edges[0]] = -1
    if early:
        label[-edges[1] :] = -1
    label[:, rng.uniform(size=num_aus) < 0.004] = -1
    return label
