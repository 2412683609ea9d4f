from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from pyskl.errors import InputError
from pyskl.models import ResNet3d, ResNet3dSlowOnly, fuse_conv_bn

STATE_DICT = Path(__file__).parents[1] / 'data' / 'slowonly_r50_state_dict.json'
POSEC3D = {
    'base_channels': 32,
    'num_stages': 3,
    'out_indices': (2,),
    'stage_blocks': (4, 6, 3),
    'conv1_stride_s': 1,
    'pool1_stride_s': 1,
    'inflate': (0, 1, 1),
    'spatial_strides': (2, 2, 2),
    'temporal_strides': (1, 1, 2),
}
SMALL = {**POSEC3D, 'in_channels': 5, 'base_channels': 4, 'stage_blocks': (1, 2, 1)}


def small(**kwargs) -> ResNet3dSlowOnly:
    torch.manual_seed(0)
    return ResNet3dSlowOnly(**{**SMALL, 'zero_init_residual': False, **kwargs})


def volume(frames: int = 4, size: int = 16, channels: int = 5) -> torch.Tensor:
    return torch.rand(2, channels, frames, size, size, generator=torch.Generator().manual_seed(1))


def test_state_dict_is_that_of_published_checkpoints():
    expected = json.loads(STATE_DICT.read_text())
    state = ResNet3dSlowOnly(in_channels=133, **POSEC3D).state_dict()
    assert list(state) == list(expected)
    assert {name: list(value.shape) for name, value in state.items()} == expected


@pytest.mark.parametrize(('in_channels', 'count'), [(133, 2_175_968), (17, 1_994_080)])
def test_parameter_count(in_channels, count):
    backbone = ResNet3dSlowOnly(in_channels=in_channels, **POSEC3D)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == count


@pytest.mark.parametrize(
    ('kwargs', 'shape'),
    [
        ({}, (2, 64, 2, 2, 2)),
        ({'temporal_strides': (1, 1, 1)}, (2, 64, 4, 2, 2)),
        ({'spatial_strides': (1, 1, 2)}, (2, 64, 2, 8, 8)),
        ({'conv1_stride_s': 2}, (2, 64, 2, 1, 1)),
        ({'pool1_stride_t': 2}, (2, 64, 1, 2, 2)),
        ({'with_pool2': True}, (2, 64, 1, 2, 2)),
        ({'with_pool1': False, 'pool1_stride_s': 2}, (2, 64, 2, 2, 2)),
        ({'dilations': (1, 2, 2)}, (2, 64, 2, 2, 2)),
        ({'advanced': True}, (2, 64, 2, 2, 2)),
        ({'style': 'caffe', 'inflate_style': '3x3x3'}, (2, 64, 2, 2, 2)),
        ({'depth': 18}, (2, 16, 2, 2, 2)),
    ],
)
def test_output_shape(kwargs, shape):
    assert small(**kwargs)(volume()).shape == shape


@pytest.mark.parametrize(
    ('depth', 'blocks', 'width'),
    [(18, (2, 2, 2, 2), 32), (34, (3, 4, 6, 3), 32), (50, (3, 4, 6, 3), 128), (101, (3, 4, 23, 3), 128),
     (152, (3, 8, 36, 3), 128)],
)  # fmt: skip
def test_depths(depth, blocks, width):
    backbone = ResNet3d(depth=depth, in_channels=5, base_channels=4).eval()
    assert tuple(len(getattr(backbone, name)) for name in backbone.res_layers) == blocks
    # 40 -> 20 (stem) -> 10 (pool) -> 10, 5, 3, 2; frames halved by pool2 alone
    assert backbone(volume(4, 40)).shape == (2, width, 2, 2, 2)


def test_several_outputs_come_as_a_tuple():
    shapes = [tuple(feature.shape) for feature in small(out_indices=(0, 2))(volume())]
    assert shapes == [(2, 16, 4, 8, 8), (2, 64, 2, 2, 2)]


def test_pooling_with_stride_one_still_pools():
    x = volume()
    with_pool = small().eval()
    without = small(with_pool1=False).eval()
    without.load_state_dict(with_pool.state_dict())
    pooled = nn.functional.max_pool3d(without.stem(x), (1, 3, 3), 1, (0, 1, 1))
    torch.testing.assert_close(with_pool.stem(x), pooled)


