"""Weights of other networks: published checkpoints, other keypoints, 2-D networks, other names of the head."""

from __future__ import annotations

import collections
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn
from torch.nn import functional

from pyskl.checkpoint import as_checkpoint, load_weights, read_checkpoint
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints
from pyskl.models import ResNet3dSlowOnly
from pyskl.registry import MODELS
from pyskl.start_weights import start_weights

PUBLISHED = Path(__file__).parent / 'data' / 'slowonly_r50_state_dict.json'
POSEC3D = {
    'num_stages': 3,
    'out_indices': (2,),
    'stage_blocks': (4, 6, 3),
    'conv1_stride_s': 1,
    'pool1_stride_s': 1,
    'inflate': (0, 1, 1),
    'spatial_strides': (2, 2, 2),
    'temporal_strides': (1, 1, 2),
}


def published_weights(channels: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """The published backbone by its names and shapes, with random numbers."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in json.loads(PUBLISHED.read_text()).items():
        if name == 'conv1.conv.weight':
            shape = [shape[0], channels, *shape[2:]]
        if name.endswith('num_batches_tracked'):
            state[name] = torch.tensor(7)
        else:
            state[name] = torch.rand(shape, generator=generator).to(dtype)
    return state


def recognizer(channels: int = 17, classes: int = 60, head: str = 'I3DHead', layout: str | None = None, **kwargs):
    drawing = {'type': 'PoseHeatmapPreprocessor', **({'layout': layout} if layout else {}), **kwargs}
    return MODELS.build(
        {
            'type': 'Recognizer3D',
            'data_preprocessor': drawing,
            'backbone': {'type': 'ResNet3dSlowOnly', 'in_channels': channels, 'base_channels': 32, **POSEC3D},
            'cls_head': {'type': head, 'in_channels': 512, 'num_classes': classes},
        }
    )


@pytest.fixture
def log(monkeypatch) -> list[str]:
    """What is written to the log."""
    lines = []
    for module in ('pyskl.checkpoint', 'pyskl.models.utils.checkpoint'):
        monkeypatch.setattr(f'{module}.print_log', lambda line, logger: lines.append(line))
    return lines


MMCV_1 = {
    'env_info': 'sys.platform: linux\nPython: 3.8.12', 'seed': 1, 'exp_name': 'joint.py', 'mmcv_version': '1.5.0',
    'time': 'Sun Sep  4 10:11:12 2022', 'epoch': 24, 'iter': 15048, 'config': 'model = dict(...)\n',
    'hook_msgs': {'best_score': 0.937, 'best_ckpt': 'best_pred/best_top1_acc_epoch_24.pth'}, 'CLASSES': None,
}  # fmt: skip
MMENGINE = {
    'cfg': 'model = dict(...)\n', 'seed': 1234, 'experiment_name': 'slowonly_20220815', 'dataset_meta': None,
    'time': '20220815_030405', 'mmengine_version': '0.1.0', 'epoch': 24, 'iter': 15048,
}  # fmt: skip
WRAPPINGS = {
    'mmcv 1.x': lambda state: {
        'meta': MMCV_1,
        'state_dict': collections.OrderedDict(state),
        'optimizer': {'state': {}},
    },
    'mmengine': lambda state: {'meta': MMENGINE, 'state_dict': collections.OrderedDict(state)},
    'of a wrapper': lambda state: {'state_dict': {f'module.{name}': value for name, value in state.items()}},
    'bare': lambda state: state,
    'bare, of a wrapper': lambda state: {f'module.{name}': value for name, value in state.items()},
}


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16], ids=['fp32', 'fp16'])
@pytest.mark.parametrize('wrap', WRAPPINGS.values(), ids=WRAPPINGS.keys())
@pytest.mark.parametrize('zipped', [True, False], ids=['', 'the format before PyTorch 1.6'])
def test_published_checkpoints_load_whole(tmp_path, wrap, dtype, zipped):
    backbone = published_weights(17, dtype)
    state = {f'backbone.{name}': value for name, value in backbone.items()}
    state |= {'cls_head.fc_cls.weight': torch.ones(60, 512, dtype=dtype), 'cls_head.fc_cls.bias': torch.zeros(60)}
    path = tmp_path / 'slowonly_r50_ntu60_xsub.pth'
    torch.save(wrap(state), path, _use_new_zipfile_serialization=zipped)

    named = ResNet3dSlowOnly(in_channels=17, base_channels=32, pretrained=path, **POSEC3D)
    for name, value in named.state_dict().items():
        assert torch.equal(value, backbone[name].to(value.dtype)), name

    model = recognizer()
    load_weights(model, path)
    assert torch.equal(model.backbone.layer3[2].conv3.bn.bias, backbone['layer3.2.conv3.bn.bias'].float())
    start, line = start_weights(recognizer(classes=12, head='AUHead'), read_checkpoint(path), path)
    assert start.missing == ['cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']
    assert start.mapping == []
    assert line.endswith('not found there, or of another shape: cls_head.fc_cls.weight, cls_head.fc_cls.bias')


# The head of the fork.


def test_a_head_in_a_list_of_layers_is_read_as_its_linear_layer(tmp_path, log):
    source = recognizer(classes=12, head='AUHead')
    state = source.state_dict()
    forked = {name.replace('fc_cls.', 'fc_cls.0.'): value for name, value in state.items()}
    path = tmp_path / 'fork.pth'
    torch.save({'state_dict': forked}, path)
    content = read_checkpoint(path)
    assert content['state_dict'].keys() == state.keys()
    assert content['mapping'] == ['cls_head.fc_cls.0.* as cls_head.fc_cls.*']
    target = recognizer(classes=12, head='AUHead')
    load_weights(target, path)
    assert log == [f'checkpoint: {path}: mapping: cls_head.fc_cls.0.* as cls_head.fc_cls.*']
    assert all(torch.equal(value, state[name]) for name, value in target.state_dict().items())
    assert 'mapping: cls_head.fc_cls.0.*' in start_weights(target, content, path)[1]


def test_a_head_of_two_layers_is_left_as_it_is():
    state = {f'cls_head.fc_cls.{n}.{kind}': torch.ones(2) for n in (0, 2) for kind in ('weight', 'bias')}
    content = as_checkpoint(state, 'deep.pth')
    assert content['state_dict'].keys() == state.keys()
    assert content['mapping'] == []


# Other keypoints.


def stem_of(start) -> torch.Tensor:
    return start.state['backbone.conv1.conv.weight']


def test_unknown_keypoints_share_the_mean_filter_and_the_mean_response_stays():
    weights = published_weights(17)
    state = {f'backbone.{name}': value for name, value in weights.items()}
    start, line = start_weights(recognizer(68, 12, 'AUHead', 'ibug68'), as_checkpoint(state, 'a.pth'), 'a.pth')
    assert 'first convolution from 17 to 68 channels: 68 as the mean of 17 filters times 17/68' in line
    assert not [name for name in start.missing if name.startswith('backbone.')]
    mean = weights['conv1.conv.weight'].mean(1)
    for channel in range(68):
        torch.testing.assert_close(stem_of(start)[:, channel], mean * 17 / 68)
    picture = torch.rand(1, 1, 1, 20, 20)
    before = functional.conv3d(picture.expand(1, 17, 1, 20, 20), weights['conv1.conv.weight'])
    after = functional.conv3d(picture.expand(1, 68, 1, 20, 20), stem_of(start))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_keypoints_that_both_have_keep_their_filters():
    weights = published_weights(133)
    state = {f'backbone.{name}': value for name, value in weights.items()}
    start, line = start_weights(recognizer(68, 12, 'AUHead', 'ibug68'), as_checkpoint(state, 'a.pth'), 'a.pth')
    assert 'from 133 to 68 channels: 68 by keypoint (coco_wholebody133 to ibug68)' in line
    for channel, old in enumerate(range(23, 91)):  # the face in COCO-WholeBody
        assert torch.equal(stem_of(start)[:, channel], weights['conv1.conv.weight'][:, old])


def test_keypoints_that_only_the_new_network_has_start_unseen():
    weights = published_weights(51)
    content = as_checkpoint({f'backbone.{name}': value for name, value in weights.items()}, 'a.pth')
    content['meta'] = {'pyskl': {'keypoint_layout': 'ibug51', 'model': {'data_preprocessor': {}}}}
    start, line = start_weights(recognizer(68, 12, 'AUHead', 'ibug68'), content, 'a.pth')
    assert '51 by keypoint (ibug51 to ibug68) and 17 new ones at zero' in line
    inner = convert_keypoints('ibug68', 'ibug51').tolist()
    assert torch.equal(stem_of(start)[:, inner], weights['conv1.conv.weight'])
    assert not stem_of(start)[:, sorted(set(range(68)) - set(inner))].any()


@pytest.mark.parametrize('limbs', ['here', 'there'])
def test_limbs_are_not_taken_for_keypoints(limbs):
    drawing = {'with_kp': False, 'with_limb': True}
    here, there = (drawing, {}) if limbs == 'here' else ({}, drawing)
    content = as_checkpoint({f'backbone.{n}': v for n, v in published_weights(133).items()}, 'a.pth')
    content['meta'] = {'pyskl': {'keypoint_layout': 'coco_wholebody133', 'model': {'data_preprocessor': there}}}
    _, line = start_weights(recognizer(68, 12, 'AUHead', 'ibug68', **here), content, 'a.pth')
    assert '68 as the mean of 133 filters' in line


def test_as_many_channels_of_something_else_are_not_taken_as_they_are():
    weights = published_weights(68)
    content = as_checkpoint({f'backbone.{name}': value for name, value in weights.items()}, 'a.pth')
    drawing = {'with_kp': False, 'with_limb': True}
    content['meta'] = {'pyskl': {'keypoint_layout': 'ibug68', 'model': {'data_preprocessor': drawing}}}
    start, line = start_weights(recognizer(68, 12, 'AUHead', 'ibug68'), content, 'a.pth')
    assert '68 as the mean of 68 filters' in line
    torch.testing.assert_close(stem_of(start)[:, 3], weights['conv1.conv.weight'].mean(1))


def test_a_backbone_alone_takes_the_mean(tmp_path, log):
    torch.save(published_weights(133), tmp_path / 'weights.pth')
    backbone = ResNet3dSlowOnly(in_channels=68, base_channels=32, pretrained=tmp_path / 'weights.pth', **POSEC3D)
    assert 'first convolution from 133 to 68 channels: 68 as the mean of 133 filters' in log[0]
    filters = published_weights(133)['conv1.conv.weight']
    torch.testing.assert_close(backbone.conv1.conv.weight[:, 3], filters.sum(1) / 68)


# What is refused.


def test_what_does_not_fit_is_left_out_and_another_network_refused():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 12))
    eight = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 8)).state_dict()
    start, line = start_weights(model, as_checkpoint(eight, 'eight.pth'), 'eight.pth')
    assert start.state.keys() == {'0.weight', '0.bias'}
    assert line == '2 of 4 weights are taken from eight.pth; not found there, or of another shape: 1.weight, 1.bias'
    other = as_checkpoint({'stem.weight': torch.zeros(4, 4), '0.bias': torch.zeros(4)}, 'other.pth')
    with pytest.raises(InputError, match=r'load_from: no weights of other\.pth fit'):
        start_weights(model, other, 'other.pth')


@pytest.mark.parametrize(
    ('extra', 'name'),
    [
        (HistoryBuffer([0.5], [1]), 'mmengine.logging.history_buffer.HistoryBuffer'),
        (np.float64(0.5), 'numpy.*scalar'),
        (collections.defaultdict(list), 'collections.defaultdict'),
    ],
)
def test_files_that_hold_more_than_weights_are_refused_with_what_to_do(tmp_path, extra, name):
    path = tmp_path / 'epoch_24.pth'
    torch.save({'state_dict': {'weight': torch.ones(1)}, 'message_hub': extra}, path)
    with pytest.raises(InputError, match=f"cannot be read as plain tensors: besides weights it holds '{name}'") as told:
        read_checkpoint(path)
    assert '\n' not in str(told.value)
    model = torch.nn.Linear(1, 1)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'weights.pth')  # what the message tells to do
    assert "torch.save({'state_dict': model.state_dict()}, 'weights.pth')" in str(told.value)
    assert read_checkpoint(tmp_path / 'weights.pth')['state_dict'].keys() == model.state_dict().keys()


def test_an_address_is_refused_with_what_to_do():
    for address in ('https://example.org/weights.pth', 'torchvision://resnet50'):
        with pytest.raises(InputError, match=f'{address} is an address; download the file'):
            ResNet3dSlowOnly(in_channels=5, base_channels=4, pretrained=address)
