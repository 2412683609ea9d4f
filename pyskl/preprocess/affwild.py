"""Aff-Wild2 (ABAW): from its label files and a source of keypoints to one job per video.

Kollias and Zafeiriou, Aff-Wild2: Extending the Aff-Wild Database for Affect Recognition, 2018 (arXiv 1811.07770).

The labels are those of the challenge, ``{Train_Set,Validation_Set}/<video>.txt``, or the older pairs
``AffWild2_{train,val}_{img_path,label}.txt``. Rows and pictures meet by the number of the frame, never by their order.
A video with two subjects has two label files, ``<video>_left`` and ``<video>_right``, and one raw video.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.preprocess.affwild_labels import label_matrix
from pyskl.preprocess.affwild_release import SUBSETS, LabelRows, Labels
from pyskl.preprocess.choose import SIDES, choose_subjects
from pyskl.preprocess.faces import FaceTable
from pyskl.preprocess.jobs import COUNTS, NAMED
from pyskl.preprocess.listing import unused_note, unused_videos
from pyskl.preprocess.sources import KeypointSource, SourceHandle
from pyskl.preprocess.summary import Problem
from pyskl.preprocess.video_job import frame_times

__all__ = ['AffWildJob', 'Listing', 'affwild_jobs', 'metainfo']

FEW_ROWS = 10  # a label file and its video differ by a few rows as a rule


def metainfo(layout: str) -> dict[str, Any]:
    """Return what the result says of itself."""
    return {'dataset': 'Aff-Wild2', 'aus': list(AFFWILD_AUS), 'keypoint_layout': layout}


@dataclass
class Listing:
    """What was found.

    Attributes:
        jobs: one per video that has labels and keypoints.
        problems: labels that cannot be used.
        notes: what is worth a mention.
    """

    jobs: list[AffWildJob] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AffWildJob:
    """One source video, with one labelled subject or two.

    Attributes:
        name: split and video.
        splits: id of each track -> its split.
        handle: the keypoints.
        labels: the labels of each track, in the order of ``splits``.
        sides: for each track ``left``, ``right``, or '' for the one subject of its pictures.
        row_tolerance: how far label rows and frames may differ in number, in percent: a label file that is longer by
            more is refused, one that is shorter is counted.
    """

    name: str
    splits: Mapping[str, tuple[str, ...]]
    handle: SourceHandle
    labels: tuple[LabelRows, ...]
    sides: tuple[str, ...]
    row_tolerance: float

    def fingerprint(self) -> dict[str, Any]:
        """See :class:`pyskl.preprocess.jobs.Job`."""
        return {
            'keypoints': self.handle.fingerprint(),
            'labels': [labels.fingerprint() for labels in self.labels],
            'tracks': [list(pair) for pair in zip(self.splits, self.sides, strict=True)],
        }

    def build(self) -> list[dict[str, Any]]:
        """See :class:`pyskl.preprocess.jobs.Job`."""
        read = [labels.read() for labels in self.labels]
        table = self.handle.gather()
        choices = choose_subjects(table, self.sides)
        empty, one_sided = NAMED
        seen = [bool(len(choice.faces)) for choice in choices.values()]
        blind = table.guessed and any(seen) and not all(seen)
        samples = []
        for name, side, labels, (rows, frames) in zip(self.splits, self.sides, self.labels, read, strict=True):
            last_row = len(rows) if frames is None else int(frames.max())
            self._check_length(labels.path, last_row, frames is None, table.num_frames)
            total_frames = max(last_row, table.num_frames)
            keypoint, score = table.take(choices[side].faces, total_frames)
            missing = max(table.num_frames - last_row, 0) if frames is None else 0
            sample = {
                'frame_dir': name,
                'total_frames': total_frames,
                'img_shape': table.img_shape,
                'original_shape': table.img_shape,
                'keypoint': keypoint,
                'keypoint_score': score,
                'label': label_matrix(rows, frames, total_frames),
                'video': self.handle.name,
                COUNTS: {
                    'frames without a label row': missing,
                    'label files much shorter than their videos': int(self._is_much(missing, table.num_frames)),
                    empty: int(not len(choices[side].faces)),
                    one_sided: int(blind),
                },
            }
            times, fps = frame_times(table.timestamps, total_frames, None)
            if fps is not None:
                sample |= {'timestamps': times, 'fps': fps}
            samples.append(sample)
        used = sum(len(choice.faces) for choice in choices.values())
        samples[0][COUNTS] |= _table_counts(table, used)
        return samples

    def _is_much(self, rows: int, num_frames: int) -> bool:
        return rows > max(FEW_ROWS, num_frames * self.row_tolerance / 100)

    def _check_length(self, path: Path, last_row: int, numbered_by_line: bool, num_frames: int) -> None:
        extra = last_row - num_frames
        if self._is_much(extra, num_frames):
            line = f'line {num_frames + 2}: ' if numbered_by_line else ''
            raise InputError(
                f'{path}: {line}too many rows: they go to frame {last_row}, the keypoints ({self.handle.path}) to '
                f'{num_frames}; if the last frames have no picture, admit it with --row-tolerance'
            )


def _table_counts(table: FaceTable, used: int) -> dict[str, int]:
    found = np.isfinite(table.size)
    _, faces = np.unique(table.frame[found], return_counts=True)
    return {
        'frames with more than one face': int((faces > 1).sum()),
        'faces of others, left out': int(found.sum()) - used,
        'videos whose picture size was guessed': int(table.guessed),
    }


def affwild_jobs(labels: Iterable[Labels], source: KeypointSource, row_tolerance: float = 5.0) -> Listing:
    """Bring labels and keypoints together.

    Args:
        labels: see :func:`find_labels`.
        source: the keypoints; opened with the subsets of :data:`SUBSETS`.
        row_tolerance: see :class:`AffWildJob`.

    Returns:
        The jobs, in the order of the labels; labels without keypoints as problems; videos without labels as a note.

    Raises:
        InputError: if the source cannot be read.
    """
    listing = Listing()
    groups: dict[tuple[str, str], list[tuple[Labels, str, SourceHandle]]] = {}
    used: set[Path] = set()
    subsets = []
    for item in labels:
        if item.subset not in subsets:
            subsets.append(item.subset)
        try:
            handle, side = _find(source, item)
        except InputError as error:
            listing.problems.append(Problem(item.name, str(error)))
            continue
        if handle is None:
            message = f"{item.rows.path}: no keypoints for the video '{item.name}' in {source.root}"
            listing.problems.append(Problem(item.name, message))
            continue
        used.add(handle.path)
        groups.setdefault((item.subset, handle.name), []).append((item, side, handle))
    for (subset, video), members in groups.items():
        items, sides, handles = zip(*members, strict=True)
        split = SUBSETS[subset]
        listing.jobs.append(
            AffWildJob(
                f'{split}/{video}',
                {item.name: (split,) for item in items},
                handles[0].looking_for(len(items)),
                tuple(item.rows for item in items),
                sides,
                row_tolerance,
            )
        )
    unused = sorted({name for subset in subsets for name in unused_videos(source, used, subset)})
    listing.notes += unused_note(unused)
    listing.problems += source.problems
    return listing


def _find(source: KeypointSource, item: Labels) -> tuple[SourceHandle | None, str]:
    """Find the keypoints of a subject: of their own, or of the raw video in which two are."""
    handle = source.find(item.name, item.subset)
    if handle is not None:
        return handle, ''
    video, _, side = item.name.rpartition('_')
    if video and side in SIDES:
        return source.find(video, item.subset), side
    return None, ''
