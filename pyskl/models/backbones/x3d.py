"""X3D: a narrow network of channel-wise convolutions (arXiv 2004.04730), a backbone of PoseConv3D (2104.13586)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pyskl.errors import InputError
from pyskl.models.backbones.arguments import per_stage
from pyskl.models.backbones.freezing import FreezableBackbone
from pyskl.models.backbones.x3d_blocks import BlockX3D, LayerOptions, round_width
from pyskl.models.utils.checkpoint import load_backbone_weights
from pyskl.models.utils.init_layers import init_layers
from pyskl.registry import MODELS

__all__ = ['X3D']


@MODELS.register_module()
class X3D(FreezableBackbone):
    """Residual network of channel-wise 3x3x3 convolutions; it keeps all frames.

    Argument and parameter names, and defaults, are PYSKL's, so its X3D-shallow checkpoints load.

    Args:
        gamma_w: factor on the width of all stages.
        gamma_b: width inside a block, relative to the stage.
        gamma_d: factor on the number of blocks of each stage, rounded up.
        pretrained: checkpoint of this backbone, or of a recogniser around it.
        in_channels: channels of the input: the number of heatmaps.
        base_channels: channels of the stem; stage i is ``2 ** i`` times as wide.
        num_stages: number of stages, 1 to 4.
        stage_blocks: number of blocks of each stage, before ``gamma_d``; further entries are not used.
        spatial_strides: spatial stride of each stage. The stem halves the picture as well.
        frozen_stages: stages up to this one are not trained: 0 the stem, 1 stem and first stage...; -1 none.
        se_style: ``half``: every other block has squeeze and excitation, beginning with the first; ``all``: each.
        se_ratio: their ratio; None: there is none.
        use_swish: ``x * sigmoid(x)`` inside the blocks.
        conv_cfg: mmcv description of the convolutions.
        norm_cfg: mmcv description of the norms.
        act_cfg: mmcv description of the activations.
        norm_eval: keep the running statistics of all batch norms fixed.
        zero_init_residual: start every block as an identity.

    Shapes:
        input (B, in_channels, T, H, W) float; output (B, feat_dim, T, H', W'), where ``feat_dim`` is the width of the
        last stage times ``gamma_b``: 216 for three stages of 24, 48 and 96 channels.

    Raises:
        InputError: if the arguments contradict each other or are out of range.
    """

    def __init__(
        self,
        gamma_w: float = 1.0,
        gamma_b: float = 2.25,
        gamma_d: float = 2.2,
        pretrained: str | Path | None = None,
        in_channels: int = 3,
        base_channels: int = 24,
        num_stages: int = 4,
        stage_blocks: Sequence[int] = (1, 2, 5, 3),
        spatial_strides: Sequence[int] = (2, 2, 2, 2),
        frozen_stages: int = -1,
        se_style: str = 'half',
        se_ratio: float | None = 1 / 16,
        use_swish: bool = True,
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        norm_eval: bool = False,
        zero_init_residual: bool = True,
    ) -> None:
        super().__init__()
        if not 1 <= num_stages <= 4:
            raise InputError(f'backbone.num_stages is {num_stages}; it must be 1 to 4')
        if se_style not in ('half', 'all'):
            raise InputError(f"backbone.se_style is '{se_style}'; it must be 'half' or 'all'")
        if not all(factor > 0 for factor in (gamma_w, gamma_b, gamma_d, 1 if se_ratio is None else se_ratio)):
            raise InputError('backbone.gamma_w, gamma_b, gamma_d and se_ratio must be above 0')
        if not -1 <= frozen_stages <= num_stages:
            raise InputError(
                f'backbone.frozen_stages is {frozen_stages}; with {num_stages} stages it is -1 to {num_stages}'
            )
        self.pretrained = pretrained
        self.in_channels = in_channels
        self.base_channels = round_width(base_channels, gamma_w)
        self.num_stages = num_stages
        blocks = per_stage('stage_blocks', stage_blocks[:num_stages], num_stages)
        self.stage_blocks = tuple(math.ceil(gamma_d * count) for count in blocks)
        self.spatial_strides = per_stage('spatial_strides', spatial_strides, num_stages)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.zero_init_residual = zero_init_residual
        layers = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        options = LayerOptions(**{name: dict(cfg) for name, cfg in layers.items() if cfg is not None})

        width = self.base_channels
        self.conv1_s = options.conv(in_channels, width, (1, 3, 3), 2, norm=False, activate=False)
        self.conv1_t = options.conv(width, width, (5, 1, 1), groups=width)
        self.res_layers = [f'layer{index + 1}' for index in range(num_stages)]
        for index, name in enumerate(self.res_layers):
            out_width, stride = self.base_channels * 2**index, self.spatial_strides[index]
            downsample = None
            if stride != 1 or width != out_width:
                downsample = options.conv(width, out_width, stride=stride, activate=False)
            stage = []
            for number in range(self.stage_blocks[index]):
                stage.append(
                    BlockX3D(
                        width if number == 0 else out_width,
                        int(out_width * gamma_b),
                        out_width,
                        stride if number == 0 else 1,
                        downsample if number == 0 else None,
                        se_ratio if se_style == 'all' or number % 2 == 0 else None,
                        use_swish,
                        options,
                    )
                )
            self.add_module(name, nn.Sequential(*stage))
            width = out_width
        self.feat_dim = int(width * gamma_b)
        self.conv5 = options.conv(width, self.feat_dim)
        self.init_weights()
        self._freeze_stages()

    def init_weights(self) -> None:
        """Draw fresh weights, or read them from the checkpoint ``pretrained``.

        Raises:
            InputError: if the checkpoint cannot be read or does not fit.
        """
        init_layers(self)
        if self.zero_init_residual:
            for module in self.modules():
                if isinstance(module, BlockX3D):
                    nn.init.zeros_(module.conv3.norm.weight)
        if self.pretrained:
            load_backbone_weights(self, self.pretrained)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, T, H, W) -> (B, feat_dim, T, H', W').

        Raises:
            InputError: if the input has another number of channels.
        """
        if x.shape[1] != self.in_channels:
            raise InputError(
                f'the batch has {x.shape[1]} heatmap channels, model.backbone.in_channels is {self.in_channels}; '
                'set it to the number of keypoints (and limbs) drawn'
            )
        x = self.conv1_t(self.conv1_s(x))
        for name in self.res_layers:
            x = getattr(self, name)(x)
        return self.conv5(x)

    def _stem_modules(self) -> list[nn.Module]:
        return [self.conv1_s, self.conv1_t]
