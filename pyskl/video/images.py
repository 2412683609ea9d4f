"""A folder of numbered pictures, read like a video."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from pyskl.errors import InputError
from pyskl.video.reader import Frame

__all__ = ['IMAGE_SUFFIXES', 'has_images', 'iter_images', 'list_images']

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')

MAX_SPARSE = 100_000
"""Frames a folder may stand for, however few pictures it holds."""

MAX_GAP = 100
"""Frames beyond that for each picture."""

_LAST_NUMBER = re.compile(r'\d+(?=\D*$)')


def has_images(folder: Path | str) -> bool:
    """Whether a folder holds pictures, judged by their suffixes."""
    try:
        with os.scandir(folder) as entries:
            return any(_is_image(entry.name) and entry.is_file() for entry in entries)
    except OSError as error:
        raise InputError(f'{folder}: cannot be read ({error.strerror})') from None


def list_images(folder: Path | str) -> list[tuple[int, str]]:
    """List the pictures of a folder.

    Args:
        folder: a folder with pictures whose names hold their frame number, such as ``00001.jpg`` or
            ``frame_12.png``: the last run of digits, counted from 1. Other files and hidden files are passed over.

    Returns:
        (number, file name) of each picture, by number.

    Raises:
        InputError: if the folder cannot be read or has no picture, a name has no number or 0, two pictures have the
            same number, or the numbers are dates or times rather than frames: every frame from 1 to the last number
            gets a row, so that must be at most :data:`MAX_SPARSE`, or 100 for each picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f'no such folder: {folder}')
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_image(entry.name) and entry.is_file():
                    found.append((_number(entry.name, folder), entry.name))
    except OSError as error:
        raise InputError(f'{folder}: cannot be read ({error.strerror})') from None
    if not found:
        raise InputError(f'{folder}: no picture in it ({", ".join(IMAGE_SUFFIXES)})')
    found.sort()
    for (number, name), (other, other_name) in pairwise(found):
        if number == other:
            raise InputError(f'{folder}: {name} and {other_name} are both frame {number}')
    last, name = found[-1]
    if last > max(MAX_SPARSE, MAX_GAP * len(found)):
        raise InputError(
            f'{folder}: {name} would be frame {last:,}, but there are only {len(found):,} pictures; is that a date or '
            'a time? name them by frame: 00001.jpg, 00002.jpg, ...'
        )
    return found


def iter_images(folder: Path | str) -> Iterator[Frame]:
    """Decode a folder of pictures one by one; only one is held at a time.

    Args:
        folder: as in :func:`list_images`.

    Yields:
        Frames by number, with ``index`` the number minus 1; numbers may be left out. Their timestamps are unknown
        (NaN), and their sizes may differ.

    Raises:
        InputError: as :func:`list_images`, or if a picture is unreadable or cut short.
    """
    folder = Path(folder)
    for number, name in list_images(folder):
        yield Frame(number - 1, float('nan'), _decode(folder / name))


def _decode(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned upright as its EXIF record says."""
    import cv2

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    if not content:
        raise InputError(f'{path}: the file is empty')
    if _is_cut(content):
        raise InputError(f'{path}: the picture is incomplete; copy or download it again')
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f'{path}: not a readable picture, or an incomplete one')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _is_cut(content: bytes) -> bool:
    """Whether the end of a JPEG or PNG is missing; OpenCV fills in grey and says nothing."""
    if content.startswith(b'\xff\xd8'):
        # The end mark must follow the last scan: a thumbnail inside the file has an end of its own.
        return content.rfind(b'\xff\xd9') < content.rfind(b'\xff\xda')
    if content.startswith(b'\x89PNG'):
        return b'IEND' not in content
    return False


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith('.')


def _number(name: str, folder: Path) -> int:
    match = _LAST_NUMBER.search(name.rpartition('.')[0])
    number = int(match[0]) if match and len(match[0]) < 10 else None
    if not number:
        raise InputError(f'{folder / name}: a picture needs its frame number in its name, from 1, such as 00001.jpg')
    return number
