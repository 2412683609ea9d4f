"""Reading the keypoints of one video, the same way for every kind of source.

Handles are small and picklable, so that they can be sent to worker processes.
"""

from __future__ import annotations

import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyskl.errors import InputError
from pyskl.landmarks.openface import OPENFACE_LAYOUT, read_openface_csv
from pyskl.landmarks.openpifpaf import OPENPIFPAF_LAYOUT, read_openpifpaf
from pyskl.landmarks.openpifpaf_index import PifPafVideo
from pyskl.landmarks.types import FrameFaces
from pyskl.preprocess.csv_labels import iter_rows
from pyskl.preprocess.faces import FaceTable, gather_faces
from pyskl.video.images import iter_images, list_images
from pyskl.video.reader import Frame, check_video, iter_frames

if TYPE_CHECKING:
    from pyskl.landmarks import LandmarkExtractor

__all__ = [
    'ExtractorSettings', 'Images', 'OpenFaceTable', 'Skeletons', 'SourceHandle', 'SourceSettings', 'Video',
]  # fmt: skip


@dataclass(frozen=True)
class ExtractorSettings:
    """How faces are found in pictures.

    Attributes:
        name: ``mediapipe`` or ``dlib``.
        max_faces: how many faces are looked for in a picture.
        small_faces: whether to search for small faces too.
        model: SHA-256 of the model file, where the extractor has one.
        is_default: whether ``max_faces`` was left to us, so that it may be raised for a video with more subjects.
    """

    name: str
    max_faces: int
    small_faces: bool
    model: str | None = None
    is_default: bool = False

    def open(self, layout: str) -> LandmarkExtractor:
        """Make the extractor.

        Raises:
            InputError: if it is not installed, or cannot give the layout.
        """
        from pyskl.landmarks import make_extractor

        return make_extractor(self.name, layout, self.max_faces, self.small_faces)


@dataclass(frozen=True)
class SourceSettings:
    """What holds for all videos of a source.

    Attributes:
        layout: the layout of the keypoints wanted.
        img_shape: (height, width) of the pictures, for sources that do not know it; None: guessed per video.
        extractor: how faces are found in pictures; None for sources of keypoints.
    """

    layout: str
    img_shape: tuple[int, int] | None = None
    extractor: ExtractorSettings | None = None


@dataclass(frozen=True)
class SourceHandle(ABC):
    """The keypoints of one video.

    Attributes:
        name: the video.
        path: where it is, for messages.
        settings: how it is read.
    """

    name: str
    path: Path
    settings: SourceSettings

    @property
    @abstractmethod
    def have(self) -> str:
        """Layout of what :meth:`read` gives."""

    @abstractmethod
    def files(self) -> Iterable[Path]:
        """Give the files the keypoints come from."""

    @abstractmethod
    def read(self) -> Iterator[FrameFaces]:
        """Give the faces of each frame, with tracks, in the order of the frames; the same at every call.

        Raises:
            InputError: if a file cannot be used. One line that names it.
        """

    def gather(self) -> FaceTable:
        """Read the whole video, in the layout that is wanted.

        Raises:
            InputError: as :meth:`read`, or if its pictures are not all of one size.
        """
        return gather_faces(self.read(), self.have, self.settings.layout, self.where, self.settings.img_shape)

    @property
    def where(self) -> str:
        """The files, for messages about the whole video."""
        return str(self.path)

    def place_of(self, frame: int) -> str:
        """Return where a frame (from 1) stands, for messages."""
        return f'{self.where}: frame {frame}'

    def looking_for(self, num_faces: int) -> SourceHandle:
        """Return a handle that looks for at least so many faces in a picture, unless the user said how many."""
        chosen = self.settings.extractor
        if chosen is None or not chosen.is_default or chosen.max_faces >= num_faces:
            return self
        return replace(self, settings=replace(self.settings, extractor=replace(chosen, max_faces=num_faces)))

    def fingerprint(self) -> dict[str, Any]:
        """Return how many files there are, a digest of the name, size and time of change of each, and the faces sought.

        The folders above are left out, since data are moved; the name stays, because it holds the frame's number.

        Raises:
            InputError: if one is no regular file: reading a pipe would never end.
        """
        count, facts = 0, hashlib.sha256()
        for file in self.files():
            status = os.stat(file)  # noqa: PTH116 - a million of them: Path.stat costs more
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f'{file}: is no regular file')
            facts.update(b'%b\0%d %d;' % (os.fsencode(file.name), status.st_size, status.st_mtime_ns))
            count += 1
        chosen = self.settings.extractor
        return {
            'files': count,
            'facts': facts.hexdigest(),
            'max_faces': None if chosen is None else chosen.max_faces,
        }


@dataclass(frozen=True)
class Skeletons(SourceHandle):
    video: PifPafVideo = field(kw_only=True)

    @property
    def have(self) -> str:
        return OPENPIFPAF_LAYOUT

    @property
    def where(self) -> str:
        return self.video.pattern

    def files(self) -> Iterable[Path]:
        return (path for _, path in self.video.files())

    def read(self) -> Iterator[FrameFaces]:
        return read_openpifpaf(self.video.files())


@dataclass(frozen=True)
class OpenFaceTable(SourceHandle):
    @property
    def have(self) -> str:
        return OPENFACE_LAYOUT

    def files(self) -> Iterable[Path]:
        return (self.path,)

    def read(self) -> Iterator[FrameFaces]:
        return read_openface_csv(self.path)

    def place_of(self, frame: int) -> str:
        rows = iter_rows(self.path)
        column = next(rows)[1].index('frame')
        line = next((line for line, cells in rows if float(cells[column]) == frame), None)
        return f'{self.path}: line {line}: frame {frame}'


@dataclass(frozen=True)
class Pictures(SourceHandle):
    """What needs an extractor."""

    @property
    def have(self) -> str:
        return self.settings.layout

    def extract(self, frames: Iterable[Frame]) -> Iterator[FrameFaces]:
        with self.settings.extractor.open(self.settings.layout) as extractor:
            yield from extractor.extract(frames)


@dataclass(frozen=True)
class Images(Pictures):
    def files(self) -> Iterable[Path]:
        return (self.path / name for _, name in list_images(self.path))

    def read(self) -> Iterator[FrameFaces]:
        return self.extract(iter_images(self.path))


@dataclass(frozen=True)
class Video(Pictures):
    def files(self) -> Iterable[Path]:
        return (self.path,)

    def read(self) -> Iterator[FrameFaces]:
        check_video(self.path)
        yield from self.extract(iter_frames(self.path))
