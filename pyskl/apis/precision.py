"""Whether a network may compute in bfloat16."""

from __future__ import annotations

import torch
from torch import nn

from pyskl.engine.autocast import has_bfloat16
from pyskl.errors import InputError, did_you_mean

__all__ = ['DTYPES', 'choose_dtype', 'error_of_bfloat16']

DTYPES = ('auto', 'float32', 'bfloat16')
MOST = 0.01  # that a probability may change
SHARE = 0.99  # of the probe's; it is harder than faces, whose probabilities then stay within MOST
PROBE_FRAMES = 32


def choose_dtype(dtype: str, model: nn.Module, num_keypoints: int | None) -> torch.dtype:
    """Return what a network is to compute in.

    Args:
        dtype: 'float32' or 'bfloat16'; 'auto': bfloat16 where the device computes in it and :func:`error_of_bfloat16`
            is at most 0.01.
        model: a recogniser in evaluation mode, on its device.
        num_keypoints: of the faces it takes; None: it takes volumes, and 'auto' is float32.

    Raises:
        InputError: if ``dtype`` is none of these.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype: there is no '{dtype}'; {did_you_mean(str(dtype), DTYPES)}")
    if dtype != 'auto':
        return getattr(torch, dtype)
    device = next(model.parameters()).device.type
    tried = num_keypoints is not None and has_bfloat16(device)
    close = tried and error_of_bfloat16(model, num_keypoints) <= MOST
    return torch.bfloat16 if close else torch.float32


@torch.no_grad()
def error_of_bfloat16(model: nn.Module, num_keypoints: int) -> float:
    """Return by how much bfloat16 changes the probabilities of a network, on keypoints strewn over the picture.

    Networks differ: the more a head makes of small differences between features, the more it makes of their rounding.
    It is what 99 of 100 changes stay below, if all probabilities were close to 0.5: far from it a logit may change by
    more without being seen, but not on other faces.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (1, 1, 1, PROBE_FRAMES, num_keypoints)
    start = torch.rand((*shape[:3], 1, num_keypoints, 2), generator=generator)
    steps = torch.randn((*shape, 2), generator=generator) * 0.02
    data = {'keypoint': start + steps, 'keypoint_score': torch.ones(shape), 'img_shape': torch.ones(1, 2)}
    device = next(model.parameters()).device.type
    results = []
    for enabled in (False, True):
        with torch.autocast(device, dtype=torch.bfloat16, enabled=enabled):
            logits = model(**model.data_preprocessor(data, training=False), mode='tensor')
        results.append(logits.float())
    change = (results[0] - results[1]).abs().flatten().quantile(SHARE)
    return float(change) / 4  # the steepest slope of a sigmoid
