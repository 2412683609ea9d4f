"""Weights of another network as a starting point: what is renamed, inflated or spread before it is taken.

- **ImageNet 2-D ResNets**, in torchvision's names or MMAction2's: a filter is repeated along time and divided by the
  number of frames it then sees (arXiv 1705.07750, section 2.1), so that a picture that stands still gives the same
  response.
- **Another number of input channels** (RGB to heatmaps, 17 keypoints to 68): keypoints that both networks have keep
  their filters; every other channel gets the mean filter of the channels that are left over, scaled so that the sum
  over all channels, and with it the mean response, stays what it was.
- Names with or without ``backbone.``; weights that the network does not have, or in another shape, are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, guess_layout

__all__ = ['StartWeights', 'fit_weights', 'start_weights']

_BACKBONE = 'backbone.'
_NO_KEYPOINTS = 'limbs'  # stands for a layout where channels are not those of keypoints
_RESNET_NAMES = (
    (re.compile(r'(^|\.)conv(\d)\.weight$'), r'\1conv\2.conv.weight'),
    (re.compile(r'(^|\.)bn(\d)\.(\w+)$'), r'\1conv\2.bn.\3'),
    (re.compile(r'\.downsample\.0\.weight$'), '.downsample.conv.weight'),
    (re.compile(r'\.downsample\.1\.(\w+)$'), r'.downsample.bn.\1'),
)
"""From torchvision's names to those of mmcv's conv modules."""


@dataclass(frozen=True)
class StartWeights:
    """What can be taken from a checkpoint.

    Attributes:
        state: the weights that fit, by the network's own names.
        mapping: what was done to them, one phrase each; empty if they fit as they are.
        missing: names of the network's weights that are not in ``state``.
        shapes: for missing ones that the file has in another shape: (there, here).
    """

    state: dict[str, Tensor]
    mapping: list[str]
    missing: list[str]
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)


def start_weights(
    model: nn.Module, content: Mapping[str, Any], path: str | os.PathLike[str]
) -> tuple[StartWeights, str]:
    """Return what a model can take from a checkpoint to start from, and one line for the log.

    A head for other AUs, another number of keypoints or a 2-D backbone is fine, another network is not.

    Args:
        model: a recogniser, or any module.
        content: the checkpoint, as :func:`pyskl.checkpoint.read_checkpoint` gives it.
        path: where it was read, for messages.

    Raises:
        InputError: if no convolution of the checkpoint fits the model.
    """
    start = fit_weights(model.state_dict(), content['state_dict'], _stored_layout(content['meta']), _own_layout(model))
    if not any(value.ndim > 1 for value in start.state.values()):
        raise InputError(f'load_from: no weights of {path} fit the model of the config; it is of another network')
    total = len(start.state) + len(start.missing)
    line = f'{len(start.state)} of {total} weights are taken from {path}'
    notes = [*content.get('mapping', ()), *start.mapping]
    line += f'; mapping: {", ".join(notes)}' if notes else ''
    if start.missing:
        names = ', '.join(start.missing[:4]) + (', ...' if len(start.missing) > 4 else '')
        line += f'; not found there, or of another shape: {names}'
    return start, line


def fit_weights(
    expected: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    stored_layout: str | None = None,
    own_layout: str | None = None,
) -> StartWeights:
    """Bring the weights of a checkpoint to the names and shapes of a network, as far as they can be.

    Args:
        expected: state dict of the network: a backbone, or a recogniser around one.
        state: state dict of the checkpoint.
        stored_layout: keypoint layout of the checkpoint's input channels, if it is known; None: it is guessed by their
            number.
        own_layout: keypoint layout of the network's input channels, if it is known.
    """
    mapping: list[str] = []
    state = _named_alike(expected, state, mapping)
    inflated = 0
    fits: dict[str, Tensor] = {}
    shapes = {}
    stem = _stem(expected)
    for name, own in expected.items():
        value = state.get(name)
        if value is None:
            continue
        if value.ndim == 4 and own.ndim == 5:
            value = value.float().unsqueeze(2).repeat(1, 1, own.shape[2], 1, 1) / own.shape[2]
            inflated += 1
        others = None not in (stored_layout, own_layout) and stored_layout != own_layout and value.shape == own.shape
        if name == stem and (others or _differs_in_channels(value, own)):
            value, how = _spread(value, own.shape[1], stored_layout, own_layout)
            mapping.append(how)
        if value.shape == own.shape:
            fits[name] = value
        else:
            shapes[name] = tuple(value.shape), tuple(own.shape)
    if inflated:
        mapping.append(f'{inflated} 2-D filters repeated along time and divided by its length')
    return StartWeights(fits, mapping, [name for name in expected if name not in fits], shapes)


def _named_alike(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], mapping: list[str]) -> dict[str, Tensor]:
    """Return the state dict with the network's names: torchvision's, and with or without ``backbone.``."""
    theirs = _BACKBONE if any(name.startswith(_BACKBONE) for name in state) else ''
    ours = _BACKBONE if any(name.startswith(_BACKBONE) for name in expected) else ''
    renamed = {}
    for name, value in state.items():
        if ours == theirs:
            renamed[name] = value
        elif name.startswith(theirs):
            renamed[ours + name.removeprefix(theirs)] = value
    first = renamed.get(f'{ours}conv1.weight')
    if first is not None and first.ndim == 4:
        mapping.append("torchvision's names")
        renamed = {_resnet_name(name): value for name, value in renamed.items()}
    if any('.downsample.0.conv.' in name for name in expected):  # backbone.advanced puts a pooling behind it
        renamed = {name.replace('.downsample.conv.', '.downsample.0.conv.'): v for name, v in renamed.items()}
        renamed = {name.replace('.downsample.bn.', '.downsample.0.bn.'): v for name, v in renamed.items()}
    return renamed


def _resnet_name(name: str) -> str:
    for pattern, replacement in _RESNET_NAMES:
        name = pattern.sub(replacement, name)
    return name


def _stem(expected: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first 3-D convolution, whose input channels are keypoints."""
    return next((name for name, value in expected.items() if value.ndim == 5), None)


