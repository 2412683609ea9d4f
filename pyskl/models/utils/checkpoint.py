"""Weights of a backbone from a checkpoint of it, of a recogniser around it, or of its 2-D relative."""

from __future__ import annotations

import os

from mmengine.logging import print_log
from torch import nn

from pyskl.checkpoint import read_checkpoint
from pyskl.errors import InputError
from pyskl.start_weights import fit_weights

__all__ = ['load_backbone_weights']


def load_backbone_weights(backbone: nn.Module, path: str | os.PathLike[str], pretrained2d: bool | None = None) -> None:
    """Load weights into a backbone; every parameter of it must be in the file, the head's are passed over.

    Names may begin with ``module.`` and ``backbone.``. Filters of a 2-D network are inflated, those for another number
    of input channels are spread (:mod:`pyskl.start_weights`); the log says so.

    Args:
        backbone: the module to fill.
        path: checkpoint: a state dict, or a dict that holds one under ``state_dict``. Only tensors and plain
            containers are read from it.
        pretrained2d: whether the file must hold a 2-D network; None: it may.

    Raises:
        InputError: if the file is missing, cannot be read safely, or does not fit the backbone.
    """
    content = read_checkpoint(path)
    is_2d = any(value.ndim == 4 for value in content['state_dict'].values())
    if pretrained2d is not None and pretrained2d != is_2d:
        kind = 'a 2-D network' if is_2d else 'no 2-D network'
        raise InputError(f'{path} holds {kind}, but backbone.pretrained2d is {pretrained2d}')
    start = fit_weights(backbone.state_dict(), content['state_dict'])
    for name in start.missing:
        if name in start.shapes:
            there, here = start.shapes[name]
            raise InputError(f'{path} does not fit the backbone: {name} is {there} there, {here} in the model')
        if not name.endswith('num_batches_tracked'):  # files of the first PyTorch versions lack it
            raise InputError(f'{path} does not fit the backbone: it lacks {name}')
    backbone.load_state_dict(start.state, strict=False)
    notes = [*content['mapping'], *start.mapping]
    if notes:
        print_log(f'backbone.pretrained: {path}: mapping: {", ".join(notes)}', logger='current')
