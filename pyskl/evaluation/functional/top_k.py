"""Top-k accuracy when any subset of the AUs can be active."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pyskl.errors import InputError
from pyskl.evaluation.functional.checks import UNKNOWN, as_labels, as_probabilities

__all__ = ['check_k', 'top_k_accuracy']


def check_k(k: int) -> int:
    """Return ``k`` when it is a whole number from 1 on.

    Raises:
        InputError: otherwise.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f'top-k accuracy needs a whole number from 1 on as k, not {k!r}')
    return int(k)


def top_k_accuracy(label: ArrayLike, probability: ArrayLike, k: int = 1) -> float:
    """Return the share of frames with an active AU for which one of the k highest-scored AUs is active.

    Frames without an active AU are left out. An unknown AU cannot be judged right or wrong, so it is left out of its
    frame's ranking: it neither counts as active nor takes one of the k places. Of equal probabilities the AU that
    comes first in the list of AUs ranks first. With ``k`` from the number of AUs on, the result is 1.

    Args:
        label: (F, A) of 1, 0 and -1.
        probability: (F, A) in 0..1.
        k: number of places.

    Returns:
        The share, 0..1; NaN when no frame has an active AU.

    Raises:
        InputError: if shapes disagree, a label is none of the three, a probability is outside 0..1, or k < 1.
    """
    label = as_labels(label)
    probability = as_probabilities(probability, label.shape)
    k = check_k(k)
    judged = (label == 1).any(axis=1)
    if not judged.any():
        return float('nan')
    label, probability = label[judged], probability[judged]
    ranked = np.argsort(np.where(label == UNKNOWN, np.inf, -probability), axis=1, kind='stable')[:, :k]
    return float((np.take_along_axis(label, ranked, axis=1) == 1).any(axis=1).mean())
