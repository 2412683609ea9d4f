"""The job of data sets with one labelled person per video: one source of keypoints, one source of labels, one track."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pyskl.errors import InputError
from pyskl.preprocess.choose import choose_subjects
from pyskl.preprocess.csv_labels import FrameTable
from pyskl.preprocess.jobs import COUNTS
from pyskl.preprocess.sources import SourceHandle

__all__ = [
    'ROW_TOLERANCE', 'LabelSource', 'Labels', 'TableLabels', 'VideoJob', 'add_tolerance_argument', 'file_facts',
    'frame_times',
]  # fmt: skip

ROW_TOLERANCE = 5.0  # percent
FEW_ROWS = 10  # releases differ from their videos by a few frames


class Labels(Protocol):
    """The labels of one video, as read."""

    @property
    def last_frame(self) -> int:
        """The highest frame number that is labelled; 0 where frames are not numbered."""

    @property
    def last_second(self) -> float:
        """The latest time that is labelled, in seconds; 0 where labels do not go by time."""

    def placed(self, timestamps: np.ndarray) -> np.ndarray:
        """Return (T, A) int8 for the frames shown at ``timestamps``, (T,) float64 seconds."""

    def placed_intensity(self, timestamps: np.ndarray) -> np.ndarray | None:
        """Return (T, A) float32, -1 = unknown, or None if there are no intensities."""


class LabelSource(Protocol):
    """The labels of one video, not read yet; picklable."""

    def fingerprint(self) -> Any:
        """Return what the labels depend on, in JSON's types."""

    def read(self) -> Labels:
        """Read them.

        Raises:
            InputError: for a file that cannot be used.
        """


@dataclass(frozen=True)
class TableLabels:
    """Labels by frame number, and intensities if there are some.

    Attributes:
        label: occurrences.
        intensity: intensities 0..5, -1 unknown, or None.
    """

    label: FrameTable
    intensity: FrameTable | None = None

    @property
    def last_frame(self) -> int:
        """The highest frame number that is labelled."""
        return max(self.label.last_frame, self.intensity.last_frame if self.intensity is not None else 0)

    @property
    def last_second(self) -> float:
        """Return 0: they do not go by time."""
        return 0.0

    def placed(self, timestamps: np.ndarray) -> np.ndarray:
        """Return the occurrences of the T frames, (T, A) int8."""
        return self.label.placed(len(timestamps))

    def placed_intensity(self, timestamps: np.ndarray) -> np.ndarray | None:
        """Return the intensities of the T frames, (T, A) float32."""
        return None if self.intensity is None else self.intensity.placed(len(timestamps)).astype(np.float32)


