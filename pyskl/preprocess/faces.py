"""All faces of a video as arrays, gathered frame by frame.

Memory grows with the number of faces (816 bytes for 68 keypoints), never with the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.landmarks.types import FrameFaces

__all__ = ['MAX_FRAMES', 'FaceTable', 'gather_faces']

CHUNK = 2048
MAX_FRAMES = 2_000_000  # 18 hours at 30 frames a second; a higher number is no frame's
CROP = (112, 112)  # height and width of the cropped faces of Aff-Wild2
CROP_MARGIN = 8.0  # pixels a keypoint may lie outside of its crop


@dataclass(frozen=True)
class FaceTable:
    """The faces of a video, ordered by frame; N faces.

    Attributes:
        frame: (N,) int64 frame of each face, from 0.
        track: (N,) int64 track of each face.
        centre: (N, 2) float32 mean of the found face keypoints, in pixels.
        size: (N,) float32 edge of the square with the area of the face's box, in pixels; at least 1.
        score: (N,) float32 mean score of the face keypoints.
        keypoint: blocks of (n, V, 2) float32, all faces in order.
        keypoint_score: blocks of (n, V) float32.
        num_keypoints: V.
        num_frames: number of the last frame, from 1, with or without a face.
        timestamps: (num_frames,) float64 seconds, NaN where not known.
        img_shape: (height, width) of the pictures; a guess where the source does not know it.
        guessed: whether ``img_shape`` is a guess.
    """

    frame: np.ndarray
    track: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    score: np.ndarray
    keypoint: list[np.ndarray]
    keypoint_score: list[np.ndarray]
    num_keypoints: int
    num_frames: int
    timestamps: np.ndarray
    img_shape: tuple[int, int]
    guessed: bool

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, faces: np.ndarray, total_frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Lay faces out by frame.

        Args:
            faces: numbers of the faces, at most one per frame.
            total_frames: T.

        Returns:
            (1, T, V, 2) float32 keypoints and (1, T, V) float32 scores; 0 in frames without one of these faces.
        """
        keypoint = np.zeros((1, total_frames, self.num_keypoints, 2), np.float32)
        score = np.zeros((1, total_frames, self.num_keypoints), np.float32)
        for number, (points, scores) in enumerate(zip(self.keypoint, self.keypoint_score, strict=True)):
            here = faces[faces // CHUNK == number]
            keypoint[0, self.frame[here]] = points[here % CHUNK]
            score[0, self.frame[here]] = scores[here % CHUNK]
        return keypoint, score


class _Gatherer:
    def __init__(self, have: str, want: str) -> None:
        self.indices = convert_keypoints(have, want)
        self.identical = np.array_equal(self.indices, np.arange(get_layout(have).num_keypoints))
        try:
            # Where the face is follows from the face alone, also when the body is kept.
            self.inner = convert_keypoints(want, 'ibug68')
        except InputError:
            self.inner = np.arange(len(self.indices))
        self.frame: list[int] = []
        self.track: list[int] = []
        self.keypoint: list[np.ndarray] = []
        self.score: list[np.ndarray] = []
        self.stats: list[np.ndarray] = []
        self.low = np.full(2, np.inf)
        self.high = np.full(2, -np.inf)

    def add(self, index: int, track: int, keypoint: np.ndarray, score: np.ndarray) -> None:
        row = len(self.frame) % CHUNK
        if row == 0:
            self._measure()
            self.keypoint.append(np.empty((CHUNK, len(self.indices), 2), np.float32))
            self.score.append(np.empty((CHUNK, len(self.indices)), np.float32))
        self.keypoint[-1][row] = keypoint if self.identical else keypoint[self.indices]
        self.score[-1][row] = score if self.identical else score[self.indices]
        self.frame.append(index)
        self.track.append(track)

    def finish(self) -> np.ndarray:
        """(N, 4) float32: centre x, y, size, score of each face; NaN and 0 for one without any face keypoint."""
        self._measure()
        return np.concatenate(self.stats) if self.stats else np.zeros((0, 4), np.float32)

    def _measure(self) -> None:
        """Measure the last block."""
        if len(self.stats) == len(self.keypoint):
            return
        rows = len(self.frame) - CHUNK * len(self.stats)
        points, scores = self.keypoint[-1][:rows], self.score[-1][:rows]
        found = scores > 0
        points[~found] = 0
        x, y = points[..., 0], points[..., 1]
        for axis, values in enumerate((x, y)):
            if found.any():
                self.low[axis] = min(self.low[axis], values[found].min())
                self.high[axis] = max(self.high[axis], values[found].max())
        found, points, scores = found[:, self.inner], points[:, self.inner], scores[:, self.inner]
        count = np.maximum(found.sum(axis=1), 1)
        mask = found[..., None]
        centre = points.sum(axis=1, dtype=np.float64) / count[:, None]
        spans = np.where(mask, points, -np.inf).max(axis=1) - np.where(mask, points, np.inf).min(axis=1)
        with np.errstate(invalid='ignore'):
            size = np.sqrt(np.maximum(spans, 1).prod(axis=1))
        trust = scores.sum(axis=1, dtype=np.float64) / scores.shape[1]
        stats = np.column_stack([centre, np.where(found.any(axis=1), size, np.nan), trust])
        self.stats.append(stats.astype(np.float32))


def gather_faces(
    frames: Iterable[FrameFaces], have: str, want: str, where: str, img_shape: tuple[int, int] | None = None
) -> FaceTable:
    """Gather the faces of one video.

    Args:
        frames: the records in order; numbers may be left out.
        have: layout of their keypoints.
        want: layout to turn them into.
        where: the video, for messages.
        img_shape: (height, width) of the pictures where the records do not know it; None: 112 x 112, the crops of
            Aff-Wild2, if all keypoints lie in there, else the smallest box from (0, 0) that holds them.

    Raises:
        InputError: if the pictures are not all of one size, there is no record, or a frame number is beyond reason.
    """
    gatherer = _Gatherer(have, want)
    times: list[float] = []
    last, known = -1, (0, 0)
    for record in frames:
        if record.index >= MAX_FRAMES:
            raise InputError(f'{where}: frame {record.index + 1:,} is beyond {MAX_FRAMES:,}, the most a video may have')
        if tuple(record.img_shape) != known:
            if last >= 0:
                raise InputError(
                    f'{where}: the size of the pictures changes at frame {record.index + 1}, from '
                    f'{known[1]}x{known[0]} to {record.img_shape[1]}x{record.img_shape[0]}'
                )
            known = tuple(record.img_shape)
        times += [float('nan')] * (record.index - last - 1) + [record.timestamp]
        last = record.index
        for face in record.faces:
            gatherer.add(record.index, face.track, face.keypoint, face.score)
    if last < 0:
        raise InputError(f'{where}: has no frame')
    stats = gatherer.finish()
    guessed = not known[0] and img_shape is None
    return FaceTable(
        frame=np.array(gatherer.frame, np.int64),
        track=np.array(gatherer.track, np.int64),
        centre=stats[:, :2],
        size=stats[:, 2],
        score=stats[:, 3],
        keypoint=gatherer.keypoint,
        keypoint_score=gatherer.score,
        num_keypoints=len(gatherer.indices),
        num_frames=last + 1,
        timestamps=np.array(times),
        img_shape=known if known[0] else img_shape or _guess_shape(gatherer.low, gatherer.high),
        guessed=guessed,
    )


def _guess_shape(low: np.ndarray, high: np.ndarray) -> tuple[int, int]:
    height, width = CROP
    limit = np.array([width, height]) + CROP_MARGIN
    if not np.isfinite(high).all() or ((low >= -CROP_MARGIN) & (high <= limit)).all():
        return CROP
    return max(int(np.ceil(high[1])), 1), max(int(np.ceil(high[0])), 1)
