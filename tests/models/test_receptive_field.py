"""The receptive field that the layers tell, against what changing a frame of the input changes in the output."""

from __future__ import annotations

import pytest
import torch
from mmcv.cnn import ConvModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pyskl.errors import InputError
from pyskl.models import AUHead, I3DHead, ResNet3d, ResNet3dSlowOnly, fuse_conv_bn
from pyskl.models.backbones import BasicBlock3d
from pyskl.models.utils.receptive_field import TemporalField, receptive_field, temporal_halo

SMALL = {'in_channels': 2, 'base_channels': 2, 'conv1_stride_s': 1, 'pool1_stride_s': 1}
THREE = {'num_stages': 3, 'spatial_strides': (1, 1, 1), 'temporal_strides': (1, 1, 1), 'out_indices': (2,)}
TWO = {'num_stages': 2, 'spatial_strides': (1, 1), 'temporal_strides': (1, 1), 'out_indices': (1,)}

DENSE = {
    'posec3d': (ResNet3dSlowOnly, {**THREE, 'stage_blocks': (4, 6, 3), 'inflate': (0, 1, 1)}),
    'quick start': (ResNet3dSlowOnly, {**THREE, 'stage_blocks': (2, 3, 2), 'inflate': (0, 1, 1)}),
    'single frames': (ResNet3dSlowOnly, {**THREE, 'stage_blocks': (1, 1, 1), 'inflate': (0, 0, 0)}),
    'some blocks': (ResNet3dSlowOnly, {**TWO, 'stage_blocks': (2, 3), 'inflate': ((0, 1), (1, 0, 1))}),
    'an inner stage': (ResNet3dSlowOnly, {**THREE, 'stage_blocks': (1, 2, 1), 'inflate': 1, 'out_indices': (1,)}),
    '3x3x3': (ResNet3dSlowOnly, {**TWO, 'stage_blocks': (1, 2), 'inflate': (1, 1), 'inflate_style': '3x3x3'}),
    'caffe': (ResNet3dSlowOnly, {**TWO, 'stage_blocks': (1, 2), 'inflate': (0, 1), 'style': 'caffe'}),
    'dilated': (ResNet3dSlowOnly, {**TWO, 'stage_blocks': (1, 1), 'inflate': (1, 1), 'dilations': (1, 2)}),
    'depth 18': (ResNet3dSlowOnly, {**TWO, 'depth': 18, 'stage_blocks': (1, 2), 'inflate': (0, 1)}),
    'stem 3': (ResNet3d, {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1), 'with_pool2': False}),
    'stem 5': (
        ResNet3d,
        {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1), 'conv1_kernel': (5, 7, 7), 'with_pool2': False},
    ),
    'no pool': (ResNet3d, {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1), 'with_pool1': False, 'with_pool2': False}),
    'default inflation': (ResNet3dSlowOnly, {'stage_blocks': (1, 1, 2, 1), 'spatial_strides': (1, 1, 1, 1)}),
}
SPARSE = {
    'stage stride': (ResNet3dSlowOnly, {**TWO, 'temporal_strides': (1, 2), 'stage_blocks': (1, 2), 'inflate': (0, 1)}),
    'first stage stride': (ResNet3dSlowOnly, {**TWO, 'temporal_strides': (2, 1), 'inflate': 1, 'stage_blocks': (1, 1)}),
    'averaged': (
        ResNet3dSlowOnly,
        {**TWO, 'temporal_strides': (1, 2), 'stage_blocks': (1, 1), 'inflate': (0, 1), 'advanced': True},
    ),
    'stem stride': (
        ResNet3d,
        {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1), 'conv1_stride_t': 2, 'with_pool2': False},
    ),
    'pool stride': (
        ResNet3d,
        {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1), 'pool1_stride_t': 2, 'with_pool2': False},
    ),
    'pool2': (ResNet3d, {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1)}),
}
HEAD = AUHead(3, 4, per_frame=True)


def build(case: tuple) -> nn.Module:
    """Return a network in which every path carries something and nothing cancels out: all weights are positive."""
    network, options = case
    backbone = network(**SMALL, **options).double().eval()
    torch.manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, nn.Conv3d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.weight.data /= module.weight[0].numel()
        elif isinstance(module, _BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, 0.5, 1.5)
    return backbone


@torch.no_grad()
def dependencies(backbone: nn.Module, frames: int) -> torch.Tensor:
    """Return (frames, outputs) bool: whether changing an input frame changes an output frame."""
    volume = torch.rand(1, 2, frames, 3, 3, dtype=torch.float64)
    before = backbone(volume)
    changed = []
    for frame in range(frames):
        other = volume.clone()
        other[:, :, frame] += 1000
        changed.append((backbone(other) - before).abs().amax((0, 1, 3, 4)) > 1e-9)
    return torch.stack(changed)


