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
        total = results['keypoint'].shape[1]
        start = results.get('start_index', 0)
        indices = results.setdefault('frame_inds', np.arange(start, start + total, dtype=np.int64))
        indices = np.asarray(indices, dtype=np.int64) - start
        keypoint, score = self._take(results, indices, results.get('frame_positions'))
        self._add_eyes(results, keypoint, score)
        select = results.pop('keypoint_select', None)
        if select is not None:
            keypoint, score = keypoint[:, :, select], score[:, :, select]
        results['keypoint'], results['keypoint_score'] = keypoint, score
        label = results.get('label')
        if isinstance(label, np.ndarray) and label.ndim == 2:
            label = label[indices].astype(np.int8, copy=False)
            padded = results.get('frame_padded')
            if padded is not None:
                label[padded] = -1
            results['label'] = label
        return results

    @staticmethod
    def _take(results: dict, indices: np.ndarray, positions: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the keypoints and scores of the frames, as float32 copies."""
        keypoint, score = results['keypoint'], results.get('keypoint_score')
        if score is None:
            score = np.ones(keypoint.shape[:3], dtype=np.float32)
        read = results.pop('frame_reader', None)
        stored = read is not None and not keypoint.flags.writeable  # nobody has put other keypoints in their place
        if stored:
            low, high = int(indices.min()), int(indices.max())
            if high - low < SCATTERED * len(indices) or positions is not None:
                # positions lie up to a frame beside their index
                low, high = max(low - 1, 0), min(high + 2, keypoint.shape[1])
                keypoint, score = read(low, high)
                indices = indices - low
                positions = None if positions is None else positions - low
            else:
                frames = [read(frame, frame + 1) for frame in indices.tolist()]
                keypoint, score = (np.concatenate(parts, axis=1) for parts in zip(*frames, strict=True))
                indices = np.arange(len(indices))
        if positions is None:
            keypoint = keypoint[:, indices].astype(np.float32, copy=False)
            score = score[:, indices].astype(np.float32, copy=False)
        else:
            keypoint, score = _between(keypoint, score, positions)
        where = f"track '{results.get('frame_dir')}'"
        if not math.isfinite(float(keypoint.sum()) + float(score.sum())):  # a sum of finite numbers is finite
            raise InputError(
                f'{where}: keypoint: NaN or infinite in the frames {_span(results)}; a keypoint that was not found has '
                f'coordinates 0 and score 0'
            )
        if stored and not (score.min() >= 0 and score.max() <= 1):
            raise InputError(
                f'{where}: keypoint_score: values must lie in 0..1, but do not in the frames {_span(results)}'
            )
        return keypoint, score

    @staticmethod
    def _add_eyes(results: dict, keypoint: np.ndarray, score: np.ndarray) -> None:
        name = results.get('source_layout') or results.get('keypoint_layout')
        layout = None if name is None else get_layout(name)
        if layout is not None and layout.eye_corners is not None and layout.num_keypoints == keypoint.shape[2]:
            results['eye_centers'], results['eye_found'] = eye_centers(keypoint, score, layout)


def _span(results: dict) -> str:
    return f'{int(np.min(results["frame_inds"]))} to {int(np.max(results["frame_inds"]))}'


def _between(keypoint: np.ndarray, score: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return keypoints and scores at (T,) ``positions`` between frames."""
    lower = positions.astype(np.int64)
    upper = np.minimum(lower + 1, keypoint.shape[1] - 1)
    weight = (positions - lower).astype(np.float32)[None, :, None]
    taken, following = (keypoint[:, frames].astype(np.float32, copy=False) for frames in (lower, upper))
    taken_score, following_score = (score[:, frames].astype(np.float32, copy=False) for frames in (lower, upper))
    if min(taken_score.min(), following_score.min(), taken.min(), following.min()) <= 0:
        found, found_next = (
            (s > 0) & (k != 0).any(-1) for k, s in ((taken, taken_score), (following, following_score))
        )
        both, only_following = found & found_next, found_next & (weight > 0)
        weight = np.where(both, weight, only_following.astype(np.float32))
    for value, after, share in ((taken, following, weight[..., None]), (taken_score, following_score, weight)):
        after -= value
        after *= share
        value += after
    return taken, taken_score
