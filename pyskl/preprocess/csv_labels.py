"""Reading tables of labels: rows with their line numbers, and values by frame number."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyskl.action_units import au_number
from pyskl.errors import InputError, did_you_mean

__all__ = [
    'MAX_FRAME', 'FrameTable', 'check_regular', 'choose_aus', 'frame_number', 'iter_rows', 'read_frame_values',
    'stack_columns',
]  # fmt: skip

MAX_FRAME = 100_000_000
"""A frame number above this (19 days at 60 frames a second) is a mistake, not a reason to reserve memory for it."""

DELIMITERS = (',', ';', '\t')


@dataclass(frozen=True)
class FrameTable:
    """Values of a video by frame number.

    Attributes:
        frames: (N,) int64, the frame numbers, counted from 1, ascending; there may be gaps.
        values: (N, A) int8, -1 = unknown.
    """

    frames: np.ndarray
    values: np.ndarray

    @property
    def last_frame(self) -> int:
        """The highest frame number; 0 of an empty table."""
        return int(self.frames[-1]) if len(self.frames) else 0

    def digest(self) -> str:
        """Return a SHA-256 of the content."""
        return hashlib.sha256(self.frames.tobytes() + self.values.tobytes()).hexdigest()

    def placed(self, total_frames: int) -> np.ndarray:
        """Return (total_frames, A) int8: row t is frame number t + 1, -1 where the table has none."""
        placed = np.full((total_frames, self.values.shape[1]), -1, np.int8)
        inside = self.frames <= total_frames
        placed[self.frames[inside] - 1] = self.values[inside]
        return placed


def check_regular(path: Path) -> None:
    """Refuse what is there and no regular file, such as a pipe, whose reading would never end.

    Raises:
        InputError: naming the path.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f'{path}: is no regular file')


def _line_of_error(path: Path) -> int:
    """Return the line, from 1, in which a file stops being UTF-8."""
    with path.open('rb') as file:
        for line, text in enumerate(file, 1):
            try:
                text.decode('utf-8')
            except UnicodeDecodeError:
                return line
    return 1


def iter_rows(path: Path | str) -> Iterator[tuple[int, list[str]]]:
    """Read a text table row by row: comma, semicolon or tab, whichever the first row has most of.

    A byte order mark is dropped, empty lines are passed over, and cells are stripped of blanks.

    Yields:
        Line number, counted from 1, and cells.

    Raises:
        InputError: if the file cannot be read, is no UTF-8 text, or has no row at all.
    """
    path = Path(path)
    line, empty = 0, True
    check_regular(path)
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            first = next((text for text in file if text.strip()), '')
            delimiter = max(DELIMITERS, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                line = reader.line_num
                cells = list(map(str.strip, row))
                if any(cells):
                    empty = False
                    yield line, cells
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror or error})') from None
    except UnicodeDecodeError:
        where = f'{path}: line {_line_of_error(path)}'
        raise InputError(f'{where}: is no UTF-8 text; save the table as "CSV UTF-8"') from None
    except csv.Error as error:
        raise InputError(f'{path}: line {line + 1}: no row of a table ({error})') from None
    if empty:
        raise InputError(f'{path}: the file is empty')


def frame_number(text: str, path: Path | str, line: int) -> int:
    """Read a frame number counted from 1, also one that a spreadsheet has turned into ``12.0``.

    Raises:
        InputError: if it is none.
    """
    digits = text.removesuffix('.0')
    digits = digits.lstrip('0') if digits.isascii() and digits.isdecimal() else ''
    if not digits or len(digits) > len(str(MAX_FRAME)) or int(digits) > MAX_FRAME:
        raise InputError(f"{path}: line {line}: '{text[:40]}' is no frame number; frames are counted from 1")
    return int(digits)


def read_frame_values(path: Path | str, values: Mapping[str, int]) -> FrameTable:
    """Read a table without header whose rows are a frame number and one value.

    Args:
        path: the file.
        values: what a cell may say -> what it means.

    Returns:
        The values, (N, 1). Rows may stand in any order.

    Raises:
        InputError: naming the line that has no frame number and value, a value that is not allowed, or a frame number
            that an earlier line has.
    """
    found: dict[int, int] = {}
    for line, cells in iter_rows(path):
        if len(cells) != 2:
            raise InputError(f'{path}: line {line}: must be a frame number and a value, but has {len(cells)} cells')
        frame = frame_number(cells[0], path, line)
        if frame in found:
            raise InputError(f'{path}: line {line}: frame {frame} stands there twice')
        if cells[1] not in values:
            raise InputError(f"{path}: line {line}: '{cells[1]}' is no valid value, these are: {', '.join(values)}")
        found[frame] = values[cells[1]]
    frames = sorted(found)
    column = np.array([found[frame] for frame in frames], np.int8)
    return FrameTable(np.array(frames, np.int64), column[:, None])


def stack_columns(tables: Sequence[FrameTable]) -> FrameTable:
    """Put tables side by side, matched by frame number; -1 where one of them lacks a frame.

    Args:
        tables: at least one.
    """
    frames = np.unique(np.concatenate([table.frames for table in tables]))
    values = np.full((len(frames), sum(table.values.shape[1] for table in tables)), -1, np.int8)
    column = 0
    for table in tables:
        width = table.values.shape[1]
        values[np.searchsorted(frames, table.frames), column : column + width] = table.values
        column += width
    return FrameTable(frames, values)


def choose_aus(wanted: Sequence[str] | None, default: Sequence[str], coded: Sequence[str]) -> tuple[str, ...]:
    """Return the AUs that are wanted, in the order in which they are named.

    Args:
        wanted: names in any spelling (``AU1``, ``au01``, ``1``); None: the default.
        default: the AUs that are scored.
        coded: all AUs that the data set has.

    Raises:
        InputError: if one is not coded, or named twice.
    """
    if wanted is None:
        return tuple(default)
    chosen: list[str] = []
    for word in wanted:
        if len(word) > 20:
            raise InputError(f"--aus: '{word[:20]}...' is no Action Unit name; it must read like 'AU12'")
        au = f'AU{au_number("AU" + word.upper().removeprefix("AU"))}'
        if au not in coded:
            raise InputError(f'--aus: {au} is not coded in this data set; {did_you_mean(au, coded)}')
        if au in chosen:
            raise InputError(f'--aus: {au} is named twice')
        chosen.append(au)
    return tuple(chosen)