def test_only_inflated_blocks_see_other_frames():
    kernels = {
        name: tuple(module.weight.shape[2:])
        for name, module in small(inflate=(0, (1, 0), 1)).named_modules()
        if isinstance(module, nn.Conv3d)
    }
    assert kernels['conv1.conv'] == (1, 7, 7)
    temporal = [name for name, kernel in kernels.items() if kernel[0] > 1]
    assert temporal == ['layer2.0.conv1.conv', 'layer3.0.conv1.conv']
    wide = small(inflate_style='3x3x3')
    assert tuple(wide.layer3[0].conv2.conv.weight.shape[2:]) == (3, 3, 3)
    assert tuple(wide.layer3[0].conv1.conv.weight.shape[2:]) == (1, 1, 1)


def test_spatial_backbone_treats_frames_independently():
    backbone = small(inflate=0, temporal_strides=(1, 1, 1)).eval()
    x = volume()
    order = [2, 0, 3, 1]
    torch.testing.assert_close(backbone(x)[:, :, order], backbone(x[:, :, order]))


def test_stride_sits_on_the_second_convolution_or_with_caffe_style_on_the_first():
    for style, strides in (('pytorch', [(1, 1, 1), (2, 2, 2)]), ('caffe', [(2, 2, 2), (1, 1, 1)])):
        block = small(style=style).layer3[0]
        assert [block.conv1.conv.stride, block.conv2.conv.stride] == strides


def test_pyskl_spelling_equals_mmaction_spelling():
    kwargs = {name: value for name, value in SMALL.items() if name not in ('conv1_stride_s', 'pool1_stride_s')}
    pyskl = ResNet3dSlowOnly(**kwargs, conv1_stride=(1, 1), pool1_stride=(1, 2))
    mmaction = ResNet3dSlowOnly(**kwargs, conv1_stride_s=1, pool1_stride_s=2)
    assert pyskl.conv1.conv.stride == mmaction.conv1.conv.stride == (1, 1, 1)
    assert pyskl.maxpool.stride == mmaction.maxpool.stride == (1, 2, 2)
    assert ResNet3dSlowOnly(**kwargs, conv1_stride=(2, 1), conv1_stride_t=2).conv1.conv.stride == (2, 1, 1)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'conv1_stride': (1, 2)}, 'contradicts'),
        ({'conv1_stride': (1, 1, 1)}, 'temporal, spatial'),
        ({'depth': 42}, 'depth'),
        ({'num_stages': 5}, 'num_stages'),
        ({'out_indices': (3,)}, 'out_indices'),
        ({'out_indices': ()}, 'out_indices'),
        ({'frozen_stages': 4}, 'frozen_stages'),
        ({'stage_blocks': (1, 1)}, 'stage_blocks'),
        ({'spatial_strides': (1, 2, 2, 2)}, 'spatial_strides'),
        ({'dilations': (1,)}, 'dilations'),
        ({'inflate': (0, 1)}, 'inflate'),
        ({'inflate': (0, (1, 0, 1), 1)}, r'inflate\[1\]'),
        ({'style': 'torch'}, 'style'),
        ({'inflate_style': '1x1x1'}, 'inflate_style'),
        ({'non_local': (0, 1)}, 'non_local'),
        ({'lateral': True}, 'second pathway'),
    ],
)
def test_wrong_arguments_are_named(kwargs, message):
    with pytest.raises(InputError, match=message):
        small(**kwargs)


def test_wrong_number_of_channels_is_named():
    with pytest.raises(InputError, match='7 heatmap channels'):
        small()(volume(channels=7))


