"""Scores of yes/no decisions per AU: F1, its floor, the challenge's F1 and balanced accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyskl.evaluation.functional.checks import UNKNOWN, as_labels, as_probabilities, as_thresholds

__all__ = [
    'Confusion',
    'all_positive_f1',
    'balanced_accuracy_per_au',
    'confusion_per_au',
    'f1_drop_any',
    'f1_per_au',
]


def _ratio(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    """Divide element by element; NaN where the denominator is 0."""
    result = np.full(len(numerator), np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)


@dataclass(frozen=True)
class Confusion:
    """How often each AU was called rightly and wrongly over its scored entries; every field is int64 (A,)."""

    true_positive: NDArray[np.int64]
    false_positive: NDArray[np.int64]
    false_negative: NDArray[np.int64]
    true_negative: NDArray[np.int64]

    @property
    def positives(self) -> NDArray[np.int64]:
        """Scored entries whose label is 1, (A,)."""
        return self.true_positive + self.false_negative

    @property
    def scored(self) -> NDArray[np.int64]:
        """Entries whose label is known, (A,)."""
        return self.positives + self.false_positive + self.true_negative

    @property
    def f1_undefined(self) -> NDArray[np.bool_]:
        """True where an AU is scored but neither labelled nor predicted active, (A,): its F1 is 0 by convention."""
        return (self.scored > 0) & (self.positives + self.false_positive == 0)

    @property
    def f1(self) -> NDArray[np.float64]:
        """``2 TP / (2 TP + FP + FN)``, (A,); 0 where it is 0/0, NaN where nothing is scored."""
        value = _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)
        value[self.f1_undefined] = 0.0
        return value

    @property
    def balanced_accuracy(self) -> NDArray[np.float64]:
        """Mean of the recalls of the classes that occur, (A,); NaN where nothing is scored."""
        sensitivity = _ratio(self.true_positive, self.positives)
        specificity = _ratio(self.true_negative, self.false_positive + self.true_negative)
        both = (sensitivity + specificity) / 2
        return np.where(np.isnan(both), np.fmax(sensitivity, specificity), both)


def confusion_per_au(label: ArrayLike, probability: ArrayLike, threshold: ArrayLike = 0.5) -> Confusion:
    """Count right and wrong decisions per AU, an AU being called active where its probability reaches the threshold.

    Args:
        label: (F, A) of 1, 0 and -1; an entry that is -1 is left out, and only that entry.
        probability: (F, A) in 0..1.
        threshold: one number, or one per AU. It is rounded to the precision of ``probability`` before comparing, so
            that a float32 probability of 0.7 reaches a threshold of 0.7.

    Raises:
        InputError: if shapes disagree, a label is none of the three, or a number is outside 0..1.
    """
    label = as_labels(label)
    probability = as_probabilities(probability, label.shape)
    called = probability >= as_thresholds(threshold, label.shape[1]).astype(probability.dtype)
    active, inactive = label == 1, label == 0
    return Confusion(
        true_positive=(active & called).sum(axis=0, dtype=np.int64),
        false_positive=(inactive & called).sum(axis=0, dtype=np.int64),
        false_negative=(active & ~called).sum(axis=0, dtype=np.int64),
        true_negative=(inactive & ~called).sum(axis=0, dtype=np.int64),
    )


def f1_per_au(label: ArrayLike, probability: ArrayLike, threshold: ArrayLike = 0.5) -> NDArray[np.float64]:
    """Return the binary F1 of every AU, float64 (A,), over the entries whose label is known.

    An AU that is scored but neither labelled nor predicted active has 0/0; it gets 0, as in scikit-learn with
    ``zero_division=0`` (:attr:`Confusion.f1_undefined` tells which). An AU with no known entry is NaN.
    Arguments and errors are those of :func:`confusion_per_au`.
    """
    return confusion_per_au(label, probability, threshold).f1


def all_positive_f1(label: ArrayLike) -> NDArray[np.float64]:
    """Return the F1 per AU, float64 (A,), of calling every entry active: ``2 p / (1 + p)`` at prevalence ``p``.

    It is the floor an F1 has to be read against: a predictor that has learnt nothing reaches it.
    An AU without a positive entry has a floor of 0; one with no known entry is NaN.
    """
    label = as_labels(label)
    prevalence = _ratio((label == 1).sum(axis=0), (label != UNKNOWN).sum(axis=0))
    return 2 * prevalence / (1 + prevalence)


def f1_drop_any(label: ArrayLike, probability: ArrayLike, threshold: ArrayLike = 0.5) -> NDArray[np.float64]:
    """Return the F1 per AU, float64 (A,), the way the ABAW challenge counts: a frame with any -1 is left out whole.

    NaN for every AU when no frame is fully labelled. Arguments and errors are those of :func:`confusion_per_au`.
    """
    label = as_labels(label)
    probability = as_probabilities(probability, label.shape)
    complete = (label != UNKNOWN).all(axis=1)
    return confusion_per_au(label[complete], probability[complete], threshold).f1


def balanced_accuracy_per_au(
    label: ArrayLike, probability: ArrayLike, threshold: ArrayLike = 0.5
) -> NDArray[np.float64]:
    """Return the balanced accuracy of every AU, float64 (A,): the mean of its sensitivity and its specificity.

    Where only one class occurs among the known entries, it is the recall of that class, as in scikit-learn; where
    none is known, NaN. Arguments and errors are those of :func:`confusion_per_au`.
    """
    return confusion_per_au(label, probability, threshold).balanced_accuracy