@pytest.mark.parametrize('name', DENSE)
def test_a_prediction_depends_on_exactly_the_frames_of_the_halo(name):
    backbone = build(DENSE[name])
    halo = temporal_halo(backbone, HEAD)
    frames = 2 * halo + 4
    distance = (torch.arange(frames)[:, None] - torch.arange(frames)).abs()
    assert torch.equal(dependencies(backbone, frames), distance <= halo)


@pytest.mark.parametrize('name', SPARSE)
def test_networks_with_strides(name):
    backbone = build(SPARSE[name])
    field = receptive_field(backbone)
    frames = 3 * field.size + 3 * field.stride
    changed = dependencies(backbone, frames)
    inner = 0
    for output in range(changed.shape[1]):
        first, last = field.stride * output - field.before, field.stride * output + field.after
        if first >= 0 and last < frames:
            seen = changed[:, output].nonzero().flatten()
            assert (int(seen.min()), int(seen.max())) == (first, last)
            inner += 1
    assert inner > 2
    with pytest.raises(InputError, match=f'one prediction for {field.stride} frames; set temporal_strides'):
        temporal_halo(backbone, HEAD)


def test_known_networks():
    for name, halo in (('posec3d', 9), ('quick start', 5), ('single frames', 0)):
        assert temporal_halo(build(DENSE[name]), HEAD) == halo
    assert receptive_field(build(SPARSE['pool2'])) == TemporalField(before=2 + 2, after=2 + 3, stride=2)


def test_folded_batch_norms_change_nothing():
    backbone = build(DENSE['quick start'])
    assert receptive_field(fuse_conv_bn(backbone)) == TemporalField(5, 5)


class Averaging(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(2, keepdim=True)


class OtherForward(ResNet3dSlowOnly):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x - x.mean(2, keepdim=True))


class OtherBlock(BasicBlock3d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x - x.mean(2, keepdim=True))


class OtherHead(AUHead):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.cummax(2).values)


@pytest.mark.parametrize(
    ('module', 'reason'),
    [
        (Averaging(), 'not known how Averaging looks along time; register a rule'),
        (OtherForward(**SMALL, **TWO, stage_blocks=(1, 1), inflate=(0, 1)), 'not known how OtherForward'),
        (OtherHead(3, 4, per_frame=True), 'not known how OtherHead'),
        (nn.Sequential(nn.Conv3d(1, 1, 3, padding=1), nn.GroupNorm(1, 1)), 'GroupNorm looks at the whole clip'),
        (nn.BatchNorm3d(1, track_running_stats=False), 'without running statistics looks at the whole clip'),
        (nn.AdaptiveAvgPool3d((None, 1, 1)), 'AdaptiveAvgPool3d looks at the whole clip'),
        (nn.Conv3d(1, 1, 3, padding=1, padding_mode='circular'), 'pads in a way of its own'),
        (
            ConvModule(1, 1, 3, padding=1, conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'GN', 'num_groups': 1}),
            'Group',
        ),
        (ResNet3dSlowOnly(**SMALL, norm_cfg={'type': 'IN3d'}, zero_init_residual=False), 'InstanceNorm3d looks'),
        (ResNet3dSlowOnly(**SMALL, non_local=(0, 0, 0, 1)), 'a non-local operation looks at the whole clip'),
        (OtherBlock(2, 2), 'not known how OtherBlock'),
        (AUHead(3, 4), r'judges whole clips \(cls_head.per_frame=False\)'),
        (I3DHead(3, 4), 'judges whole clips'),
    ],
)
def test_what_looks_further_or_is_not_known_is_refused(module, reason):
    with pytest.raises(InputError, match=reason):
        receptive_field(module)


def test_a_network_that_loses_frames_is_refused():
    backbone = build(
        (ResNet3d, {**TWO, 'inflate': (1, 1), 'stage_blocks': (1, 1), 'conv1_kernel': (4, 7, 7), 'with_pool2': False})
    )
    assert backbone(torch.zeros(1, 2, 8, 3, 3, dtype=torch.float64)).shape[2] == 7
    with pytest.raises(InputError, match='does not keep the number of frames; use odd kernels'):
        temporal_halo(backbone, HEAD)


def test_a_backbone_of_the_users_own_can_say_its_field():
    class Own(nn.Module):
        pass

    @receptive_field.register(Own)
    def _(module: nn.Module) -> TemporalField:
        return TemporalField(2, 2)

    assert temporal_halo(Own(), HEAD) == 2
