"""Finding the label files of Aff-Wild2: those of the challenge, or the older lists."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pyskl.errors import InputError
from pyskl.preprocess.affwild_labels import read_challenge_labels, read_image_list, read_plain_labels
from pyskl.preprocess.summary import Problem, listed

__all__ = ['SUBSETS', 'LabelRows', 'Labels', 'find_labels', 'label_notes']

SUBSETS = {'Train_Set': 'train', 'Validation_Set': 'val'}
"""Folder of the release -> split."""

LISTS = {'train': 'Train_Set', 'val': 'Validation_Set'}


class LabelRows(Protocol):
    """The labels of one subject, read when they are needed."""

    path: Path

    def read(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return (n, 12) int8 rows, and the frame number (from 1) of each, or None: row i is frame i."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what they depend on."""


@dataclass(frozen=True)
class ChallengeFile:
    """The label file of one subject."""

    path: Path

    def read(self) -> tuple[np.ndarray, np.ndarray | None]:
        """See :class:`LabelRows`."""
        return read_challenge_labels(self.path), None

    def fingerprint(self) -> dict[str, Any]:
        """See :class:`LabelRows`."""
        stat = self.path.stat()
        return {'size': stat.st_size, 'changed': stat.st_mtime_ns}


@dataclass(frozen=True)
class ListedRows:
    """The rows of one subject in an older list."""

    path: Path
    frames: np.ndarray
    rows: np.ndarray

    def read(self) -> tuple[np.ndarray, np.ndarray | None]:
        """See :class:`LabelRows`."""
        return self.rows, self.frames

    def fingerprint(self) -> dict[str, Any]:
        """See :class:`LabelRows`."""
        return {'sha256': hashlib.sha256(self.frames.tobytes() + self.rows.tobytes()).hexdigest()}


@dataclass(frozen=True)
class Labels:
    """The labels of one subject.

    Attributes:
        name: the id of the track: name of the video, with ``_left`` or ``_right`` where two subjects are in it.
        subset: ``Train_Set`` or ``Validation_Set``.
        rows: the labels.
    """

    name: str
    subset: str
    rows: LabelRows


def find_labels(root: Path) -> tuple[list[Labels], list[Problem]]:
    """Find the labels of the release.

    Args:
        root: the folder with ``Train_Set`` and ``Validation_Set`` (one may be missing), or with the older lists, or a
            parent of exactly one such folder.

    Returns:
        The labels, training first, by name; and those that cannot be used, because two files are of one subject, or
        a line of an older list is wrong.

    Raises:
        InputError: if there are none, or more than one such folder, or a list cannot be read.
    """
    if not root.is_dir():
        raise InputError(f'--annotations: no such folder: {root}')
    places = _label_folders(root)
    if not places:
        raise InputError(
            f'--annotations: {root} holds neither Train_Set/ and Validation_Set/ nor AffWild2_train_img_path.txt'
        )
    if len(places) > 1:
        raise InputError(f'--annotations: {root} holds labels in {places[0]} and in {places[1]}; name one of them')
    folders = _subset_folders(places[0])
    labels, problems = (_challenge_labels(folders), []) if folders else _listed_labels(places[0])
    if not labels and not problems:
        raise InputError(f'--annotations: no label file (.txt) in {places[0]}')
    labels, doubles = _without_doubles(labels)
    return labels, [*problems, *doubles]


def label_notes(root: Path) -> list[str]:
    """Return a line about the files that lie among the labels and are not read, if there are some.

    Args:
        root: as for :func:`find_labels`, which must have found labels there.
    """
    others = []
    for folder in _subset_folders(_label_folders(root)[0]).values():
        for path in sorted(folder.iterdir()):
            is_text = path.suffix.lower() == '.txt'
            if is_text if path.name.startswith('.') else not (is_text and path.is_file()):
                others.append(f'{folder.name}/{path.name}')
    if not others:
        return []
    what = '1 file is' if len(others) == 1 else f'{len(others)} files are'
    return [f'{what} not named like Train_Set/<video>.txt, and not read: {listed(others)}']


def _label_folders(root: Path, depth: int = 2) -> list[Path]:
    if _subset_folders(root) or any(_lists(root)):
        return [root]
    if depth == 0:
        return []
    return [place for folder in _children(root) if folder.is_dir() for place in _label_folders(folder, depth - 1)]


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith('.'))
    except OSError as error:
        raise InputError(f'{folder}: cannot be read ({error.strerror})') from None


def _subset_folders(root: Path) -> dict[str, Path]:
    wanted = {name.lower(): name for name in SUBSETS}
    found: dict[str, Path] = {}
    for path in _children(root):
        name = wanted.get(path.name.lower().replace(' ', '_'))
        if name is None or not path.is_dir():
            continue
        if name in found:
            raise InputError(f'--annotations: {found[name]} and {path} are both the {name}')
        found[name] = path
    return {name: found[name] for name in SUBSETS if name in found}


def _challenge_labels(folders: Mapping[str, Path]) -> list[Labels]:
    return [
        Labels(path.stem, subset, ChallengeFile(path))
        for subset, folder in folders.items()
        for path in _children(folder)
        if path.suffix.lower() == '.txt' and path.is_file()
    ]


def _lists(root: Path) -> list[tuple[str, Path, Path]]:
    """Return (split, picture list, label list) of each older pair of which a half is there."""
    pairs = ((split, root / f'AffWild2_{split}_img_path.txt', root / f'AffWild2_{split}_label.txt') for split in LISTS)
    return [pair for pair in pairs if pair[1].exists() or pair[2].exists()]


def _listed_labels(root: Path) -> tuple[list[Labels], list[Problem]]:
    labels, problems = [], []
    for split, pictures, values in _lists(root):
        for path in (pictures, values):
            if not path.is_file():
                raise InputError(f'--annotations: {path} is missing; the lists come in pairs')
        bad: dict[str, str] = {}
        bad_rows: dict[int, str] = {}
        videos, num_lines = read_image_list(pictures, bad)
        rows = read_plain_labels(values, bad_rows)
        if len(rows) != num_lines:
            raise InputError(
                f'{values}: {len(rows)} rows of labels, but {pictures} names {num_lines} pictures; line i of the one '
                'belongs to line i of the other'
            )
        for video in sorted(videos):
            frames, lines = videos[video].T
            wrong = next((line for line in lines.tolist() if line in bad_rows), None) if bad_rows else None
            if wrong is not None:
                bad.setdefault(video, bad_rows[wrong])
            if video in bad:
                continue
            labels.append(Labels(video, LISTS[split], ListedRows(values, frames, rows[lines])))
        problems += [Problem(video, message) for video, message in sorted(bad.items())]
    return labels, problems


def _without_doubles(labels: Sequence[Labels]) -> tuple[list[Labels], list[Problem]]:
    groups: dict[str, list[Labels]] = {}
    for item in labels:
        groups.setdefault(item.name.casefold(), []).append(item)
    problems = [
        Problem(
            group[0].name,
            f"two annotations for the video '{group[0].name}': {group[0].rows.path} and {group[1].rows.path}; "
            'remove one',
        )
        for group in groups.values()
        if len(group) > 1
    ]
    return [item for item in labels if len(groups[item.name.casefold()]) == 1], problems
