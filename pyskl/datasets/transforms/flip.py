"""Mirroring a face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.compose import sample_rng
from pyskl.datasets.transforms.geometry import set_keypoint
from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.registry import TRANSFORMS

__all__ = ['Flip']


@TRANSFORMS.register_module()
class Flip(BaseTransform):
    """Mirror the keypoints left to right with a given probability.

    Labels stay as they are: an Action Unit is the same on either side of the face.

    Args:
        flip_ratio: probability.
        direction: 'horizontal', the only one that makes sense for faces.
        left_kp: indices of the keypoints on the subject's left; None: those of the sample's layout.
        right_kp: their partners on the right.

    Changes ``keypoint`` and ``keypoint_score``; adds ``flip``.
    """

    def __init__(
        self,
        flip_ratio: float = 0.5,
        direction: str = 'horizontal',
        left_kp: Sequence[int] | None = None,
        right_kp: Sequence[int] | None = None,
    ) -> None:
        if direction != 'horizontal':
            raise InputError(f"Flip: direction must be 'horizontal', not '{direction}'")
        if not 0 <= flip_ratio <= 1:
            raise InputError(f'Flip: flip_ratio must be in 0..1, but is {flip_ratio}')
        if (left_kp is None) != (right_kp is None) or (left_kp is not None and len(left_kp) != len(right_kp)):
            raise InputError('Flip: left_kp and right_kp must have the same length')
        self.flip_ratio = flip_ratio
        self.left_kp = left_kp
        self.right_kp = right_kp

    def transform(self, results: dict) -> dict:
        results['flip'] = bool(sample_rng(results).random() < self.flip_ratio)
        if not results['flip']:
            return results
        keypoint = results['keypoint']
        order = self._mirror(results, keypoint.shape[2])
        mirrored = keypoint.take(order, axis=2)
        x = mirrored[..., 0]
        np.subtract(results['img_shape'][1], x, out=x, where=x != 0)
        set_keypoint(results, mirrored)
        results['keypoint_score'] = results['keypoint_score'].take(order, axis=2)
        return results

    def _mirror(self, results: dict, num_keypoints: int) -> np.ndarray:
        if self.left_kp is not None:
            if not all(0 <= index < num_keypoints for index in (*self.left_kp, *self.right_kp)):
                raise InputError(f'Flip: left_kp and right_kp must be in 0..{num_keypoints - 1}, as the keypoints are')
            order = np.arange(num_keypoints)
            order[list(self.left_kp)], order[list(self.right_kp)] = self.right_kp, self.left_kp
            return order
        if 'keypoint_layout' not in results:
            raise InputError('Flip: the sample has no keypoint_layout; give left_kp and right_kp')
        layout = get_layout(results['keypoint_layout'])
        if layout.num_keypoints != num_keypoints:
            raise InputError(
                f"Flip: the sample has {num_keypoints} keypoints, its layout '{layout.name}' {layout.num_keypoints}"
            )
        return layout.mirror
