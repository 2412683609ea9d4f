"""What a model says about one sample: a window of a track, or a clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pyskl.errors import InputError
from pyskl.evaluation.functional.checks import UNKNOWN

__all__ = ['Level', 'Prediction', 'as_prediction']

Level = Literal['frame', 'clip', 'single']
"""A row is a frame with AU labels, a clip with AU labels, or a clip with one class."""

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Prediction:
    """The prediction for one sample; rows are its F frames, or the clip itself (F = 1).

    Attributes:
        frame_dir: name of the track.
        sample_idx: number of the sample in its data set.
        level: what a row is; 'clip' as well when a clip has no label to tell by.
        frame_inds: int64 (F,), 0-based frame numbers in the track; 0 for a clip.
        score: float32 (F, A), probabilities.
        label: int8 (F, A) of 1, 0, -1; int64 (1,) for 'single'; None when the sample has no label.
        face_found: bool (F,).
    """

    frame_dir: str
    sample_idx: int
    level: Level
    frame_inds: NDArray[np.int64]
    score: NDArray[np.float32]
    label: NDArray[np.integer] | None
    face_found: NDArray[np.bool_]


def as_prediction(sample: Mapping[str, Any]) -> Prediction:
    """Check the dict a model returns for one sample and copy what it holds.

    Args:
        sample: per frame ``dict(frame_dir, sample_idx, frame_inds (F,), score (F, A), label (F, A) | None,
            face_found (F,))``; per clip ``dict(frame_dir, sample_idx, score (A,), label (A,) | int | None,
            face_found bool)``. ``face_found`` may be missing: every face then counts as found.

    Raises:
        InputError: naming the track, if a field is missing, shapes disagree, a label is none of 1, 0, -1, a score is
            not finite, or a probability is outside 0..1.
    """
    try:
        frame_dir, sample_idx, score = sample['frame_dir'], sample['sample_idx'], sample['score']
    except KeyError as error:
        named = f"prediction of track '{sample['frame_dir']}'" if 'frame_dir' in sample else 'prediction'
        raise InputError(f'{named} lacks the field {error}') from error
    where = f"track '{frame_dir}'"
    per_frame = sample.get('frame_inds') is not None
    score = _score(score, per_frame, where)
    label, single = _label(sample.get('label'), score, per_frame, where)
    if not single and (per_frame or label is not None) and score.size:
        _check_range(score, where)
    if per_frame:
        frame_inds = _vector(sample['frame_inds'], len(score), np.integer, f'frame_inds of {where}').astype(np.int64)
        if frame_inds.size and frame_inds.min() < 0:
            raise InputError(f'{where}: frame number {frame_inds.min()} is negative')
    else:
        frame_inds = np.zeros(1, np.int64)
    found = sample.get('face_found')
    found = np.ones(len(score), bool) if found is None else np.atleast_1d(np.asarray(found))
    return Prediction(
        frame_dir=str(frame_dir),
        sample_idx=int(sample_idx),
        level='frame' if per_frame else 'single' if single else 'clip',
        frame_inds=frame_inds,
        score=score,
        label=label,
        face_found=_vector(found, len(score), np.bool_, f'face_found of {where}').astype(bool),
    )


def _vector(values: Any, length: int, kind: type, name: str) -> NDArray:
    array = np.asarray(values)
    if array.shape != (length,) or (length and not np.issubdtype(array.dtype, kind)):
        raise InputError(
            f'{name} must be {length} values of type {kind.__name__}, not shape {array.shape} of {array.dtype}'
        )
    return array


def _score(score: Any, per_frame: bool, where: str) -> NDArray[np.float32]:
    try:
        array = np.array(score, dtype=np.float32)  # a copy: a view would keep the whole batch alive
    except (TypeError, ValueError) as error:
        raise InputError(f'{where}: the scores are not an array of numbers') from error
    if array.ndim != (2 if per_frame else 1) or not array.shape[-1]:
        wanted = '(frames, AUs)' if per_frame else '(AUs,)'
        raise InputError(f'{where}: the scores have shape {array.shape}, needed: {wanted}')
    array = np.atleast_2d(array)
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise InputError(f'{where}: the score {array[row, column]} in row {row}, AU {column} is not a finite number')
    return array


def _check_range(score: NDArray[np.float32], where: str) -> None:
    low, high = score.min(), score.max()
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise InputError(f'{where}: scores range from {low:.3g} to {high:.3g}; needed: probabilities, not logits')


def _label(
    label: Any, score: NDArray[np.float32], per_frame: bool, where: str
) -> tuple[NDArray[np.integer] | None, bool]:
    """Return the checked label and whether it is a single class."""
    if label is None:
        return None, False
    array = np.asarray(label)
    if not per_frame and array.ndim == 0:
        if not np.issubdtype(array.dtype, np.integer) or not UNKNOWN <= array < score.shape[1]:
            raise InputError(f'{where}: class {label} is none of the {score.shape[1]} classes (or -1 for unknown)')
        return array.astype(np.int64)[None], True
    wanted = score.shape if per_frame else score.shape[1:]
    if array.shape != wanted:
        raise InputError(f'{where}: the labels have shape {array.shape}, but the scores have shape {wanted}')
    known = (array == 1) | (array == 0) | (array == UNKNOWN)
    if not known.all():
        raise InputError(f'{where}: label {array[~known][0]} is none of 1, 0 and -1 (unknown)')
    return np.atleast_2d(array.astype(np.int8)), False
