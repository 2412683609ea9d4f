"""3-D residual network over a video or a heatmap volume (arXiv 1812.03982, 2104.13586)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from pyskl.errors import InputError, did_you_mean
from pyskl.models.backbones.arguments import block_flags, per_stage, stem_stride
from pyskl.models.backbones.blocks import BasicBlock3d, BlockOptions, Bottleneck3d, make_stage
from pyskl.models.backbones.freezing import FreezableBackbone
from pyskl.models.backbones.non_local import non_local_kind
from pyskl.models.layers import STEM_FORMS, KeypointBlobs, run_stem, stem_form
from pyskl.models.utils.checkpoint import load_backbone_weights
from pyskl.models.utils.init_layers import init_layers
from pyskl.registry import MODELS

__all__ = ['ResNet3d']


@MODELS.register_module()
class ResNet3d(FreezableBackbone):
    """Residual network with 3-D convolutions.

    Argument and parameter names are those of MMAction2; PYSKL's ``conv1_stride``, ``pool1_stride`` and ``advanced``
    are understood too. Published PoseC3D weights load.

    Args:
        depth: 18, 34, 50, 101 or 152.
        pretrained: checkpoint of this backbone, of a recogniser around it, or of the 2-D ResNet of this depth, which
            is inflated; read by :meth:`init_weights`.
        stage_blocks: number of blocks of each stage; by default what ``depth`` says.
        in_channels: channels of the input: the number of heatmaps.
        num_stages: number of stages, 1 to 4.
        base_channels: channels of the stem; stage i is ``2 ** i`` times as wide.
        out_indices: stages whose output is returned, counted from 0.
        spatial_strides: spatial stride of each stage.
        temporal_strides: temporal stride of each stage.
        dilations: spatial dilation of each stage.
        conv1_kernel: (t, h, w) kernel of the stem, or one number for all three.
        conv1_stride_s: spatial stride of the stem; 2 unless given.
        conv1_stride_t: temporal stride of the stem; 1 unless given.
        pool1_stride_s: spatial stride of the pooling after the stem; 2 unless given.
        pool1_stride_t: temporal stride of that pooling; 1 unless given.
        conv1_stride: ``(t, s)``, in place of the two above.
        pool1_stride: ``(t, s)``, in place of the two above.
        with_pool1: whether there is a 1x3x3 pooling after the stem. It pools with stride 1 too.
        with_pool2: whether the first stage is followed by a pooling that halves the frames.
        style: ``pytorch`` or ``caffe``: which convolution of a bottleneck carries the stride.
        advanced: average over the stride in shortcuts.
        frozen_stages: stages up to this one are not trained: 0 the stem, 1 stem and first stage...; -1 none.
        inflate: for each stage 0 or 1, or one 0 or 1 for each of its blocks: whether it looks along time.
        inflate_style: ``3x1x1`` or ``3x3x3``.
        conv_cfg: mmcv description of the convolutions.
        norm_cfg: mmcv description of the norms.
        act_cfg: mmcv description of the activations.
        norm_eval: keep the running statistics of all batch norms fixed.
        with_cp: trade time for memory by recomputing blocks in the backward pass.
        non_local: for each stage 0 or 1, or one 0 or 1 for each of its blocks: whether a non-local operation follows.
        non_local_cfg: arguments of these operations (:class:`mmcv.cnn.NonLocal3d`).
        zero_init_residual: start every block as an identity.
        pretrained2d: whether ``pretrained`` is a 2-D network; None: whatever the file holds.
        stem_form: how the stem is computed from keypoints: ``auto``, ``kernel``, ``torch`` or ``dense``; see
            :func:`pyskl.models.layers.stem_form`. All give the same numbers.

    Shapes:
        input (B, in_channels, T, H, W) float, drawn or as :class:`pyskl.models.layers.KeypointBlobs`; output
        (B, C', T', H', W') of the stage in ``out_indices``, or a tuple of such tensors when there are several.

    Raises:
        InputError: if the arguments contradict each other or are out of range.
    """

    takes_blobs = True
    """Keypoints need not be drawn for this backbone."""

    arch_settings: ClassVar[dict[int, tuple[type[nn.Module], tuple[int, ...]]]] = {
        18: (BasicBlock3d, (2, 2, 2, 2)),
        34: (BasicBlock3d, (3, 4, 6, 3)),
        50: (Bottleneck3d, (3, 4, 6, 3)),
        101: (Bottleneck3d, (3, 4, 23, 3)),
        152: (Bottleneck3d, (3, 8, 36, 3)),
    }

    def __init__(
        self,
        depth: int = 50,
        pretrained: str | Path | None = None,
        stage_blocks: Sequence[int] | None = None,
        in_channels: int = 3,
        num_stages: int = 4,
        base_channels: int = 64,
        out_indices: Sequence[int] = (3,),
        spatial_strides: Sequence[int] = (1, 2, 2, 2),
        temporal_strides: Sequence[int] = (1, 1, 1, 1),
        dilations: Sequence[int] | None = None,
        conv1_kernel: int | Sequence[int] = (3, 7, 7),
        conv1_stride_s: int | None = None,
        conv1_stride_t: int | None = None,
        pool1_stride_s: int | None = None,
        pool1_stride_t: int | None = None,
        conv1_stride: Sequence[int] | None = None,
        pool1_stride: Sequence[int] | None = None,
        with_pool1: bool = True,
        with_pool2: bool = True,
        style: str = 'pytorch',
        advanced: bool = False,
        frozen_stages: int = -1,
        inflate: int | Sequence[int | Sequence[int]] = (1, 1, 1, 1),
        inflate_style: str = '3x1x1',
        conv_cfg: dict[str, Any] | None = None,
        norm_cfg: dict[str, Any] | None = None,
        act_cfg: dict[str, Any] | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        non_local: int | Sequence[int | Sequence[int]] = 0,
        non_local_cfg: dict[str, Any] | None = None,
        zero_init_residual: bool = True,
        pretrained2d: bool | None = None,
        stem_form: str = 'auto',
    ) -> None:
        super().__init__()
        if depth not in self.arch_settings:
            raise InputError(f'backbone.depth is {depth}; known: {", ".join(map(str, self.arch_settings))}')
        if not 1 <= num_stages <= 4:
            raise InputError(f'backbone.num_stages is {num_stages}; it must be 1 to 4')
        if not out_indices or not all(0 <= index < num_stages for index in out_indices):
            raise InputError(
                f'backbone.out_indices is {tuple(out_indices)}; with {num_stages} stages they are 0 to {num_stages - 1}'
            )
        if not -1 <= frozen_stages <= num_stages:
            raise InputError(
                f'backbone.frozen_stages is {frozen_stages}; with {num_stages} stages it is -1 to {num_stages}'
            )
        if stem_form not in STEM_FORMS:
            raise InputError(f"backbone.stem_form is '{stem_form}'; {did_you_mean(str(stem_form), STEM_FORMS)}")
        block, blocks = self.arch_settings[depth]
        self.depth = depth
        self.pretrained = pretrained
        self.pretrained2d = pretrained2d
        self.in_channels = in_channels
        self.base_channels = base_channels
        self.num_stages = num_stages
        self.out_indices = tuple(out_indices)
        self.stage_blocks = per_stage('stage_blocks', stage_blocks or blocks[:num_stages], num_stages)
        self.spatial_strides = per_stage('spatial_strides', spatial_strides, num_stages)
        self.temporal_strides = per_stage('temporal_strides', temporal_strides, num_stages)
        self.dilations = per_stage('dilations', dilations or (1,) * num_stages, num_stages)
        self.conv1_kernel = (conv1_kernel,) * 3 if isinstance(conv1_kernel, int) else tuple(conv1_kernel)
        self.conv1_stride = stem_stride('conv1_stride', conv1_stride, conv1_stride_t, conv1_stride_s)
        self.pool1_stride = stem_stride('pool1_stride', pool1_stride, pool1_stride_t, pool1_stride_s)
        self.with_pool1 = with_pool1
        self.with_pool2 = with_pool2
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.zero_init_residual = zero_init_residual
        self.stem_form = stem_form
        layers = {'conv_cfg': conv_cfg, 'norm_cfg': norm_cfg, 'act_cfg': act_cfg}
        self.options = BlockOptions(
            style,
            inflate_style,
            advanced,
            with_cp,
            **{name: dict(cfg) for name, cfg in layers.items() if cfg is not None},
        )
        self.stage_inflations = block_flags('inflate', inflate, self.stage_blocks)
        non_local_flags = block_flags('non_local', non_local, self.stage_blocks)

        far = partial(non_local_kind(block), non_local_cfg=non_local_cfg or {})
        self._make_stem()
        width = base_channels
        self.res_layers = [f'layer{index + 1}' for index in range(num_stages)]
        for index, name in enumerate(self.res_layers):
            planes = base_channels * 2**index
            stage = make_stage(
                block,
                width,
                planes,
                self.stage_inflations[index],
                self.spatial_strides[index],
                self.temporal_strides[index],
                self.dilations[index],
                self.options,
                [far if flag else block for flag in non_local_flags[index]],
            )
            self.add_module(name, stage)
            width = planes * block.expansion
        self.feat_dim = width
        self.init_weights()
        self._freeze_stages()

    def _make_stem(self) -> None:
        """Build what comes before the first stage: modules named in :meth:`_stem_modules`, used by :meth:`stem`."""
        frames, size = self.conv1_stride
        self.conv1 = self.options.conv(self.in_channels, self.base_channels, self.conv1_kernel, (frames, size, size))
        frames, size = self.pool1_stride
        self.maxpool = nn.MaxPool3d((1, 3, 3), stride=(frames, size, size), padding=(0, 1, 1))
        self.pool2 = nn.MaxPool3d((2, 1, 1), stride=(2, 1, 1))

    def _stem_modules(self) -> list[nn.Module]:
        return [self.conv1]

    def stem(self, x: Tensor | KeypointBlobs) -> Tensor:
        """(B, in_channels, T, H, W) -> (B, base_channels, T', H', W'): all that comes before the first stage."""
        if x.shape[1] != self.in_channels:
            raise InputError(
                f'the batch has {x.shape[1]} heatmap channels, model.backbone.in_channels is {self.in_channels}; '
                'set it to the number of keypoints (and limbs) drawn'
            )
        pool = self.maxpool if self.with_pool1 else None
        if isinstance(x, KeypointBlobs):
            return run_stem(stem_form(self.stem_form, x, self.conv1, pool), x, self.conv1, pool)
        x = self.conv1(x)
        return x if pool is None else pool(x)

    def forward(self, x: Tensor | KeypointBlobs) -> Tensor | tuple[Tensor, ...]:
        """(B, in_channels, T, H, W) -> features of the stages in ``out_indices``; one tensor if there is only one."""
        x = self.stem(x)
        outs = []
        for index, name in enumerate(self.res_layers):
            x = getattr(self, name)(x)
            if index == 0 and self.with_pool2:
                x = self.pool2(x)
            if index in self.out_indices:
                outs.append(x)
        return outs[0] if len(outs) == 1 else tuple(outs)

    def init_weights(self, pretrained: str | Path | None = None) -> None:
        """Draw fresh weights, or read them from a checkpoint.

        Convolutions are drawn as in arXiv 1502.01852 (normal, fan out), norms start at one, or at zero where
        ``zero_init_residual`` asks for it.

        Args:
            pretrained: checkpoint to read, in place of the one given to the constructor.

        Raises:
            InputError: if the checkpoint cannot be read or does not fit.
        """
        pretrained = pretrained or self.pretrained
        init_layers(self)
        if self.zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock3d, Bottleneck3d)):
                    nn.init.zeros_(module.last_norm.weight)
        if pretrained:
            load_backbone_weights(self, pretrained, self.pretrained2d)
