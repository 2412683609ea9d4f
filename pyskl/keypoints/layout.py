"""What a keypoint layout is: the meaning of each index, its mirror image, limbs, regions and names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

__all__ = ['KeypointLayout', 'chain', 'ring', 'selection']

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class KeypointLayout:
    """What the keypoints of one layout are. Left and right are the subject's own.

    Attributes:
        name: the name used in configs and annotation files.
        num_keypoints: number of keypoints.
        pairs: ``(right, left)`` index pairs that change places when the face is mirrored.
        limbs: index pairs joined by a limb, drawn in limb heatmaps and in overlays.
        source: the layout this one is a selection of, if any.
        indices: for a selection, the index of each keypoint in ``source``.
        names: a readable name for each keypoint; no two are the same.
        regions: indices, in ascending order, by the name of a part of the face such as ``brows`` or ``mouth``.
        eye_corners: right outer, right inner, left inner and left outer corner of the eyes; None if one is missing.
    """

    name: str
    num_keypoints: int
    pairs: Pairs
    limbs: Pairs
    source: str | None = None
    indices: tuple[int, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    regions: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False, hash=False)
    eye_corners: tuple[int, int, int, int] | None = None

    @property
    def right(self) -> list[int]:
        """Indices of the keypoints on the subject's right, in the order of :attr:`left`."""
        return [right for right, _ in self.pairs]

    @property
    def left(self) -> list[int]:
        """Indices of the keypoints on the subject's left, in the order of :attr:`right`."""
        return [left for _, left in self.pairs]

    @cached_property
    def mirror(self) -> np.ndarray:
        """(V,) int64, read-only: the index whose keypoint takes each place after mirroring."""
        order = np.arange(self.num_keypoints)
        for right, left in self.pairs:
            order[right], order[left] = left, right
        order.setflags(write=False)
        return order

    @cached_property
    def limb_pairs(self) -> Pairs:
        """Pairs of limb indices that change places when the face is mirrored."""
        mirror = self.mirror
        number = {frozenset(limb): index for index, limb in enumerate(self.limbs)}
        pairs = []
        for index, (start, end) in enumerate(self.limbs):
            other = number.get(frozenset((int(mirror[start]), int(mirror[end]))), index)
            if index < other:
                pairs.append((index, other))
        return tuple(pairs)


def chain(*points: int) -> list[tuple[int, int]]:
    """Return the limbs that join each point to the next."""
    return list(pairwise(points))


def ring(*points: int) -> list[tuple[int, int]]:
    """Return the limbs that join each point to the next, and the last to the first."""
    return chain(*points, points[0])


def selection(name: str, source: KeypointLayout, indices: Iterable[int]) -> KeypointLayout:
    """Make a layout of some keypoints of another one.

    Its pairs, limbs and regions are those that lie wholly inside.

    Args:
        name: of the new layout.
        source: the layout to choose from.
        indices: keypoints of ``source``, in the order they shall have.
    """
    place = {index: number for number, index in enumerate(indices)}

    def inside(couples: Pairs) -> Pairs:
        return tuple((place[a], place[b]) for a, b in couples if a in place and b in place)

    regions = {
        region: tuple(sorted(place[index] for index in members))
        for region, members in source.regions.items()
        if place.keys() >= set(members)
    }
    corners = source.eye_corners
    return KeypointLayout(
        name,
        len(place),
        inside(source.pairs),
        inside(source.limbs),
        source.name,
        tuple(place),
        tuple(source.names[index] for index in place),
        regions,
        tuple(place[index] for index in corners) if corners and place.keys() >= set(corners) else None,
    )
