"""Configs: what loads, what is filled in, and what is refused in one line that names the file."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config

from pyskl.engine import load_config
from pyskl.engine.config.schema import LOADERS
from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted((ROOT / 'configs' / 'posec3d').rglob('*.py'))
SYNTHETIC = ROOT / 'configs/posec3d/slowonly_small_synthetic/joint.py'
AFFWILD = ROOT / 'configs/posec3d/slowonly_r50_affwild_xsub'


def refusal(path: Path, overrides: dict[str, Any] | None = None) -> str:
    """Return the message with which a config is refused, after checking its form."""
    with pytest.raises(InputError) as caught:
        load_config(path, overrides)
    message = str(caught.value)
    assert '\n' not in message
    assert str(path) in message
    return message


def child(folder: Path, text: str, base: Path = SYNTHETIC) -> Path:
    """Write a config that inherits from another one."""
    path = folder / 'child.py'
    path.write_text(f"_base_ = ['{base}']\n{text}\n")
    return path


@pytest.fixture(scope='module')
def plain() -> dict:
    """A whole config as plain containers, with every optional part in it."""
    content = json.loads(json.dumps(load_config(SYNTHETIC).to_dict()))
    content['optim_wrapper']['paramwise_cfg'] = {'norm_decay_mult': 0.0, 'custom_keys': {'conv1': {'lr_mult': 0.1}}}
    content['model']['backbone']['norm_cfg'] = {'type': 'BN3d', 'requires_grad': True, 'momentum': 0.01}
    content['model']['backbone']['conv_cfg'] = {'type': 'Conv3d'}
    content['model']['backbone']['act_cfg'] = {'type': 'ReLU', 'inplace': True}
    content['model']['test_cfg'] = {'average_clips': 'prob'}
    content['visualizer'] = {'type': 'Visualizer', 'vis_backends': [{'type': 'LocalVisBackend'}]}
    content['auto_scale_lr'] = {'enable': False, 'base_batch_size': 16}
    return content


def paths_of(node: Any, at: tuple = ()) -> list[tuple]:
    """Return the path of every key and list item below a node."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    found = []
    for key, value in items:
        found += [(*at, key), *paths_of(value, (*at, key))]
    return found


def parent_of(content: dict, path: tuple) -> Any:
    for key in path[:-1]:
        content = content[key]
    return content


# What loads.


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_every_config_of_the_project_loads_and_its_model_takes_its_heatmaps(path):
    cfg = load_config(path)
    model = MODELS.build(cfg.model)
    first = next(model.backbone.parameters())
    assert first.shape[1] == model.data_preprocessor.num_channels == cfg.model.backbone.in_channels
    layout = get_layout(cfg.keypoint_layout)
    assert model.data_preprocessor.layout is layout
    for name in LOADERS:
        dataset = cfg[name].dataset
        assert dataset.ann_file == cfg.ann_file
        assert dataset.keypoint_layout == layout.name
        assert dataset.num_classes == model.cls_head.num_classes
        assert cfg[name].collate_fn == {'type': 'pose_collate'}
    assert not {'clip_len', 'train_pipeline', 'test_pipeline'} & cfg.keys()


def test_limbs_of_the_layout_give_the_channels_of_the_limb_config():
    assert load_config(AFFWILD / 'joint.py').model.backbone.in_channels == 68
    assert load_config(AFFWILD / 'limb.py').model.backbone.in_channels == 63


def test_one_changed_line_turns_to_133_keypoints(tmp_path):
    cfg = load_config(child(tmp_path, "keypoint_layout = 'coco_wholebody133'", AFFWILD / 'joint.py'))
    assert cfg.model.backbone.in_channels == 133
    assert cfg.model.data_preprocessor.layout == 'coco_wholebody133'
    assert {cfg[name].dataset.keypoint_layout for name in LOADERS} == {'coco_wholebody133'}


def test_drawing_in_the_pipeline_decides_the_channels(tmp_path):
    text = """
step = dict(type='GeneratePoseTarget', with_kp=True, with_limb=True, skeletons=((0, 1), (1, 2)))
train_dataloader = dict(dataset=dict(pipeline=[step]))
"""
    assert load_config(child(tmp_path, text)).model.backbone.in_channels == 51 + 2


