"""Reading checkpoints safely, and telling what does not fit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import nn

from pyskl.errors import InputError

__all__ = ['as_checkpoint', 'check_weights', 'load_weights', 'read_checkpoint']

_HEAD = 'cls_head.fc_cls.'


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint onto the CPU without running any code in it.

    Returns:
        What :func:`as_checkpoint` makes of the file.

    Raises:
        InputError: if the file is missing, damaged, or holds more than tensors and plain values.
    """
    if '://' in str(path):
        raise InputError(f'checkpoint: {path} is an address; download the file and name it')
    path = Path(path)
    if not path.is_file():
        raise InputError(f'checkpoint: {path} does not exist')
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a damaged file raises nearly anything
        raise InputError(f'checkpoint: {path} cannot be read as plain tensors: {_reason(error)}') from None
    return as_checkpoint(content, path)


def _reason(error: Exception) -> str:
    message = ' '.join(str(error).split())
    foreign = re.search(r'GLOBAL (\S+)', message)
    if foreign is None:
        return message[:200] or type(error).__name__
    return (
        f"besides weights it holds '{foreign[1]}', which only runs as code and is not read; save the weights alone "
        f"with the toolbox that made it: torch.save({{'state_dict': model.state_dict()}}, 'weights.pth')"
    )


def as_checkpoint(content: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Bring what a file holds to one form.

    Names of weights lose the ``module.`` of a wrapper. A head that is a list of layers of which only the first, a
    linear one, has weights (``cls_head.fc_cls.0.*``) is read as that layer.

    Args:
        content: a state dict, or a dict with one under ``state_dict``.
        path: where it was read, for messages.

    Returns:
        A dict with at least ``state_dict``, ``meta``, and ``mapping``: a phrase for each renaming of the second kind.

    Raises:
        InputError: if it holds no weights.
    """
    if not isinstance(content, Mapping):
        raise InputError(f'checkpoint: {path} holds {type(content).__name__}, not a state dict')
    content = dict(content)
    if 'state_dict' not in content:
        content = {'state_dict': content}
    state = content['state_dict']
    if not isinstance(state, Mapping) or not state or not all(map(_is_weight, state.items())):
        raise InputError(f'checkpoint: {path} holds no weights')
    for name, value in state.items():
        if value.layout != torch.strided or value.is_complex():
            raise InputError(f"checkpoint: {path}: '{name}' is sparse or complex; weights are dense real numbers")
    state = {name.removeprefix('module.'): value for name, value in state.items()}
    content['mapping'] = []
    if {name for name in state if name.startswith(_HEAD)} == {f'{_HEAD}0.weight', f'{_HEAD}0.bias'}:
        state = {name.replace(f'{_HEAD}0.', _HEAD): value for name, value in state.items()}
        content['mapping'].append(f'{_HEAD}0.* as {_HEAD}*')
    content['state_dict'] = state
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


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Load all weights of a model from a checkpoint and return the checkpoint's ``meta``.

    Where weights were renamed, the log says so.

    Raises:
        InputError: if the file cannot be read, or its weights are not exactly those of the model.
    """
    content = read_checkpoint(path)
    check_weights(model, content['state_dict'], path)
    model.load_state_dict(content['state_dict'], strict=True)
    if content['mapping']:
        print_log(f'checkpoint: {path}: mapping: {", ".join(content["mapping"])}', logger='current')
    return content['meta']
