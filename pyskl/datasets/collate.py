"""Putting samples together to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pyskl.errors import InputError
from pyskl.registry import FUNCTIONS

__all__ = ['pose_collate']

_PERSON_AXIS = {'keypoint': 1, 'keypoint_score': 1}


def _pad_persons(tensors: list[torch.Tensor], axis: int) -> list[torch.Tensor]:
    most = max(tensor.shape[axis] for tensor in tensors)
    padded = []
    for tensor in tensors:
        if tensor.shape[axis] < most:
            shape = list(tensor.shape)
            shape[axis] = most - shape[axis]
            tensor = torch.cat([tensor, tensor.new_zeros(shape)], dim=axis)
        padded.append(tensor)
    return padded


@FUNCTIONS.register_module()
def pose_collate(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack the samples of a batch.

    Arrays and tensors are stacked along a new first axis; ``keypoint`` (K, M, T, V, 2) and ``keypoint_score``
    (K, M, T, V) are first filled up with persons of score 0 to the largest M; numbers become tensors; everything
    else (``metas``) becomes a list.

    Raises:
        InputError: if a field has different shapes in the samples of the batch, or only some of them have it.
    """
    for name in sorted({name for sample in samples for name in sample}):
        if any(name not in sample for sample in samples):
            raise InputError(f"a batch cannot hold samples with and without '{name}'")
    batch: dict[str, Any] = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        if isinstance(values[0], np.ndarray):
            values = [torch.from_numpy(np.ascontiguousarray(value)) for value in values]
        if isinstance(values[0], torch.Tensor):
            if name in _PERSON_AXIS:
                values = _pad_persons(values, _PERSON_AXIS[name])
            shapes = {tuple(value.shape) for value in values}
            if len(shapes) > 1:
                raise InputError(
                    f"a batch cannot hold '{name}' of the shapes {sorted(shapes)}; make the samples alike with "
                    f'SampleWindow or UniformSampleFrames and Resize(keep_ratio=False), or set batch_size=1'
                )
            batch[name] = torch.stack(values)
        elif isinstance(values[0], bool | int | float | np.number):
            batch[name] = torch.as_tensor(np.asarray(values))
        else:
            batch[name] = values
    return batch
