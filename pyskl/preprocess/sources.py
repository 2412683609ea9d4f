"""Where the keypoints of a data set come from: the arguments, and the same interface for every kind of source.

A source knows the videos of a folder, and gives a handle on each.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.landmarks.openface import OPENFACE_LAYOUT
from pyskl.landmarks.openpifpaf import OPENPIFPAF_LAYOUT
from pyskl.landmarks.openpifpaf_index import PifPafVideo, index_openpifpaf, stray_message
from pyskl.preprocess.handles import (
    ExtractorSettings,
    Images,
    OpenFaceTable,
    Skeletons,
    SourceHandle,
    SourceSettings,
    Video,
)
from pyskl.preprocess.summary import Problem
from pyskl.video.images import has_images

__all__ = ['VIDEO_SUFFIXES', 'KeypointSource', 'SourceHandle', 'add_source_arguments', 'open_source']

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv', '.flv', '.ts', '.3gp')
KINDS = ('skeletons', 'images', 'videos', 'openface')
DEPTH = 3  # levels of folders searched
MAX_EDGE = 65_535  # pixels of a picture's side: the most a JPEG can have

_KIND_HELP = {
    'skeletons': 'OpenPifPaf whole-body JSON, one per picture: <video>.<frame>.predictions.json',
    'images': 'one folder of pictures per video: <video>/00001.jpg; --extractor finds the face',
    'videos': 'one file per video; --extractor finds the faces, small ones too',
    'openface': 'one OpenFace CSV per video: <video>.csv',
}


class KeypointSource(ABC):
    """A folder with the keypoints, pictures or videos of a data set.

    Args:
        root: the folder.
        settings: how it is read.
        subsets: folders below ``root`` that part the data set, such as ``Train_Set``. Those that are there are searched
            for the videos of that part alone; their names may be in any case.

    Attributes:
        problems: files that can be of no video; filled while videos are looked for.

    Raises:
        InputError: if the folder cannot be read.
    """

    kind: ClassVar[str]

    def __init__(self, root: Path, settings: SourceSettings, subsets: Sequence[str] = ()) -> None:
        self.root, self.settings = root, settings
        self.problems: list[Problem] = []
        self._subsets = _existing(root, subsets)
        self._indices: dict[str | None, Mapping[str, Any]] = {}

    @property
    def layout(self) -> str:
        """The layout of the samples."""
        return self.settings.layout

    def recipe(self) -> dict[str, Any]:
        """Return the settings in JSON's types."""
        chosen = self.settings.extractor
        return {
            'source': self.kind,
            'keypoint_layout': self.settings.layout,
            'img_shape': None if self.settings.img_shape is None else list(self.settings.img_shape),
            'extractor': None if chosen is None else asdict(chosen),
        }

    def names(self, subset: str | None = None) -> list[str]:
        """Return the videos there are, sorted.

        Raises:
            InputError: if the folder holds none, or cannot be read.
        """
        return sorted(self._index(subset))

    def find(self, video: str, subset: str | None = None) -> SourceHandle | None:
        """Return a handle on a video, or None if it is not there.

        Args:
            video: its name, without suffix; with folders (``day_1/clip``) or without.
            subset: the part of the data set it belongs to.

        Raises:
            InputError: if several files have that name, or the folder cannot be read.
        """
        found = self._index(subset).get(video)
        return None if found is None else self._handle(video, found)

    def _index(self, subset: str | None) -> Mapping[str, Any]:
        folder = self._subsets.get(subset or '')
        key = subset if folder is not None else None
        if key not in self._indices:
            self._indices[key] = self._scan(folder or self.root)
        return self._indices[key]

    @abstractmethod
    def _scan(self, folder: Path) -> Mapping[str, Any]: ...

    @abstractmethod
    def _handle(self, video: str, found: Any) -> SourceHandle: ...


class _SkeletonSource(KeypointSource):
    kind = 'skeletons'

    def _scan(self, folder: Path) -> Mapping[str, Any]:
        strays: list[str] = []
        found = index_openpifpaf(folder, strays)
        self.problems += [Problem(Path(path).name, stray_message(path)) for path in strays]
        return found

    def _handle(self, video: str, found: PifPafVideo) -> SourceHandle:
        if found.problem is not None:
            raise InputError(found.problem)
        folder = next((path.parent for _, path in found.files()), self.root)
        return Skeletons(video, folder / video, self.settings, video=found)


