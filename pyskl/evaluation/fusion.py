"""Late fusion: one prediction out of those of several models, such as a keypoint and a limb stream."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pyskl.errors import InputError, did_you_mean
from pyskl.evaluation.functional.checks import UNKNOWN
from pyskl.evaluation.predictions import Predictions
from pyskl.evaluation.results import Results

__all__ = ['SPACES', 'fuse_results', 'fusion_weights']

SPACES = ('prob', 'logit')
"""What can be averaged: probabilities or logits."""

_CERTAIN = 1e-7
"""Probabilities are kept this far from 0 and 1 before they become logits: float32 has no finer steps below 1."""


def fusion_weights(weights: Sequence[float] | None, count: int) -> NDArray[np.float64]:
    """Return one weight for each of ``count`` streams, with a sum of 1; equal ones for None.

    Raises:
        InputError: if there is not one for each, or one is negative, or all are 0.
    """
    values = np.ones(count) if weights is None else np.asarray(weights, np.float64)
    if values.shape != (count,):
        raise InputError(f'--weights: {values.size} are given for {count} results files; give one for each')
    if not np.isfinite(values).all() or values.min() < 0 or values.max() == 0:
        raise InputError(f'--weights: must not be negative, and not all 0: {", ".join(f"{v:g}" for v in values)}')
    values = values / values.max()
    return values / values.sum()


def fuse_results(
    streams: Sequence[tuple[str, Results]], weights: Sequence[float] | None = None, space: str = 'prob'
) -> Results:
    """Average the predictions of several models, frame by frame and AU by AU.

    With probabilities ``p_s`` and weights ``w_s`` (scaled to a sum of 1) the result is ``sum_s w_s p_s`` in the space
    'prob', and ``sigmoid(sum_s w_s logit(p_s))`` in the space 'logit'; for data with one class per clip that is the
    softmax of ``sum_s w_s log(p_s)``.

    Args:
        streams: names (of their files, for messages) and results. All must cover the same AUs in the same order, and
            the same frames of the same tracks; the order of the tracks may differ.
        weights: one a stream; equal unless given.
        space: 'prob' or 'logit'.

    Returns:
        Results in the order of the first stream. A label is that of the first stream that knows the track's; a face
        counts as found where any stream found one. The metadata is what all streams agree on, and how they were fused.

    Raises:
        InputError: naming the two files and what differs, if they do not cover the same.
    """
    if not streams:
        raise InputError('there are no results to fuse')
    if space not in SPACES:
        raise InputError(f"space '{space}' is unknown; {did_you_mean(space, SPACES)}")
    shares = fusion_weights(weights, len(streams))
    first_name, first = streams[0]
    aligned = [first.predictions]
    for name, results in streams[1:]:
        _check_aus(first_name, first, name, results)
        aligned.append(_align(first_name, first.predictions, name, results.predictions))
    single = any(part.level == 'single' for part in aligned)
    fused = dataclasses.replace(
        next((part for part in aligned if part.level == 'single'), aligned[0]),
        sample_idx=aligned[0].sample_idx,
        score=_average([part.score for part in aligned], shares, space, single),
        face_found=np.logical_or.reduce([part.face_found for part in aligned]),
        **_labels([name for name, _ in streams], aligned, single),
    )
    return Results(fused, first.aus, _metadata(streams, shares, space))


def _average(
    scores: Sequence[NDArray[np.float32]], shares: NDArray[np.float64], space: str, single: bool
) -> NDArray[np.float32]:
    stacked = np.stack(scores).astype(np.float64)
    if space == 'prob':
        return np.tensordot(shares, stacked, 1).astype(np.float32)
    stacked = np.clip(stacked, _CERTAIN, 1 - _CERTAIN)
    if single:
        power = np.exp(np.tensordot(shares, np.log(stacked), 1))
        return (power / power.sum(-1, keepdims=True)).astype(np.float32)
    logit = np.tensordot(shares, np.log(stacked) - np.log1p(-stacked), 1)
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def _check_aus(first_name: str, first: Results, name: str, results: Results) -> None:
    if results.aus == first.aus:
        return
    ours, theirs = set(first.aus), set(results.aus)
    if ours == theirs:
        raise InputError(f'{name}: has the AUs of {first_name} in another order: {", ".join(results.aus)}')
    lacking = [au for au in first.aus if au not in theirs]
    more = [au for au in results.aus if au not in ours]
    parts = [f'lacks {", ".join(lacking)}'] * bool(lacking) + [f'has {", ".join(more)} besides'] * bool(more)
    raise InputError(f'{name}: does not have the AUs of {first_name}: it {" and ".join(parts)}')


def _align(first_name: str, first: Predictions, name: str, other: Predictions) -> Predictions:
    """Return ``other`` with its tracks in the order of ``first``, after checking that both cover the same frames."""
    if (first.level == 'frame') != (other.level == 'frame'):
        kinds = {True: 'frame by frame', False: 'clip by clip'}
        raise InputError(
            f'{name}: predicts {kinds[other.level == "frame"]}, but {first_name} {kinds[first.level == "frame"]}'
        )
    for one, tracks, where, others in (
        (name, set(other.frame_dir), first_name, first.frame_dir),
        (first_name, set(first.frame_dir), name, other.frame_dir),
    ):
        lacking = [track for track in others if track not in tracks]
        if lacking:
            raise InputError(
                f"{one}: lacks {len(lacking)} of the {len(others)} tracks of {where}, such as '{lacking[0]}'"
            )
    place = {track: i for i, track in enumerate(other.frame_dir)}
    order = [place[track] for track in first.frame_dir]
    starts = np.cumsum(other.num_rows) - other.num_rows
    rows = np.concatenate([np.arange(starts[i], starts[i] + other.num_rows[i]) for i in order])
    aligned = dataclasses.replace(
        other,
        frame_dir=first.frame_dir,
        sample_idx=other.sample_idx[order],
        labelled=other.labelled[order],
        num_rows=other.num_rows[order],
        frame_inds=other.frame_inds[rows],
        score=other.score[rows],
        label=other.label[rows],
        face_found=other.face_found[rows],
    )
    ours, theirs = (np.split(part.frame_inds, np.cumsum(part.num_rows)[:-1]) for part in (first, aligned))
    for track, mine, its in zip(first.frame_dir, ours, theirs, strict=True):
        if not np.array_equal(mine, its):
            different = np.setxor1d(mine, its)
            raise InputError(
                f"{name}: of track '{track}' it predicts {len(its)} frames, {first_name} {len(mine)}; the first "
                f'that only one of them has is frame {different[0]}'
            )
    return aligned


def _labels(names: Sequence[str], parts: Sequence[Predictions], single: bool) -> dict[str, NDArray]:
    """Return the labels of all streams together, after checking that they do not contradict each other."""
    labelled = np.zeros(len(parts[0]), bool)
    label = np.full(len(parts[0].score) if single else parts[0].score.shape, UNKNOWN, np.int64 if single else np.int8)
    source = ''
    for name, part in zip(names, parts, strict=True):
        if not part.labelled.any():
            continue
        if single != (part.level == 'single'):
            raise InputError(f'{name}: has labels of another kind than the other results files')
        both = np.repeat(labelled & part.labelled, part.num_rows)
        differs = both & (label != part.label if single else (label != part.label).any(-1))
        if differs.any():
            track = part.frame_dir[int(np.searchsorted(np.cumsum(part.num_rows), np.argmax(differs), side='right'))]
            raise InputError(f"{name}: its labels of track '{track}' are not those of {source}")
        new = np.repeat(part.labelled & ~labelled, part.num_rows)
        label[new] = part.label[new]
        labelled |= part.labelled
        source = source or name
    return {'label': label, 'labelled': labelled}


def _metadata(streams: Sequence[tuple[str, Results]], shares: NDArray[np.float64], space: str) -> dict:
    known = [results.metadata for _, results in streams if results.metadata]  # a CSV has none
    common = {
        key: value
        for key, value in (known[0] if known else {}).items()
        if key != 'metrics' and all(other.get(key) == value for other in known)
    }
    if any(metadata.get('synthetic') for metadata in known):
        common['synthetic'] = True
    parts = [{'file': name, 'weight': float(share)} for (name, _), share in zip(streams, shares, strict=True)]
    return {**common, 'fusion': {'space': space, 'streams': parts}}