def test_frozen_stages_do_not_learn_and_keep_their_statistics():
    backbone = small(frozen_stages=1).train()
    before = copy.deepcopy(backbone.state_dict())
    optimizer = torch.optim.SGD([p for p in backbone.parameters() if p.requires_grad], lr=0.1)
    backbone(volume()).square().mean().backward()
    optimizer.step()
    changed = {
        name.split('.')[0] for name, value in backbone.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {'layer2', 'layer3'}


def test_norm_eval_keeps_all_running_statistics():
    backbone = small(norm_eval=True).train()
    assert backbone.training
    backbone(volume())
    assert all(not value.any() for name, value in backbone.state_dict().items() if name.endswith('num_batches_tracked'))
    assert all(parameter.requires_grad for parameter in backbone.parameters())


def test_checkpointing_changes_neither_results_nor_statistics():
    plain, saving = small(), small(with_cp=True)
    x = volume()
    for backbone in (plain, saving):
        backbone.train()(x).square().sum().backward()
    for (name, first), second in zip(plain.named_parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(first.grad, second.grad, msg=name)
    for (name, first), second in zip(plain.named_buffers(), saving.buffers(), strict=True):
        assert torch.equal(first, second), name


def test_checkpointing_saves_the_gradient_below_a_frozen_stem():
    backbone = small(with_cp=True, frozen_stages=0).train()
    backbone(volume()).sum().backward()
    assert backbone.layer1[0].conv1.conv.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(('depth', 'width'), [(50, 64), (18, 16)])
def test_non_local_operations_follow_the_blocks_asked_for(depth, width):
    backbone = small(depth=depth, non_local=(0, (0, 1), 1), non_local_cfg={'sub_sample': True, 'mode': 'gaussian'})
    places = [name for name in backbone.state_dict() if name.endswith('non_local_block.conv_out.conv.weight')]
    assert places == [f'layer{number}.non_local_block.conv_out.conv.weight' for number in ('2.1', '3.0')]
    assert backbone.layer3[0].non_local_block.in_channels == width
    block = backbone.layer3[0].eval()
    x = torch.rand(1, width // 2, 3, 6, 6)
    without = ResNet3dSlowOnly(**{**SMALL, 'depth': depth}).layer3[0].eval()
    without.load_state_dict(block.state_dict(), strict=False)
    plain = without(x)
    # with 'gaussian', every place adds a weighted mean over all places, whose weights are softmax(x . x')
    far = block.non_local_block
    nn.init.normal_(far.conv_out.conv.weight)
    keys = nn.functional.max_pool3d(plain, (1, 2, 2)).flatten(2)
    values = nn.functional.max_pool3d(far.g[0](plain), (1, 2, 2)).flatten(2)
    weights = (plain.flatten(2).transpose(1, 2) @ keys).softmax(-1)
    mean = (weights @ values.transpose(1, 2)).transpose(1, 2).reshape(1, -1, *plain.shape[2:])
    torch.testing.assert_close(block(x), plain + far.conv_out(mean))


def test_zero_init_makes_blocks_identities():
    backbone = small(zero_init_residual=True).eval()
    block = backbone.layer2[1]
    x = torch.rand(1, 32, 2, 4, 4)
    torch.testing.assert_close(block(x), x)


def test_initial_weights_follow_kaiming():
    weight = ResNet3dSlowOnly(in_channels=17, **POSEC3D).layer2[0].conv1.conv.weight
    fan_out = weight.shape[0] * weight.shape[2:].numel()
    assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.03)
    assert abs(weight.mean().item()) < 0.1 * weight.std().item()


@pytest.mark.parametrize('wrap', [lambda s: s, lambda s: {'state_dict': {f'backbone.{n}': v for n, v in s.items()}}])
def test_pretrained_weights_are_read(tmp_path, wrap):
    source = small().eval()
    path = tmp_path / 'weights.pth'
    content = wrap(source.state_dict())
    if 'state_dict' in content:
        content['state_dict']['cls_head.fc_cls.weight'] = torch.zeros(3)
    torch.save(content, path)
    torch.manual_seed(5)
    target = ResNet3dSlowOnly(**SMALL, pretrained=str(path)).eval()
    torch.testing.assert_close(target(volume()), source(volume()))


def test_pretrained_that_does_not_fit_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match='does not exist'):
        small(pretrained=tmp_path / 'missing.pth')
    state = small().state_dict()
    path = tmp_path / 'weights.pth'
    torch.save({**state, 'conv1.conv.weight': torch.zeros(4, 5, 1, 5, 5)}, path)
    with pytest.raises(InputError, match=r'conv1\.conv\.weight'):
        small(pretrained=path)
    torch.save({name: value for name, value in state.items() if not name.startswith('layer3')}, path)
    with pytest.raises(InputError, match=r'lacks layer3'):
        small(pretrained=path)
    path.write_bytes(b'not a checkpoint')
    with pytest.raises(InputError, match='cannot be read'):
        small(pretrained=path)


def test_fused_model_computes_the_same():
    backbone = small().train()
    for _ in range(3):
        backbone(volume() * 3)
    backbone.eval()
    expected = backbone(volume())
    fused = fuse_conv_bn(backbone)
    assert fused is backbone
    assert not any(isinstance(module, nn.BatchNorm3d) for module in fused.modules())
    torch.testing.assert_close(fused(volume()), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(fuse_conv_bn(fused)(volume()), expected, atol=1e-5, rtol=1e-5)