def test_what_a_config_states_itself_is_not_filled_in(tmp_path):
    text = """
model = dict(backbone=dict(in_channels=7), data_preprocessor=dict(layout='ibug68'))
val_dataloader = dict(dataset=dict(ann_file='own.pkl'), collate_fn=dict(type='default_collate'))
"""
    cfg = load_config(child(tmp_path, text))
    assert (cfg.model.backbone.in_channels, cfg.model.data_preprocessor.layout) == (7, 'ibug68')
    assert cfg.val_dataloader.dataset.ann_file == 'own.pkl'
    assert cfg.val_dataloader.collate_fn.type == 'default_collate'


def test_inheritance_over_two_levels_with_helpers_of_the_base(tmp_path):
    middle = tmp_path / 'middle.py'
    middle.write_text(f"_base_ = '{SYNTHETIC}'\nrate = 0.25\ntrain_cfg = dict(max_epochs=4)\n")
    cfg = load_config(child(tmp_path, 'optim_wrapper = dict(optimizer=dict(lr=_base_.rate))', middle))
    assert cfg.optim_wrapper.optimizer.lr == 0.25
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
    assert cfg.train_cfg.max_epochs == 4
    assert 'rate' not in cfg


def test_annotated_helpers_are_helpers(tmp_path):
    cfg = load_config(child(tmp_path, 'epochs: int = 2\ntrain_cfg = dict(max_epochs=epochs)'))
    assert cfg.train_cfg.max_epochs == 2
    assert 'epochs' not in cfg


def test_arguments_that_a_hook_hands_on_are_known(tmp_path):
    load_config(child(tmp_path, "custom_hooks = [dict(type='EMAHook', momentum=0.1, update_buffers=True)]"))


def test_overrides(tmp_path):
    overrides = {'train_dataloader.batch_size': 3, 'ann_file': 'x.pkl', 'param_scheduler.1.T_max': 5, 'work_dir': 'w'}
    cfg = load_config(SYNTHETIC, overrides)
    assert cfg.train_dataloader.batch_size == 3
    assert cfg.test_dataloader.dataset.ann_file == 'x.pkl'
    assert cfg.param_scheduler[1].T_max == 5
    assert cfg.work_dir == 'w'


@pytest.mark.parametrize('suffix', ['.py', '.json', '.yaml'])
def test_a_dumped_config_loads_again_and_is_equal(tmp_path, suffix):
    cfg = load_config(AFFWILD / 'limb.py')
    path = tmp_path / f'dumped{suffix}'
    cfg.dump(path)
    again = load_config(path).to_dict()
    assert json.loads(json.dumps(again)) == json.loads(json.dumps(cfg.to_dict()))
    if suffix == '.py':
        assert again == cfg.to_dict()


def test_the_config_in_a_work_directory_loads_again_and_is_equal(trained):
    path = trained / 'tiny.py'
    assert load_config(path).to_dict() == Config.fromfile(path).to_dict()


# What is refused.


