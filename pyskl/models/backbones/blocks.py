"""Residual blocks of the 3-D ResNets: He et al. 2016 (arXiv 1512.03385), inflated as in arXiv 1705.07750."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from mmcv.cnn import build_activation_layer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from pyskl.errors import InputError
from pyskl.models.layers import ConvNormAct

__all__ = ['BasicBlock3d', 'BlockOptions', 'Bottleneck3d', 'make_stage']


@dataclass(frozen=True)
class BlockOptions:
    """What all residual blocks of a network have in common.

    Attributes:
        style: ``pytorch`` strides the 3x3 convolution of a bottleneck, ``caffe`` its first 1x1 convolution.
        inflate_style: where an inflated bottleneck sees time: ``3x1x1`` in its first convolution, ``3x3x3`` in its
            second.
        advanced: the shortcut averages over the stride instead of dropping the pixels between (PYSKL's option).
        with_cp: recompute the block in the backward pass instead of keeping its activations.
        conv_cfg, norm_cfg, act_cfg: mmcv descriptions of the three layers.
    """

    style: str = 'pytorch'
    inflate_style: str = '3x1x1'
    advanced: bool = False
    with_cp: bool = False
    conv_cfg: dict[str, Any] = field(default_factory=lambda: {'type': 'Conv3d'})
    norm_cfg: dict[str, Any] = field(default_factory=lambda: {'type': 'BN3d', 'requires_grad': True})
    act_cfg: dict[str, Any] = field(default_factory=lambda: {'type': 'ReLU', 'inplace': True})

    def __post_init__(self) -> None:
        for name, value, known in (
            ('style', self.style, ('pytorch', 'caffe')),
            ('inflate_style', self.inflate_style, ('3x1x1', '3x3x3')),
        ):
            if value not in known:
                raise InputError(f"backbone.{name} is {value!r}; it must be '{known[0]}' or '{known[1]}'")

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int],
        stride: tuple[int, int, int] = (1, 1, 1),
        dilation: int = 1,
        activate: bool = True,
    ) -> ConvNormAct:
        """Return convolution + norm (+ activation) that keeps the size where the stride is 1."""
        steps = (1, dilation, dilation)
        return ConvNormAct(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=tuple(step * (size - 1) // 2 for size, step in zip(kernel, steps, strict=True)),
            dilation=steps,
            bias=False,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg if activate else None,
        )


class _ResidualBlock(nn.Module):
    """Shortcut plus residual; subclasses give the convolutions of the residual.

    Args:
        in_channels: channels of the input.
        planes: width of the block; it puts out ``planes * expansion`` channels.
        stride: (t, h, w) stride of the block.
        dilation: spatial dilation.
        inflate: whether the block has a temporal extent.
        downsample: what brings the shortcut to the size of the output, if they differ.
        options: what the blocks of the network share.
    """

    expansion: int

    def __init__(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int] = (1, 1, 1),
        dilation: int = 1,
        inflate: bool = True,
        downsample: nn.Module | None = None,
        options: BlockOptions | None = None,
    ) -> None:
        super().__init__()
        options = options or BlockOptions()
        self.with_cp = options.with_cp
        self._make_residual(in_channels, planes, stride, dilation, inflate, options)
        self.downsample = downsample
        self.relu = build_activation_layer(options.act_cfg)

    def _make_residual(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        dilation: int,
        inflate: bool,
        options: BlockOptions,
    ) -> None:
        raise NotImplementedError

    @property
    def convs(self) -> tuple[ConvNormAct, ...]:
        """The convolutions of the residual, in order."""
        raise NotImplementedError

    @property
    def last_norm(self) -> nn.Module:
        """The norm whose zero weight makes the block an identity."""
        return self.convs[-1].norm

    def _sum(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        *inner, last = self.convs
        for conv in inner:
            x = conv(x)
        return last(x, shortcut, self.relu)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, planes * expansion, T', H', W')."""
        if self.with_cp and self.training and torch.is_grad_enabled():
            return checkpoint(self._sum, x, use_reentrant=False, context_fn=self._checkpoint_contexts)
        return self._sum(x)

    def _checkpoint_contexts(self) -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _FrozenStatistics(self)


class _FrozenStatistics(AbstractContextManager):
    """Keeps batch norms from counting the same batch twice while a block is computed again."""

    def __init__(self, module: nn.Module) -> None:
        self.norms = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]

    def __enter__(self) -> None:
        self.saved = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in self.norms]
        for norm in self.norms:
            norm.momentum = 0.0

    def __exit__(self, *error: object) -> None:
        for norm, (momentum, count) in zip(self.norms, self.saved, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)


