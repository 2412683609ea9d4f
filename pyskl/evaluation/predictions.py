"""What a model says about a whole data set, kept in flat arrays.

:meth:`Predictions.pack` puts the samples of a batch into flat arrays, and :func:`merge` joins the parts that several
processes hold: each sample once, the windows of a track together, frames in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyskl.errors import InputError
from pyskl.evaluation.functional.checks import UNKNOWN
from pyskl.evaluation.prediction import Level, Prediction, as_prediction

__all__ = ['Predictions', 'collect_predictions', 'join', 'merge']

_MEANING: dict[Level, str] = {
    'frame': 'frame by frame',
    'clip': 'as a clip with AU labels',
    'single': 'as a clip with one class',
}


@dataclass(frozen=True)
class Predictions:
    """The predictions of S samples (or, once merged, S tracks) with R rows in all.

    Attributes:
        level: what a row is.
        frame_dir: S names of tracks.
        sample_idx: int64 (S,), numbers of samples in their data set.
        labelled: bool (S,), False where a sample came without a label.
        num_rows: int64 (S,), rows of each sample; they lie one sample after the other.
        frame_inds: int64 (R,), 0-based frame numbers; 0 for clips.
        score: float32 (R, A), probabilities.
        label: int8 (R, A) of 1, 0, -1, or int64 (R,) at level 'single'; -1 where there is no label.
        face_found: bool (R,).
        num_samples: distinct samples the rows came from.
    """

    level: Level
    frame_dir: tuple[str, ...]
    sample_idx: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    num_rows: NDArray[np.int64]
    frame_inds: NDArray[np.int64]
    score: NDArray[np.float32]
    label: NDArray[np.integer]
    face_found: NDArray[np.bool_]
    num_samples: int

    @classmethod
    def pack(cls, samples: Sequence[Prediction]) -> Predictions:
        """Put one or more samples into flat arrays, in the given order.

        Raises:
            InputError: if there is none, or they differ in level or number of AUs.
        """
        if not samples:
            raise InputError('there is no prediction to score; is the data set empty?')
        level = _common_level((s.level, s.label is not None, s.frame_dir) for s in samples)
        _check_width((s.score.shape[1], s.frame_dir) for s in samples)
        return cls(
            level=level,
            frame_dir=tuple(s.frame_dir for s in samples),
            sample_idx=np.array([s.sample_idx for s in samples], np.int64),
            labelled=np.array([s.label is not None for s in samples]),
            num_rows=np.array([len(s.score) for s in samples], np.int64),
            frame_inds=np.concatenate([s.frame_inds for s in samples]),
            score=np.concatenate([s.score for s in samples]),
            label=np.concatenate([_no_label(s.score, level) if s.label is None else s.label for s in samples]),
            face_found=np.concatenate([s.face_found for s in samples]),
            num_samples=len(samples),
        )

    def __len__(self) -> int:
        """Return the number of samples, or of tracks once merged."""
        return len(self.frame_dir)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield one dict per track in the form :func:`as_prediction` takes; arrays are views."""
        ends = np.cumsum(self.num_rows)
        for i, (start, end) in enumerate(zip(ends - self.num_rows, ends, strict=True)):
            record: dict[str, Any] = {'frame_dir': self.frame_dir[i], 'sample_idx': int(self.sample_idx[i])}
            if self.level == 'frame':
                rows: slice | int = slice(int(start), int(end))
                record['frame_inds'] = self.frame_inds[rows]
            else:
                rows = int(start)
            label = self.label[rows] if self.labelled[i] else None
            record['score'] = self.score[rows]
            record['label'] = int(label) if label is not None and self.level == 'single' else label
            record['face_found'] = self.face_found[rows] if self.level == 'frame' else bool(self.face_found[rows])
            yield record


def _no_label(score: NDArray[np.float32], level: Level) -> NDArray[np.integer]:
    if level == 'single':
        return np.full(len(score), UNKNOWN, np.int64)
    return np.full(score.shape, UNKNOWN, np.int8)


def _common_level(samples: Iterable[tuple[Level, bool, str]]) -> Level:
    """Return the level all samples share; a clip without a label fits both kinds of clips."""
    first: dict[Level, str] = {}
    unlabelled_clip = None
    for level, labelled, frame_dir in samples:
        if labelled or level == 'frame':
            first.setdefault(level, frame_dir)
        elif unlabelled_clip is None:
            unlabelled_clip = frame_dir
    if unlabelled_clip is not None and set(first) <= {'frame'}:
        first['clip'] = unlabelled_clip
    if len(first) > 1:
        (level, frame_dir), (other, other_dir) = list(first.items())[:2]
        raise InputError(
            f"track '{frame_dir}' is predicted {_MEANING[level]}, but track '{other_dir}' {_MEANING[other]}; "
            'they cannot be scored together'
        )
    return next(iter(first))