@pytest.mark.parametrize(
    ('text', 'named', 'closest'),
    [
        ('modle = dict()', 'modle', 'model'),
        ("model = dict(bakbone=dict(type='ResNet3dSlowOnly'))", 'bakbone', 'backbone'),
        ('model = dict(backbone=dict(conv1_strides_s=1))', 'conv1_strides_s', 'conv1_stride_s'),
        ('model = dict(backbone=dict(dept=18))', 'dept', 'depth'),
        ("model = dict(backbone=dict(norm_cfg=dict(type='BN3d', require_grad=True)))", 'require_grad', 'requires_grad'),
        ("model = dict(backbone=dict(norm_cfg=dict(type='BN3', eps=1.0)))", 'BN3', 'BN3d'),
        ('model = dict(cls_head=dict(dropout_rate=0.1))', 'dropout_rate', 'dropout_ratio'),
        ("model = dict(cls_head=dict(loss_cls=dict(type='MaskedBCEloss')))", 'MaskedBCEloss', 'MaskedBCELoss'),
        ('model = dict(data_preprocessor=dict(sigm=1))', 'sigm', 'sigma'),
        ('model = dict(test_cfg=dict(average_clip=None))', 'average_clip', 'average_clips'),
        ("model = dict(type='Recogniser3D')", 'Recogniser3D', 'Recognizer3D'),
        ('train_dataloader = dict(batchsize=8)', 'batchsize', 'batch_size'),
        ('train_dataloader = dict(sampler=dict(shufle=True))', 'shufle', 'shuffle'),
        ('train_dataloader = dict(dataset=dict(spilt="val"))', 'spilt', 'split'),
        ("train_dataloader = dict(dataset=dict(type='PoseDatset'))", 'PoseDatset', 'PoseDataset'),
        ("train_dataloader = dict(dataset=dict(pipeline=[dict(type='Resize', scal=3)]))", 'scal', 'scale'),
        ("train_dataloader = dict(dataset=dict(pipeline=[dict(type='PoseDecod')]))", 'PoseDecod', 'PoseDecode'),
        ("train_dataloader = dict(collate_fn=dict(type='pose_colate'))", 'pose_colate', 'pose_collate'),
        ('optim_wrapper = dict(dtyp="float16")', 'dtyp', 'dtype'),
        ('optim_wrapper = dict(optimizer=dict(weight_dcay=0))', 'weight_dcay', 'weight_decay'),
        ("optim_wrapper = dict(optimizer=dict(type='AdmW'))", 'AdmW', 'AdamW'),
        ('optim_wrapper = dict(clip_grad=dict(maxnorm=1))', 'maxnorm', 'max_norm'),
        ('optim_wrapper = dict(paramwise_cfg=dict(norm_decay=0))', 'norm_decay', 'norm_decay_mult'),
        ('optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(conv1=dict(lr_mul=1))))', 'lr_mul', 'lr_mult'),
        ("param_scheduler = [dict(type='MultiStepLR', milestone=[1])]", 'milestone', 'milestones'),
        ("param_scheduler = [dict(type='CosineAnealingLR')]", 'CosineAnealingLR', 'CosineAnnealingLR'),
        ('train_cfg = dict(max_epoch=3)', 'max_epoch', 'max_epochs'),
        ('val_cfg = dict(fp_16=True)', 'fp_16', 'fp16'),
        ("custom_hooks = [dict(type='EMAHook', momentm=0.1)]", 'momentm', 'momentum'),
        ("custom_hooks = [dict(type='EpochSeedHok')]", 'EpochSeedHok', 'EpochSeedHook'),
        ('default_hooks = dict(chekpoint=dict(interval=1))', 'chekpoint', 'checkpoint'),
        ('default_hooks = dict(checkpoint=dict(intervall=1))', 'intervall', 'interval'),
        ('default_hooks = dict(logger=dict(_delete_=True, intervall=1))', 'intervall', 'interval'),
        ("test_evaluator = dict(metric='f1_score')", 'metric', 'metrics'),
        ("val_evaluator = [dict(type='AUMetrik')]", 'AUMetrik', 'AUMetric'),
        ('env_cfg = dict(cudnn_bench=True)', 'cudnn_bench', 'cudnn_benchmark'),
        ("env_cfg = dict(mp_cfg=dict(start_method='spawn'))", 'start_method', 'mp_start_method'),
        ("env_cfg = dict(dist_cfg=dict(backnd='nccl'))", 'backnd', 'backend'),
        ('randomness = dict(sed=1)', 'sed', 'seed'),
        ('log_processor = dict(windowsize=5)', 'windowsize', 'window_size'),
        ('auto_scale_lr = dict(enabled=True)', 'enabled', 'enable'),
        ("visualizer = dict(type='Visualizer', vis_backend=[])", 'vis_backend', 'vis_backends'),
        ("visualizer = dict(vis_backends=[dict(type='LocalBackend')])", 'LocalBackend', 'LocalVisBackend'),
        ("keypoint_layout = 'ibug_68'", 'ibug_68', 'ibug68'),
    ],
)
def test_a_misspelling_is_named_with_the_closest_right_name(tmp_path, text, named, closest):
    message = refusal(child(tmp_path, text))
    assert f"'{named}'" in message
    assert f"did you mean '{closest}'?" in message


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_misspelt_key_is_refused(plain, tmp_path_factory, data):
    content = copy.deepcopy(plain)
    path = data.draw(st.sampled_from([path for path in paths_of(plain) if isinstance(path[-1], str)]))
    node, key = parent_of(content, path), path[-1]
    place = data.draw(st.integers(1, len(key) - 1))
    if data.draw(st.booleans()):
        wrong = key[:place] + key[place + 1 :]
    else:
        wrong = key[: place - 1] + key[place] + key[place - 1] + key[place + 1 :]
    if wrong in node or wrong == key or path[-2:-1] == ('custom_keys',):
        return
    node[wrong] = node.pop(key)
    file = tmp_path_factory.mktemp('misspelt') / 'config.json'
    file.write_text(json.dumps(content))
    message = refusal(file)
    assert f"'{wrong}'" in message or f"'{key}'" in message


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_value_of_a_wrong_kind_never_breaks_the_check(plain, tmp_path_factory, data):
    content = copy.deepcopy(plain)
    path = data.draw(st.sampled_from(paths_of(plain)))
    node = parent_of(content, path)
    node[path[-1]] = data.draw(st.sampled_from([5, 'x', None, True, [], {}, [5], ['x'], [None], {'x': 1}]))
    file = tmp_path_factory.mktemp('kind') / 'config.json'
    file.write_text(json.dumps(content))
    try:
        load_config(file)
    except InputError as error:
        assert str(file) in str(error)
        assert '\n' not in str(error)


