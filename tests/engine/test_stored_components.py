"""Models and pipelines that stand in a checkpoint: the project's own are built, anything else is refused."""

from __future__ import annotations

import copy
import os

import pytest
import torch

from pyskl.engine.config import check_stored_component, load_config
from pyskl.errors import InputError

MODEL = {
    'type': 'Recognizer3D',
    'data_preprocessor': {'type': 'PoseHeatmapPreprocessor', 'heatmap_size': (16, 16)},
    'backbone': {
        'type': 'ResNet3dSlowOnly',
        'in_channels': 51,
        'norm_cfg': {'type': 'BN3d', 'requires_grad': True},
        'conv_cfg': {'type': 'Conv3d'},
        'act_cfg': {'type': 'ReLU', 'inplace': True},
    },
    'cls_head': {'type': 'AUHead', 'num_classes': 12, 'in_channels': 64, 'loss_cls': {'type': 'MaskedBCELoss'}},
}


def put(node: dict, path: str, value: object) -> dict:
    node = copy.deepcopy(node)
    *above, last = path.split('.')
    inner = node
    for key in above:
        inner = inner[key]
    inner[last] = value
    return node


def test_what_our_own_checkpoints_hold_is_admitted(trained):
    for path in trained.glob('*.pth'):
        stored = torch.load(path, weights_only=True)['meta']['pyskl']
        check_stored_component(stored['model'], 'model', str(path))
        check_stored_component(stored['pipeline'], 'pipeline', str(path))
    check_stored_component(MODEL, 'model', 'file')


def test_the_models_and_pipelines_of_all_configs_are_admitted(root):
    for path in (root / 'configs/posec3d').rglob('*.py'):
        cfg = load_config(path).to_dict()
        check_stored_component(cfg['model'], 'model', str(path))
        for loader in ('train_dataloader', 'test_dataloader'):
            check_stored_component(cfg[loader]['dataset']['pipeline'], 'pipeline', str(path))


FOREIGN = [
    'os.system',
    'builtins.eval',
    'torch.nn.Linear',
    'mmengine.Runner',
    'subprocess.Popen',
    'pyskl.models.AUHead',
    'torch.hub.load',
    'Linear',
    'PoseDataset',  # of another registry
    'LoadImageFromFile',  # of another registry's parent
    'SGD',
    'CheckpointHook',
    '',
]
PLACES = ['', 'backbone.', 'cls_head.', 'data_preprocessor.', 'cls_head.loss_cls.', 'backbone.norm_cfg.']


@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('name', FOREIGN)
def test_anything_else_is_refused_wherever_it_stands(place, name):
    with pytest.raises(InputError, match=f"^file.pth: model.*asks for '{name}'.*refused$"):
        check_stored_component(put(MODEL, f'{place}type', name), 'model', 'file.pth')


@pytest.mark.parametrize('value', [os.system, torch.nn.Linear, 5, ['os.system'], {'type': 'AUHead'}, b'AUHead', True])
def test_a_type_that_is_no_name_is_refused(value):
    with pytest.raises(InputError, match="'type' must be a name"):
        check_stored_component(put(MODEL, 'cls_head.type', value), 'model', 'file.pth')


@pytest.mark.parametrize(
    ('path', 'value'),
    [
        ('cls_head.init_std', {'type': 'os.system', 'command': 'true'}),
        ('cls_head.init_std', [{'type': 'os.system'}]),
        ('cls_head.init_std', {'inner': [{'deeper': ({'type': 'os.system'},)}]}),
        ('cls_head.init_std', {'dataset': {'type': 'PoseDataset'}}),
        ('cls_head.init_std', {'optimizer': {'type': 'SGD'}}),
        ('test_cfg', {'average_clips': {'type': 'builtins.eval'}}),
    ],
)
def test_components_hidden_in_arguments_are_refused(path, value):
    with pytest.raises(InputError, match='refused'):
        check_stored_component(put(MODEL, path, value), 'model', 'file.pth')


@pytest.mark.parametrize('key', ['_scope_', 'init_cfg', 'os', 5])
def test_unknown_arguments_are_refused(key):
    model = copy.deepcopy(MODEL)
    model['cls_head'][key] = 'torch'
    with pytest.raises(InputError, match=rf"model.cls_head \(AUHead\): unknown argument '{key}'"):
        check_stored_component(model, 'model', 'file.pth')


@pytest.mark.parametrize(
    ('kind', 'node'),
    [
        ('model', None),
        ('model', 'Recognizer3D'),
        ('model', [MODEL]),
        ('model', {}),
        ('model', {'type': None}),
        ('pipeline', None),
        ('pipeline', {'type': 'PoseDecode'}),
        ('pipeline', 'PoseDecode'),
        ('pipeline', ['PoseDecode']),
        ('pipeline', [None]),
        ('pipeline', [{'keys': []}]),
        ('pipeline', [{'type': 'PoseDecode'}, {'type': 'LoadImageFromFile'}]),
        ('pipeline', [{'type': 'AUHead'}]),
        ('pipeline', [{'type': 'Compose', 'transforms': [{'type': 'os.system'}]}]),
        ('pipeline', [{'type': 'Collect', 'keys': [{'type': 'os.system'}]}]),
    ],
)
def test_what_has_not_the_form_is_refused(kind, node):
    with pytest.raises(InputError, match=r'^file\.pth: ') as caught:
        check_stored_component(node, kind, 'file.pth')
    assert '\n' not in str(caught.value)
