"""What can't pass through each other in a face: lids, the lips, the edges of each lip, and the nose above them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from pyskl.keypoints import get_layout

__all__ = ['Seam', 'keep_order', 'seam_of']

LIP_GIVE, LID_GIVE = 0.5, 0.1

# Upper and lower points that touch but never pass each other, on the right side and the midline: the lids and the inner
# edges of the lips. The last number is how far resting lips part there, relative to the middle of the mouth.
_LIDS = {
    'ibug68': ((37, 41), (38, 40)),
    'mediapipe478': ((246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155)),
}
_LIPS = {
    'ibug68': ((61, 67, 1.0), (62, 66, 1.0)),
    'mediapipe478': ((191, 95, 0.3), (80, 88, 0.6), (81, 178, 0.85), (82, 87, 1.0), (13, 14, 1.0)),
}

# Points that give way to others, on the right side and the midline: (fixed, giving way). The outer edges of the lips to
# the inner ones; then the nose base to the upper lip.
_UP = {
    'ibug68': (((61, 50), (62, 51)), ((50, 32), (51, 33))),
    'mediapipe478': (((191, 185), (80, 40), (81, 39), (82, 37), (13, 0)), ((37, 97), (0, 2))),
}
_DOWN = {
    'ibug68': (((67, 58), (66, 57)),),
    'mediapipe478': (((95, 146), (88, 91), (178, 181), (87, 84), (14, 17)),),
}


@dataclass(frozen=True)
class Seam:
    """Points that meet where the face closes, S pairs of them.

    Attributes:
        upper: (S,) int64 points of the upper lids and of the inner edge of the upper lip.
        lower: (S,) int64 the point opposite to each.
        rest: (S,) float32 how far resting lips part there, relative to the middle of the mouth; 0 at the lids.
        give: (S,) float32 the lower point's share in making room: lips meet half way, an upper lid comes down to the
            lower one.
        above: for each step (P,) int64 points, and as many that must not be below them and give way.
        below: the same for points that must not be above them.
    """

    upper: np.ndarray
    lower: np.ndarray
    rest: np.ndarray
    give: np.ndarray
    above: tuple[tuple[np.ndarray, np.ndarray], ...]
    below: tuple[tuple[np.ndarray, np.ndarray], ...]


@cache
def seam_of(layout: str) -> Seam:
    """Return where the face closes in a layout of the face model."""
    mirror = get_layout(layout).mirror

    def both(pairs: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, np.ndarray]:
        sides = dict.fromkeys([*pairs, *((int(mirror[one]), int(mirror[other])) for one, other in pairs)])
        one, other = np.array(list(sides)).T
        return one, other

    lids, lips = _LIDS[layout], tuple(pair[:2] for pair in _LIPS[layout])
    parting = {upper: rest for upper, _, rest in _LIPS[layout]}
    upper, lower = both(lids + lips)
    rest = np.array([parting.get(point, parting.get(int(mirror[point]), 0.0)) for point in upper], dtype=np.float32)
    give = np.where(rest > 0, LIP_GIVE, LID_GIVE).astype(np.float32)
    return Seam(upper, lower, rest, give, tuple(map(both, _UP[layout])), tuple(map(both, _DOWN[layout])))


def keep_order(points: np.ndarray, seam: Seam) -> None:
    """Part, in place, what has passed through each other: lips meet half way, an upper lid stops at the lower one.

    Args:
        points: (T, V, 3) faces, y up.
        seam: of the layout.
    """
    height = points[..., 1]
    overlap = np.maximum(height[:, seam.lower] - height[:, seam.upper], 0)
    height[:, seam.lower] -= seam.give * overlap
    height[:, seam.upper] += (1 - seam.give) * overlap
    for fixed, moving in seam.above:
        height[:, moving] = np.maximum(height[:, moving], height[:, fixed])
    for fixed, moving in seam.below:
        height[:, moving] = np.minimum(height[:, moving], height[:, fixed])
