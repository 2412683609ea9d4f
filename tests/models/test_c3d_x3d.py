"""C3D and X3D against literal shapes, published sizes, and the same layers written out."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional

from pyskl.engine import load_config
from pyskl.errors import InputError
from pyskl.models import C3D, X3D
from pyskl.models.backbones.x3d_blocks import SEModule, round_width
from pyskl.registry import MODELS

SHALLOW = {
    'gamma_d': 1,
    'base_channels': 24,
    'num_stages': 3,
    'se_ratio': None,
    'use_swish': False,
    'stage_blocks': (2, 5, 3),
    'spatial_strides': (2, 2, 2),
}


def volume(channels: int = 3, frames: int = 8, size: int = 32) -> torch.Tensor:
    return torch.rand(2, channels, frames, size, size, generator=torch.Generator().manual_seed(1))


def lively(module: torch.nn.Module) -> torch.nn.Module:
    """Give all norms weights and statistics of their own."""
    generator = torch.Generator().manual_seed(2)
    for name, value in module.state_dict().items():
        if value.ndim == 1 and value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + (0.5 if 'mean' not in name else -0.5))
    return module.eval()


def norm(x: torch.Tensor, state: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    shape = (1, -1, 1, 1, 1)
    scale = state[f'{name}.bn.weight'] / (state[f'{name}.bn.running_var'] + 1e-5).sqrt()
    shift = state[f'{name}.bn.bias'] - state[f'{name}.bn.running_mean'] * scale
    return x * scale.reshape(shape) + shift.reshape(shape)


def test_sizes_are_the_published_ones():
    """PoseConv3D paper: 3.4 million weights for C3D-s, 0.24 million for X3D-s, with 17 keypoints."""
    c3d = C3D(in_channels=17, base_channels=32, num_stages=3, temporal_downsample=False)
    widths = [(17, 32), (32, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    assert sum(p.numel() for p in c3d.parameters()) == sum(27 * a * b + 2 * b for a, b in widths) == 3_389_472
    x3d = X3D(in_channels=17, **SHALLOW)
    total = 17 * 24 * 9 + 24 * 5 + 2 * 24 + 96 * 216 + 2 * 216
    width = 24
    for blocks, out in ((2, 24), (5, 48), (3, 96)):
        inner = int(out * 2.25)
        total += width * out + 2 * out  # shortcut
        for number in range(blocks):
            total += (out if number else width) * inner + 27 * inner + inner * out + 4 * inner + 2 * out
        width = out
    assert sum(p.numel() for p in x3d.parameters()) == total == 241_488


def test_names_are_those_of_published_checkpoints():
    names = {name.rsplit('.', 2)[0] for name in C3D(num_stages=4).state_dict()}
    assert names == {'conv1a', 'conv2a', 'conv3a', 'conv3b', 'conv4a', 'conv4b', 'conv5a', 'conv5b'}
    state = X3D(base_channels=8, stage_blocks=(1, 1, 1, 1), gamma_d=1).state_dict()
    assert {name.rsplit('.', 2)[0] for name in state if 'se_module' not in name} == {
        'conv1_s', 'conv1_t', 'conv5',
        *(f'layer{stage}.0.{part}' for stage in (1, 2, 3, 4) for part in ('conv1', 'conv2', 'conv3', 'downsample')),
    }  # fmt: skip
    assert 'layer1.0.se_module.fc1.bias' in state
    assert state['conv1_s.conv.weight'].shape == (8, 3, 1, 3, 3)
    assert state['conv1_t.conv.weight'].shape == (8, 1, 5, 1, 1)
    assert state['layer2.0.conv2.conv.weight'].shape == (36, 1, 3, 3, 3)


@pytest.mark.parametrize(
    ('kwargs', 'shape'),
    [
        ({}, (2, 32, 1, 2, 2)),
        ({'temporal_downsample': False}, (2, 32, 8, 2, 2)),
        ({'num_stages': 3}, (2, 32, 2, 4, 4)),
        ({'num_stages': 3, 'temporal_downsample': False}, (2, 32, 8, 4, 4)),
    ],
)
def test_c3d_output_shape(kwargs, shape):
    assert C3D(base_channels=4, **kwargs)(volume()).shape == shape


@pytest.mark.parametrize('down', [True, False])
@pytest.mark.parametrize('stages', [3, 4])
def test_c3d_is_the_layers_written_out(stages, down):
    backbone = lively(C3D(base_channels=4, num_stages=stages, temporal_downsample=down))
    state = backbone.state_dict()
    x = expected = volume()
    for stage, letters in enumerate(['a', 'a', 'ab', 'ab', 'ab'][: stages + 1], start=1):
        if stage > 1:
            expected = functional.avg_pool3d(expected, (2 if down and stage > 2 else 1, 2, 2))
        for letter in letters:
            name = f'conv{stage}{letter}'
            expected = norm(functional.conv3d(expected, state[f'{name}.conv.weight'], padding=1), state, name).relu()
    torch.testing.assert_close(backbone(x), expected, atol=1e-5, rtol=1e-4)


def test_c3d_says_what_is_wrong():
    with pytest.raises(InputError, match=r'num_stages is 5; C3D has 3 or 4'):
        C3D(num_stages=5)
    with pytest.raises(InputError, match='at least 8 frames and 16x16 pixels, not 4 frames of 32x32'):
        C3D(base_channels=2)(volume(frames=4))
    with pytest.raises(InputError, match='at least 1 frames and 8x8 pixels, not 4 frames of 7x7'):
        C3D(base_channels=2, num_stages=3, temporal_downsample=False)(volume(frames=4, size=7))


@pytest.mark.parametrize(
    ('kwargs', 'shape'),
    [
        ({}, (2, 432, 8, 1, 1)),
        ({'gamma_b': 1}, (2, 192, 8, 1, 1)),
        ({'gamma_w': 2}, (2, 864, 8, 1, 1)),
        ({'num_stages': 2, 'spatial_strides': (1, 2)}, (2, 108, 8, 8, 8)),
        (SHALLOW, (2, 216, 8, 2, 2)),
    ],
)
def test_x3d_output_shape(kwargs, shape):
    assert X3D(**{'gamma_d': 0.2, **kwargs})(volume()).shape == shape


@pytest.mark.parametrize('swish', [True, False])
def test_x3d_is_the_layers_written_out(swish):
    options = {'stage_blocks': (2,), 'num_stages': 1, 'spatial_strides': (2,), 'gamma_d': 1, 'use_swish': swish}
    backbone = lively(X3D(base_channels=8, **options))
    state = backbone.state_dict()
    x = volume()
    out = functional.conv3d(x, state['conv1_s.conv.weight'], stride=(1, 2, 2), padding=(0, 1, 1))
    out = functional.conv3d(out, state['conv1_t.conv.weight'], padding=(2, 0, 0), groups=8)
    out = norm(out, state, 'conv1_t').relu()
    for block in ('layer1.0', 'layer1.1'):
        stride = (1, 2, 2) if block == 'layer1.0' else 1
        shortcut = out
        if block == 'layer1.0':
            weight = state[f'{block}.downsample.conv.weight']
            shortcut = norm(functional.conv3d(out, weight, stride=stride), state, f'{block}.downsample')
        out = norm(functional.conv3d(out, state[f'{block}.conv1.conv.weight']), state, f'{block}.conv1').relu()
        weight = state[f'{block}.conv2.conv.weight']
        out = functional.conv3d(out, weight, stride=stride, padding=1, groups=18)
        out = norm(out, state, f'{block}.conv2')
        if block == 'layer1.0':  # squeeze and excitation in every other block
            weights = {name: state[f'{block}.se_module.{name}'] for name in
                       ('fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias')}  # fmt: skip
            mean = out.mean((2, 3, 4))
            hidden = (mean @ weights['fc1.weight'].flatten(1).T + weights['fc1.bias']).relu()
            factor = (hidden @ weights['fc2.weight'].flatten(1).T + weights['fc2.bias']).sigmoid()
            out = out * factor[:, :, None, None, None]
        if swish:
            out = out * out.sigmoid()
        out = norm(functional.conv3d(out, state[f'{block}.conv3.conv.weight']), state, f'{block}.conv3')
        out = (out + shortcut).relu()
    expected = norm(functional.conv3d(out, state['conv5.conv.weight']), state, 'conv5').relu()
    torch.testing.assert_close(backbone(x), expected, atol=1e-5, rtol=1e-4)


def test_x3d_depth_grows_rounded_up_and_squeeze_and_excitation_sits_where_asked():
    backbone = X3D(base_channels=8)
    assert backbone.stage_blocks == (3, 5, 11, 7)
    for style, wanted in (('half', [0, 2, 4]), ('all', [0, 1, 2, 3, 4])):
        stage = X3D(base_channels=8, se_style=style).layer2
        assert [n for n, block in enumerate(stage) if isinstance(block.se_module, SEModule)] == wanted
    assert not any(isinstance(module, SEModule) for module in X3D(base_channels=8, se_ratio=None).modules())


@pytest.mark.parametrize(
    ('width', 'factor', 'rounded'),
    [(24, 1, 24), (24, 2, 48), (24, 0.5, 16), (54, 1 / 16, 8), (216, 1 / 16, 16), (67, 2.25, 152),
     (20, 0.9, 24), (1, 1, 8)],
)  # fmt: skip
def test_widths_are_the_nearest_multiple_of_eight_unless_a_tenth_is_lost(width, factor, rounded):
    assert round_width(width, factor) == rounded


def test_x3d_frozen_stages_and_norm_eval():
    backbone = X3D(**{**SHALLOW, 'base_channels': 8, 'frozen_stages': 1, 'norm_eval': True}).train()
    before = copy.deepcopy(backbone.state_dict())
    frozen = {name.split('.')[0] for name, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen == {'conv1_s', 'conv1_t', 'layer1'}
    backbone(volume())
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'num_stages': 5}, 'num_stages'),
        ({'se_style': 'most'}, 'se_style'),
        ({'gamma_b': 0}, 'above 0'),
        ({'frozen_stages': 5}, 'frozen_stages'),
        ({'spatial_strides': (2, 2)}, 'spatial_strides'),
        ({'stage_blocks': (2, 2)}, 'stage_blocks'),
    ],
)
def test_wrong_arguments_of_x3d_are_named(kwargs, message):
    with pytest.raises(InputError, match=message):
        X3D(**kwargs)


@pytest.mark.parametrize(('name', 'kind'), [('c3d_light', C3D), ('x3d_shallow', X3D)])
def test_configs_predict_every_frame(root, name, kind):
    cfg = load_config(root / f'configs/posec3d/{name}_affwild_xsub/joint.py')
    model = MODELS.build(cfg.model).eval()
    assert isinstance(model.backbone, kind)
    assert model.backbone.in_channels == 68
    with torch.no_grad():
        assert model(imgs=torch.rand(1, 1, 68, 3, 56, 56)).shape == (1, 3, 12)