@dataclass(frozen=True)
class VideoJob:
    """Makes the one track of a video.

    Attributes:
        name: the job's, and the id of its track.
        names_of_splits: the splits it joins.
        handle: the keypoints.
        labels: the labels; None for a video that is kept without.
        num_classes: A, the number of labels.
        subject: who is in the video, if that is known.
        fps: frames a second, for sources without times.
        row_tolerance: how far labels may go beyond the last frame, in percent of the frames; ten frames always may.
    """

    name: str
    names_of_splits: tuple[str, ...]
    handle: SourceHandle
    labels: LabelSource | None
    num_classes: int
    subject: str | None = None
    fps: float | None = None
    row_tolerance: float = ROW_TOLERANCE

    @property
    def splits(self) -> Mapping[str, tuple[str, ...]]:
        """The id of the track -> names of its splits."""
        return {self.name: self.names_of_splits}

    def fingerprint(self) -> dict[str, Any]:
        """Return what the sample depends on, beyond the settings all jobs share."""
        return {
            'keypoints': self.handle.fingerprint(),
            'labels': self.labels.fingerprint() if self.labels is not None else None,
            'settings': [self.num_classes, self.subject, self.fps],
        }

    def build(self) -> list[dict[str, Any]]:
        """Make the sample.

        Raises:
            InputError: if keypoints or labels cannot be used, or do not belong together.
        """
        labels = self.labels.read() if self.labels is not None else None
        table = self.handle.gather()
        total = max(table.num_frames, labels.last_frame if labels is not None else 0)
        excess = total - table.num_frames
        admitted = max(FEW_ROWS, table.num_frames * self.row_tolerance / 100)
        if excess > admitted:
            raise InputError(
                f'{self.handle.path}: the labels go up to frame {total}, but its last frame is {table.num_frames}; '
                'they are of another video, or, if the last frames have no picture, admit it with --row-tolerance'
            )
        choice = choose_subjects(table)['']
        if not len(choice.faces):
            raise InputError(f'{self.handle.path}: no face was found in any of its {table.num_frames} frames')
        keypoint, score = table.take(choice.faces, total)
        times, fps = frame_times(table.timestamps, total, self.fps)
        if labels is not None and labels.last_second:
            self._check_times(table.timestamps, times, labels.last_second, admitted)
        sample: dict[str, Any] = {
            'frame_dir': self.name,
            'total_frames': total,
            'img_shape': table.img_shape,
            'original_shape': table.img_shape,
            'keypoint': keypoint,
            'keypoint_score': score,
            'label': np.full((total, self.num_classes), -1, np.int8) if labels is None else labels.placed(times),
        }
        optional = {
            'intensity': labels.placed_intensity(times) if labels is not None else None,
            'timestamps': times if np.isfinite(times).all() else None,
            'fps': fps,
            'subject': self.subject,
        }
        sample |= {field: value for field, value in optional.items() if value is not None}
        sample[COUNTS] = {
            'frames with more than one face': int((np.bincount(table.frame) > 1).sum()),
            'faces of others, left out': len(table) - len(choice.faces),
            'videos whose picture size was guessed': int(table.guessed),
            'labelled frames beyond the last picture': excess,
        }
        return [sample]

    def _check_times(self, given: np.ndarray, times: np.ndarray, last_second: float, admitted: float) -> None:
        """Refuse times that go back, and labels that go far beyond the last frame."""
        known = np.flatnonzero(np.isfinite(given))
        back = np.flatnonzero(np.diff(given[known]) < 0)
        if len(back):
            number = int(known[back[0] + 1])
            raise InputError(
                f'{self.handle.place_of(number + 1)}: its time goes back, from {given[known[back[0]]]:g} s to '
                f'{given[number]:g} s; labels in seconds cannot be placed'
            )
        if len(times) > 1 and np.isfinite(times).all():
            step = (times[-1] - times[0]) / (len(times) - 1)
            if last_second - times[-1] - step > admitted * step:
                raise InputError(
                    f'{self.handle.path}: the labels go up to {last_second:g} s, but its last frame is at '
                    f'{times[-1]:g} s; they are of another video, or, if the last frames have no picture, admit it '
                    'with --row-tolerance'
                )


def frame_times(timestamps: np.ndarray, total: int, fps: float | None) -> tuple[np.ndarray, float | None]:
    """Complete the times of frames that a source leaves out, also beyond its end.

    Args:
        timestamps: (n,) float64 seconds, NaN where not known.
        total: T, n or more.
        fps: frames a second, used where no time is known at all.

    Returns:
        (T,) float64 seconds, all NaN if they cannot be known, and the frames a second, or None.
    """
    frames = np.arange(total)
    known = np.flatnonzero(np.isfinite(timestamps))
    if not len(known) and fps is not None:
        return frames / fps, fps
    if len(known) < 2 or timestamps[known[-1]] <= timestamps[known[0]]:
        return np.full(total, np.nan), None
    first, last = known[0], known[-1]
    step = (timestamps[last] - timestamps[first]) / (last - first)
    times = np.interp(frames, known, timestamps[known])
    before, after = frames < first, frames > last
    times[before] = np.maximum(timestamps[first] - step * (first - frames[before]), 0)
    times[after] = timestamps[last] + step * (frames[after] - last)
    return times, float(1 / step)


def add_tolerance_argument(parser: argparse._ActionsContainer) -> None:
    """Add ``--row-tolerance``, for :class:`VideoJob`."""
    parser.add_argument(
        '--row-tolerance', type=_percent, default=ROW_TOLERANCE, metavar='PERCENT',
        help='how far labels may go beyond the last frame; ten frames always may; default: %(default)g',
    )  # fmt: skip


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float('inf'):
        raise argparse.ArgumentTypeError(f"must be a percentage of 0 or more, not '{text}'")
    return value


def file_facts(paths: Iterable[Path]) -> list[list[Any]]:
    """Return name, size and time of change of files, for a fingerprint; folders are left out, since data are moved."""
    facts = []
    for path in paths:
        try:
            stat = path.stat()
            facts.append([path.name, stat.st_size, stat.st_mtime_ns])
        except OSError:
            facts.append([path.name])
    return facts