@pytest.mark.parametrize(
    ('text', 'where'),
    [
        ("model = 'Recognizer3D'", 'model: must be a dict'),
        ('model = dict(_delete_=True, backbone=5)', "'type' is missing"),
        ("model = dict(backbone=dict(_delete_=True, tpye='ResNet3dSlowOnly'))", "misspelt as 'tpye'"),
        ("custom_hooks = ['EpochSeedHook']", 'custom_hooks[0]: must be a dict'),
        ('default_hooks = dict(timer=3)', 'default_hooks.timer: must be a dict'),
        ("train_dataloader = dict(dataset=dict(pipeline=['PoseDecode']))", 'pipeline[0]: must be a dict'),
        ("work_dir = dict(type='Visualizer')", 'no component is expected here'),
        ('keypoint_layout = 68', 'keypoint_layout'),
        ('ann_file = None', 'ann_file: is not set'),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused(tmp_path, text, where):
    assert where in refusal(child(tmp_path, text))


def test_a_helper_that_nothing_uses_is_refused_with_its_line(tmp_path):
    message = refusal(child(tmp_path, 'unused = 3'))
    assert "line 2: 'unused' is no setting, and nothing in this file uses it" in message


def test_a_child_that_sets_a_helper_of_its_base_without_effect_is_refused(tmp_path):
    assert "'clip_len' is no setting, and nothing in this file uses it" in refusal(child(tmp_path, 'clip_len = 8'))


def test_an_unused_helper_of_a_base_names_the_base(tmp_path):
    base = tmp_path / 'base.py'
    base.write_text(f"_base_ = '{SYNTHETIC}'\nleft_over = 1\n")
    with pytest.raises(InputError, match=r"base\.py: line 2: 'left_over'"):
        load_config(child(tmp_path, '', base))


@pytest.mark.parametrize(
    ('key', 'value', 'named'),
    [
        ('modle.backbone.depth', 18, "did you mean 'model'?"),
        ('model.backbone.dept', 18, "did you mean 'depth'?"),
        ('param_scheduler.9.T_max', 18, 'param_scheduler.9.T_max: does not fit'),
        ('load_from.x', 1, '--cfg-options'),
        ('train_dataloader.batch_size.x', 1, '--cfg-options'),
        ('model', 5, 'model: must be a dict'),
        ('', 5, '--cfg-options'),
    ],
)
def test_wrong_overrides_are_refused(key, value, named):
    with pytest.raises(InputError) as caught:
        load_config(SYNTHETIC, {key: value})
    assert named in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('broken.py', 'model = dict(\n', 'SyntaxError'),
        ('broken.py', "_base_ = ['absent.py']\n", 'absent.py'),
        ('broken.py', 'train_cfg = dict(max_epochs=1 / 0)\n', 'ZeroDivisionError'),
        ('broken.py', 'train_cfg = dict(max_epochs=n)\n', "'n' is not defined"),
        ('broken.py', b'\xff\xfe\x00', 'cannot be read'),
        ('broken.json', '{"model": ', 'cannot be read'),
        ('broken.yaml', 'model: [', 'cannot be read'),
        ('broken.txt', 'model', 'cannot be read'),
        ('broken.json', '[1, 2]', 'cannot be read'),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert reason in refusal(path)


def test_a_missing_file_is_refused(tmp_path):
    assert 'no such config file' in refusal(tmp_path / 'absent.py')
    assert 'no such config file' in refusal(tmp_path)
