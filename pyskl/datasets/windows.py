"""Cutting tracks into windows of equal length, by arithmetic on the tracks' lengths.

Nothing here grows with the number of windows but one whole number per window, and that only when some windows are left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pyskl.errors import InputError, did_you_mean

__all__ = ['WINDOW_KINDS', 'Span', 'WindowIndex', 'owned_frames', 'window_starts']

WINDOW_KINDS = ('cover', 'centred')


class Span(NamedTuple):
    """Where a window lies in its track.

    Attributes:
        start: its first frame; negative where a centred window begins before the track.
        first: first frame whose prediction is taken from this window.
        end: one past the last of them.
    """

    start: int
    first: int
    end: int


def _count(total_frames: np.ndarray | int, clip_len: int, stride: int) -> np.ndarray | int:
    return 1 + np.maximum(0, -(-(total_frames - clip_len) // stride))


def window_starts(total_frames: int, clip_len: int, stride: int) -> np.ndarray:
    """Return the first frame of each window that covers a track.

    Windows follow each other at ``stride``; the last one is moved back so that it ends with the track. A track
    shorter than ``clip_len`` has one window, which starts at 0 and reaches over the end.

    Args:
        total_frames: length of the track in frames.
        clip_len: length of a window in frames.
        stride: distance between windows in frames, 1..clip_len.

    Returns:
        (W,) int64 frame numbers, ascending.
    """
    count = int(_count(total_frames, clip_len, stride))
    return np.minimum(np.arange(count) * stride, max(0, total_frames - clip_len))


def owned_frames(window: int, total_frames: int, clip_len: int, stride: int) -> tuple[int, int]:
    """Return the frames ``[start, stop)`` whose prediction is taken from a window.

    Where two windows overlap, the border lies in the middle of the overlap, so that each frame is predicted with as
    much of its surroundings as there is. Over all windows of a track every frame is owned exactly once.
    """
    last_start = max(0, total_frames - clip_len)
    last = int(_count(total_frames, clip_len, stride)) - 1
    here = min(window * stride, last_start)
    before, after = (window - 1) * stride, min((window + 1) * stride, last_start)
    start = 0 if window == 0 else (here + before + clip_len) // 2
    stop = total_frames if window == last else (after + here + clip_len) // 2
    return start, stop


class WindowIndex:
    """Which window of which track has a given number.

    Two kinds of windows:

    - ``'cover'``: windows at ``stride`` cover each track; every frame is owned by one of them.
    - ``'centred'``: a window around every ``stride``-th frame, which owns the ``stride`` frames in its middle. At the
      ends it reaches over the track.

    Args:
        total_frames: length of each track in frames.
        clip_len: length of a window in frames; None: every track is one sample.
        stride: distance between windows in frames, 1..clip_len; None: ``clip_len``, so that they do not overlap.
        kind: 'cover' or 'centred'.

    Raises:
        InputError: if ``clip_len`` or ``stride`` cannot cover a track.
    """

    def __init__(
        self,
        total_frames: Sequence[int],
        clip_len: int | None = None,
        stride: int | None = None,
        kind: str = 'cover',
    ) -> None:
        if kind not in WINDOW_KINDS:
            raise InputError(f"windows: there is no kind '{kind}'; {did_you_mean(str(kind), WINDOW_KINDS)}")
        for name, value in (('clip_len', clip_len), ('stride', stride)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise InputError(f'{name}: must be a whole number of at least 1, not {value!r}')
        self.total_frames = np.asarray(total_frames, dtype=np.int64)
        self.clip_len = clip_len
        self.stride = stride if stride is not None else clip_len
        self.kind = kind
        self._kept: np.ndarray | None = None
        if clip_len is None:
            if stride is not None or kind != 'cover':
                raise InputError('stride: needs clip_len as well')
            counts = np.ones(len(self.total_frames), dtype=np.int64)
        else:
            if self.stride > clip_len:
                raise InputError(f'stride: must be in 1..clip_len, but clip_len is {clip_len} and stride {self.stride}')
            if kind == 'cover':
                counts = _count(self.total_frames, clip_len, self.stride)
            else:
                counts = -(-self.total_frames // self.stride)
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        if self._kept is not None:
            return len(self._kept)
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, number: int) -> tuple[int, int]:
        """Return (track, window of that track)."""
        if not 0 <= number < len(self):
            raise IndexError(f'window {number} of {len(self)}')
        if self._kept is not None:
            number = int(self._kept[number])
        track = int(self._ends.searchsorted(number, side='right'))
        return track, int(number - (self._ends[track - 1] if track else 0))

    def longest(self) -> int:
        """Return the number of a window of the longest track that has any."""
        if self._kept is None:
            track = int(self.total_frames.argmax())
            return int(self._ends[track - 1]) if track else 0
        tracks = np.searchsorted(self._ends, self._kept, side='right')
        return int(self.total_frames[tracks].argmax())

    def span(self, track: int, window: int) -> Span:
        """Return where a window lies in its track."""
        total = int(self.total_frames[track])
        if self.clip_len is None:
            return Span(0, 0, total)
        if self.kind == 'centred':
            first = window * self.stride
            return Span(first + self.stride // 2 - self.clip_len // 2, first, min(first + self.stride, total))
        start = min(window * self.stride, max(0, total - self.clip_len))
        return Span(start, *owned_frames(window, total, self.clip_len, self.stride))

    def borders(self, track: int) -> np.ndarray:
        """Return (W + 1,) int64: frames of a track at which ownership goes from one of all its windows to the next."""
        total = int(self.total_frames[track])
        if self.clip_len is None:
            return np.array([0, total])
        if self.kind == 'centred':
            return np.append(np.arange(0, total, self.stride), total)
        starts = window_starts(total, self.clip_len, self.stride)
        return np.concatenate([[0], (starts[1:] + starts[:-1] + self.clip_len) // 2, [total]])

    def kept(self, track: int) -> np.ndarray:
        """Return (W',) int64: which of its windows are in the index."""
        begin, end = (int(self._ends[track - 1]) if track else 0), int(self._ends[track])
        if self._kept is None:
            return np.arange(end - begin)
        lowest, highest = np.searchsorted(self._kept, (begin, end))
        return self._kept[lowest:highest] - begin

    def keep(self, wanted: Sequence[np.ndarray]) -> None:
        """Leave windows out.

        Args:
            wanted: for each track (W,) bool, one for each of its windows.
        """
        self._kept = np.flatnonzero(np.concatenate(wanted)) if len(wanted) else np.zeros(0, np.int64)
