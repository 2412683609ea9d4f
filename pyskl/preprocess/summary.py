"""Counting what a preprocessing run made, for people (a table) and for programs (JSON)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pyskl.landmarks.annotate import CHANGES

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ['Problem', 'SplitCounts', 'Summary', 'VideoCounts', 'listed', 'summary_tables']

MOST_SHOWN = 10


@dataclass(frozen=True)
class Problem:
    """Something that cannot be used.

    Attributes:
        name: the video, or the file.
        message: one line: what is wrong, where, and what to do.
    """

    name: str
    message: str


@dataclass
class SplitCounts:
    """What one split holds.

    Attributes:
        videos: number of jobs with a track in the split.
        tracks: number of tracks.
        frames: number of frames.
        labelled: number of frames in which any AU is known.
        without_face: number of frames without a face.
        known: (A,) int64: for each AU, in how many frames it is known.
        positive: (A,) int64: for each AU, in how many frames it is active.
    """

    known: np.ndarray
    positive: np.ndarray
    videos: int = 0
    tracks: int = 0
    frames: int = 0
    labelled: int = 0
    without_face: int = 0

    def add(self, sample: Mapping[str, Any]) -> None:
        """Count a track."""
        self.tracks += 1
        self.frames += sample['total_frames']
        self.without_face += int((sample['keypoint_score'] == 0).all(axis=(0, 2)).sum())
        label = sample.get('label')
        if isinstance(label, np.ndarray) and label.ndim == 2:
            self.labelled += int((label >= 0).any(axis=1).sum())
            self.known += (label >= 0).sum(axis=0)
            self.positive += (label == 1).sum(axis=0)

    def prevalence(self) -> np.ndarray:
        """(A,) float64: frames in which an AU is active, in percent of those in which it is known; NaN for none."""
        return np.where(self.known > 0, 100 * self.positive / np.maximum(self.known, 1), np.nan)


@dataclass(frozen=True)
class VideoCounts:
    """What one video gave.

    Attributes:
        name: the video.
        tracks: number of tracks.
        frames: number of frames.
        frames_with_face: frames in which any track has a face.
        changes: how often the face of a track became another one; only counted where one face is looked for.
    """

    name: str
    tracks: int
    frames: int
    frames_with_face: int
    changes: int

    @classmethod
    def of(cls, samples: Sequence[Mapping[str, Any]], changes: int) -> VideoCounts:
        """Count the tracks of a video."""
        seen = np.zeros(max(int(sample['total_frames']) for sample in samples), bool)
        for sample in samples:
            found = np.flatnonzero((sample['keypoint_score'] > 0).any(axis=(0, 2)))
            seen[found] = True
        name = str(samples[0].get('video') or samples[0]['frame_dir'])
        return cls(name, len(samples), len(seen), int(seen.sum()), changes)


@dataclass
class Summary:
    """What a whole result holds.

    Attributes:
        aus: names of the AUs.
        splits: split -> its counts.
        counts: other things the jobs counted, such as frames with more than one face.
        bad: what was left out, and why.
        notes: what is worth a mention.
        videos: data without labels: a row for each video.
    """

    aus: Sequence[str]
    splits: dict[str, SplitCounts] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    videos: list[VideoCounts] = field(default_factory=list)

    def split(self, name: str) -> SplitCounts:
        """Return the counts of a split, new ones when it is first asked for."""
        size = len(self.aus)
        return self.splits.setdefault(name, SplitCounts(np.zeros(size, np.int64), np.zeros(size, np.int64)))

    def add(
        self,
        splits: Mapping[str, Sequence[str]],
        samples: Sequence[Mapping[str, Any]],
        counts: Sequence[Mapping[str, int]] = (),
    ) -> None:
        """Count the samples of a job.

        Args:
            splits: id of each track -> splits it joins.
            samples: the samples.
            counts: for each sample, other numbers to add up.
        """
        for sample in samples:
            for name in splits[sample['frame_dir']]:
                self.split(name).add(sample)
        for name in {name for sample in samples for name in splits[sample['frame_dir']]}:
            self.split(name).videos += 1
        for extra in counts:
            self.counts.update(extra)
        if samples and not self.aus:
            self.videos.append(VideoCounts.of(samples, sum(extra.get(CHANGES, 0) for extra in counts)))

    def to_json(self) -> dict[str, Any]:
        """Return everything in JSON's types; an AU that is known nowhere has the prevalence None."""
        splits = {}
        for name, counts in self.splits.items():
            shares = [None if np.isnan(share) else round(float(share), 4) for share in counts.prevalence()]
            splits[name] = {
                'videos': counts.videos,
                'tracks': counts.tracks,
                'frames': counts.frames,
                'labelled_frames': counts.labelled,
                'frames_without_face': counts.without_face,
                'labelled_frames_per_au': dict(zip(self.aus, counts.known.tolist(), strict=True)),
                'positive_frames_per_au': dict(zip(self.aus, counts.positive.tolist(), strict=True)),
                'prevalence_percent': dict(zip(self.aus, shares, strict=True)),
            }
        changing = [video for video in self.videos if video.changes]
        notes = [
            f'{video.name}: the face changes {video.changes} times; --max-faces 2 keeps people apart'
            if video.changes > 1
            else f'{video.name}: the face changes once; --max-faces 2 keeps people apart'
            for video in changing
        ]
        return {
            'aus': list(self.aus),
            'splits': splits,
            'counts': dict(sorted(self.counts.items())),
            'num_bad': len(self.bad),
            'bad': [{'name': problem.name, 'error': problem.message} for problem in self.bad],
            'notes': [*self.notes, *notes],
            **({'videos': [asdict(video) for video in self.videos]} if self.videos else {}),
        }


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first of some names, and how many more there are."""
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(names[:most]) + more


def summary_tables(summary: Mapping[str, Any], title: str) -> tuple[Table, list[str]]:
    """Lay a summary out for reading.

    Args:
        summary: what :meth:`Summary.to_json` gives.
        title: heading of the table.

    Returns:
        The table, and lines to print below it: other counts, notes, and what was left out.
    """
    from rich.markup import escape
    from rich.table import Table

    splits = summary['splits']
    table = Table(title=escape(title))
    table.add_column('')
    for name in splits:
        table.add_column(escape(name), justify='right')
    for label, key in (
        ('videos', 'videos'),
        ('tracks', 'tracks'),
        ('frames', 'frames'),
        *((('labelled', 'labelled_frames'),) if summary['aus'] else ()),
        ('without a face', 'frames_without_face'),
    ):
        table.add_row(label, *(f'{split[key]:,}' for split in splits.values()))
    table.add_section()
    for au in summary['aus']:
        shares = [split['prevalence_percent'][au] for split in splits.values()]
        table.add_row(escape(f'{au} active, %'), *('-' if share is None else f'{share:.1f}' for share in shares))
    lines = [f'{what}: {number:,}' for what, number in summary['counts'].items() if number and what != CHANGES]
    lines += [f'note: {note}' for note in _first(summary['notes'])]
    if summary['bad']:
        lines.append(f'left out: {summary["num_bad"]}')
        lines += _first([f'  {problem["error"]}' for problem in summary['bad']])
    return table, lines


def _first(lines: Sequence[str]) -> list[str]:
    more = [f'  ... and {len(lines) - MOST_SHOWN} more, all in the JSON summary'] if len(lines) > MOST_SHOWN else []
    return [*lines[:MOST_SHOWN], *more]
