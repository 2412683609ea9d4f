"""Finding the faces of videos and folders of pictures, one job for each."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.errors import InputError
from pyskl.preprocess.jobs import COUNTS
from pyskl.preprocess.sources import VIDEO_SUFFIXES
from pyskl.video.images import has_images, list_images
from pyskl.video.reader import Frame

__all__ = ['SPLIT', 'ExtractionJob', 'ExtractionSettings', 'find_sources', 'name_sources']

SPLIT = 'all'
"""The split that holds all tracks: without labels there is nothing to train or test on."""


@dataclass(frozen=True)
class ExtractionSettings:
    """How faces are found.

    Attributes:
        extractor: a name of :data:`pyskl.landmarks.EXTRACTORS`.
        layout: the keypoint layout wanted.
        max_faces: how many faces are looked for in a frame.
        small_faces: whether small faces are searched for.
        min_frames: faces seen in fewer frames are left out, where several are looked for.
        model: a model file, or None for the extractor's own.
    """

    extractor: str = 'mediapipe'
    layout: str = 'ibug68'
    max_faces: int = 1
    small_faces: bool = True
    min_frames: int = 10
    model: Path | None = None

    def open(self) -> Any:
        """Make the extractor.

        Raises:
            InputError: if it is not installed, or cannot give the layout.
        """
        from pyskl.landmarks import make_extractor

        return make_extractor(self.extractor, self.layout, self.max_faces, self.small_faces, model=self.model)

    def check(self) -> None:
        """Use the extractor once.

        Raises:
            InputError: as :meth:`open`, or if the model file is none.
        """
        with self.open() as extractor:
            extractor.detect([Frame(0, 0.0, np.zeros((64, 64, 3), np.uint8))])

    def to_json(self) -> dict[str, Any]:
        """Return the settings in JSON's types; the model is told by its hash, not by where it lies."""
        model = None if self.model is None else hashlib.sha256(self.model.read_bytes()).hexdigest()
        return {
            'extractor': self.extractor,
            'keypoint_layout': self.layout,
            'max_faces': self.max_faces,
            'small_faces': self.small_faces,
            'min_frames': self.min_frames,
            'model': model,
        }


@dataclass(frozen=True)
class ExtractionJob:
    """One video, or folder of pictures; see :class:`pyskl.preprocess.jobs.Job`.

    Attributes:
        name: what its tracks are called.
        source: where it is.
        settings: how faces are found.
    """

    name: str
    source: Path
    settings: ExtractionSettings

    @property
    def splits(self) -> Mapping[str, tuple[str, ...]]:
        """All names the tracks can have; how many there are shows in the video only."""
        from pyskl.landmarks.annotate import track_names

        names = track_names(self.name)
        return dict.fromkeys([next(names)] if self.settings.max_faces == 1 else names, (SPLIT,))

    def fingerprint(self) -> dict[str, Any]:
        """Return size and time of change of the video, or the same of all pictures taken together."""
        if not self.source.is_dir():
            status = self.source.stat()
            return {'size': status.st_size, 'changed': status.st_mtime_ns}
        total = hashlib.sha256()
        for _, name in list_images(self.source):
            status = os.stat(self.source / name)  # noqa: PTH116 - thousands of them
            total.update(f'{name}\0{status.st_size}\0{status.st_mtime_ns}\n'.encode(errors='surrogateescape'))
        return {'pictures': total.hexdigest()}

    def build(self) -> list[dict[str, Any]]:
        """Find the faces.

        Raises:
            InputError: if the source is unreadable or incomplete, or shows no face.
        """
        from pyskl.landmarks import extract_tracks

        counts: Counter[str] = Counter()
        with self.settings.open() as extractor:
            samples = extract_tracks(self.source, extractor, self.settings.min_frames, self.name, counts=counts)
        samples[0][COUNTS] = dict(counts)
        return samples


def find_sources(path: Path, notes: list[str] | None = None) -> list[Path]:
    """Find the videos and folders of pictures below a path.

    Args:
        path: a video, a folder of numbered pictures, or a folder with videos and such folders in it, at any depth;
            hidden ones are passed over, links are followed. Pictures beside a video are passed over too.
        notes: gets a line for every folder whose pictures are passed over.

    Returns:
        Their paths, in a fixed order.

    Raises:
        InputError: if there is nothing at the path, or nothing in the folder.
    """
    if not path.is_dir():
        if not path.exists():
            raise InputError(f'no such video or folder: {path}')
        return [path]
    found = list(_below(path, (), [] if notes is None else notes))
    if not found:
        raise InputError(f'{path}: neither a video nor a picture in this folder')
    return found


def _below(folder: Path, above: tuple[Path, ...], notes: list[str]) -> Iterator[Path]:
    above = (*above, folder.resolve())
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith('.'))
    except OSError as error:
        raise InputError(f'{folder}: cannot be read ({error.strerror})') from None
    videos = {entry for entry in entries if entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file()}
    if has_images(folder):
        if videos:
            notes.append(
                f'{folder}: holds videos, so its pictures are passed over; a folder of their own gets them read'
            )
        else:
            yield folder
    for entry in entries:
        if entry in videos:
            yield entry
        elif entry.is_dir() and entry.resolve() not in above:  # not a link to a folder it lies in
            yield from _below(entry, above, notes)


def name_sources(sources: Sequence[Path], several_faces: bool = False) -> dict[str, Path]:
    """Give each source a name of its own, as short as can be.

    That is the file's name without suffix; where several would share it, with suffix; and where that does not tell
    them apart, with as many folders before it as are needed. With several faces ``x_face2.mp4`` beside ``x.mp4`` keeps
    its suffix too: ``x_face2`` is the second face of ``x``.

    Args:
        sources: videos and folders; repetitions are dropped.
        several_faces: whether a source can give several tracks.

    Returns:
        The sources by name, in their order.
    """
    from pyskl.landmarks.annotate import track_names

    unique = list({source.resolve(): source for source in sources}.values())
    names = [_candidates(source) for source in unique]
    level = [0] * len(unique)
    while True:
        groups: dict[str, list[int]] = {}
        for number, candidates in enumerate(names):
            groups.setdefault(candidates[level[number]], []).append(number)
        shared = [number for group in groups.values() if len(group) > 1 for number in group]
        if several_faces:
            taken = {track for name in groups for track in islice(track_names(name), 1, None)}
            shared += [
                number for name, group in groups.items() if name in taken and len(group) == 1 for number in group
            ]
        movable = [number for number in shared if level[number] + 1 < len(names[number])]
        if not movable:
            return {candidates[level[number]]: unique[number] for number, candidates in enumerate(names)}
        for number in movable:
            level[number] += 1


def _candidates(source: Path) -> list[str]:
    path = source.resolve()
    is_folder = path.is_dir()
    parts = [part for part in path.parts if part != path.anchor]
    longer = ['/'.join(parts[-count:]) for count in range(1, len(parts) + 1)]
    return longer if is_folder else [path.stem, *longer]