def _check_width(samples: Iterable[tuple[int, str]]) -> None:
    first: tuple[int, str] | None = None
    for width, frame_dir in samples:
        first = first or (width, frame_dir)
        if width != first[0]:
            raise InputError(f"track '{frame_dir}' has {width} scores per row, but track '{first[1]}' has {first[0]}")


def collect_predictions(samples: Iterable[Mapping[str, Any]]) -> Predictions:
    """Check and merge what a model returned for any number of samples. Samples without a ``sample_idx`` are numbered.

    Raises:
        InputError: as :func:`as_prediction` and :func:`merge` do.
    """
    return merge([Predictions.pack([as_prediction({'sample_idx': i, **s}) for i, s in enumerate(samples)])])


def merge(parts: Sequence[Predictions]) -> Predictions:
    """Join parts of a data set's predictions into one record per track.

    A sample (``frame_dir`` and ``sample_idx``) that occurs again, because a sampler filled up the last batch, counts
    once. Windows of a track become one record with its frames in order. Tracks are in the order of the data set,
    however many processes shared the work.

    Raises:
        InputError: if there is nothing to merge, parts do not fit together, or two windows predict the same frame.
    """
    joined = join(parts)
    samples = _distinct(joined)
    number: dict[str, int] = {}
    track_of_sample = np.full(len(joined), -1)
    for sample in samples:
        track_of_sample[sample] = number.setdefault(joined.frame_dir[sample], len(number))

    track = np.repeat(track_of_sample, joined.num_rows)
    order = np.lexsort((joined.frame_inds, track))[int((track < 0).sum()) :]
    track, frame_inds = track[order], joined.frame_inds[order]
    again = (track[1:] == track[:-1]) & (frame_inds[1:] == frame_inds[:-1])
    names = tuple(number)
    if again.any():
        row = int(np.argmax(again))
        frame = f', frame {frame_inds[row]},' if joined.level == 'frame' else ''
        raise InputError(f"track '{names[track[row]]}'{frame} is predicted more than once; are its names unique?")
    first_sample = samples[np.unique(track_of_sample[samples], return_index=True)[1]]
    labelled = np.zeros(len(names), bool)
    np.logical_or.at(labelled, track_of_sample[samples], joined.labelled[samples])
    return Predictions(
        level=joined.level,
        frame_dir=names,
        sample_idx=joined.sample_idx[first_sample],
        labelled=labelled,
        num_rows=np.bincount(track, minlength=len(names)).astype(np.int64),
        frame_inds=frame_inds,
        score=joined.score[order],
        label=joined.label[order],
        face_found=joined.face_found[order],
        num_samples=len(samples),
    )


def join(parts: Sequence[Predictions]) -> Predictions:
    """Put parts behind one another as they are."""
    if not parts:
        raise InputError('there is no prediction to score; is the data set empty?')
    level = _common_level((p.level, bool(p.labelled.any()), p.frame_dir[0]) for p in parts)
    _check_width((p.score.shape[1], p.frame_dir[0]) for p in parts)
    return Predictions(
        level=level,
        frame_dir=tuple(name for p in parts for name in p.frame_dir),
        sample_idx=np.concatenate([p.sample_idx for p in parts]),
        labelled=np.concatenate([p.labelled for p in parts]),
        num_rows=np.concatenate([p.num_rows for p in parts]),
        frame_inds=np.concatenate([p.frame_inds for p in parts]),
        score=np.concatenate([p.score for p in parts]),
        label=np.concatenate([p.label if p.level == level else _no_label(p.score, level) for p in parts]),
        face_found=np.concatenate([p.face_found for p in parts]),
        num_samples=sum(p.num_samples for p in parts),
    )


def _distinct(joined: Predictions) -> NDArray[np.int64]:
    """Return the positions of distinct samples in the order of the data set."""
    first: dict[tuple[int, str], int] = {}
    for position, key in enumerate(zip(joined.sample_idx.tolist(), joined.frame_dir, strict=True)):
        first.setdefault(key, position)
    return np.array([first[key] for key in sorted(first)], np.int64)
