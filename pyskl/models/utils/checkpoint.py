"""Weights of a backbone from a checkpoint of it, or of a recogniser around it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from pyskl.checkpoint import read_checkpoint
from pyskl.errors import InputError

__all__ = ['load_backbone_weights']


def load_backbone_weights(backbone: nn.Module, path: Path) -> None:
    """Load weights into a backbone; every parameter of it must be in the file, the head's are passed over.

    Args:
        backbone: the module to fill.
        path: checkpoint: a state dict, or a dict that holds one under ``state_dict``; names may begin with
            ``backbone.``. Only tensors and plain containers are read from it.

    Raises:
        InputError: if the file is missing, cannot be read safely, or does not fit the backbone.
    """
    weights = read_checkpoint(path)['state_dict']
    prefix = 'backbone.' if any(name.startswith('backbone.') for name in weights) else ''
    own: dict[str, Tensor] = {
        name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)
    }
    expected = backbone.state_dict()
    for name, value in expected.items():
        if name not in own:
            raise InputError(f'{path} does not fit the backbone: it lacks {name}')
        if own[name].shape != value.shape:
            raise InputError(
                f'{path} does not fit the backbone: {name} is {tuple(own[name].shape)} there, '
                f'{tuple(value.shape)} in the model'
            )
    backbone.load_state_dict({name: own[name] for name in expected})
