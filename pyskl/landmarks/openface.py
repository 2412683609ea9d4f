"""Keypoints from the tables that OpenFace writes.

OpenFace: Baltrusaitis et al., OpenFace 2.0: Facial Behavior Analysis Toolkit, 2018.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyskl.errors import InputError
from pyskl.landmarks.tracking import FaceTracker
from pyskl.landmarks.types import Face, FrameFaces

__all__ = ['OPENFACE_LAYOUT', 'read_openface_csv']

OPENFACE_LAYOUT = 'openface68'
_NUM_POINTS = 68
_MAX_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class _Columns:
    """Where the columns are; ``face`` and ``timestamp`` may be missing."""

    count: int
    frame: int
    confidence: int
    success: int
    x: slice
    y: slice
    face: int | None
    timestamp: int | None


@dataclass(frozen=True)
class _Row:
    """One line: a face in a frame, or none (``success`` 0)."""

    line: int
    frame: int
    timestamp: float
    person: int
    face: Face | None


def read_openface_csv(path: Path | str) -> Iterator[FrameFaces]:
    """Read the face keypoints of a video from a table of OpenFace.

    The faces are followed anew: OpenFace's ``face_id`` is a number of the slot it keeps a face in, and a slot freed by
    one person is given to the next. The score of all keypoints of a face is its ``confidence``; a row with ``success``
    0, or a confidence of 0, is no face, and its coordinates are not read. Memory does not grow with the table.

    Args:
        path: the CSV file with the columns ``frame`` (from 1), ``confidence``, ``success``, ``x_0`` to ``x_67`` and
            ``y_0`` to ``y_67`` (pixels); ``timestamp`` and ``face_id`` are read if there, others are not.

    Yields:
        One record per frame in the table, in the layout ``openface68``. ``index`` is the frame number minus 1, the size
        of the picture is unknown (0, 0), and so is a missing timestamp (NaN).

    Raises:
        InputError: naming file and line, if it is no table of that form: a column is missing, a row is short, a cell is
            no number, frame numbers go down, or a frame has the same face twice.
    """
    tracker = FaceTracker()
    for rows in _frames(Path(path)):
        faces = [row.face for row in rows if row.face is not None]
        index = rows[0].frame - 1
        yield FrameFaces(index, rows[0].timestamp, (0, 0), tracker.update(index, faces))


def _frames(path: Path) -> Iterator[list[_Row]]:
    """Group the rows of each frame."""
    rows: list[_Row] = []
    for row in _rows(path):
        if rows and row.frame != rows[0].frame:
            if row.frame < rows[0].frame:
                raise InputError(f'{path}, line {row.line}: frame {row.frame} comes after frame {rows[0].frame}')
            yield rows
            rows = []
        for other in rows:
            if other.person == row.person:
                raise InputError(
                    f'{path}, line {row.line}: frame {row.frame} has face {row.person} already in line {other.line}'
                )
        rows.append(row)
    if rows:
        yield rows


def _rows(path: Path) -> Iterator[_Row]:
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            lines = csv.reader(file, skipinitialspace=True)
            header = next(lines, None)
            if not header:
                raise InputError(f'{path}: the file is empty')
            columns = _columns(header, path)
            for cells in lines:
                if cells:
                    yield _row(cells, columns, path, lines.line_num)
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except UnicodeDecodeError:
        raise InputError(f'{path}: not a text file in UTF-8') from None
    except csv.Error as error:
        raise InputError(f'{path}, line {lines.line_num}: not a CSV file ({error})') from None


def _columns(header: Sequence[str], path: Path) -> _Columns:
    place = {name.strip(): index for index, name in enumerate(header)}
    points = {axis: [f'{axis}_{index}' for index in range(_NUM_POINTS)] for axis in 'xy'}
    missing = [name for name in ('frame', 'confidence', 'success', *points['x'], *points['y']) if name not in place]
    if missing:
        more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
        raise InputError(
            f"{path}, line 1: no column '{missing[0]}'{more}; keypoints are written by OpenFace's option -2Dfp"
        )
    slices = {}
    for axis, names in points.items():
        first = place[names[0]]
        if [place[name] for name in names] != list(range(first, first + _NUM_POINTS)):
            raise InputError(f'{path}, line 1: the columns {axis}_0 to {axis}_67 must stand side by side, in order')
        slices[axis] = slice(first, first + _NUM_POINTS)
    return _Columns(
        len(header),
        place['frame'],
        place['confidence'],
        place['success'],
        slices['x'],
        slices['y'],
        place.get('face_id'),
        place.get('timestamp'),
    )


def _row(cells: list[str], columns: _Columns, path: Path, line: int) -> _Row:
    if len(cells) != columns.count:
        raise InputError(
            f'{path}, line {line}: {len(cells)} cells, the header has {columns.count}; it may be cut short'
        )
    try:
        frame, success = float(cells[columns.frame]), float(cells[columns.success])
        confidence = float(cells[columns.confidence])
        person = 0.0 if columns.face is None else float(cells[columns.face])
        timestamp = float('nan') if columns.timestamp is None else float(cells[columns.timestamp])
    except ValueError:
        raise _no_number(cells, columns, path, line) from None
    if not 1 <= frame <= _MAX_NUMBER or frame % 1:
        raise InputError(f"{path}, line {line}: frame '{cells[columns.frame].strip()}' is no number from 1")
    if success not in (0, 1) or not 0 <= confidence <= 1:
        raise InputError(
            f"{path}, line {line}: success '{cells[columns.success].strip()}' must be 0 or 1 and confidence "
            f"'{cells[columns.confidence].strip()}' from 0 to 1"
        )
    face = None
    if success and confidence:
        face = _face(cells, columns, confidence, path, line)
    return _Row(line, int(frame), timestamp, int(person) if abs(person) < _MAX_NUMBER else 0, face)


def _face(cells: list[str], columns: _Columns, confidence: float, path: Path, line: int) -> Face:
    try:
        values = [*map(float, cells[columns.x]), *map(float, cells[columns.y])]
    except ValueError:
        raise _no_number(cells, columns, path, line) from None
    keypoint = np.array(values).reshape(2, _NUM_POINTS)
    if not np.abs(keypoint).max() < 1e6:
        raise InputError(f'{path}, line {line}: a keypoint is not finite or beyond 1,000,000 pixels')
    return Face(keypoint.T.astype(np.float32, order='C'), np.full(_NUM_POINTS, confidence, np.float32))


def _no_number(cells: list[str], columns: _Columns, path: Path, line: int) -> InputError:
    """Name the first cell that is read and no number."""
    read = {
        'frame': columns.frame,
        'success': columns.success,
        'confidence': columns.confidence,
        'face_id': columns.face,
        'timestamp': columns.timestamp,
    }
    read |= {f'x_{index}': columns.x.start + index for index in range(_NUM_POINTS)}
    read |= {f'y_{index}': columns.y.start + index for index in range(_NUM_POINTS)}
    for name, place in read.items():
        if place is not None:
            try:
                float(cells[place])
            except ValueError:
                return InputError(f"{path}, line {line}: {name} is '{cells[place].strip()[:40]}', not a number")
    return InputError(f'{path}, line {line}: a cell is no number')
