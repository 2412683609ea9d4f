"""Which JSON files of OpenPifPaf belong to which video, for folders of millions of them."""

from __future__ import annotations

import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pyskl.errors import InputError

__all__ = ['PifPafVideo', 'index_openpifpaf']

_NAME = re.compile(
    r'(?:(?P<video>.+)\.)?(?P<number>\d+)(?P<picture>\.(?:jpe?g|png|bmp))?\.predictions\.json', re.I | re.S
)
_MAX_DEPTH = 3
_MAX_NUMBER = 2**31 - 1


@dataclass
class PifPafVideo:
    """The files of one video.

    They are kept as numbers: a frame costs 6 bytes, whatever the length of its path.

    Attributes:
        name: the video.
        numbers: (N,) int32 frame numbers, counted from 1, going up, each once.
        problem: why its files cannot be used, or None.
    """

    name: str
    numbers: np.ndarray
    problem: str | None
    _forms: list[tuple[Path, str, str]] = field(repr=False)
    _form: np.ndarray = field(repr=False)
    _width: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def pattern(self) -> str:
        """What the files are called, with ``*`` for the number: of the last one, if they are named in several ways."""
        if not len(self):
            return self.name
        folder, before, after = self._forms[self._form[-1]]
        return f'{folder / before}*{after}'

    def files(self) -> Iterator[tuple[int, Path]]:
        """Give frame number and path of each file, in order of the numbers, for :func:`read_openpifpaf`."""
        for number, form, width in zip(self.numbers.tolist(), self._form.tolist(), self._width.tolist(), strict=True):
            folder, before, after = self._forms[form]
            yield number, folder / f'{before}{number:0{width}d}{after}'


class _Collector:
    """Gathers the files of a video in the order in which the folder gives them."""

    def __init__(self) -> None:
        self.problem: str | None = None
        self.forms: dict[tuple[str, str, str], int] = {}
        self.numbers, self.form, self.width = array('i'), array('B'), array('B')

    def add(self, folder: str, before: str, digits: str, after: str) -> None:
        number = int(digits) if len(digits) < 20 else _MAX_NUMBER + 1
        if number > _MAX_NUMBER or number < 1:
            path = Path(folder, f'{before}{digits}{after}')
            self.problem = self.problem or f'{path}: frame number {digits[:20]}; frames are numbered from 1'
            return
        form = self.forms.setdefault((folder, before, after), len(self.forms))
        if form > 255:
            del self.forms[folder, before, after]
            message = f'the files of one video are named in more than 256 ways, such as {before}{digits}{after}'
            self.problem = self.problem or f'{folder}: {message}'
            return
        self.numbers.append(number)
        self.form.append(form)
        self.width.append(len(digits))

    def finish(self, name: str) -> PifPafVideo:
        numbers = np.array(self.numbers, np.int32)
        order = np.argsort(numbers, kind='stable')
        video = PifPafVideo(
            name,
            numbers[order],
            self.problem,
            [(Path(folder), before, after) for folder, before, after in self.forms],
            np.array(self.form, np.uint8)[order],
            np.array(self.width, np.uint8)[order],
        )
        repeated = np.flatnonzero(video.numbers[1:] == video.numbers[:-1])
        if len(repeated):
            paths = [path for _, path in video.files()][repeated[0] : repeated[0] + 2]
            video.problem = f'{paths[0]} and {paths[1]} are both frame {video.numbers[repeated[0]]} of {name}'
        return video


def index_openpifpaf(folder: Path | str, strays: list[str] | None = None) -> dict[str, PifPafVideo]:
    """Find the JSON files of OpenPifPaf in a folder.

    A video whose files cannot be used (two for one frame, a frame number of 0) says so in ``problem``; the others are
    not affected. Files that are named by their frame alone belong to the video their folder is named after, with the
    folders above it (``F001/T1``) where two folders have that name.

    Known are ``<video>.<frame>.predictions.json`` in the folder itself or in one below it, and
    ``<video>/<frame>.predictions.json``. The frame number may be padded with any number of zeros and be followed by
    the suffix of a picture, as in ``00001.jpg.predictions.json``. The video's name may contain dots and digits. Folders
    are searched three levels deep; other files are passed over.

    Args:
        folder: where to look.
        strays: takes the paths of files that have no frame number in their name; None: they are an error.

    Returns:
        The files of each video, by its name, names sorted.

    Raises:
        InputError: if the folder cannot be read or has no such file, or a file has no frame number in its name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f'no such folder: {folder}')
    videos: dict[str, _Collector] = {}
    found: list[str] = []
    _scan(str(folder), folder.absolute().name, videos, _MAX_DEPTH, found)
    if found and strays is None:
        raise InputError(stray_message(found[0]))
    if strays is not None:
        strays += found
    leaves = Counter(name.rpartition('/')[2] for name in videos)
    videos = {name if leaves[leaf := name.rpartition('/')[2]] > 1 else leaf: found for name, found in videos.items()}
    if not videos:
        raise InputError(f'{folder}: no file of OpenPifPaf in it, such as <video>.<frame>.predictions.json')
    return {name: videos[name].finish(name) for name in sorted(videos)}


def stray_message(path: str) -> str:
    """Return what is wrong with a file that has no frame number in its name."""
    return f'{path}: no frame number in its name; <video>.<frame>.predictions.json is expected'


def _scan(folder: str, name: str, videos: dict[str, _Collector], depth: int, strays: list[str]) -> None:
    below = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                match = _NAME.fullmatch(entry.name)
                if match is None:
                    if entry.name.lower().endswith('.predictions.json'):
                        strays.append(entry.path)
                    elif depth > 1 and not entry.name.startswith('.') and entry.is_dir():
                        below.append(entry.name)
                    continue
                video, start, end = match['video'], match.start('number'), match.end('number')
                collector = videos.get(video or name)
                if collector is None:
                    collector = videos[video or name] = _Collector()
                collector.add(folder, entry.name[:start], match['number'], entry.name[end:])
    except OSError as error:
        raise InputError(f'{error.filename or folder}: cannot be read ({error.strerror})') from None
    for inner in sorted(below):
        place = inner if depth == _MAX_DEPTH else f'{name}/{inner}'
        _scan(os.path.join(folder, inner), place, videos, depth - 1, strays)  # noqa: PTH118 - strings, for speed
