"""Finding faces too small for the fast detector, and staying with them.

A detector that shrinks the whole picture to a fixed size misses faces below a share of the picture. Laid over it in
parts, or over a box around a face found before, it finds the same faces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ['Box', 'FaceFollower', 'Look', 'bounding_box', 'search_tiles', 'tiles']

Look = Callable[[np.ndarray], list[np.ndarray]]
"""From an (H, W, 3) uint8 RGB picture to the (V, 2) keypoints, in its pixels, of each face found."""

_SMALLEST_TILE = 256  # with a detector that needs a tenth of the side: faces from 26 pixels
_STRIDE = 0.75
_CROP = 2.2  # side of the box around a followed face, in face sides
_WIDE_CROP = 3.0  # the same for the second look at what was found
_AGREEMENT = 0.1  # largest mean distance of the keypoints between two looks, in face sides
_LOST_CROP = 6.0  # the same for a face that was lost
_LOST_FRAMES = 30  # for which a lost face is looked for about its last place
_CROP_PIXELS = 256  # to which such a box is enlarged
_LARGE_FACE = 0.15  # share of the longer side of the picture from which the fast detector should see a face


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: left, top (inside), right, bottom (outside)."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def side(self) -> float:
        """The longer side."""
        return max(self.right - self.left, self.bottom - self.top)

    def overlaps(self, other: Box) -> bool:
        """Whether the two are of the same face: they share at least a third of the smaller one."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        if width <= 0 or height <= 0:
            return False
        return width * height * 3 >= min(box.area for box in (self, other))

    @property
    def area(self) -> float:
        """Width x height."""
        return (self.right - self.left) * (self.bottom - self.top)

    def distance(self, other: Box) -> float:
        """Distance of the centres."""
        x, y = self.left + self.right - other.left - other.right, self.top + self.bottom - other.top - other.bottom
        return math.hypot(x, y) / 2

    def around(self, factor: float) -> Box:
        """A square about the centre whose side is ``factor`` times the longer one."""
        x, y, half = (self.left + self.right) / 2, (self.top + self.bottom) / 2, factor * self.side / 2
        return Box(x - half, y - half, x + half, y + half)


def bounding_box(points: np.ndarray) -> Box:
    """Return the box around (V, 2) points."""
    (left, top), (right, bottom) = points.min(0), points.max(0)
    return Box(float(left), float(top), float(right), float(bottom))


def tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Lay overlapping tiles over a picture, the largest first.

    Their sides are 256 x 2^n pixels, as long as that is clearly less than the picture's longer side; neighbours share
    a quarter. Pictures up to 341 pixels wide have none.

    Yields:
        (left, top, right, bottom) in whole pixels.
    """
    sides = [_SMALLEST_TILE]
    while sides[-1] * 2 <= _STRIDE * max(width, height):
        sides.append(sides[-1] * 2)
    for side in reversed(sides):
        if side > _STRIDE * max(width, height):
            continue
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield left, top, min(left + side, width), min(top + side, height)


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (_STRIDE * side))) + 1
    return [int(start) for start in np.linspace(0, length - side, count)]


def search_tiles(image: np.ndarray, look: Look, max_faces: int) -> list[np.ndarray]:
    """Search a picture part by part.

    What a tile shows counts only if it is found again in a box of its own, which gives a face cut by the tile's edge
    whole, and once more in a wider box, with its keypoints in the same places. Chance finds fail there: faces 30 to 60
    pixels wide agreed within 2 % of their size on test clips, and nothing that was no face was found again at all.

    Args:
        image: (H, W, 3) uint8 RGB.
        look: the detector.
        max_faces: the search ends when so many are found.

    Returns:
        (V, 2) keypoints in pixels of the picture, of each face found.
    """
    found: list[np.ndarray] = []
    for left, top, right, bottom in tiles(image.shape[1], image.shape[0]):
        corner = np.array([left, top])
        for points in look(image[top:bottom, left:right]):
            if not _is_new(points + corner, found):
                continue
            confirmed = _confirm(image, bounding_box(points + corner), look)
            if confirmed is not None and _is_new(confirmed, found):
                found.append(confirmed)
            if len(found) >= max_faces:
                return found
    return found


def _confirm(image: np.ndarray, box: Box, look: Look) -> np.ndarray | None:
    points = _look_at(image, box, look)
    if points is None:
        return None
    box = bounding_box(points)
    again = _look_at(image, box, look, _WIDE_CROP)
    if again is None or np.linalg.norm(points - again, axis=1).mean() > _AGREEMENT * box.side:
        return None
    return points


def _look_at(image: np.ndarray, box: Box, look: Look, factor: float = _CROP) -> np.ndarray | None:
    """Look at an enlarged square around a box; None if the face there is not found again."""
    candidates = [points for points in _look_around(image, box, look, factor) if bounding_box(points).overlaps(box)]
    if not candidates:
        return None
    return max(candidates, key=lambda points: bounding_box(points).area)


def _look_around(image: np.ndarray, box: Box, look: Look, factor: float) -> list[np.ndarray]:
    """Find the faces in an enlarged square about a box, ``factor`` times its side."""
    import cv2

    square = box.around(factor)
    left, top = max(0, int(square.left)), max(0, int(square.top))
    right, bottom = min(image.shape[1], int(square.right) + 1), min(image.shape[0], int(square.bottom) + 1)
    if right - left < 8 or bottom - top < 8:
        return []
    crop = image[top:bottom, left:right]
    zoom = _CROP_PIXELS / max(crop.shape[:2])
    if zoom > 1:
        size = max(1, round(crop.shape[1] * zoom)), max(1, round(crop.shape[0] * zoom))
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)
    scale = (right - left) / crop.shape[1], (bottom - top) / crop.shape[0]
    corner = np.array([left, top])
    return [points * scale + corner for points in look(crop)]


class FaceFollower:
    """Faces of one video: those of the fast detector, and the small ones it misses.

    While the fast detector finds as many faces as are asked for, nothing else runs. When it finds fewer, the frame is
    searched in tiles: at once, and after a search that brought nothing in twice ``search_every`` frames again, then at
    intervals that double up to ``search_rarely`` frames. A face found so is looked for, in the next frames, in an
    enlarged box around its last place. The fast detector then runs in every ``search_every``-th frame, or when the face
    has grown large enough for it; where both see a face, the fast detector's is taken. A face that is lost, whichever
    detector saw it, is looked for in a wide box around its last place for 30 frames: passing behind something costs a
    fraction of a search.

    Args:
        look: a detector that carries nothing over from picture to picture, for parts of the frames.
        max_faces: how many faces are looked for.
        search_every: in frames.
        search_rarely: in frames.
    """

    def __init__(self, look: Look, max_faces: int = 1, search_every: int = 5, search_rarely: int = 80) -> None:
        self._look = look
        self.max_faces = max_faces
        self.search_every = search_every
        self.search_rarely = search_rarely
        self._followed: list[Box] = []
        self._seen: list[Box] = []
        self._lost: list[tuple[Box, int]] = []
        self._wait = search_every
        self._until_search = 0
        self._since_fast = 0

    def find(self, image: np.ndarray, fast: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
        """Find the faces of the next frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            fast: runs the fast detector on this frame; called at most once.

        Returns:
            (V, 2) keypoints of each face in pixels, at most ``max_faces``.
        """
        self._until_search = max(0, self._until_search - 1)
        faces = fast() if self._fast_is_due(image) else []
        small: list[np.ndarray] = []
        if len(faces) < self.max_faces:
            small = self._follow(image, faces)
            small += self._regain(image, faces + small)
            if len(faces) + len(small) < self.max_faces and not self._until_search:
                small += self._search(image, faces + small)
            small = small[: self.max_faces - len(faces)]
        else:
            self._wait, self._lost = self.search_every, []
        self._followed = [bounding_box(points) for points in small]
        self._seen = [bounding_box(points) for points in faces] + self._followed
        return faces + small

    def _fast_is_due(self, image: np.ndarray) -> bool:
        self._since_fast += 1
        large = _LARGE_FACE * max(image.shape[:2])
        if (
            len(self._followed) < self.max_faces
            or self._since_fast >= self.search_every
            or any(box.side > large for box in self._followed)
        ):
            self._since_fast = 0
            return True
        return False

    def _follow(self, image: np.ndarray, faces: list[np.ndarray]) -> list[np.ndarray]:
        kept: list[np.ndarray] = []
        for box in self._followed:
            points = _look_at(image, box, self._look)
            if points is not None and _is_new(points, faces + kept):
                kept.append(points)
        return kept

    def _regain(self, image: np.ndarray, faces: list[np.ndarray]) -> list[np.ndarray]:
        """Look for the faces that were there a while ago."""
        boxes = [bounding_box(face) for face in faces]
        lost = [*self._lost, *((box, _LOST_FRAMES) for box in _left_over(self._seen, boxes))]
        for box in _left_over(boxes, self._seen):  # faces that came back by themselves
            back = _left_over([it for it, _ in lost], [box])
            lost = [it for it in lost if it[0] in back]
        self._lost, found = [], []
        for box, remaining in lost:
            # In a box about as large as the picture the fast detector has seen as much.
            if len(faces) + len(found) < self.max_faces and _LOST_CROP * box.side < _STRIDE * max(image.shape[:2]):
                new = [it for it in _look_around(image, box, self._look, _LOST_CROP) if _is_new(it, faces + found)]
                points = _confirm(image, bounding_box(new[0]), self._look) if new else None
                if points is not None and _is_new(points, faces + found):
                    found.append(points)
                    continue
            if remaining > 1:
                self._lost.append((box, remaining - 1))
        return found

    def _search(self, image: np.ndarray, faces: list[np.ndarray]) -> list[np.ndarray]:
        found = [it for it in search_tiles(image, self._look, self.max_faces) if _is_new(it, faces)]
        self._wait = self.search_every if found else min(2 * self._wait, self.search_rarely)
        self._until_search = self._wait
        return found


def _is_new(points: np.ndarray, faces: list[np.ndarray]) -> bool:
    box = bounding_box(points)
    return not any(box.overlaps(bounding_box(face)) for face in faces)


def _left_over(boxes: list[Box], others: list[Box]) -> list[Box]:
    """Return the boxes that remain when each of the others takes the one nearest to it, the nearest pair first."""
    pairs = sorted(
        (one.distance(other), place, taker) for place, one in enumerate(boxes) for taker, other in enumerate(others)
    )
    taken: set[int] = set()
    takers: set[int] = set()
    for _, place, taker in pairs:
        if place not in taken and taker not in takers:
            taken.add(place)
            takers.add(taker)
    return [box for place, box in enumerate(boxes) if place not in taken]
