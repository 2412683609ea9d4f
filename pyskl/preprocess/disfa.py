"""DISFA (Mavadati et al., IEEE Transactions on Affective Computing 2013): its codes, subjects and folds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.action_units import au_number
from pyskl.errors import InputError
from pyskl.preprocess.csv_labels import FrameTable, read_frame_values, stack_columns
from pyskl.preprocess.folds import Folds
from pyskl.preprocess.video_job import TableLabels, file_facts

__all__ = [
    'DISFA_AUS', 'DISFA_CODED_AUS', 'DISFA_FOLDS', 'DisfaLabels', 'find_subjects', 'occurrences_of', 'read_intensities',
    'video_names',
]  # fmt: skip

DISFA_AUS: tuple[str, ...] = ('AU1', 'AU2', 'AU4', 'AU6', 'AU9', 'AU12', 'AU25', 'AU26')
"""The eight AUs that are scored on DISFA."""

DISFA_CODED_AUS: tuple[str, ...] = (
    'AU1', 'AU2', 'AU4', 'AU5', 'AU6', 'AU9', 'AU12', 'AU15', 'AU17', 'AU20', 'AU25', 'AU26',
)  # fmt: skip
"""The twelve AUs that were coded."""

_FOLDS = (
    'SN002 SN010 SN001 SN026 SN027 SN032 SN030 SN009 SN016',
    'SN013 SN018 SN011 SN028 SN012 SN006 SN031 SN021 SN024',
    'SN003 SN029 SN023 SN025 SN008 SN005 SN007 SN017 SN004',
)
DISFA_FOLDS = Folds([fold.split() for fold in _FOLDS], "DISFA's customary folds")
"""The three folds that papers on DISFA report."""

INTENSITIES = {str(level): level for level in range(6)}


@dataclass(frozen=True)
class DisfaLabels:
    """The labels of one subject, to be read when their turn comes.

    Attributes:
        folder: ``ActionUnit_Labels/<subject>``.
        aus: the AUs wanted.
        threshold: the intensity from which an AU counts as present.
        intensity: whether the intensities are wanted too.
    """

    folder: Path
    aus: tuple[str, ...]
    threshold: int
    intensity: bool

    def fingerprint(self) -> Any:
        """Return size and time of change of the files."""
        return file_facts(intensity_file(self.folder, au) for au in self.aus)

    def read(self) -> TableLabels:
        """Read them; see :func:`read_intensities` and :func:`occurrences_of`."""
        table = read_intensities(self.folder, self.aus)
        label = FrameTable(table.frames, occurrences_of(table.values, self.threshold))
        return TableLabels(label, table if self.intensity else None)


def video_names(subject: str, camera: str = 'left') -> tuple[str, ...]:
    """Return the names under which a subject's pictures or keypoints may lie, for the left or the right camera."""
    video = f'{camera.capitalize()}Video{subject}'
    return (f'{video}_comp', video, f'{video}_Comp', subject)


def find_subjects(folder: Path | str, misnamed: list[str] | None = None) -> list[tuple[str, Path]]:
    """List the coded subjects of a release.

    Args:
        folder: holds ``ActionUnit_Labels/<subject>/<subject>_au1.txt``, or is ``ActionUnit_Labels``; names in
            any case.
        misnamed: takes the names of the folders that are named otherwise, and are passed over.

    Returns:
        Each subject with its folder, in the order of their names.

    Raises:
        InputError: if the folder cannot be read or has no such subject, or two names differ in case alone.
    """
    folder = Path(folder)
    place = folder / 'ActionUnit_Labels' if (folder / 'ActionUnit_Labels').is_dir() else folder
    try:
        entries = sorted(path for path in place.iterdir() if not path.name.startswith('.'))
    except OSError as error:
        raise InputError(f'{place}: cannot be read ({error.strerror or error})') from None
    found: dict[str, Path] = {}
    for path in entries:
        subject = path.name.upper()
        if re.fullmatch(r'SN\d+', subject, re.ASCII):
            if subject in found:
                raise InputError(f'{path}: {found[subject].name} is the same subject; remove one')
            found[subject] = path
        elif misnamed is not None and path.is_dir() and (place != folder or subject.startswith('SN')):
            misnamed.append(path.name)
    if not found:
        raise InputError(f'{place}: no coded subject there; expected folders such as ActionUnit_Labels/SN001')
    return sorted(found.items())


def intensity_file(folder: Path | str, au: str) -> Path:
    """Return where the codes of an AU stand in a subject's folder."""
    folder = Path(folder)
    spelled = [folder / f'{name}_au{au_number(au)}.txt' for name in (folder.name, folder.name.upper())]
    return next((path for path in spelled if path.exists()), spelled[0])


def read_intensities(folder: Path | str, aus: Sequence[str] = DISFA_AUS) -> FrameTable:
    """Read the intensities of one subject, one file for each AU, matched by frame number.

    Args:
        folder: ``ActionUnit_Labels/<subject>``.
        aus: the AUs wanted, in the order of the result's columns.

    Returns:
        Intensities 0..5; -1 for a frame that the file of an AU lacks.

    Raises:
        InputError: naming the file that is missing, or the file and line that cannot be used.
    """
    return stack_columns([read_frame_values(intensity_file(folder, au), INTENSITIES) for au in aus])


def occurrences_of(intensities: np.ndarray, threshold: int = 2) -> np.ndarray:
    """Turn intensities into occurrences: 1 from ``threshold`` on, 0 below, -1 where unknown; int8, same shape."""
    return np.where(intensities < 0, -1, intensities >= threshold).astype(np.int8)
