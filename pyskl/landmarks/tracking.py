"""Following faces from frame to frame.

Detections are assigned to tracks by the Hungarian method (Kuhn, The Hungarian method for the assignment problem, 1955;
in SciPy's form), against the place where each track is expected when it goes on at its velocity.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyskl.errors import InputError
from pyskl.landmarks.types import Face

__all__ = ['FaceTracker', 'tracking_points']

_FORBIDDEN = 1e6
_HORIZON = 10  # frames a velocity is trusted for: beyond, an unseen face is expected to stand still
_SMOOTHING = 0.4  # share of a new measurement in the velocity
_SAME_DISTANCE, _SAME_RATIO = 0.3, math.log(1.6)


def tracking_points(layout: str) -> np.ndarray | None:
    """Return which keypoints of a layout show where the face is; None: all of them."""
    return np.arange(23, 91) if layout == 'coco_wholebody133' else None


@dataclass
class _Shape:
    """Where a face is, apart from how it looks: ``points`` are relative to the centre.

    ``size`` is twice the root mean square distance of the points from their centre: near the distance between the
    outer eye corners for the 68 points.
    """

    x: float
    y: float
    size: float
    points: np.ndarray
    known: np.ndarray | None


@dataclass
class _Track:
    number: int
    index: int
    shape: _Shape
    velocity: tuple[float, float] = (0.0, 0.0)
    seen: int = 1


class FaceTracker:
    """Gives the faces of successive frames track numbers.

    The cost of a detection for a track is the sum of three terms without unit. With *size* the geometric mean of the
    two faces' sizes (twice the RMS distance of the keypoints from their centre), they are

    - distance of the detection's centre from the expected centre / size,
    - RMS distance between the keypoints when both centres are laid on each other / size,
    - abs(log(size of the one / size of the other)).

    Keypoints with a score of 0 in either face are left out. A pair is impossible when the first term exceeds
    ``max_distance``, which grows by a tenth for every frame since the track was last seen, up to twice its value, or
    the third exceeds ``max_ratio``. From one frame to the very next the whole cost must not exceed ``max_step``: a face
    that jumps, or changes its looks and its size at once, is another one, as after a cut. Where the pictures tell that
    there was a cut, that limit is ``max_cut_step``, and tracks that do not go on in this frame end. Among the possible
    pairs, as many as can be are made, at the least sum of costs.

    Measured on five clips of heads that move and talk: from frame to frame the cost is at most 0.12 at 25 to 30 frames
    a second, 0.25 at a third of them and 0.5 at a tenth; between people of different clips it is 0.4 to 1.9.

    A track is expected to go on at its velocity (smoothed, for at most 10 frames unseen). It ends when it is unseen for
    more than ``max_missing`` frames, counted by their numbers, so gaps in the numbers count. A detection without a
    track begins one. Numbers go up in order of appearance, from left to right within a frame, and none is used again.
    The result does not depend on the order of the detections. Memory does not grow with the number of frames.

    Args:
        points: keypoints to follow a face by, as indices; None: all of them.
        max_missing: frames a track is kept while its face is not seen.
        max_distance: how far a face may be from where it is expected, in face sizes.
        max_ratio: largest change of size, as the log of the ratio.
        max_step: largest cost from one frame to the next.
        max_cut_step: the same where a cut was seen: what nearly stays is the same face before another background.
    """

    def __init__(
        self,
        points: np.ndarray | None = None,
        max_missing: int = 30,
        max_distance: float = 1.0,
        max_ratio: float = math.log(2),
        max_step: float = 0.6,
        max_cut_step: float = 0.15,
    ) -> None:
        if max_missing < 0 or min(max_distance, max_ratio, max_step, max_cut_step) <= 0:
            raise InputError(
                'FaceTracker: max_missing must be 0 or more; max_distance, max_ratio, max_step, max_cut_step above 0'
            )
        self.points = points
        self.max_missing = max_missing
        self.max_distance = max_distance
        self.max_ratio = max_ratio
        self.max_step = max_step
        self.max_cut_step = max_cut_step
        self._tracks: list[_Track] = []
        self._num_tracks = 0
        self._last = -1

    def update(self, index: int, faces: Sequence[Face], cut: bool = False) -> tuple[Face, ...]:
        """Assign the faces of the next frame.

        Args:
            index: number of the frame; it must be above the last one.
            faces: what was found, in any order. Of detections that overlap so much that they must be of one face, the
                most trusted is kept, and among equals the largest. Faces without any keypoint found are dropped.
            cut: whether the pictures show that a new scene begins with this frame.

        Returns:
            The faces with their tracks, in order of the track numbers.

        Raises:
            InputError: if the frame number does not go up.
        """
        if index <= self._last:
            raise InputError(f'frame numbers must go up, got {index} after {self._last} (counted from 0)')
        self._last = index
        if self._tracks:
            self._tracks = [track for track in self._tracks if index - track.index - 1 <= self.max_missing]
        if not faces:
            if cut:
                self._tracks = []
            return ()
        found = [(shape, face) for face in faces if (shape := self._measure(face)) is not None]
        if len(found) > 1:
            found = _merged(found)
        chosen = self._assign(index, [shape for shape, _ in found], cut)
        if cut:
            self._tracks = [track for track in chosen if track is not None]
        result = []
        for (shape, face), track in zip(found, chosen, strict=True):
            if track is None:
                track = _Track(self._num_tracks, index, shape)
                self._num_tracks += 1
                self._tracks.append(track)
            else:
                _advance(track, index, shape)
            result.append(Face(face.keypoint, face.score, track.number))
        return tuple(result) if len(result) < 2 else tuple(sorted(result, key=lambda face: face.track))

    def _measure(self, face: Face) -> _Shape | None:
        keypoint, score = face.keypoint, face.score
        if self.points is not None:
            keypoint, score = keypoint[self.points], score[self.points]
        if score.all():
            known = None
            centre = np.add.reduce(keypoint) / len(keypoint)
            points = keypoint - centre
            size = 2 * _rms(points)
        else:
            known = score > 0
            if not known.any():
                return None
            part = keypoint[known]
            centre = np.add.reduce(part) / len(part)
            size = 2 * _rms(part - centre)
            points = keypoint - centre
        return _Shape(float(centre[0]), float(centre[1]), max(size, 1.0), points, known)

    def _assign(self, index: int, shapes: list[_Shape], cut: bool) -> list[_Track | None]:
        """Return the track of each detection, None where it has none."""
        if not self._tracks or not shapes:
            return [None] * len(shapes)
        costs = [[self._cost(track, shape, index, cut) for track in self._tracks] for shape in shapes]
        if len(shapes) == len(self._tracks) == 1:
            return [self._tracks[0] if costs[0][0] < _FORBIDDEN else None]
        from scipy.optimize import linear_sum_assignment

        cost = np.array(costs)
        chosen: list[_Track | None] = [None] * len(shapes)
        rows, columns = linear_sum_assignment(cost)
        for row, column in zip(rows, columns, strict=True):
            if cost[row, column] < _FORBIDDEN:
                chosen[row] = self._tracks[column]
        return chosen

    def _cost(self, track: _Track, shape: _Shape, index: int, cut: bool) -> float:
        gap = index - track.index
        ahead = min(gap, _HORIZON)
        old = track.shape
        x, y = old.x + ahead * track.velocity[0], old.y + ahead * track.velocity[1]
        if old.known is None and shape.known is None:
            size, ratio = math.sqrt(old.size * shape.size), abs(math.log(old.size / shape.size))
            distance = math.hypot(shape.x - x, shape.y - y) / size
            difference = _rms(old.points - shape.points)
        else:
            size, ratio, distance, difference = _compare_partly(old, shape, x - old.x, y - old.y)
        limit = self.max_distance * min(1 + (gap - 1) / 10, 2)
        if distance > limit or ratio > self.max_ratio:
            return _FORBIDDEN
        cost = distance + difference / size + ratio
        step = self.max_cut_step if cut else self.max_step if gap == 1 else math.inf
        return cost if cost <= step else _FORBIDDEN


def _rms(points: np.ndarray) -> float:
    flat = points.ravel()
    return math.sqrt(float(flat @ flat) * 2 / len(flat))


def _compare_partly(old: _Shape, new: _Shape, shift_x: float, shift_y: float) -> tuple[float, float, float, float]:
    """Size, log ratio, distance and difference by the keypoints that both faces have; all of them below three."""
    both = np.ones(len(old.points), bool)
    for shape in (old, new):
        if shape.known is not None:
            both &= shape.known
    if both.sum() < 3:
        size = math.sqrt(old.size * new.size)
        distance = math.hypot(new.x - old.x - shift_x, new.y - old.y - shift_y) / size
        return size, abs(math.log(old.size / new.size)), distance, 0.0
    before, after = old.points[both], new.points[both]
    centre_before, centre_after = before.mean(0), after.mean(0)
    before, after = before - centre_before, after - centre_after
    sizes = max(2 * _rms(before), 1.0), max(2 * _rms(after), 1.0)
    size = math.sqrt(sizes[0] * sizes[1])
    distance = math.hypot(
        new.x + centre_after[0] - old.x - centre_before[0] - shift_x,
        new.y + centre_after[1] - old.y - centre_before[1] - shift_y,
    )
    return size, abs(math.log(sizes[0] / sizes[1])), distance / size, _rms(after - before)


def _advance(track: _Track, index: int, shape: _Shape) -> None:
    gap = index - track.index
    step = (shape.x - track.shape.x) / gap, (shape.y - track.shape.y) / gap
    share = 1.0 if track.seen == 1 else _SMOOTHING
    track.velocity = (
        track.velocity[0] + share * (step[0] - track.velocity[0]),
        track.velocity[1] + share * (step[1] - track.velocity[1]),
    )
    track.index, track.shape, track.seen = index, shape, track.seen + 1


def _merged(found: list[tuple[_Shape, Face]]) -> list[tuple[_Shape, Face]]:
    """Drop repeated detections of a face; the rest from left to right."""
    kept: list[tuple[_Shape, Face]] = []
    for shape, face in sorted(found, key=_trust_first):
        if not any(_is_same(shape, other) for other, _ in kept):
            kept.append((shape, face))
    return sorted(kept, key=lambda item: (item[0].x, item[0].y, item[0].size))


def _trust_first(item: tuple[_Shape, Face]) -> tuple[float, ...]:
    shape, face = item
    return -float(face.score.sum()), -shape.size, shape.x, shape.y


def _is_same(one: _Shape, other: _Shape) -> bool:
    size = math.sqrt(one.size * other.size)
    apart = math.hypot(one.x - other.x, one.y - other.y) / size
    return apart < _SAME_DISTANCE and abs(math.log(one.size / other.size)) < _SAME_RATIO
