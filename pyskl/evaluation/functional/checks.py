"""What every metric function asks of its labels, probabilities and thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyskl.errors import InputError

__all__ = ['UNKNOWN', 'as_labels', 'as_probabilities', 'as_thresholds', 'mean_of_known']

UNKNOWN = -1
"""The label of an entry nobody annotated; every metric leaves such an entry out."""

_ROUNDING = 1e-6


def as_labels(label: ArrayLike) -> NDArray[np.int8]:
    """Return ``label`` as int8 (F, A): 1 active, 0 inactive, -1 unknown; a row per frame (or clip), a column per AU.

    Raises:
        InputError: if it is not a matrix, or holds any other value.
    """
    array = np.asarray(label)
    if array.ndim != 2:
        raise InputError(f'labels must be a matrix (frames, AUs), but their shape is {array.shape}')
    known = (array == 1) | (array == 0) | (array == UNKNOWN)
    if not known.all():
        row, column = np.argwhere(~known)[0]
        raise InputError(f'label {array[row, column]} in row {row}, column {column}: a label is 1, 0 or -1 (unknown)')
    return array.astype(np.int8, copy=False)


def as_probabilities(probability: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.floating]:
    """Return ``probability`` as a floating (F, A) matrix in 0..1 of the given shape.

    Raises:
        InputError: on another shape, on a NaN, or on a number outside 0..1 (logits handed over by mistake).
    """
    array = np.asarray(probability)
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float64)
    if array.shape != shape:
        raise InputError(f'probabilities have shape {array.shape}, but the labels have shape {shape}')
    good = (array >= -_ROUNDING) & (array <= 1 + _ROUNDING)  # False for NaN as well
    if not good.all():
        row, column = np.argwhere(~good)[0]
        raise InputError(
            f'probability {array[row, column]} in row {row}, column {column} is not within 0..1; '
            'apply the sigmoid to logits first'
        )
    return array


def as_thresholds(threshold: ArrayLike, num_aus: int) -> NDArray[np.float64]:
    """Return one decision threshold per AU, float64 (A,), from one number or one per AU.

    Raises:
        InputError: on another number of thresholds, or on one outside 0..1.
    """
    try:
        array = np.asarray(threshold, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f'threshold {threshold!r} is neither a number nor a list of numbers') from error
    if array.ndim > 1 or (array.ndim == 1 and len(array) != num_aus):
        raise InputError(f'threshold must be one number or {num_aus} (one per AU), but its shape is {array.shape}')
    if not ((array >= 0) & (array <= 1)).all():
        raise InputError(f'threshold {threshold} is not within 0..1')
    return np.broadcast_to(array, (num_aus,))


def mean_of_known(values: ArrayLike) -> float:
    """Return the mean of the values that are not NaN, or NaN when there is none."""
    array = np.asarray(values, dtype=np.float64)
    known = array[~np.isnan(array)]
    return float(known.mean()) if known.size else float('nan')