def _differs_in_channels(value: Tensor, own: Tensor) -> bool:
    return value.ndim == own.ndim and value.shape[1] != own.shape[1] and value.shape[::2] == own.shape[::2]


def _spread(weight: Tensor, channels: int, stored: str | None, own: str | None) -> tuple[Tensor, str]:
    """Return the filters of the stem for another number of channels, and how they were found.

    Args:
        weight: (C, V, t, h, w).
        channels: V' wanted.
        stored: layout of the V channels, if known.
        own: layout of the V' channels, if known.
    """
    weight = weight.float()
    count = weight.shape[1]
    pairs, named = _shared_keypoints(count, channels, stored, own)
    spread = torch.zeros(weight.shape[0], channels, *weight.shape[2:])
    spread[:, [new for new, _ in pairs]] = weight[:, [old for _, old in pairs]]
    old_rest = sorted(set(range(count)) - {old for _, old in pairs})
    new_rest = sorted(set(range(channels)) - {new for new, _ in pairs})
    if new_rest and old_rest:
        spread[:, new_rest] = weight[:, old_rest].sum(1, keepdim=True) / len(new_rest)
    parts = [f'{len(pairs)} by keypoint ({named})'] if pairs else []
    if new_rest:
        scale = f'{len(old_rest)}/{len(new_rest)}'
        parts.append(f'{len(new_rest)} as the mean of {len(old_rest)} filters times {scale}' if old_rest else
                     f'{len(new_rest)} new ones at zero')  # fmt: skip
    return spread, f'first convolution from {count} to {channels} channels: {" and ".join(parts)}'


def _shared_keypoints(
    count: int, channels: int, stored: str | None, own: str | None
) -> tuple[Sequence[tuple[int, int]], str]:
    """Return (channel, channel of the checkpoint) for the keypoints both have, and the names of the layouts."""
    if own is None or stored == _NO_KEYPOINTS:
        return (), ''
    try:
        stored = stored or guess_layout(count).name
        named = f'{stored} to {own}'
        try:
            indices = convert_keypoints(stored, own)
            return list(enumerate(indices.tolist())), named
        except InputError:
            indices = convert_keypoints(own, stored)
            return [(new, old) for old, new in enumerate(indices.tolist())], named
    except InputError:  # neither holds the other, or nothing is known about the channels
        return (), ''


def _stored_layout(meta: Mapping[str, Any]) -> str | None:
    stored = meta.get('pyskl')
    if not isinstance(stored, Mapping):
        return None
    model = stored.get('model')
    drawing = model.get('data_preprocessor') if isinstance(model, Mapping) else None
    if isinstance(drawing, Mapping) and (drawing.get('with_limb') or not drawing.get('with_kp', True)):
        return _NO_KEYPOINTS
    return str(stored['keypoint_layout']) if stored.get('keypoint_layout') else None


def _own_layout(model: nn.Module) -> str | None:
    drawing = getattr(model, 'data_preprocessor', None)
    layout = getattr(drawing, 'layout', None)
    return layout.name if layout is not None and drawing.with_kp and not drawing.with_limb else None
