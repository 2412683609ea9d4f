"""From a transformed sample to what the model takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from pyskl.errors import InputError, did_you_mean
from pyskl.registry import TRANSFORMS

__all__ = ['Collect', 'FormatShape', 'ToTensor']

IDENTITY_KEYS = ('frame_dir', 'sample_idx')  # without them no prediction could be told from another
META_KEYS = ('frame_dir', 'sample_idx', 'total_frames', 'img_shape', 'original_shape')


@TRANSFORMS.register_module()
class FormatShape(BaseTransform):
    """Split the time axis into clips and put the axes in the model's order.

    Args:
        input_format: ``'NMTVC'``: ``keypoint`` becomes (K, M, T, V, 2) and ``keypoint_score`` (K, M, T, V);
            ``'NCTHW_Heatmap'``: ``imgs`` (K * T, C, H, W) becomes (K, C, T, H, W). K is the number of clips.

    A per-frame label becomes (K, T, A), ``frame_inds`` and ``frame_valid`` (K, T).
    """

    formats = ('NMTVC', 'NCTHW_Heatmap')

    def __init__(self, input_format: str) -> None:
        if input_format not in self.formats:
            raise InputError(
                f"FormatShape: unknown input_format '{input_format}'; {did_you_mean(input_format, self.formats)}"
            )
        self.input_format = input_format

    def transform(self, results: dict) -> dict:
        if self.input_format == 'NMTVC':
            keypoint, score = results['keypoint'], results['keypoint_score']
            persons, frames, points = score.shape
            clips = results.get('num_clips', 1)
            shape = (persons, clips, frames // clips, points)
            results['keypoint'] = np.ascontiguousarray(keypoint.reshape(*shape, 2).swapaxes(0, 1))
            results['keypoint_score'] = np.ascontiguousarray(score.reshape(shape).swapaxes(0, 1))
        else:
            imgs = results['imgs']
            length = results.get('clip_len') or len(results.get('frame_inds', imgs))
            clips = imgs.shape[0] // length  # twice num_clips when the mirrored volume was appended
            imgs = imgs.reshape(clips, length, *imgs.shape[1:])
            results['imgs'] = np.ascontiguousarray(imgs.swapaxes(1, 2))
            results['input_shape'] = results['imgs'].shape
            frames = clips * length
        self._frames(results, clips, frames)
        return results

    @staticmethod
    def _frames(results: dict, clips: int, frames: int) -> None:
        indices = np.asarray(results.get('frame_inds', np.arange(frames)), dtype=np.int64)
        repeats = frames // len(indices)
        valid = results.get('frame_valid', np.ones(len(indices), dtype=bool))
        label = results.get('label')
        per_frame = isinstance(label, np.ndarray) and label.ndim == 2
        if repeats > 1:
            indices, valid = np.tile(indices, repeats), np.tile(valid, repeats)
            label = np.tile(label, (repeats, 1)) if per_frame else label
        results['frame_inds'] = indices.reshape(clips, -1)
        results['frame_valid'] = valid.reshape(clips, -1)
        if per_frame:
            results['label'] = label.reshape(clips, -1, label.shape[1])


@TRANSFORMS.register_module()
class Collect(BaseTransform):
    """Keep what the model needs.

    Args:
        keys: fields to keep; ``label`` is left out where a sample has none.
        meta_keys: fields that are put into the dict ``metas``, where they exist.
        meta_name: name of that dict.
    """

    def __init__(self, keys: Sequence[str], meta_keys: Sequence[str] = META_KEYS, meta_name: str = 'metas') -> None:
        self.keys = tuple(keys)
        self.meta_keys = tuple(meta_keys)
        self.meta_name = meta_name

    def transform(self, results: dict) -> dict:
        collected = {}
        for key in self.keys:
            if key in results:
                collected[key] = results[key]
            elif key != 'label':
                raise InputError(f"Collect: the sample has no '{key}'; {did_you_mean(key, results)}")
        for key in ('frame_inds', 'frame_valid'):
            if key in results:
                collected[key] = results[key]
        if 'img_shape' in results and 'keypoint' in collected:
            collected['img_shape'] = np.asarray(results['img_shape'], dtype=np.float32)
        collected[self.meta_name] = {key: results[key] for key in (*IDENTITY_KEYS, *self.meta_keys) if key in results}
        return collected


@TRANSFORMS.register_module()
class ToTensor(BaseTransform):
    """Turn arrays into tensors without copying; numbers become 0-d tensors.

    Args:
        keys: fields to turn; those a sample lacks are passed over, as unlabelled samples have no ``label``.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        for key in self.keys:
            if key not in results:
                continue
            value = results[key]
            results[key] = torch.from_numpy(value) if isinstance(value, np.ndarray) else torch.as_tensor(value)
        return results
