"""Bringing a table of labels and a folder of videos together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from pyskl.errors import InputError
from pyskl.preprocess.custom import CustomTable
from pyskl.preprocess.folds import hold_out
from pyskl.preprocess.listing import find_handle
from pyskl.preprocess.sources import KeypointSource
from pyskl.preprocess.summary import Problem, listed
from pyskl.preprocess.video_job import ROW_TOLERANCE, VideoJob

__all__ = ['UNLABELLED', 'CustomJobs', 'list_jobs', 'splits_of']

UNLABELLED = 'unlabelled'


@dataclass
class CustomJobs:
    """What there is to do.

    Attributes:
        jobs: one per video, sorted by name.
        problems: videos of the table that cannot be found.
        notes: what is worth a mention.
    """

    jobs: list[VideoJob] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def list_jobs(
    table: CustomTable,
    source: KeypointSource,
    val_fraction: float = 0.2,
    seed: int = 0,
    keep_unlabelled: bool = False,
    fps: float | None = None,
    row_tolerance: float = ROW_TOLERANCE,
) -> CustomJobs:
    """List the jobs of all videos of a table.

    Args:
        table: the labels.
        source: the keypoints.
        val_fraction: share of the subjects in ``val``, for a table without splits.
        seed: which ones.
        keep_unlabelled: make jobs of videos without labels too, in the split ``unlabelled``.
        fps: frames a second, for sources without times.
        row_tolerance: how far labels may go beyond a video's last frame, in percent.

    Raises:
        InputError: if two names of the table are one video, or the subjects cannot be divided.
    """
    result = CustomJobs()
    splits = splits_of(table, val_fraction, seed)
    used: dict[Path, str] = {}
    width = len(table.label_names)
    for name, video in sorted(table.videos.items()):
        try:
            handle = find_handle(source, [name])
        except InputError as error:
            result.problems.append(Problem(name, f'{table.path}: line {video.line}: {error}'))
            continue
        file = handle.path.resolve()  # a link may give a video a second name
        if file in used:
            raise InputError(
                f"{table.path}: line {video.line}: '{name}' and '{used[file]}' are the same video, {handle.path}"
            )
        used[file] = name
        job = VideoJob(name, splits[name], handle, video, width, video.subject, fps, row_tolerance)
        result.jobs.append(job)
    others = []
    for name in source.names():
        try:
            handle = find_handle(source, [name])
        except InputError as error:
            if keep_unlabelled:
                result.problems.append(Problem(name, str(error)))
            continue
        file = handle.path.resolve()
        if file not in used:
            used[file] = name
            others.append(name)
        elif used[file] != name and handle.path.is_symlink():
            result.notes.append(f"'{name}' is a link to '{used[file]}' and is left out")
    if keep_unlabelled:
        for name in others:
            handle = find_handle(source, [name])
            result.jobs.append(VideoJob(name, (UNLABELLED,), handle, None, width, None, fps))
        result.jobs.sort(key=lambda job: job.name)
    elif others:
        what = '1 video has no labels and is' if len(others) == 1 else f'{len(others)} videos have no labels and are'
        result.notes.append(f'{what} left out: {listed(others, 3)}')
    if table.unused:
        result.notes.append(f'columns that are not used: {", ".join(table.unused)}')
    result.notes += _leaks(table)
    result.problems += source.problems
    return result


def splits_of(table: CustomTable, val_fraction: float, seed: int) -> dict[str, tuple[str, ...]]:
    """Return the splits of each video: those of the table, or ``train`` and ``val`` by subject.

    Raises:
        InputError: if the subjects cannot be divided (see :func:`pyskl.preprocess.folds.hold_out`).
    """
    if all(video.splits is not None for video in table.videos.values()):
        return {name: video.splits or () for name, video in table.videos.items()}
    people = {name: video.subject or name for name, video in table.videos.items()}
    chosen = hold_out(people.values(), val_fraction, seed)
    return {name: ('val' if person in chosen else 'train',) for name, person in people.items()}


def _leaks(table: CustomTable) -> list[str]:
    """Return a note if a subject is in a split of training and in the one that scores it."""
    splits: dict[str, set[str]] = defaultdict(set)
    for video in table.videos.values():
        if video.subject is not None and video.splits is not None:
            splits[video.subject] |= set(video.splits)
    scoring = {name: {f'val{name[5:]}', f'test{name[5:]}'} for names in splits.values() for name in names}
    shared = sorted(
        subject
        for subject, names in splits.items()
        if any(name.startswith('train') and scoring[name] & names for name in names)
    )
    if not shared:
        return []
    names = ', '.join(shared[:3]) + (', ...' if len(shared) > 3 else '')
    return [f'subjects both trained on and scored: {names}: scores will say nothing about unseen faces']
