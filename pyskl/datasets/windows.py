"""Cutting tracks into windows of equal length, with every frame owned by exactly one window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyskl.errors import InputError

__all__ = ['WindowIndex', 'owned_frames', 'window_starts']


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
    count = 1 + max(0, -(-(total_frames - clip_len) // stride))
    return np.minimum(np.arange(count) * stride, max(0, total_frames - clip_len))


def owned_frames(window: int, total_frames: int, clip_len: int, stride: int) -> tuple[int, int]:
    """Return the frames ``[start, stop)`` whose prediction is taken from a window.

    Where two windows overlap, the border lies in the middle of the overlap, so that each frame is predicted with as
    much of its surroundings as there is. Over all windows of a track every frame is owned exactly once.
    """
    starts = window_starts(total_frames, clip_len, stride)
    start = 0 if window == 0 else int(starts[window] + starts[window - 1] + clip_len) // 2
    stop = total_frames if window == len(starts) - 1 else int(starts[window + 1] + starts[window] + clip_len) // 2
    return start, stop


class WindowIndex:
    """Which window of which track has a given number, by arithmetic on the tracks' lengths.

    Args:
        total_frames: length of each track in frames.
        clip_len: length of a window in frames; None: every track is one sample.
        stride: distance between windows in frames; None: ``clip_len``, so that they do not overlap.

    Raises:
        InputError: if ``clip_len`` or ``stride`` cannot cover a track.
    """

    def __init__(self, total_frames: Sequence[int], clip_len: int | None = None, stride: int | None = None) -> None:
        self.total_frames = np.asarray(total_frames, dtype=np.int64)
        self.clip_len = clip_len
        self.stride = stride if stride is not None else clip_len
        if clip_len is None:
            if stride is not None:
                raise InputError('stride: needs clip_len as well')
            counts = np.ones(len(self.total_frames), dtype=np.int64)
        else:
            if clip_len < 1 or not 1 <= self.stride <= clip_len:
                raise InputError(f'stride: must be in 1..clip_len, but clip_len is {clip_len} and stride {self.stride}')
            counts = 1 + np.maximum(0, -(-(self.total_frames - clip_len) // self.stride))
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, number: int) -> tuple[int, int]:
        """Return (track, window of that track)."""
        if not 0 <= number < len(self):
            raise IndexError(f'window {number} of {len(self)}')
        track = int(np.searchsorted(self._ends, number, side='right'))
        return track, int(number - (self._ends[track - 1] if track else 0))

    def span(self, track: int, window: int) -> tuple[int, int, int]:
        """Return (first frame, first owned frame, end of the owned frames) of a window."""
        total = int(self.total_frames[track])
        if self.clip_len is None:
            return 0, 0, total
        start = int(window_starts(total, self.clip_len, self.stride)[window])
        return start, *owned_frames(window, total, self.clip_len, self.stride)
