"""Losing keypoints, as detectors do."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.compose import sample_rng
from pyskl.errors import InputError, did_you_mean
from pyskl.keypoints import get_layout
from pyskl.registry import TRANSFORMS

__all__ = ['KeypointDropout']

PARTS = ('jaw', 'right_brow', 'left_brow', 'nose', 'right_eye', 'left_eye', 'mouth')


@TRANSFORMS.register_module()
class KeypointDropout(BaseTransform):
    """Lose keypoints, parts of the face and whole frames at random.

    What is lost gets coordinates and score 0. A clip never loses everything: one frame, drawn among those with any
    keypoint, is then spared.

    Args:
        point: probability that a keypoint is lost in a frame, each on its own.
        region: probability that a region is lost for a time, as behind a hand: for a run of frames whose length is
            anything from one frame to the whole clip.
        frame: probability that a frame is lost.
        regions: names of the layout's regions that may be lost; None: those of jaw, brows, eyes, nose and mouth, right
            and left apart, that the layout has.

    Raises:
        InputError: if a probability is not in 0..1, or the sample's layout lacks a region.

    Changes ``keypoint`` and ``keypoint_score``.
    """

    def __init__(
        self,
        point: float = 0.0,
        region: float = 0.0,
        frame: float = 0.0,
        regions: Sequence[str] | None = None,
    ) -> None:
        for name, value in (('point', point), ('region', region), ('frame', frame)):
            if not 0 <= value <= 1:
                raise InputError(f'KeypointDropout: {name} must be a probability in 0..1, but is {value}')
        if isinstance(regions, str):
            raise InputError(f"KeypointDropout: regions must be a list of names such as ['{regions}']")
        self.point = point
        self.region = region
        self.frame = frame
        self.regions = None if regions is None else tuple(regions)

    def transform(self, results: dict) -> dict:
        score = results['keypoint_score']
        rng = sample_rng(results)
        lost = self._draw(results, score.shape, rng)
        if lost is None:
            return results
        keypoint = results['keypoint']
        seen = (score > 0) & ((keypoint[..., 0] != 0) | (keypoint[..., 1] != 0))
        left = seen & ~lost
        length = seen.shape[1] // results.get('num_clips', 1)
        for start in range(0, seen.shape[1], length):  # no clip loses everything
            clip = slice(start, start + length)
            if not left[:, clip].any() and seen[:, clip].any():
                frames = start + np.flatnonzero(seen[:, clip].any(axis=(0, 2)))
                lost[:, frames[rng.integers(len(frames))]] = False
        keypoint, score = keypoint.copy(), score.copy()
        keypoint[lost], score[lost] = 0, 0
        results['keypoint'], results['keypoint_score'] = keypoint, score
        return results

    def _draw(self, results: dict, shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray | None:
        """Return (M, T, V) bool: what is lost; None if nothing is."""
        _, frames, num_keypoints = shape
        lost = rng.random(shape, dtype=np.float32) < self.point if self.point else np.zeros(shape, dtype=bool)
        if self.region:
            members = self._members(results, num_keypoints)
            for drawn in np.flatnonzero(rng.random(len(members)) < self.region):
                length = int(rng.integers(1, frames + 1))
                start = int(rng.integers(0, frames - length + 1))
                lost[:, start : start + length] |= members[drawn]
        if self.frame:
            lost[:, rng.random(frames) < self.frame] = True
        return lost if lost.any() else None

    def _members(self, results: dict, num_keypoints: int) -> np.ndarray:
        name = results.get('keypoint_layout')
        if name is None:
            raise InputError('KeypointDropout: the sample has no keypoint_layout; its regions are not known')
        members = _members_of(name, self.regions)
        if members.shape[1] != num_keypoints:
            raise InputError(
                f"KeypointDropout: the sample has {num_keypoints} keypoints, its layout '{name}' {members.shape[1]}"
            )
        return members


@lru_cache(maxsize=64)
def _members_of(layout_name: str, regions: tuple[str, ...] | None) -> np.ndarray:
    """Return (R, V) bool: the keypoints of each region."""
    layout = get_layout(layout_name)
    if regions is None:
        regions = tuple(name for name in PARTS if name in layout.regions)
    members = np.zeros((len(regions), layout.num_keypoints), dtype=bool)
    for row, name in zip(members, regions, strict=True):
        if name not in layout.regions:
            raise InputError(
                f"KeypointDropout: layout '{layout_name}' has no region '{name}'; {did_you_mean(name, layout.regions)}"
            )
        row[list(layout.regions[name])] = True
    return members
