"""BP4D (Zhang et al., BP4D-Spontaneous, Image and Vision Computing 2014): its codes, subjects and folds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.action_units import au_number
from pyskl.errors import InputError
from pyskl.preprocess.csv_labels import FrameTable, frame_number, iter_rows, read_frame_values, stack_columns
from pyskl.preprocess.folds import Folds
from pyskl.preprocess.video_job import TableLabels, file_facts

__all__ = [
    'BP4D_AUS', 'BP4D_CODED_AUS', 'BP4D_FOLDS', 'BP4D_INTENSITY_AUS', 'Bp4dLabels', 'find_codes', 'read_intensities',
    'read_occurrences', 'video_names',
]  # fmt: skip

BP4D_AUS: tuple[str, ...] = (
    'AU1', 'AU2', 'AU4', 'AU6', 'AU7', 'AU10', 'AU12', 'AU14', 'AU15', 'AU17', 'AU23', 'AU24',
)  # fmt: skip
"""The twelve AUs that are scored on BP4D."""

BP4D_CODED_AUS: tuple[str, ...] = tuple(f'AU{number}' for number in range(1, 100))
"""The columns of an occurrence file; most of them are 9 (not coded) in every frame."""

BP4D_INTENSITY_AUS: tuple[str, ...] = ('AU6', 'AU10', 'AU12', 'AU14', 'AU17')
"""The AUs whose intensity was coded."""

_FOLDS = (
    'F001 M007 F018 F008 F002 M004 F010 F009 M012 M001 F016 M014 F023 M008',
    'M011 F003 M010 M002 F005 F022 M018 M017 F013 M016 F020 F011 M013 M005',
    'F007 F015 F006 F019 M006 M009 F012 M003 F004 F021 F017 M015 F014',
)
BP4D_FOLDS = Folds([fold.split() for fold in _FOLDS], "BP4D's customary folds")
"""The three folds that papers on BP4D report."""

_NAME = re.compile(r'([A-Z]+\d+)_(T\d+)', re.ASCII)

OCCURRENCES = {'0': 0, '1': 1, '9': -1}
INTENSITIES = {**{str(level): level for level in range(6)}, '9': -1}


@dataclass(frozen=True)
class Bp4dLabels:
    """The labels of one sequence, to be read when its turn comes.

    Attributes:
        path: ``AU_OCC/<subject>_<task>.csv``.
        aus: the AUs wanted.
        intensity: whether the intensities are wanted too.
    """

    path: Path
    aus: tuple[str, ...]
    intensity: bool

    def fingerprint(self) -> Any:
        """Return size and time of change of the files."""
        others = [intensity_file(self.path, au) for au in self.aus] if self.intensity else []
        return file_facts([self.path, *(path for path in others if path is not None)])

    def read(self) -> TableLabels:
        """Read them; see :func:`read_occurrences` and :func:`read_intensities`."""
        intensity = read_intensities(self.path, self.aus) if self.intensity else None
        return TableLabels(read_occurrences(self.path, self.aus), intensity)


def video_names(subject: str, task: str) -> tuple[str, ...]:
    """Return the names under which a sequence's pictures or keypoints may lie."""
    return f'{subject}_{task}', f'{subject}/{task}'


def find_codes(folder: Path | str, misnamed: list[str] | None = None) -> list[tuple[str, str, Path]]:
    """List the occurrence files of a release.

    Args:
        folder: holds ``AU_OCC/<subject>_<task>.csv``, in any case, or is that folder.
        misnamed: takes the names of the tables that are named otherwise, and are passed over.

    Returns:
        Subject, task and file of each sequence, in the order of their names.

    Raises:
        InputError: if the folder cannot be read or has no such file, or two names differ in case alone.
    """
    folder = Path(folder)
    place = folder / 'AU_OCC' if (folder / 'AU_OCC').is_dir() else folder
    try:
        files = sorted(path for path in place.iterdir() if path.suffix.lower() == '.csv')
    except OSError as error:
        raise InputError(f'{place}: cannot be read ({error.strerror or error})') from None
    found: dict[tuple[str, str], Path] = {}
    for path in files:
        match = _NAME.fullmatch(path.stem.upper())
        if match is None:
            if misnamed is not None:
                misnamed.append(path.name)
            continue
        if match.groups() in found:
            raise InputError(f'{path}: {found[match.groups()].name} is of the same sequence; remove one')
        found[match.group(1), match.group(2)] = path
    if not found:
        raise InputError(f'{place}: no occurrence codes there; expected files such as AU_OCC/F001_T1.csv')
    return [(subject, task, path) for (subject, task), path in sorted(found.items(), key=lambda item: item[1].name)]


