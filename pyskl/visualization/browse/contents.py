"""Counting what is in an annotation file: tracks, frames, faces and labels of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pyskl.datasets.annotation import AnnotationFile
from pyskl.keypoints import guess_layout

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ['Contents', 'SplitContents', 'count_contents']


@dataclass
class SplitContents:
    """What one split holds.

    Attributes:
        tracks: number of tracks.
        frames: number of frames of all of them.
        no_face: frames in which no keypoint has a score above 0.
        labelled: frames with at least one known label (a label of a whole track counts for all its frames).
        positive: (A,) frames in which each AU is active.
        known: (A,) frames in which it is known.
        together: (A, A) frames in which both AUs are active; the diagonal is ``positive``.
        labels: how tracks are labelled ('every frame', 'whole track', 'class number', 'none') -> number of tracks.
        layouts: keypoint layout -> number of tracks.
        sizes: (height, width) -> number of tracks.
        fps: frame rate -> number of tracks; None: not stated.
    """

    tracks: int = 0
    frames: int = 0
    no_face: int = 0
    labelled: int = 0
    positive: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    known: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    together: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    labels: Counter = field(default_factory=Counter)
    layouts: Counter = field(default_factory=Counter)
    sizes: Counter = field(default_factory=Counter)
    fps: Counter = field(default_factory=Counter)

    def add(self, track: dict, layout: str | None, fps: float | None) -> None:
        """Count one track.

        Args:
            track: a checked sample.
            layout: the file's layout, for tracks that do not state their own.
            fps: the file's frame rate, likewise.
        """
        score = track['keypoint_score']
        self.tracks += 1
        self.frames += score.shape[1]
        self.no_face += int((score.max(axis=(0, 2)) == 0).sum())
        self.layouts[track.get('keypoint_layout') or layout or guess_layout(score.shape[2]).name] += 1
        self.sizes[tuple(int(length) for length in track['img_shape'])] += 1
        rate = track.get('fps') or fps
        self.fps[None if rate is None else round(float(rate), 3)] += 1
        self._add_label(track.get('label'), score.shape[1])

    def _add_label(self, label: np.ndarray | int | None, frames: int) -> None:
        kind = 'none' if label is None else ('class number', 'whole track', 'every frame')[np.ndim(label)]
        self.labels[kind] += 1
        if kind in ('none', 'class number'):
            self.labelled += frames * (kind == 'class number')
            return
        rows = np.asarray(label)
        weight = 1 if rows.ndim == 2 else frames
        rows = np.atleast_2d(rows)
        active = rows == 1
        if not len(self.positive):
            num_aus = rows.shape[1]
            self.positive, self.known = np.zeros(num_aus, np.int64), np.zeros(num_aus, np.int64)
            self.together = np.zeros((num_aus, num_aus), np.int64)
        self.labelled += weight * int((rows != -1).any(axis=1).sum())
        self.positive += weight * active.sum(axis=0)
        self.known += weight * (rows != -1).sum(axis=0)
        counts = active.astype(np.float32)  # floats go through a fast matrix product
        self.together += weight * np.rint(counts.T @ counts).astype(np.int64)

    @property
    def prevalence(self) -> np.ndarray:
        """(A,) share of positive frames among the known ones; NaN where none is known."""
        with np.errstate(invalid='ignore'):
            return self.positive / self.known


@dataclass(frozen=True)
class Contents:
    """What an annotation file holds.

    Attributes:
        path: the file.
        dataset: what the file calls itself, or None.
        aus: names of the AUs.
        splits: name -> counts; 'all' for a file without splits.
    """

    path: str
    dataset: str | None
    aus: tuple[str, ...]
    splits: dict[str, SplitContents]

    def table(self) -> Table:
        """Return the counts as a table, one column a split."""
        from rich.table import Table

        title = f'{self.dataset}: {self.path}' if self.dataset else self.path
        table = Table(title=title, title_justify='left')
        table.add_column('')
        for name in self.splits:
            table.add_column(name, justify='right')
        parts = list(self.splits.values())
        for label, name in (('tracks', 'tracks'), ('frames', 'frames')):
            table.add_row(label, *[f'{getattr(part, name):,}' for part in parts])
        for label, name in (('frames with a label', 'labelled'), ('frames without a face', 'no_face')):
            table.add_row(label, *[_with_share(getattr(part, name), part.frames) for part in parts])
        table.add_row('labels are of', *[_names(part.labels) for part in parts])
        table.add_row('keypoint layout', *[_names(part.layouts) for part in parts])
        table.add_row('picture (width x height)', *[_names(_sizes(part.sizes)) for part in parts])
        table.add_row('frames a second', *[_names(_rates(part.fps)) for part in parts])
        if any(len(part.positive) for part in parts):
            table.add_section()
            for number, au in enumerate(self.aus):
                table.add_row(f'{au} active, %', *[_percent(part, number) for part in parts])
        return table


def _with_share(count: int, total: int) -> str:
    return f'{count:,} ({100 * count / total:.1f} %)' if total else '0'


def _names(counts: Counter) -> str:
    """The most frequent values; how many more there are."""
    common = [str(value) for value, _ in counts.most_common(2)]
    more = len(counts) - len(common)
    return ', '.join(common) + (f' and {more} more' if more else '')


def _sizes(counts: Counter) -> Counter:
    return Counter({f'{width}x{height}': count for (height, width), count in counts.items()})


def _rates(counts: Counter) -> Counter:
    return Counter({'not stated' if rate is None else f'{rate:g}': count for rate, count in counts.items()})


def _percent(part: SplitContents, number: int) -> str:
    if number >= len(part.known) or not part.known[number]:
        return '-'
    return f'{100 * part.positive[number] / part.known[number]:.1f}'


def count_contents(
    content: AnnotationFile, tracks_of: dict[str, Iterable[dict]], aus: tuple[str, ...] | None = None
) -> Contents:
    """Count an annotation file, one track at a time.

    Args:
        content: the file.
        tracks_of: the checked tracks of each split.
        aus: names of the AUs, for a file that does not name them.
    """
    layout, fps = content.metainfo.get('keypoint_layout'), content.metainfo.get('fps')
    splits: dict[str, SplitContents] = {}
    for name, tracks in tracks_of.items():
        splits[name] = SplitContents()
        for track in tracks:
            splits[name].add(track, layout, fps)
    names = tuple(str(au) for au in content.metainfo.get('aus') or aus or ())
    widest = max((len(part.known) for part in splits.values()), default=0)
    names = names or tuple(f'label {number}' for number in range(widest))
    return Contents(str(content.path), content.metainfo.get('dataset'), names, splits)
