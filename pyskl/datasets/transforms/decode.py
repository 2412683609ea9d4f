"""From a track to the frames of a clip."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.registry import TRANSFORMS

__all__ = ['PoseDecode']


@TRANSFORMS.register_module()
class PoseDecode(BaseTransform):
    """Take keypoints, scores and per-frame labels at ``frame_inds``.

    ``keypoint`` becomes (M, T, V, 2) float32 and ``keypoint_score`` (M, T, V) float32, T being the number of indices.
    A per-frame label becomes (T, A) int8; padded frames get -1. A label of the whole track stays as it is.
    """

    def transform(self, results: dict) -> dict:
        keypoint = results['keypoint']
        total = keypoint.shape[1]
        start = results.get('start_index', 0)
        indices = results.setdefault('frame_inds', np.arange(start, start + total, dtype=np.int64))
        indices = np.asarray(indices, dtype=np.int64) - start
        score = results.get('keypoint_score')
        results['keypoint'] = keypoint[:, indices].astype(np.float32)
        if score is None:
            score = np.ones(keypoint.shape[:3], dtype=np.float32)
        results['keypoint_score'] = score[:, indices].astype(np.float32)
        label = results.get('label')
        if isinstance(label, np.ndarray) and label.ndim == 2:
            label = label[indices].astype(np.int8)
            padded = results.get('frame_padded')
            if padded is not None:
                label[padded] = -1
            results['label'] = label
        return results
