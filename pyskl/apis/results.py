"""The Action Units of a video, frame by frame, and their table.

The table follows the columns that OpenFace made the habit of the field: ``_c`` for occurrence. In place of OpenFace's
intensity ``_r`` stands the probability of occurrence, ``_p``.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyskl.action_units import au_column, au_number
from pyskl.errors import InputError
from pyskl.files import replacing

__all__ = ['AUResult', 'AUSummary']

_FIXED_COLUMNS = ('frame', 'timestamp', 'confidence', 'success')


@dataclass(frozen=True)
class AUSummary:
    """One AU over a whole video.

    Attributes:
        au: its name, ``'AU12'``.
        active: share of the frames with a face in which it is active, 0..1; NaN without such frames.
        probability: mean probability over the same frames; NaN without such frames.
    """

    au: str
    active: float
    probability: float


@dataclass(frozen=True, eq=False)
class AUResult:
    """The Action Units of one face in one video.

    Attributes:
        frame: (T,) int64, number of each frame, from 1.
        timestamp: (T,) float64, seconds from the first frame.
        confidence: (T,) float32, mean keypoint score of the frame, 0 without a face.
        success: (T,) bool, whether a face was found.
        probability: (T, A) float32, NaN without a face.
        occurrence: (T, A) int8, 1 active, 0 not, -1 without a face.
        aus: the A names, ``'AU12'``.
        thresholds: the A probabilities from which an AU counts as active, or None where unknown (read from a table).
    """

    frame: np.ndarray
    timestamp: np.ndarray
    confidence: np.ndarray
    success: np.ndarray
    probability: np.ndarray
    occurrence: np.ndarray
    aus: tuple[str, ...]
    thresholds: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Bring the arrays to their types and check that they fit together.

        Raises:
            ValueError: if they do not.
        """
        types = {'frame': np.int64, 'timestamp': np.float64, 'confidence': np.float32, 'success': np.bool_}
        types |= {'probability': np.float32, 'occurrence': np.int8}
        for name, dtype in types.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        object.__setattr__(self, 'aus', tuple(self.aus))
        if self.thresholds is not None:
            object.__setattr__(self, 'thresholds', tuple(float(value) for value in self.thresholds))
        num_frames, num_aus = len(self.frame), len(self.aus)
        for name in types:
            expected = (num_frames, num_aus) if name in ('probability', 'occurrence') else (num_frames,)
            shape = getattr(self, name).shape
            if shape != expected:
                raise ValueError(f'{name} has shape {shape}, expected {expected}')
        if self.thresholds is not None and len(self.thresholds) != num_aus:
            raise ValueError(f'{len(self.thresholds)} thresholds for {num_aus} AUs')
        if np.isnan(self.probability[self.success]).any():
            raise ValueError('a frame with a face has no probability')

    def __len__(self) -> int:
        return len(self.frame)

    def summary(self) -> list[AUSummary]:
        """Return the share of active frames and the mean probability of each AU, over the frames with a face."""
        if not self.success.any():
            return [AUSummary(au, math.nan, math.nan) for au in self.aus]
        active = (self.occurrence[self.success] == 1).mean(axis=0)
        probability = self.probability[self.success].mean(axis=0, dtype=np.float64)
        return [AUSummary(au, float(active[i]), float(probability[i])) for i, au in enumerate(self.aus)]

    def to_csv(self, path: Path | str) -> None:
        """Write the table: one row for every frame of the video.

        Columns: ``frame, timestamp, confidence, success``, then the probabilities ``AU01_p`` ... and the occurrences
        ``AU01_c`` ...; the AU cells of a frame without a face are empty. The probabilities are written with as many
        digits as it takes to read the same float32 back, so that ``_p`` and ``_c`` never contradict each other.

        Raises:
            InputError: if the file cannot be written.
        """
        with replacing(path) as temporary, temporary.open('w', newline='', encoding='utf-8') as sink:
            writer = csv.writer(sink, lineterminator='\n')
            writer.writerow([*_FIXED_COLUMNS, *_au_columns(self.aus)])
            for row in range(len(self)):
                cells = [str(self.frame[row]), f'{self.timestamp[row]:.6f}', _number(self.confidence[row])]
                cells.append(str(int(self.success[row])))
                if self.success[row]:
                    cells += [_number(value) for value in self.probability[row]]
                    cells += [str(value) for value in self.occurrence[row]]
                else:
                    cells += [''] * (2 * len(self.aus))
                writer.writerow(cells)

    @classmethod
    def from_csv(cls, path: Path | str) -> AUResult:
        """Read a table written by :meth:`to_csv`. The thresholds are not in it.

        Raises:
            InputError: if the file is missing or is no such table; the message names the line.
        """
        path = Path(path)
        try:
            with path.open(newline='', encoding='utf-8-sig') as source:
                rows = list(csv.reader(source))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f'cannot read the AU table {path}: {error}') from error
        aus = _read_header(path, rows)
        records = [_read_row(path, line, row, len(aus)) for line, row in enumerate(rows[1:], 2)]
        fixed = np.array([record[:4] for record in records], np.float64).reshape(-1, 4)
        cells = np.array([record[4:] for record in records], np.float64).reshape(-1, 2 * len(aus))
        success = fixed[:, 3] == 1
        occurrence = np.where(success[:, None], cells[:, len(aus) :], -1)
        return cls(fixed[:, 0], fixed[:, 1], fixed[:, 2], success, cells[:, : len(aus)], occurrence, aus)


def _au_columns(aus: tuple[str, ...]) -> list[str]:
    names = [au_column(au) for au in aus]
    return [f'{name}_p' for name in names] + [f'{name}_c' for name in names]


def _number(value: np.float32) -> str:
    return np.format_float_positional(value, unique=True, trim='-')


def _read_header(path: Path, rows: list[list[str]]) -> tuple[str, ...]:
    header = rows[0] if rows else []
    names = header[4 : 4 + (len(header) - 4) // 2]
    try:
        aus = tuple(f'AU{au_number(name.removesuffix("_p"))}' for name in names)
    except InputError:
        aus = ()
    if not aus or header != [*_FIXED_COLUMNS, *_au_columns(aus)]:
        raise InputError(
            f'{path}: not an AU table of this project; line 1 must read '
            'frame,timestamp,confidence,success,AU01_p,...,AU01_c,...'
        )
    return aus


def _read_row(path: Path, line: int, row: list[str], num_aus: int) -> list[float]:
    expected = 4 + 2 * num_aus
    if len(row) != expected:
        raise InputError(f'{path}: line {line} has {len(row)} cells, expected {expected}')
    try:
        values = [float(cell) if cell else math.nan for cell in row]
    except ValueError as error:
        raise InputError(f'{path}: line {line}: {error}') from error
    known = values if values[3] == 1 else values[:4]
    if any(math.isnan(value) for value in known):
        raise InputError(f'{path}: line {line} has an empty cell that must be filled')
    return values
