"""Accuracies of data where a clip has exactly one class: the usual definitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyskl.errors import InputError
from pyskl.evaluation.functional.checks import UNKNOWN, mean_of_known
from pyskl.evaluation.functional.top_k import check_k

__all__ = ['class_recall', 'class_top_k_accuracy', 'mean_class_accuracy']


def _known(label: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    label, score = np.asarray(label), np.asarray(score)
    if label.ndim != 1 or score.ndim != 2 or len(label) != len(score):
        raise InputError(f'{label.shape} labels do not fit {score.shape} scores; needed: (N,) and (N, classes)')
    if not np.isfinite(score).all():
        raise InputError(f'the scores of row {np.argwhere(~np.isfinite(score))[0][0]} are not finite numbers')
    if label.size and not np.issubdtype(label.dtype, np.integer):
        raise InputError(f'single-label classes must be whole numbers, not {label.dtype}')
    wrong = (label < UNKNOWN) | (label >= score.shape[1])
    if wrong.any():
        raise InputError(f'class {label[wrong][0]} is none of the {score.shape[1]} classes (or -1 for unknown)')
    known = label != UNKNOWN
    return label[known].astype(np.int64), score[known]


def class_top_k_accuracy(label: ArrayLike, score: ArrayLike, k: int = 1) -> float:
    """Return the share of clips whose class is among the k highest-scored ones; NaN when no class is known.

    Args:
        label: (N,) class numbers; -1 (unknown) is left out.
        score: (N, C), anything that grows with the probability of a class. Of equal scores the lower class wins.
        k: number of places.

    Raises:
        InputError: if shapes disagree, a class does not exist, a score is not finite, or k < 1.
    """
    label, score = _known(label, score)
    k = check_k(k)
    if not len(label):
        return float('nan')
    ranked = np.argsort(-score, axis=1, kind='stable')[:, :k]
    return float((ranked == label[:, None]).any(axis=1).mean())


def class_recall(label: ArrayLike, score: ArrayLike) -> NDArray[np.float64]:
    """Return, per class, the share of its clips for which it is the highest-scored class, float64 (C,).

    NaN for a class without a clip. Arguments and errors are those of :func:`class_top_k_accuracy`.
    """
    label, score = _known(label, score)
    support = np.bincount(label, minlength=score.shape[1])
    hits = np.bincount(label[score.argmax(axis=1) == label], minlength=score.shape[1])
    return np.divide(hits, support, out=np.full(score.shape[1], np.nan), where=support > 0)


def mean_class_accuracy(label: ArrayLike, score: ArrayLike) -> float:
    """Return the mean recall over the classes that occur; NaN when none does. See :func:`class_recall`."""
    return mean_of_known(class_recall(label, score))
