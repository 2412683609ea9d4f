"""Labels of stretches of a video, in frames or in seconds."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyskl.errors import InputError

__all__ = ['SegmentTable', 'segment_of']


@dataclass(frozen=True)
class SegmentTable:
    """The labelled segments of one video.

    Attributes:
        bounds: (N, 2) float64, start and end. In frames (counted from 1) the end belongs to the segment; in seconds
            from the first frame it does not, so that segments can follow each other.
        values: (N, A) int8, 1, 0 or -1.
        unit: 'frame' or 's'.
        outside: the labels of a frame in no segment: -1 or 0.
    """

    bounds: np.ndarray
    values: np.ndarray
    unit: str
    outside: int = -1

    @property
    def last_frame(self) -> int:
        """The highest frame number that is labelled; 0 for segments in seconds."""
        return int(self.bounds[:, 1].max()) if self.unit == 'frame' else 0

    @property
    def last_second(self) -> float:
        """The latest end of a segment, in seconds; 0 for segments in frames."""
        return float(self.bounds[:, 1].max()) if self.unit == 's' else 0.0

    def digest(self) -> str:
        """Return a SHA-256 of the content."""
        content = self.bounds.tobytes() + self.values.tobytes() + f'{self.unit}{self.outside}'.encode()
        return hashlib.sha256(content).hexdigest()

    def placed(self, timestamps: np.ndarray, where: str) -> np.ndarray:
        """Return the labels of every frame, (T, A) int8.

        A known label of one segment stands before an unknown one of another that overlaps it.

        Args:
            timestamps: (T,) float64, in seconds; not read for segments in frames.
            where: what the labels are of, for messages.

        Raises:
            InputError: if the segments are in seconds and a frame has no timestamp, or a segment holds no frame.
        """
        total = len(timestamps)
        times = np.arange(1, total + 1)
        if self.unit == 's':
            if not np.isfinite(timestamps).all():
                raise InputError(
                    f'{where}: its segments are in seconds, but its frames have no times; give --fps for pictures'
                )
            times = timestamps
        label = np.full((total, self.values.shape[1]), self.outside, np.int8)
        known = np.zeros_like(label, bool)
        inside_any = np.zeros(total, bool)
        for (start, end), values in zip(self.bounds, self.values, strict=True):
            inside = (times >= start) & ((times <= end) if self.unit == 'frame' else (times < end))
            if not inside.any():
                unit = 's' if self.unit == 's' else 'frames'
                raise InputError(
                    f'{where}: its segment from {start:g} to {end:g} ({unit}) holds no frame; the last one is at '
                    f'{times[-1]:g}'
                )
            inside_any |= inside
            rows = np.flatnonzero(inside)[:, None]
            columns = np.flatnonzero(values != -1)
            label[rows, columns] = values[columns]
            known[rows, columns] = True
        label[inside_any[:, None] & ~known] = -1
        return label

    def check(self, lines: np.ndarray, names: Sequence[str], path: Path) -> None:
        """Refuse segments that overlap and say 1 and 0 of the same label.

        Args:
            lines: (N,) where each segment stands in the file.
            names: the A labels.
            path: the file.

        Raises:
            InputError: naming both lines.
        """
        for column, name in enumerate(names):
            # By start: the end reached so far by either value, and the segment that reached it.
            reached = {0: (-math.inf, 0), 1: (-math.inf, 0)}
            for number in np.argsort(self.bounds[:, 0], kind='stable'):
                value = int(self.values[number, column])
                if value == -1:
                    continue
                start, end = self.bounds[number]
                until, other = reached[1 - value]
                if until > start or (self.unit == 'frame' and until == start):
                    one, two = sorted((int(lines[number]), int(lines[other])))
                    raise InputError(f'{path}: line {two}: {name} contradicts line {one}, whose segment overlaps')
                if end > reached[value][0]:
                    reached[value] = (end, number)


def segment_of(start: str, end: str, where: str) -> tuple[float, float]:
    """Read the bounds of a segment in seconds; a decimal comma is understood.

    Raises:
        InputError: if one is no time, or the end is not after the start.
    """
    bounds = []
    for text in (start, end):
        try:
            seconds = float(text.replace(',', '.'))
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise InputError(f"{where}: '{text}' is no time in seconds")
        bounds.append(seconds)
    if bounds[1] <= bounds[0]:
        raise InputError(f'{where}: the segment must end after it starts')
    return bounds[0], bounds[1]
