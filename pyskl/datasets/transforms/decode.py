"""From a track to the frames of a clip."""

from __future__ import annotations

import math

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.errors import InputError
from pyskl.keypoints import eye_centers, get_layout
from pyskl.registry import TRANSFORMS

__all__ = ['PoseDecode']

SCATTERED = 4  # frames of a store are read in one piece unless they lie further apart than this


@TRANSFORMS.register_module()
class PoseDecode(BaseTransform):
    """Take keypoints, scores and per-frame labels at ``frame_inds``, and the keypoints that the data set asks for.

    ``keypoint`` becomes (M, T, V, 2) float32 and ``keypoint_score`` (M, T, V) float32, T being the number of indices.
    A per-frame label becomes (T, A) int8; padded frames get -1. A label of the whole track stays as it is.

    Where ``frame_positions`` lie between two frames, keypoints found in both are interpolated; those found in one are
    taken from it.

    Where the layout has eyes, ``eye_centers`` (M, T, 2, 2) float32 and ``eye_found`` (M, T) bool are added: the middle
    between the corners of the subject's right and left eye. They are there for ``AlignFace``, also when a part of the
    face without eyes was asked for.

    Raises:
        InputError: if a coordinate or a score is not finite.
    """

    def transform(self, results: dict) -> dict:
        keypoint = results['keypoint']
        total = keypoint.shape[1]
        start = results.get('start_index', 0)
        indices = results.setdefault('frame_inds', np.arange(start, start + total, dtype=np.int64))
        indices = np.asarray(indices, dtype=np.int64) - start
        score = results.get('keypoint_score')
        if score is None:
            score = np.ones(keypoint.shape[:3], dtype=np.float32)
        positions = results.get('frame_positions')
        read = results.pop('frame_reader', None)
        first = 0
        if read is not None and not keypoint.flags.writeable:  # nobody has put other keypoints in their place
            low, high = int(indices.min()), int(indices.max())
            if high - low < SCATTERED * len(indices):
                first, last = max(low - 1, 0), min(high + 2, total)  # positions lie up to a frame beside their index
                keypoint, score = read(first, last)
        if positions is None:
            taken = keypoint[:, indices - first].astype(np.float32, copy=False)
            taken_score = score[:, indices - first].astype(np.float32, copy=False)
        else:
            taken, taken_score = _between(keypoint, score, positions - first)
        if not math.isfinite(float(taken.sum()) + float(taken_score.sum())):  # a sum of finite numbers is finite
            raise InputError(
                f"track '{results.get('frame_dir')}': keypoint: NaN or infinite in the frames {indices.min()} to "
                f'{indices.max()}; a keypoint that was not found has coordinates 0 and score 0'
            )
        self._add_eyes(results, taken, taken_score)
        select = results.pop('keypoint_select', None)
        if select is not None:
            taken, taken_score = taken[:, :, select], taken_score[:, :, select]
        results['keypoint'], results['keypoint_score'] = taken, taken_score
        label = results.get('label')
        if isinstance(label, np.ndarray) and label.ndim == 2:
            label = label[indices].astype(np.int8, copy=False)
            padded = results.get('frame_padded')
            if padded is not None:
                label[padded] = -1
            results['label'] = label
        return results

    @staticmethod
    def _add_eyes(results: dict, keypoint: np.ndarray, score: np.ndarray) -> None:
        name = results.get('source_layout') or results.get('keypoint_layout')
        layout = None if name is None else get_layout(name)
        if layout is not None and layout.eye_corners is not None and layout.num_keypoints == keypoint.shape[2]:
            results['eye_centers'], results['eye_found'] = eye_centers(keypoint, score, layout)


def _between(keypoint: np.ndarray, score: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return keypoints and scores at (T,) ``positions`` between frames."""
    lower = positions.astype(np.int64)
    upper = np.minimum(lower + 1, keypoint.shape[1] - 1)
    weight = (positions - lower).astype(np.float32)[None, :, None]
    taken, following = (keypoint[:, frames].astype(np.float32, copy=False) for frames in (lower, upper))
    taken_score, following_score = (score[:, frames].astype(np.float32, copy=False) for frames in (lower, upper))
    if taken_score.min() <= 0 or following_score.min() <= 0:
        both = (taken_score > 0) & (following_score > 0)
        only_following = (following_score > 0) & (weight > 0)
        weight = np.where(both, weight, only_following.astype(np.float32))
    for value, after, share in ((taken, following, weight[..., None]), (taken_score, following_score, weight)):
        after -= value
        after *= share
        value += after
    return taken, taken_score