def read_occurrences(path: Path | str, aus: Sequence[str] = BP4D_AUS) -> FrameTable:
    """Read one occurrence file.

    The first row names the columns: the frame number (0), then AU numbers. In every other row 1 is present, 0 absent
    and 9 not codable, which becomes -1. Frames are matched by their number; the coded ones are a part of the video.

    Args:
        path: ``AU_OCC/<subject>_<task>.csv``.
        aus: the AUs wanted, in the order of the result's columns.

    Raises:
        InputError: naming the file and line that cannot be used.
    """
    rows = iter_rows(path)
    line, header = next(rows)
    columns = _columns(header, path, line)
    missing = [au for au in aus if au_number(au) not in columns]
    if missing:
        raise InputError(f'{path}: line {line}: there is no column for {", ".join(missing)}')
    wanted = [(au, columns[au_number(au)]) for au in aus]
    found: dict[int, list[int]] = {}
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(f'{path}: line {line}: has {len(cells)} cells, but the first row has {len(header)}')
        frame = frame_number(cells[0], path, line)
        if frame in found:
            raise InputError(f'{path}: line {line}: frame {frame} stands there twice')
        for au, column in wanted:
            if cells[column] not in OCCURRENCES:
                raise InputError(f"{path}: line {line}: {au} is '{cells[column]}', it must be 0, 1 or 9 (not codable)")
        found[frame] = [OCCURRENCES[cells[column]] for _, column in wanted]
    if not found:
        raise InputError(f'{path}: line {line + 1}: there is a first row, but no row of a frame')
    frames = sorted(found)
    values = np.array([found[frame] for frame in frames], np.int8).reshape(len(frames), len(wanted))
    return FrameTable(np.array(frames, np.int64), values)


def read_intensities(occurrences: Path | str, aus: Sequence[str] = BP4D_AUS) -> FrameTable:
    """Read the intensities that belong to an occurrence file: ``AU_INT/AU06/<subject>_<task>_AU06.csv``.

    Rows are a frame number and 0..5, or 9 for unknown, which becomes -1. An AU that was not coded for intensity is -1.

    Args:
        occurrences: ``AU_OCC/<subject>_<task>.csv``.
        aus: the AUs wanted, in the order of the result's columns.

    Raises:
        InputError: naming the file that is missing, or the file and line that cannot be used.
    """
    tables = []
    for au in aus:
        path = intensity_file(occurrences, au)
        if path is None:
            tables.append(FrameTable(np.zeros(0, np.int64), np.zeros((0, 1), np.int8)))
        else:
            tables.append(read_frame_values(path, INTENSITIES))
    return stack_columns(tables)


def intensity_file(occurrences: Path | str, au: str) -> Path | None:
    """Return where the intensity of an AU stands for an occurrence file; None for an AU that was not coded so."""
    if au not in BP4D_INTENSITY_AUS:
        return None
    occurrences = Path(occurrences)
    name = f'AU{au_number(au):02d}'
    place = occurrences.parent.parent / 'AU_INT' / name
    spelled = [place / f'{stem}_{name}.csv' for stem in (occurrences.stem, occurrences.stem.upper())]
    return next((path for path in spelled if path.exists()), spelled[0])


def _columns(header: Sequence[str], path: Path | str, line: int) -> dict[int, int]:
    """AU number -> column; a data row in the header's place is recognised."""
    columns: dict[int, int] = {}
    for column, cell in enumerate(header[1:], 1):
        if not cell and column == len(header) - 1:
            break  # a comma at the end of every line
        match = re.fullmatch(r'(?:AU)?0*(\d{1,3})', cell, re.IGNORECASE)
        number = int(match.group(1)) if match else 0
        if header[0].lower() not in ('0', 'frame') or number < 1 or number in columns:
            raise InputError(
                f'{path}: line {line}: must name the columns, the frame (0) and then AU numbers; '
                f"the cell '{header[0] if header[0].lower() not in ('0', 'frame') else cell}' does not"
            )
        columns[number] = column
    return columns
