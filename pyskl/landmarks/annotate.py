"""From a video to the annotation of the faces in it."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.landmarks.base import LandmarkExtractor
from pyskl.landmarks.types import Face, FrameFaces
from pyskl.progress import progress_bar
from pyskl.video.images import iter_images, list_images
from pyskl.video.reader import Frame, check_video, iter_frames

__all__ = ['CHANGES', 'MAX_TRACKS', 'extract_annotation', 'extract_tracks', 'track_names']

MAX_TRACKS = 20
"""How many faces of one video are kept: the most seen ones."""

CHANGES = 'changes of the face'
"""What the counts of a video call the number of times that the one face followed becomes another."""

_BLOCK = 1024


def extract_annotation(video: Path | str, extractor: LandmarkExtractor, progress: bool = False) -> dict[str, Any]:
    """Find the face in every frame of a video.

    The pictures are dropped one by one, so memory does not grow with them: 68 keypoints take 816 bytes a frame.

    Args:
        video: the file, or a folder of numbered pictures; an incomplete one is refused before any work.
        extractor: what finds the keypoints. Where it looks for one face only (``max_faces`` 1), the face of each frame
            is taken, whosever it is. Otherwise one track is: that of the face which is seen longest and largest.
        progress: whether to show a progress bar on stderr.

    Returns:
        An annotation: ``frame_dir`` (the file's name without suffix), ``total_frames`` T, ``img_shape`` and
        ``original_shape`` (height, width), ``keypoint`` (1, T, V, 2) float32 pixels, ``keypoint_score`` (1, T, V)
        float32; in frames without a face both are 0. Beyond the usual fields: ``keypoint_layout`` and, for videos,
        ``timestamps`` (T,) float64 seconds and ``fps`` float.

    Raises:
        InputError: if the video is unreadable or incomplete, or no frame shows a face.
    """
    found = _find(Path(video), extractor, progress)
    return {'frame_dir': found.stem, **found.sample(found.main_tracks()[0])}


def extract_tracks(
    video: Path | str,
    extractor: LandmarkExtractor,
    min_frames: int = 10,
    name: str | None = None,
    progress: bool = False,
    counts: Counter[str] | None = None,
) -> list[dict[str, Any]]:
    """Find all faces of a video: one annotation for each.

    An extractor that looks for one face only gives one annotation, as :func:`extract_annotation` does.

    Args:
        video: the file, or a folder of numbered pictures.
        extractor: what finds the keypoints.
        min_frames: faces seen in fewer frames are left out, where the extractor looks for several faces.
        name: what to call the video; by default the file's name without suffix.
        progress: whether to show a progress bar on stderr.
        counts: gets ``faces left out`` added: those too short, or beyond the :data:`MAX_TRACKS` most seen; and where
            one face is looked for, :data:`CHANGES`: how often another face than before is followed.

    Returns:
        The annotations, as :func:`extract_annotation` gives them with ``video`` (its name) and ``face`` (from 1), the
        face seen longest and largest first. Their ids are ``<name>``, ``<name>_face2``... All of them have a row for
        every frame of the video.

    Raises:
        InputError: as :func:`extract_annotation`, or if every face is seen in fewer than ``min_frames`` frames.
    """
    found = _find(Path(video), extractor, progress)
    tracks = found.main_tracks()
    least = 1 if extractor.max_faces == 1 else min_frames
    kept = [track for track in tracks if len(track) >= least][:MAX_TRACKS]
    if not kept:
        most = max(map(len, tracks))
        raise InputError(
            f'{video}: no face is seen in {min_frames} frames or more, at most in {most}; ask for fewer (--min-frames)'
        )
    if counts is not None:
        facts = {'faces left out': len(tracks) - len(kept), CHANGES: found.changes}
        counts.update({what: number for what, number in facts.items() if number})
    name = found.stem if name is None else name
    return [
        {'frame_dir': track_name, **found.sample(track), 'video': name, 'face': number}
        for number, (track, track_name) in enumerate(zip(kept, track_names(name), strict=False), 1)
    ]


def track_names(name: str) -> Iterator[str]:
    """Give the ids of the faces of a video, :data:`MAX_TRACKS` of them."""
    yield name
    for number in range(2, MAX_TRACKS + 1):
        yield f'{name}_face{number}'


class _Track:
    """The keypoints of one face in the frames where it is seen."""

    def __init__(self, num_keypoints: int) -> None:
        self.weight = 0.0
        self._num_keypoints = num_keypoints
        self._rows = array('q')
        self._blocks: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: int, face: Face) -> None:
        place = len(self._rows) % _BLOCK
        if not place:
            self._blocks.append(np.empty((_BLOCK, self._num_keypoints, 3), np.float32))
        self._blocks[-1][place, :, :2] = face.keypoint
        self._blocks[-1][place, :, 2] = face.score
        self._rows.append(row)
        self.weight += float(max(np.ptp(face.keypoint, axis=0)))

    def arrays(self, total: int) -> tuple[np.ndarray, np.ndarray]:
        """(1, T, V, 2) keypoints and (1, T, V) scores."""
        keypoint = np.zeros((1, total, self._num_keypoints, 2), np.float32)
        score = np.zeros((1, total, self._num_keypoints), np.float32)
        for number, block in enumerate(self._blocks):
            rows = np.array(self._rows[number * _BLOCK : (number + 1) * _BLOCK])
            keypoint[0, rows], score[0, rows] = block[: len(rows), :, :2], block[: len(rows), :, 2]
        return keypoint, score


@dataclass
class _Found:
    """What was found in one video."""

    source: Path
    stem: str
    layout: str
    fps: float | None
    total: int = 0
    shape: tuple[int, int] | None = None
    times: array = field(default_factory=lambda: array('d'))
    tracks: dict[int, _Track] = field(default_factory=dict)
    changes: int = 0
    followed: int | None = None

    def add(self, record: FrameFaces, one_face: bool) -> None:
        if self.shape is None:
            self.shape = record.img_shape
        if record.img_shape != self.shape:
            height, width = record.img_shape
            raise InputError(
                f'{self.source}: frame {record.index + 1} has {width}x{height} pixels, those before '
                f'{self.shape[1]}x{self.shape[0]}; all must have one size'
            )
        self.total = record.index + 1
        self.times.append(record.timestamp)
        if one_face and record.faces:
            self.changes += self.followed not in (None, record.faces[0].track)
            self.followed = record.faces[0].track
        for face in record.faces[:1] if one_face else record.faces:
            number = 0 if one_face else face.track
            if number not in self.tracks:
                self.tracks[number] = _Track(len(face.keypoint))
            self.tracks[number].add(record.index, face)

    def main_tracks(self) -> list[_Track]:
        """All tracks, the longest and largest first."""
        if not self.tracks:
            raise InputError(f'{self.source}: no face was found in any of its {len(self.times)} frames')
        return sorted(self.tracks.values(), key=lambda track: -track.weight)

    def sample(self, track: _Track) -> dict[str, Any]:
        """The annotation of a track, but for its id."""
        keypoint, score = track.arrays(self.total)
        sample: dict[str, Any] = {
            'total_frames': self.total,
            'img_shape': self.shape,
            'original_shape': self.shape,
            'keypoint': keypoint,
            'keypoint_score': score,
        }
        if self.fps is not None and not any(map(math.isnan, self.times)):
            sample |= {'timestamps': np.array(self.times, np.float64), 'fps': self.fps}
        return sample | {'keypoint_layout': self.layout}


def _find(video: Path, extractor: LandmarkExtractor, progress: bool) -> _Found:
    frames: Iterator[Frame]
    if video.is_dir():
        total: int | None = len(list_images(video))
        frames, fps, stem = iter_images(video), None, video.absolute().name
    else:
        info = check_video(video)
        frames, fps, total, stem = iter_frames(video), info.fps, info.num_frames, video.stem
    get_layout(extractor.layout)
    found = _Found(video, stem, extractor.layout, fps)
    one_face = extractor.max_faces == 1
    with progress_bar(extractor.extract(frames), 'finding the face', total, shown=progress) as passed:
        for record in passed:
            found.add(record, one_face)
    return found