class _FileSource(KeypointSource):
    """One file or folder per video: by its path below the root, and by its name alone where that is enough."""

    handle: ClassVar[type[SourceHandle]]
    suffixes: ClassVar[tuple[str, ...]] = ()

    def _scan(self, folder: Path) -> Mapping[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self._walk(folder, DEPTH):
            place = path.relative_to(folder).as_posix()
            for suffix in self.suffixes:
                if place.lower().endswith(suffix):
                    place = place[: -len(suffix)]
                    break
            for name in {place, place.rpartition('/')[2]}:
                found.setdefault(name, []).append(path)
        if not found:
            raise InputError(f'{folder}: nothing found in it; --{self.kind} expects {_KIND_HELP[self.kind]}')
        known = {paths[0] for paths in found.values() if len(paths) == 1}
        for path in {path for paths in found.values() for path in paths} - known:
            # No name is this file's alone: another one has the same, but for its suffix or folder.
            place = path.relative_to(folder).as_posix()
            found[f'./{place}' if place in found else place] = [path]
        return found

    def names(self, subset: str | None = None) -> list[str]:
        """Return the videos there are, sorted; with folders where names alone would not tell them apart."""
        shortest: dict[Path, str] = {}
        for name, paths in self._index(subset).items():
            if len(paths) == 1 and len(name) < len(shortest.get(paths[0], name + ' ')):
                shortest[paths[0]] = name
        return sorted(shortest.values())

    def _walk(self, folder: Path, depth: int) -> Iterator[Path]:
        for entry in _entries(folder):
            if entry.name.startswith('.'):
                continue
            if entry.is_dir():
                if depth > 1:
                    yield from self._walk(folder / entry.name, depth - 1)
            elif entry.name.lower().endswith(self.suffixes):
                yield folder / entry.name

    def _handle(self, video: str, found: list[Path]) -> SourceHandle:
        if len(found) > 1:
            raise InputError(f"two sources for '{video}': {found[0]} and {found[1]}; keep one, or name its folder too")
        return self.handle(video, found[0], self.settings)


class _OpenFaceSource(_FileSource):
    kind, handle, suffixes = 'openface', OpenFaceTable, ('.csv',)


class _VideoSource(_FileSource):
    kind, handle, suffixes = 'videos', Video, VIDEO_SUFFIXES


class _ImageSource(_FileSource):
    kind, handle = 'images', Images

    def _walk(self, folder: Path, depth: int) -> Iterator[Path]:
        for entry in _entries(folder):
            if entry.name.startswith('.') or not entry.is_dir():
                continue
            if has_images(folder / entry.name):
                yield folder / entry.name
            elif depth > 1:
                yield from self._walk(folder / entry.name, depth - 1)


_SOURCES: dict[str, type[KeypointSource]] = {
    source.kind: source for source in (_SkeletonSource, _ImageSource, _VideoSource, _OpenFaceSource)
}


def add_source_arguments(parser: argparse.ArgumentParser, kinds: Sequence[str] = KINDS) -> None:
    """Add the arguments that :func:`open_source` reads.

    Args:
        parser: the command's.
        kinds: which sources it offers.
    """
    group = parser.add_argument_group('keypoints')
    which = group.add_mutually_exclusive_group(required=True)
    for kind in kinds:
        which.add_argument(f'--{kind}', type=Path, metavar='DIR', help=_KIND_HELP[kind])
    group.add_argument(
        '--keypoint-layout', default='ibug68', metavar='NAME',
        help='layout of the result: ibug68, ibug51, coco_wholebody133 (skeletons), mediapipe478 (mediapipe), or a part '
        'such as ibug68:brows+mouth; default: %(default)s',
    )  # fmt: skip
    group.add_argument('--extractor', metavar='NAME', help='mediapipe or dlib; default: mediapipe')
    group.add_argument(
        '--max-faces',
        type=_positive,
        metavar='N',
        help='faces to look for in a picture; default: 1 in images, 2 in videos, more where more subjects are labelled',
    )
    group.add_argument(
        '--img-shape', type=_edge, nargs=2, metavar=('H', 'W'),
        help='size of the pictures that skeletons and OpenFace tables were made from; default: 112 112 for a video '
        'whose keypoints all lie in there (the crops of Aff-Wild2), else the smallest box that holds them',
    )  # fmt: skip


def open_source(args: argparse.Namespace, subsets: Sequence[str] = ()) -> KeypointSource:
    """Return the source the arguments name.

    Args:
        args: what :func:`add_source_arguments` added.
        subsets: see :class:`KeypointSource`.

    Raises:
        InputError: if the folder is missing, or the source cannot give the layout.
    """
    kind = next(kind for kind in KINDS if getattr(args, kind, None) is not None)
    root = getattr(args, kind)
    if not root.is_dir():
        raise InputError(f'--{kind}: no such folder: {root}')
    get_layout(args.keypoint_layout)
    have = {'skeletons': OPENPIFPAF_LAYOUT, 'openface': OPENFACE_LAYOUT}.get(kind)
    unused = {'--extractor': args.extractor, '--max-faces': args.max_faces}
    if have is None:
        unused = {'--img-shape': args.img_shape}
    for option, value in unused.items():
        if value is not None:
            raise InputError(f'{option}: means nothing with --{kind}; leave it out')
    extractor = None
    if have is not None:
        convert_keypoints(have, args.keypoint_layout)
    else:
        # Pictures are faces already cut out, as a rule, where a search for small ones would only cost time.
        extractor = ExtractorSettings(
            args.extractor or 'mediapipe',
            args.max_faces or (1 if kind == 'images' else 2),
            kind == 'videos',
            is_default=args.max_faces is None,
        )
        # What is missing (a package, a model, a layout) is to be said now, once, and not for every video.
        with extractor.open(args.keypoint_layout) as opened:
            model = getattr(opened, 'model', None)
        if isinstance(model, Path):
            extractor = replace(extractor, model=hashlib.sha256(model.read_bytes()).hexdigest())
    shape = tuple(args.img_shape) if args.img_shape else None
    return _SOURCES[kind](root, SourceSettings(args.keypoint_layout, shape, extractor), subsets)


def _positive(text: str) -> int:
    if re.fullmatch(r'0*[1-9][0-9]{0,17}', text) is None:
        raise argparse.ArgumentTypeError(f"must be a number of 1 or more, not '{text[:40]}'")
    return int(text)


def _edge(text: str) -> int:
    edge = _positive(text)
    if edge > MAX_EDGE:
        raise argparse.ArgumentTypeError(f"must be a number of pixels up to {MAX_EDGE:,}, not '{text[:20]}'")
    return edge


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f'{folder}: cannot be read ({error.strerror})') from None


def _existing(root: Path, subsets: Sequence[str]) -> dict[str, Path]:
    wanted = {name.lower(): name for name in subsets}
    return {
        wanted[entry.name.lower()]: root / entry.name
        for entry in (_entries(root) if subsets else ())
        if entry.name.lower() in wanted and entry.is_dir()
    }
