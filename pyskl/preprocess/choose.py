"""Which of the faces in a video belong to the subject that was labelled.

A track's weight is the sum, over its frames, of face size x mean keypoint score x centrality. The subject's main track
is the heaviest; nothing depends on the order in which a file lists its people. Where the main track is interrupted,
other tracks go on with it when they hardly overlap it and fit its size and place.

Two-subject videos: ``left`` and ``right`` are sides of the picture, as a viewer sees them. Of two faces in one frame
the one with the smaller x votes for left, and a track belongs to the side it voted for most. Where one
subject is labelled, on one side, and hardly anybody is on the other, the label is theirs, wherever they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyskl.preprocess.faces import FaceTable

__all__ = ['SIDES', 'Choice', 'choose_subjects']

SIDES = ('left', 'right')

_EDGE = 15  # frames at either end of a track that say where it goes on
_FREE = 0.9  # share of a track's frames in which the subject must be missing for it to go on with them
_NEAR = 1.5  # face sizes between two pieces of one subject
_RATIO = 1.8  # of the sizes of two pieces of one subject
_APART = 1.0  # face sizes between two people
_BYSTANDER = 0.1  # of the weight of all tracks; a side with less holds no second subject


@dataclass(frozen=True)
class Choice:
    """The faces of one subject.

    Attributes:
        faces: (n,) int64 numbers of faces in the table, at most one per frame, going up.
        tracks: the tracks they come from, the main one first.
    """

    faces: np.ndarray
    tracks: tuple[int, ...]


@dataclass(frozen=True)
class _Track:
    number: int
    faces: np.ndarray  # rows of the table, going up
    frames: np.ndarray  # their frames
    weight: float
    x: float  # weighted mean


def choose_subjects(table: FaceTable, sides: Sequence[str] = ('',)) -> dict[str, Choice]:
    """Choose the faces of each labelled subject of a video.

    Args:
        table: the faces of the video.
        sides: who is labelled: ``left``, ``right``, or '' for the one subject of a video. Sides are chosen first.

    Returns:
        For each of ``sides`` its faces; no face belongs to two. A side without anybody has none.
    """
    tracks = _tracks(table)
    wanted = [side for side in SIDES if side in sides]
    chosen: dict[str, Choice] = {}
    if wanted:
        for side, candidates in zip(SIDES, _by_side(table, tracks, sole=len(sides) == 1), strict=True):
            if side in wanted:
                chosen[side] = _follow(table, candidates)
    taken = {number for choice in chosen.values() for number in choice.tracks}
    if '' in sides:
        chosen[''] = _follow(table, [track for track in tracks if track.number not in taken])
    return {side: chosen[side] for side in sides}


def _tracks(table: FaceTable) -> list[_Track]:
    """Return the tracks, the heaviest first."""
    usable = np.flatnonzero(np.isfinite(table.size))
    if not len(usable):
        return []
    weight = _weights(table)
    order = usable[np.argsort(table.track[usable], kind='stable')]
    bounds = np.flatnonzero(np.diff(table.track[order])) + 1
    tracks = []
    for faces in np.split(order, bounds):
        # A track has one face per frame; should a source repeat one, the weightiest counts.
        if len(np.unique(table.frame[faces])) < len(faces):
            faces = faces[np.lexsort((-weight[faces], table.frame[faces]))]
            faces = faces[np.r_[True, np.diff(table.frame[faces]) > 0]]
        total = float(weight[faces].sum())
        x = float((weight[faces] * table.centre[faces, 0]).sum() / total) if total else 0.0
        tracks.append(_Track(int(table.track[faces[0]]), faces, table.frame[faces], total, x))
    return sorted(tracks, key=lambda track: (-track.weight, track.frames[0], track.x))


def _weights(table: FaceTable) -> np.ndarray:
    height, width = table.img_shape
    middle = np.array([width / 2, height / 2])
    distance = np.linalg.norm((table.centre - middle) / middle, axis=1)
    centrality = 1 - 0.5 * np.clip(distance / np.sqrt(2), 0, 1)
    return np.nan_to_num(table.size.astype(np.float64) * table.score * centrality)


def _follow(table: FaceTable, candidates: Sequence[_Track]) -> Choice:
    """Take the heaviest track, and those that go on with it."""
    if not candidates:
        return Choice(np.zeros(0, np.int64), ())
    main, rest = candidates[0], list(candidates[1:])
    busy = np.zeros(table.num_frames, bool)
    busy[main.frames] = True
    pieces, faces = [main], [main.faces]
    found = True
    while found:  # a piece that joins can bring another one within reach
        found = False
        for track in list(rest):
            free = ~busy[track.frames]
            if free.mean() >= _FREE and _fits(table, pieces, track):
                pieces.append(track)
                faces.append(track.faces[free])
                busy[track.frames] = True
                rest.remove(track)
                found = True
    together = np.concatenate(faces)
    return Choice(together[np.argsort(table.frame[together])], tuple(piece.number for piece in pieces))


def _fits(table: FaceTable, pieces: Sequence[_Track], track: _Track) -> bool:
    """Tell whether a track can be the same person as the piece that is nearest to it in time."""
    first, last = track.frames[0], track.frames[-1]

    def gap(piece: _Track) -> int:
        return int(max(first - piece.frames[-1], piece.frames[0] - last))

    near = min(pieces, key=gap)
    here = np.searchsorted(near.frames, first)
    if gap(near) <= 0 and here > 0:  # the track lies in a hole of the piece
        old, new = near.faces[max(here - _EDGE, 0) : here], track.faces[:_EDGE]
    elif first > near.frames[-1]:
        old, new = near.faces[-_EDGE:], track.faces[:_EDGE]
    else:
        old, new = near.faces[:_EDGE], track.faces[-_EDGE:]
    sizes = np.median(table.size[old]), np.median(table.size[new])
    size = float(np.sqrt(sizes[0] * sizes[1]))
    apart = np.linalg.norm(np.median(table.centre[old], axis=0) - np.median(table.centre[new], axis=0)) / size
    return bool(max(sizes) / min(sizes) <= _RATIO and apart <= _NEAR)


def _by_side(table: FaceTable, tracks: Sequence[_Track], sole: bool) -> tuple[list[_Track], list[_Track]]:
    """Share the tracks out between the left and the right of the picture, the heaviest first."""
    votes = _votes(table, tracks)
    voted = {True: [], False: []}
    for track in tracks:
        if votes[track.number]:
            voted[votes[track.number] > 0].append(track)
    if voted[True] and voted[False]:
        border = (_mean_x(voted[True]) + _mean_x(voted[False])) / 2
    else:
        border = _border(table, tracks)
    alone = border is None
    if border is None:
        border = table.img_shape[1] / 2
    sides: tuple[list[_Track], list[_Track]] = [], []
    for track in tracks:
        vote = votes[track.number]
        is_left = vote > 0 if vote else track.x < border
        sides[0 if is_left else 1].append(track)
    shares = [sum(track.weight for track in side) for side in sides]
    if sole and (alone or min(shares) < _BYSTANDER * sum(shares)):
        # One person, and at most passers-by. The one label is theirs.
        return list(tracks), list(tracks)
    return sides


def _mean_x(tracks: Sequence[_Track]) -> float:
    total = sum(track.weight for track in tracks)
    return sum(track.weight * track.x for track in tracks) / total


def _votes(table: FaceTable, tracks: Sequence[_Track]) -> dict[int, float]:
    """Sum up for each track where it was the left of a frame's two weightiest faces, less where it was the right."""
    if not tracks:
        return {}
    faces = np.concatenate([track.faces for track in tracks])
    weight, frame = _weights(table), table.frame
    order = faces[np.lexsort((-weight[faces], frame[faces]))]
    starts = np.r_[True, np.diff(frame[order]) > 0]
    first = np.flatnonzero(starts)
    first = first[(first + 1 < len(order))]
    first = first[~starts[first + 1]]
    one, other = order[first], order[first + 1]
    left = np.where(table.centre[one, 0] <= table.centre[other, 0], one, other)
    right = np.where(left == one, other, one)
    votes = {track.number: 0.0 for track in tracks}
    # Counted by the smaller face: someone far in the background says little about who sits where.
    for faces, sign in ((left, 1), (right, -1)):
        for number, count in zip(table.track[faces].tolist(), weight[other].tolist(), strict=True):
            votes[number] += sign * count
    return votes


def _border(table: FaceTable, tracks: Sequence[_Track]) -> float | None:
    """Return the x between two groups of tracks, or None if they are of one person.

    Two people are never in one frame here. The border is where it leaves the least weighted spread on both sides.
    """
    if len(tracks) < 2:
        return None
    x = np.array([track.x for track in tracks])
    order = np.argsort(x)
    x, weight = x[order], np.array([track.weight for track in tracks])[order]

    def spread(part: slice) -> float:
        mean = np.average(x[part], weights=weight[part])
        return float((weight[part] * (x[part] - mean) ** 2).sum())

    if not (weight > 0).all():
        return None
    place = min(range(1, len(x)), key=lambda cut: spread(slice(0, cut)) + spread(slice(cut, None)))
    means = np.average(x[:place], weights=weight[:place]), np.average(x[place:], weights=weight[place:])
    size = float(np.median(table.size[np.isfinite(table.size)]))
    return float(sum(means) / 2) if means[1] - means[0] > _APART * size else None
