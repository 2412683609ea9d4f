"""Keypoint layouts: the meaning of each keypoint index, its mirror image, and the limbs that join keypoints.

Left and right are the subject's own. iBUG 68: Sagonas et al., 300 Faces in-the-Wild Challenge, 2013.
COCO-WholeBody: Jin et al., Whole-Body Human Pose Estimation in the Wild, 2020 (arXiv 2007.11858).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyskl.errors import InputError, did_you_mean

__all__ = ['LAYOUTS', 'KeypointLayout', 'convert_keypoints', 'get_layout', 'guess_layout', 'selection']


@dataclass(frozen=True)
class KeypointLayout:
    """What the keypoints of one layout are.

    Attributes:
        name: the name used in configs and annotation files.
        num_keypoints: number of keypoints.
        pairs: ``(right, left)`` index pairs that change places when the face is mirrored.
        limbs: index pairs joined by a limb, drawn in limb heatmaps and in overlays.
        source: the layout this one is a selection of, if any.
        indices: for a selection, the index of each keypoint in ``source``.
    """

    name: str
    num_keypoints: int
    pairs: tuple[tuple[int, int], ...]
    limbs: tuple[tuple[int, int], ...]
    source: str | None = None
    indices: tuple[int, ...] = field(default=(), repr=False)

    @property
    def right(self) -> list[int]:
        """Indices of the keypoints on the subject's right, in the order of :attr:`left`."""
        return [right for right, _ in self.pairs]

    @property
    def left(self) -> list[int]:
        """Indices of the keypoints on the subject's left, in the order of :attr:`right`."""
        return [left for _, left in self.pairs]

    @property
    def mirror(self) -> np.ndarray:
        """(V,) int64: the index whose keypoint takes each place after mirroring."""
        order = np.arange(self.num_keypoints)
        for right, left in self.pairs:
            order[right], order[left] = left, right
        return order

    @property
    def limb_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of limb indices that change places when the face is mirrored."""
        mirror = self.mirror
        number = {frozenset(limb): index for index, limb in enumerate(self.limbs)}
        pairs = []
        for index, (start, end) in enumerate(self.limbs):
            other = number.get(frozenset((int(mirror[start]), int(mirror[end]))), index)
            if index < other:
                pairs.append((index, other))
        return tuple(pairs)


def _chain(first: int, last: int, closed: bool = False) -> list[tuple[int, int]]:
    limbs = [(index, index + 1) for index in range(first, last)]
    return [*limbs, (last, first)] if closed else limbs


def _ibug68() -> KeypointLayout:
    pairs = [(index, 16 - index) for index in range(8)]  # jaw
    pairs += [(17 + index, 26 - index) for index in range(5)]  # brows
    pairs += [(31, 35), (32, 34)]  # nose base
    pairs += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]  # eyes
    pairs += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56)]  # outer lips
    pairs += [(60, 64), (61, 63), (67, 65)]  # inner lips
    limbs = _chain(0, 16) + _chain(17, 21) + _chain(22, 26) + _chain(27, 30) + _chain(31, 35)
    limbs += _chain(36, 41, True) + _chain(42, 47, True) + _chain(48, 59, True) + _chain(60, 67, True)
    return KeypointLayout('ibug68', 68, tuple(pairs), tuple(limbs))


def _wholebody133(face: KeypointLayout) -> KeypointLayout:
    pairs = [(right, right - 1) for right in range(2, 17, 2)]  # body: even indices are on the subject's right
    pairs += [(20, 17), (21, 18), (22, 19)]  # feet
    pairs += [(right + 23, left + 23) for right, left in face.pairs]
    pairs += [(112 + index, 91 + index) for index in range(21)]  # hands
    limbs = [
        (15, 13),
        (13, 11),
        (16, 14),
        (14, 12),
        (11, 12),
        (5, 11),
        (6, 12),
        (5, 6),
        (5, 7),
        (6, 8),
        (7, 9),
        (8, 10),
    ]
    limbs += [(1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)]
    limbs += [(15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22)]
    limbs += [(start + 23, end + 23) for start, end in face.limbs]
    for wrist, root in ((9, 91), (10, 112)):
        limbs += [(wrist, root)]
        for finger in range(5):
            base = root + 1 + 4 * finger
            limbs += [(root, base), *_chain(base, base + 3)]
    return KeypointLayout('coco_wholebody133', 133, tuple(pairs), tuple(limbs))


def selection(name: str, source: KeypointLayout, indices: range | tuple[int, ...]) -> KeypointLayout:
    """Make a layout of some keypoints of another one; its pairs and limbs are those that lie wholly inside."""
    place = {index: number for number, index in enumerate(indices)}

    def inside(couples: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((place[a], place[b]) for a, b in couples if a in place and b in place)

    return KeypointLayout(name, len(place), inside(source.pairs), inside(source.limbs), source.name, tuple(place))


_IBUG68 = _ibug68()

LAYOUTS: dict[str, KeypointLayout] = {
    layout.name: layout
    for layout in (
        _IBUG68,
        selection('ibug51', _IBUG68, range(17, 68)),
        _wholebody133(_IBUG68),
    )
}
"""Every known layout by name: ``ibug68``; ``ibug51``, its inner points (no jaw line); ``coco_wholebody133``."""

_FACE_IN_WHOLEBODY = range(23, 91)


def get_layout(name: str) -> KeypointLayout:
    """Return the layout of that name.

    Raises:
        InputError: if there is none; the message names the closest.
    """
    if name not in LAYOUTS:
        raise InputError(f"unknown keypoint layout '{name}'; {did_you_mean(name, LAYOUTS)}")
    return LAYOUTS[name]


def guess_layout(num_keypoints: int) -> KeypointLayout:
    """Return the layout with that number of keypoints, for annotation files that do not name theirs.

    Raises:
        InputError: if no known layout has that number.
    """
    for layout in LAYOUTS.values():
        if layout.num_keypoints == num_keypoints:
            return layout
    known = ', '.join(f'{layout.num_keypoints} ({layout.name})' for layout in LAYOUTS.values())
    raise InputError(f'no keypoint layout has {num_keypoints} keypoints; known: {known}')


def convert_keypoints(source: str, target: str) -> np.ndarray:
    """Return the index array that turns keypoints of one layout into another: ``keypoint[:, :, indices]``.

    Args:
        source: name of the layout the keypoints are in.
        target: name of the layout wanted; it must be a part of ``source``.

    Returns:
        (V_target,) int64 indices into the source's keypoints.

    Raises:
        InputError: if a layout is unknown or ``source`` lacks keypoints of ``target``.
    """
    have, want = get_layout(source), get_layout(target)
    if have.name == want.name:
        return np.arange(want.num_keypoints)
    if have.name == 'coco_wholebody133' and want.name == 'ibug68':
        return np.arange(_FACE_IN_WHOLEBODY.start, _FACE_IN_WHOLEBODY.stop)
    if want.source is not None:
        return convert_keypoints(source, want.source)[np.asarray(want.indices)]
    raise InputError(
        f"keypoints in layout '{source}' ({have.num_keypoints} points) cannot be turned into '{target}' "
        f'({want.num_keypoints} points)'
    )
