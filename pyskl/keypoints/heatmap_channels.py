"""Which channels a heatmap volume has, and which of them change places in the mirror."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints.layouts import KeypointLayout

__all__ = ['HeatmapChannels', 'heatmap_channels']


@dataclass(frozen=True)
class HeatmapChannels:
    """The channels of a heatmap volume: keypoints first, limbs after them.

    Attributes:
        num_keypoints: number of keypoint channels: all keypoints, or 0.
        limbs: keypoint pairs with a channel each.
        mirror: (C,) int64: the channel whose mirror image takes each place.
    """

    num_keypoints: int
    limbs: tuple[tuple[int, int], ...]
    mirror: np.ndarray

    def __len__(self) -> int:
        return self.num_keypoints + len(self.limbs)


def heatmap_channels(
    layout: KeypointLayout,
    with_kp: bool = True,
    with_limb: bool = False,
    skeletons: Sequence[Sequence[int]] | None = None,
    left_kp: Sequence[int] | None = None,
    right_kp: Sequence[int] | None = None,
    left_limb: Sequence[int] | None = None,
    right_limb: Sequence[int] | None = None,
) -> HeatmapChannels:
    """Return the channels of a heatmap volume.

    Args:
        layout: the layout of the keypoints; it fills in what is None below.
        with_kp: one channel for each keypoint.
        with_limb: one channel for each limb.
        skeletons: keypoint pairs joined by a limb.
        left_kp: keypoints on the subject's left, ...
        right_kp: ... and their mirror images, in the same order.
        left_limb: limbs (numbers into ``skeletons``) on the left, ...
        right_limb: ... and their mirror images. By default the limbs whose ends are mirror images of each other.

    Raises:
        InputError: if an index lies outside the layout, or left and right differ in length.
    """
    size = layout.num_keypoints
    limbs = tuple((int(start), int(end)) for start, end in (layout.limbs if skeletons is None else skeletons))
    if with_limb:
        _check_indices('skeletons', [index for limb in limbs for index in limb], size)
    if left_kp is None and right_kp is None:
        left_kp, right_kp = layout.left, layout.right
    points = _exchange('kp', left_kp, right_kp, size)
    if left_limb is None and right_limb is None:
        limb_order = _mirrored_limbs(limbs, points)
    else:
        limb_order = _exchange('limb', left_limb, right_limb, len(limbs))
    num_keypoints = size if with_kp else 0
    parts = ([points] if with_kp else []) + ([num_keypoints + limb_order] if with_limb else [])
    return HeatmapChannels(num_keypoints, limbs if with_limb else (), np.concatenate(parts))


def _check_indices(name: str, indices: Sequence[int], size: int) -> None:
    outside = [index for index in indices if not 0 <= index < size]
    if outside:
        raise InputError(f'{name} holds index {outside[0]}; there are only {size}')


def _exchange(kind: str, left: Sequence[int] | None, right: Sequence[int] | None, size: int) -> np.ndarray:
    left, right = list(left or ()), list(right or ())
    if len(left) != len(right):
        raise InputError(f'left_{kind} has {len(left)} entries and right_{kind} {len(right)}; they are pairs')
    _check_indices(f'left_{kind}', left, size)
    _check_indices(f'right_{kind}', right, size)
    order = np.arange(size)
    order[left], order[right] = right, left
    return order


def _mirrored_limbs(limbs: Sequence[tuple[int, int]], points: np.ndarray) -> np.ndarray:
    number = {frozenset(limb): index for index, limb in enumerate(limbs)}
    mirrored = (
        frozenset((int(points[start]), int(points[end]))) for start, end in limbs if max(start, end) < len(points)
    )
    return np.array([number.get(limb, index) for index, limb in enumerate(mirrored)], dtype=np.int64)
