"""Training that starts from a checkpoint of another toolbox."""

from __future__ import annotations

import collections
import copy
from pathlib import Path

import pytest
import torch

from pyskl.apis.training import train
from pyskl.engine import load_config
from pyskl.errors import InputError
from pyskl.registry import MODELS


@pytest.fixture
def cfg(tiny_config, tmp_path):
    """A run of one epoch with a learning rate of 0: it ends with the weights it has started from."""
    overrides = {
        'train_cfg.max_epochs': 1,
        'optim_wrapper.optimizer.lr': 0.0,
        'optim_wrapper.optimizer.weight_decay': 0.0,
        'model.backbone.norm_eval': True,
    }
    cfg = load_config(tiny_config, overrides)
    cfg.work_dir = str(tmp_path / 'run')
    return cfg


def foreign_checkpoint(cfg, path: Path, channels: int) -> dict[str, torch.Tensor]:
    """Write a checkpoint for another number of keypoints and classes, in half precision, of a wrapped model."""
    other = copy.deepcopy(cfg.model)
    other.backbone.in_channels = channels
    other.cls_head.num_classes = 60
    torch.manual_seed(3)
    state = MODELS.build(other).state_dict()
    for value in state.values():
        if value.ndim == 1:
            value.copy_(torch.rand(value.shape) + 0.5)
    wrapped = {f'module.{name}'.replace('fc_cls.', 'fc_cls.0.'): value.half() for name, value in state.items()}
    torch.save({'meta': {'mmcv_version': '1.5.0'}, 'state_dict': collections.OrderedDict(wrapped)}, path)
    return {name: value.half().float() for name, value in state.items()}


def test_training_starts_from_mapped_weights_and_the_log_says_so(cfg, tmp_path):
    state = foreign_checkpoint(cfg, tmp_path / 'foreign.pth', 17)
    cfg.load_from = str(tmp_path / 'foreign.pth')
    outcome = train(cfg)
    trained = torch.load(outcome.last, weights_only=True)['state_dict']
    for name, value in trained.items():
        if not name.startswith('backbone.') or name.endswith('num_batches_tracked'):
            continue
        expected = state[name]
        if name == 'backbone.conv1.conv.weight':
            expected = expected.mean(1, keepdim=True).expand_as(value) * 17 / 51
        torch.testing.assert_close(value, expected, msg=name)
    (log,) = Path(cfg.work_dir).glob('*/*.log')
    (line,) = [line for line in log.read_text().splitlines() if 'weights are taken from' in line]
    assert 'first convolution from 17 to 51 channels: 51 as the mean of 17 filters times 17/51' in line
    assert 'cls_head.fc_cls.0.* as cls_head.fc_cls.*' in line
    assert line.endswith('of another shape: cls_head.fc_cls.weight, cls_head.fc_cls.bias')


def test_a_pretrained_backbone_is_where_training_starts(cfg, tmp_path):
    state = foreign_checkpoint(cfg, tmp_path / 'foreign.pth', 51)
    cfg.model.backbone.pretrained = str(tmp_path / 'foreign.pth')
    outcome = train(cfg)
    trained = torch.load(outcome.last, weights_only=True)['state_dict']
    for name, value in state.items():
        if name.startswith('backbone.') and not name.endswith('num_batches_tracked'):
            torch.testing.assert_close(trained[name], value, msg=name)


def test_an_unusable_start_is_refused_before_anything_is_written(cfg, tmp_path):
    torch.save({'fc.weight': torch.ones(2, 2)}, tmp_path / 'other.pth')
    cfg.load_from = str(tmp_path / 'other.pth')
    with pytest.raises(InputError, match=r'no weights of .*other\.pth fit'):
        train(cfg)
    assert not Path(cfg.work_dir).exists()
