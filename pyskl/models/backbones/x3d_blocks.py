"""Residual blocks of X3D (arXiv 2004.04730, table 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mmcv.cnn import build_activation_layer
from torch import Tensor, nn

from pyskl.models.layers import ConvNormAct

__all__ = ['BlockX3D', 'LayerOptions', 'SEModule', 'round_width']


def round_width(width: float, factor: float, divisor: int = 8) -> int:
    """Return ``width * factor`` channels as a multiple of ``divisor`` that is at most a tenth too small."""
    wanted = width * factor
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded


@dataclass(frozen=True)
class LayerOptions:
    """mmcv descriptions of convolution, norm and activation."""

    conv_cfg: dict[str, Any] = field(default_factory=lambda: {'type': 'Conv3d'})
    norm_cfg: dict[str, Any] = field(default_factory=lambda: {'type': 'BN3d', 'requires_grad': True})
    act_cfg: dict[str, Any] = field(default_factory=lambda: {'type': 'ReLU', 'inplace': True})

    def conv(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int, int] = (1, 1, 1),
        stride: int = 1,
        groups: int = 1,
        norm: bool = True,
        activate: bool = True,
    ) -> ConvNormAct:
        """Return a convolution with norm and activation that keeps the size where the spatial stride is 1."""
        return ConvNormAct(
            in_channels,
            out_channels,
            kernel,
            stride=(1, stride, stride),
            padding=tuple(size // 2 for size in kernel),
            groups=groups,
            bias=False,
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg if norm else None,
            act_cfg=self.act_cfg if activate else None,
        )


class SEModule(nn.Module):
    """Squeeze and excitation: scale each channel by a factor that depends on the whole clip (arXiv 1709.01507).

    Args:
        channels: channels of input and output.
        ratio: width of the hidden layer, relative to them.
    """

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        hidden = round_width(channels, ratio)
        self.fc1 = nn.Conv3d(channels, hidden, 1)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv3d(hidden, channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> the same shape."""
        squeezed = x.mean((2, 3, 4), keepdim=True)
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(squeezed))))


class BlockX3D(nn.Module):
    """1x1x1, channel-wise 3x3x3 and 1x1x1 convolutions beside a shortcut.

    Args:
        in_channels: channels of the input.
        planes: width inside the block.
        out_channels: channels of the output.
        spatial_stride: stride of the channel-wise convolution.
        downsample: what brings the shortcut to the size of the output, if they differ.
        se_ratio: ratio of squeeze and excitation; None: there is none.
        use_swish: whether ``x * sigmoid(x)`` stands before the last convolution.
        options: the layers' descriptions.
    """

    def __init__(
        self,
        in_channels: int,
        planes: int,
        out_channels: int,
        spatial_stride: int = 1,
        downsample: nn.Module | None = None,
        se_ratio: float | None = None,
        use_swish: bool = True,
        options: LayerOptions | None = None,
    ) -> None:
        super().__init__()
        options = options or LayerOptions()
        self.downsample = downsample
        self.conv1 = options.conv(in_channels, planes)
        self.conv2 = options.conv(planes, planes, (3, 3, 3), spatial_stride, groups=planes, activate=False)
        self.swish = nn.SiLU() if use_swish else nn.Identity()
        self.conv3 = options.conv(planes, out_channels, activate=False)
        self.se_module = None if se_ratio is None else SEModule(planes, se_ratio)
        self.relu = build_activation_layer(options.act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, T, H, W) -> (B, out_channels, T, H', W')."""
        out = self.conv2(self.conv1(x))
        if self.se_module is not None:
            out = self.se_module(out)
        out = self.conv3(self.swish(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))
