"""Reading checkpoints safely, and telling what does not fit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pyskl.errors import InputError

__all__ = ['check_start_weights', 'check_weights', 'load_weights', 'read_checkpoint']


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint onto the CPU without running any code in it.

    Returns:
        A dict with at least ``state_dict``; a bare state dict is wrapped.

    Raises:
        InputError: if the file is missing, damaged, or holds more than tensors and plain values.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f'checkpoint: {path} does not exist')
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a damaged file raises nearly anything
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise InputError(f'checkpoint: {path} cannot be read as plain tensors: {reason}') from None
    if not isinstance(content, Mapping):
        raise InputError(f'checkpoint: {path} holds {type(content).__name__}, not a state dict')
    content = dict(content)
    if 'state_dict' not in content:
        content = {'state_dict': content}
    state = content['state_dict']
    if not isinstance(state, Mapping) or not state or not all(map(_is_weight, state.items())):
        raise InputError(f'checkpoint: {path} holds no weights')
    content['state_dict'] = {name.removeprefix('module.'): value for name, value in state.items()}
    if not isinstance(content.setdefault('meta', {}), dict):
        raise InputError(f"checkpoint: {path}: 'meta' is {type(content['meta']).__name__}, not a dict")
    return content


def _is_weight(item: tuple[Any, Any]) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor)


def check_weights(model: nn.Module, state: Mapping[str, torch.Tensor], path: str | os.PathLike[str]) -> None:
    """Check that the weights of a checkpoint are those of a model, name by name and shape by shape.

    Raises:
        InputError: one line that says what differs: the number of AUs, of keypoints, or the network itself.
    """
    own = model.state_dict()
    shapes = {name: (tuple(state[name].shape), tuple(own[name].shape)) for name in own if name in state}
    wrong = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    for name, (theirs, ours) in wrong.items():
        if name.startswith('cls_head.') and theirs[:1] != ours[:1]:
            raise InputError(
                f'checkpoint: {path} was trained for {theirs[0]} AUs, but the config asks for {ours[0]} '
                f'(model.cls_head.num_classes)'
            )
        if name.startswith('backbone.conv1.') and theirs[1:2] != ours[1:2]:
            raise InputError(
                f'checkpoint: {path} was trained for {theirs[1]} heatmap channels, but the config has {ours[1]} '
                f'(keypoint_layout, model.backbone.in_channels)'
            )
        raise InputError(f"checkpoint: {path}: '{name}' has shape {theirs}, but the model of the config needs {ours}")
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if missing or unexpected:
        parts = [f"{len(missing)} weights are missing, such as '{missing[0]}'"] if missing else []
        parts += [f"{len(unexpected)} are not in the model, such as '{unexpected[0]}'"] if unexpected else []
        raise InputError(f'checkpoint: {path} does not fit the model of the config: {"; ".join(parts)}')


def check_start_weights(model: nn.Module, state: Mapping[str, torch.Tensor], path: str | os.PathLike[str]) -> str:
    """Check that a checkpoint is of use as a starting point: a head for other AUs is fine, another network is not.

    Returns:
        One line for the log: how many weights fit, and which do not.

    Raises:
        InputError: if no convolution of the checkpoint fits the model.
    """
    own = model.state_dict()
    fits = {name for name, value in own.items() if name in state and state[name].shape == value.shape}
    if not any(own[name].ndim > 1 for name in fits):
        raise InputError(f'load_from: no weights of {path} fit the model of the config; it is of another network')
    left = [name for name in own if name not in fits]
    names = ', '.join(left[:4]) + (', ...' if len(left) > 4 else '')
    rest = f'; not found there, or of another shape: {names}' if left else ''
    return f'{len(fits)} of {len(own)} weights are taken from {path}{rest}'


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Load all weights of a model from a checkpoint and return the checkpoint's ``meta``.

    Raises:
        InputError: if the file cannot be read, or its weights are not exactly those of the model.
    """
    content = read_checkpoint(path)
    check_weights(model, content['state_dict'], path)
    model.load_state_dict(content['state_dict'], strict=True)
    return content['meta']
