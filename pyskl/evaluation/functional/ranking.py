"""Scores of the order of probabilities per AU, which need no threshold: average precision and area under the ROC."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyskl.evaluation.functional.checks import as_labels, as_probabilities

__all__ = ['average_precision_per_au', 'roc_auc_per_au']


def _per_au(label: ArrayLike, probability: ArrayLike, score: Callable[..., float]) -> NDArray[np.float64]:
    label = as_labels(label)
    probability = as_probabilities(probability, label.shape)
    values = np.full(label.shape[1], np.nan)
    for au, (truth, ranked) in enumerate(zip(label.T, probability.T, strict=True)):
        active, inactive = truth == 1, truth == 0
        if active.any() and inactive.any():
            known = active | inactive
            values[au] = score(truth[known], ranked[known])
    return values


def average_precision_per_au(label: ArrayLike, probability: ArrayLike) -> NDArray[np.float64]:
    """Return the average precision of every AU, float64 (A,), over the entries whose label is known.

    NaN for an AU that lacks active or inactive entries: such an AU says nothing about the order. Computed by
    scikit-learn (no interpolation).

    Args:
        label: (F, A) of 1, 0 and -1 (left out).
        probability: (F, A) in 0..1.

    Raises:
        InputError: if shapes disagree, a label is none of the three, or a probability is outside 0..1.
    """
    from sklearn.metrics import average_precision_score

    return _per_au(label, probability, average_precision_score)


def roc_auc_per_au(label: ArrayLike, probability: ArrayLike) -> NDArray[np.float64]:
    """Return the area under the ROC curve of every AU, float64 (A,): as :func:`average_precision_per_au` otherwise."""
    from sklearn.metrics import roc_auc_score

    return _per_au(label, probability, roc_auc_score)
