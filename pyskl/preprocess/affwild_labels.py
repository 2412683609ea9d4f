"""The label files of Aff-Wild2: text, one row of twelve values per frame.

There are more than a million rows, so well-formed text is checked and read as an array of bytes. Only text that fails
there is read line by line: it is either written unusually, or wrong in a line that is to be named.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyskl.action_units import AFFWILD_AUS, au_number
from pyskl.errors import InputError
from pyskl.preprocess.csv_labels import check_regular
from pyskl.preprocess.faces import MAX_FRAMES

__all__ = ['label_matrix', 'read_challenge_labels', 'read_image_list', 'read_plain_labels']

NUM_AUS = len(AFFWILD_AUS)
BLOCK = 1 << 18  # bytes that are read together: few enough for the processor's cache
VALUES = {-1.0: -1, 0.0: 0, 1.0: 1}


def read_challenge_labels(path: Path) -> np.ndarray:
    """Read a file of the challenge: a header with the AUs, then row i for frame i (from 1), values 1, 0 and -1.

    A byte order mark, Windows line ends, blanks around values and blank lines at the end do no harm.

    Returns:
        (T, 12) int8.

    Raises:
        InputError: naming file and line: another header, too few or too many values, a value that is no label.
    """
    header, _, body = _content(path).partition(b'\n')
    _check_header(header.decode('utf-8'), path)
    if not body:
        raise InputError(f'{path}: line 2: there is a header, but no row of labels')
    return _parse(body, path, first_line=2)


def read_plain_labels(path: Path, bad: dict[int, str] | None = None) -> np.ndarray:
    """Read a label file of the older lists: rows of twelve values, with blanks or commas between, and no header.

    Args:
        path: the file.
        bad: takes what is wrong in a row, by its number from 0, and the row is unknown; None: that is an error.

    Returns:
        (N, 12) int8.

    Raises:
        InputError: as :func:`read_challenge_labels`.
    """
    return _parse(_content(path), path, 1, bad)


def read_image_list(path: Path, bad: dict[str, str] | None = None) -> tuple[dict[str, np.ndarray], int]:
    """Read the other half of an older list: a picture per line, ``<video>/00001.jpg``.

    Args:
        path: the file.
        bad: takes what is wrong with a video, by its name; None: that is an error.

    Returns:
        For each video (n, 2) int64: the number of each picture's frame (from 1) and its line (from 0), in the order of
        the lines; and the number of lines.

    Raises:
        InputError: naming file and line, if one names no picture of a video, or two name the same.
    """
    lines = _content(path).decode('utf-8').split('\n')
    found: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(lines):
        folder, _, name = line.strip().replace('\\', '/').rpartition('/')
        stem, video = name.rpartition('.')[0], folder.rpartition('/')[2]
        is_number = stem.isascii() and stem.isdecimal() and len(stem) < 10 and 0 < int(stem) <= MAX_FRAMES
        nameless = video in ('', '.', '..')
        if not is_number or nameless:
            message = f"{path}: line {number + 1}: must read <video>/00001.jpg, not '{line.strip()[:60]}'"
            if nameless or bad is None:
                raise InputError(message)
            bad.setdefault(video, message)
            continue
        found.setdefault(video, []).append((int(stem), number))
    arrays = {}
    for video, pairs in found.items():
        arrays[video] = array = np.array(pairs, np.int64)
        order = np.argsort(array[:, 0], kind='stable')
        twice = np.flatnonzero(np.diff(array[order, 0]) == 0)
        if len(twice):
            first, second = array[order[twice[0] : twice[0] + 2], 1] + 1
            frame = array[order[twice[0]], 0]
            message = f"{path}: line {second}: frame {frame} of '{video}' is already in line {first}"
            if bad is None:
                raise InputError(message)
            bad.setdefault(video, message)
    return arrays, len(lines)


def label_matrix(rows: np.ndarray, frames: np.ndarray | None, total_frames: int) -> np.ndarray:
    """Lay rows out by frame.

    Args:
        rows: (n, A) int8.
        frames: (n,) number of each row's frame, from 1; None: row i is frame i.
        total_frames: T, at least the highest number.

    Returns:
        (T, A) int8, -1 in frames without a row.
    """
    matrix = np.full((total_frames, rows.shape[1]), -1, np.int8)
    if frames is None:
        matrix[: len(rows)] = rows
    else:
        matrix[frames - 1] = rows
    return matrix


def _content(path: Path) -> bytes:
    """Read a text file, without byte order mark, carriage returns and blank lines at the end."""
    check_regular(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    content = content.removeprefix(b'\xef\xbb\xbf')
    try:
        content.decode('utf-8')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise InputError(f'{path}: line {line}: not a text file in UTF-8') from None
    content = content.replace(b'\r\n', b'\n').rstrip()
    if not content:
        raise InputError(f'{path}: the file is empty')
    return content


def _check_header(header: str, path: Path) -> None:
    expected = ','.join(AFFWILD_AUS)
    cells = [cell.strip() for cell in header.split(',')]
    try:
        names = [f'AU{au_number(cell.upper()[:20])}' for cell in cells]
    except InputError:
        raise InputError(f"{path}: line 1: the header must be {expected}, not '{header.strip()[:80]}'") from None
    if names == list(AFFWILD_AUS):
        return
    if sorted(names) == sorted(AFFWILD_AUS):
        place = next(i for i, name in enumerate(names) if name != AFFWILD_AUS[i])
        raise InputError(
            f'{path}: line 1: the header names the AUs in another order, {names[place]} where {AFFWILD_AUS[place]} '
            f'belongs; it must be {expected}'
        )
    missing = [au for au in AFFWILD_AUS if au not in names]
    wrong = f'{missing[0]} is missing' if missing else 'an AU is named twice or does not belong there'
    raise InputError(f'{path}: line 1: the header must be {expected}; {wrong}')


def _parse(body: bytes, path: Path, first_line: int, bad: dict[int, str] | None = None) -> np.ndarray:
    blocks, start = [], 0
    while start < len(body):
        end = body.find(b'\n', start + BLOCK)
        end = len(body) if end < 0 else end
        block = _parse_fast(body[start:end])
        if block is None:
            return _parse_lines(body, path, first_line, bad)
        blocks.append(block)
        start = end + 1
    return np.concatenate(blocks)


def _parse_fast(body: bytes) -> np.ndarray | None:
    """Read rows in the usual form, or return None: only ``-1``, ``0`` and ``1``, with one comma or blank between."""
    text = np.frombuffer(body + b'\n', np.uint8)
    is_end = text == ord('\n')
    breaks = np.flatnonzero(is_end | (text == ord(',')) | (text == ord(' ')))
    if len(breaks) % NUM_AUS or not is_end[breaks[NUM_AUS - 1 :: NUM_AUS]].all():
        return None
    if np.count_nonzero(is_end) * NUM_AUS != len(breaks):
        return None
    lengths = np.diff(breaks, prepend=-1) - 1
    last, before = text[breaks - 1], text[breaks - 2]  # the first value reaches around; its length tells
    is_one, negative = last == ord('1'), lengths == 2
    valid = (is_one | (last == ord('0'))) & ((lengths == 1) | (negative & is_one & (before == ord('-'))))
    if not valid.all():
        return None
    return np.where(negative, -1, is_one).astype(np.int8).reshape(-1, NUM_AUS)


def _parse_lines(body: bytes, path: Path, first_line: int, bad: dict[int, str] | None) -> np.ndarray:
    lines = body.decode('utf-8').split('\n')
    labels = np.full((len(lines), NUM_AUS), -1, np.int8)
    for row, line in enumerate(lines):
        try:
            labels[row] = _parse_line(line, f'{path}: line {first_line + row}')
        except InputError as error:
            if bad is None:
                raise
            bad[row] = str(error)
    return labels


def _parse_line(line: str, where: str) -> list[int]:
    cells = [cell.strip() for cell in line.split(',')] if ',' in line else line.split()
    if len(cells) != NUM_AUS:
        held = f'{len(cells)} values' if line.strip() else 'is blank'
        raise InputError(f'{where}: {held}, must hold {NUM_AUS}, one per AU')
    values = []
    for column, cell in enumerate(cells):
        try:
            values.append(VALUES[float(cell)])
        except (ValueError, KeyError):
            raise InputError(f"{where}: {AFFWILD_AUS[column]} is '{cell[:40]}', must be 1, 0 or -1") from None
    return values
