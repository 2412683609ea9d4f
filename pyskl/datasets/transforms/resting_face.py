"""Showing a network what a face does, and not whose it is."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.compose import sample_rng
from pyskl.datasets.transforms.geometry import set_keypoint
from pyskl.errors import InputError
from pyskl.keypoints import mean_face
from pyskl.registry import TRANSFORMS

__all__ = ['SubtractRestingFace']


@TRANSFORMS.register_module()
class SubtractRestingFace(BaseTransform):
    """Put everyone's movements on the same face, and enlarge them.

    Every keypoint goes where the average person has it at rest, plus ``gain`` times its distance from where this
    person has it at rest. High brows are no longer raised ones, and a movement of half a pixel fills more than one.
    Use it right after ``AlignFace``.

    A data set gives the resting face of the whole track (:func:`pyskl.keypoints.resting_face`) as ``resting_face``
    (M, V, 2) and the number of frames with the face as ``resting_frames`` (M,). In a track of fewer than
    ``least_frames``, such as a single picture, a person may well never be at rest: the average face is taken for
    theirs. So that a network knows both cases, training takes it in a part of the samples too.

    Args:
        gain: factor on the movements.
        least_frames: length from which on a track tells what a face is like at rest.
        unknown: probability of a training sample to be shown as if its resting face were not known.

    Raises:
        InputError: if an argument is out of range, the sample is not aligned or has no resting face, or there is no
            average face in its layout.

    Changes ``keypoint``. Keypoints that were not detected stay 0, and clips without eyes as they are.
    """

    def __init__(self, gain: float = 2.0, least_frames: int = 64, unknown: float = 0.1) -> None:
        for name, value in (('gain', gain), ('least_frames', least_frames), ('unknown', unknown)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f'SubtractRestingFace: {name} must be a number, not {value!r}')
        if not 0 < gain < np.inf:
            raise InputError(f'SubtractRestingFace: gain must be positive, but is {gain}')
        if least_frames < 0:
            raise InputError(f'SubtractRestingFace: least_frames must not be negative, but is {least_frames}')
        if not 0 <= unknown <= 1:
            raise InputError(f'SubtractRestingFace: unknown must be a probability, but is {unknown}')
        self.gain = gain
        self.least_frames = least_frames
        self.unknown = unknown

    def transform(self, results: dict) -> dict:
        for name, needed in (('face_scale', 'AlignFace right before it'), ('resting_face', 'a data set that gives it')):
            if name not in results:
                raise InputError(f'SubtractRestingFace: the sample has no {name}; it needs {needed}')
        keypoint, score = results['keypoint'], results['keypoint_score']
        persons = len(keypoint)
        mean = mean_face(results['keypoint_layout'])
        rest, known = results['resting_face'], results['resting_frames'] >= self.least_frames
        if not results.get('test_mode', False) and self.unknown and sample_rng(results).random() < self.unknown:
            known = np.zeros(persons, bool)
        rest = np.where(known[:, None, None] & np.isfinite(rest), rest, mean)
        origin = np.array(results['face_origin'], np.float32)
        scale = results['face_scale'].reshape(persons, -1, 1, 1, 1)
        clips = keypoint.reshape(persons, scale.shape[1], -1, *keypoint.shape[2:])
        offset = origin * (1 - self.gain) + scale * (mean - self.gain * rest)[:, None, None]
        moved = np.where(np.isfinite(scale), clips * np.float32(self.gain) + offset, clips).reshape(keypoint.shape)
        seen = (score > 0) & ((keypoint[..., 0] != 0) | (keypoint[..., 1] != 0))
        moved[~seen] = 0
        set_keypoint(results, moved.astype(np.float32, copy=False))
        return results