class BasicBlock3d(_ResidualBlock):
    """Two 3x3 convolutions, both 3x3x3 where inflated. The first carries stride and dilation."""

    expansion = 1

    def _make_residual(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        dilation: int,
        inflate: bool,
        options: BlockOptions,
    ) -> None:
        kernel = (3 if inflate else 1, 3, 3)
        self.conv1 = options.conv(in_channels, planes, kernel, stride, dilation)
        self.conv2 = options.conv(planes, planes, kernel, activate=False)

    @property
    def convs(self) -> tuple[ConvNormAct, ...]:
        """The convolutions of the residual, in order."""
        return self.conv1, self.conv2


class Bottleneck3d(_ResidualBlock):
    """1x1, 3x3 and 1x1 convolutions; an inflated one sees three frames in the first or the second of them."""

    expansion = 4

    def _make_residual(
        self,
        in_channels: int,
        planes: int,
        stride: tuple[int, int, int],
        dilation: int,
        inflate: bool,
        options: BlockOptions,
    ) -> None:
        first_frames = 3 if inflate and options.inflate_style == '3x1x1' else 1
        second_frames = 3 if inflate and options.inflate_style == '3x3x3' else 1
        none = (1, 1, 1)
        first_stride, second_stride = (none, stride) if options.style == 'pytorch' else (stride, none)
        self.conv1 = options.conv(in_channels, planes, (first_frames, 1, 1), first_stride)
        self.conv2 = options.conv(planes, planes, (second_frames, 3, 3), second_stride, dilation)
        self.conv3 = options.conv(planes, planes * self.expansion, (1, 1, 1), activate=False)

    @property
    def convs(self) -> tuple[ConvNormAct, ...]:
        """The convolutions of the residual, in order."""
        return self.conv1, self.conv2, self.conv3


def make_stage(
    block: type[_ResidualBlock],
    in_channels: int,
    planes: int,
    inflate: Sequence[bool],
    spatial_stride: int = 1,
    temporal_stride: int = 1,
    dilation: int = 1,
    options: BlockOptions | None = None,
    kinds: Sequence[Callable[..., nn.Module]] | None = None,
) -> nn.Sequential:
    """Return a stage of residual blocks, the first of which carries the strides.

    Args:
        block: the kind of block.
        in_channels: channels of the stage's input.
        planes: width of the blocks.
        inflate: one flag a block: whether it has a temporal extent.
        spatial_stride: spatial stride of the stage.
        temporal_stride: temporal stride of the stage.
        dilation: spatial dilation of every block.
        options: what the blocks of the network share.
        kinds: what makes each of the blocks, in place of ``block``.
    """
    options = options or BlockOptions()
    stride = (temporal_stride, spatial_stride, spatial_stride)
    out_channels = planes * block.expansion
    downsample: nn.Module | None = None
    if stride != (1, 1, 1) or in_channels != out_channels:
        if options.advanced:
            downsample = nn.Sequential(
                options.conv(in_channels, out_channels, (1, 1, 1), activate=False),
                nn.AvgPool3d(stride, stride, ceil_mode=True),
            )
        else:
            downsample = options.conv(in_channels, out_channels, (1, 1, 1), stride, activate=False)
    first, *others = kinds or [block] * len(inflate)
    blocks = [first(in_channels, planes, stride, dilation, inflate[0], downsample, options)]
    for kind, flag in zip(others, inflate[1:], strict=True):
        blocks.append(kind(out_channels, planes, (1, 1, 1), dilation, flag, None, options))
    return nn.Sequential(*blocks)
