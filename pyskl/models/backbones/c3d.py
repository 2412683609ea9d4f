"""C3D without its linear layers (arXiv 1412.0767), a backbone of PoseConv3D (arXiv 2104.13586)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pyskl.errors import InputError
from pyskl.models.layers import ConvNormAct
from pyskl.models.utils.checkpoint import load_backbone_weights
from pyskl.models.utils.init_layers import init_layers
from pyskl.registry import MODELS

__all__ = ['C3D']


@MODELS.register_module()
class C3D(nn.Module):
    """A plain stack of 3x3x3 convolutions with average pooling between its stages.

    Argument and parameter names are PYSKL's, so its C3D-light checkpoints load. The first stages have one convolution
    each, with ``base_channels`` and twice as many channels; the third and later ones have two.

    Args:
        in_channels: channels of the input: the number of heatmaps.
        base_channels: channels of the first convolution.
        num_stages: 3 or 4: how often the picture is halved.
        temporal_downsample: whether all poolings but the first halve the frames as well. False keeps every frame, as
            heads with ``per_frame=True`` need it.
        pretrained: checkpoint of this backbone, or of a recogniser around it.
        conv_cfg: mmcv description of the convolutions.
        norm_cfg: mmcv description of the norms.
        act_cfg: mmcv description of the activations.

    Shapes:
        input (B, in_channels, T, H, W) float; output (B, 8 * base_channels, T', H', W').

    Raises:
        InputError: if ``num_stages`` is out of range, or ``pretrained`` does not fit.
    """

    def __init__(
        self,
        in_channels: int = 3,
        base_channels: int = 64,
        num_stages: int = 4,
        temporal_downsample: bool = True,
        pretrained: str | Path | None = None,
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if num_stages not in (3, 4):
            raise InputError(f'backbone.num_stages is {num_stages}; C3D has 3 or 4')
        self.in_channels = in_channels
        self.base_channels = base_channels
        self.num_stages = num_stages
        self.temporal_downsample = temporal_downsample
        self.pretrained = pretrained
        self.feat_dim = 8 * base_channels

        def conv(channels_in: int, channels_out: int) -> ConvNormAct:
            return ConvNormAct(
                channels_in,
                channels_out,
                3,
                padding=1,
                conv_cfg=conv_cfg or {'type': 'Conv3d'},
                norm_cfg=norm_cfg or {'type': 'BN3d'},
                act_cfg=act_cfg or {'type': 'ReLU'},
            )

        width = base_channels
        size = (2 if temporal_downsample else 1, 2, 2)
        self.conv1a = conv(in_channels, width)
        self.pool1 = nn.AvgPool3d((1, 2, 2))
        self.conv2a = conv(width, 2 * width)
        self.pool2 = nn.AvgPool3d(size)
        self.conv3a = conv(2 * width, 4 * width)
        self.conv3b = conv(4 * width, 4 * width)
        self.pool3 = nn.AvgPool3d(size)
        self.conv4a = conv(4 * width, 8 * width)
        self.conv4b = conv(8 * width, 8 * width)
        if num_stages == 4:
            self.pool4 = nn.AvgPool3d(size)
            self.conv5a = conv(8 * width, 8 * width)
            self.conv5b = conv(8 * width, 8 * width)
        self.init_weights()

    def init_weights(self) -> None:
        """Draw fresh weights, or read them from the checkpoint ``pretrained``.

        Raises:
            InputError: if the checkpoint cannot be read or does not fit.
        """
        init_layers(self)
        if self.pretrained:
            load_backbone_weights(self, self.pretrained)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, T, H, W) -> (B, 8 * base_channels, T', H', W').

        Raises:
            InputError: if the input has another number of channels, or is too small for the poolings.
        """
        halvings = 2**self.num_stages
        frames = 2 ** (self.num_stages - 1) if self.temporal_downsample else 1
        if x.shape[1] != self.in_channels:
            raise InputError(
                f'the batch has {x.shape[1]} heatmap channels, model.backbone.in_channels is {self.in_channels}; '
                'set it to the number of keypoints (and limbs) drawn'
            )
        if x.shape[2] < frames or min(x.shape[3:]) < halvings:
            raise InputError(
                f'C3D with {self.num_stages} stages needs clips of at least {frames} frames and '
                f'{halvings}x{halvings} pixels, not {x.shape[2]} frames of {x.shape[3]}x{x.shape[4]}'
            )
        for layer in self.children():  # in the order of the constructor
            x = layer(x)
        return x
