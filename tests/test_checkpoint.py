"""Checkpoints: plain files, safe reading, and messages about what does not fit."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from pyskl.checkpoint import check_weights
from pyskl.engine import load_config, load_weights, read_checkpoint
from pyskl.engine.hooks.plain_checkpoint import from_plain, to_plain
from pyskl.errors import InputError
from pyskl.registry import MODELS


class Command:
    """Unpickling an instance creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def model_of(path: Path, **overrides) -> torch.nn.Module:
    return MODELS.build(load_config(path, {key.replace('__', '.'): value for key, value in overrides.items()}).model)


# What training writes.


def test_every_file_loads_with_weights_only_and_stands_on_its_own(trained):
    files = sorted(trained.glob('*.pth'))
    assert len(files) >= 4
    for path in files:
        content = torch.load(path, weights_only=True)
        assert all(isinstance(value, torch.Tensor) for value in content['state_dict'].values())
        assert 'config' not in content['meta']
        stored = content['meta']['pyskl']
        assert stored['keypoint_layout'] == 'ibug51'
        assert stored['trained_on'] == 'synthetic'
        assert stored['clip_len'] == 16
        assert len(stored['aus']) == 12
        assert MODELS.build(stored['model']).load_state_dict(content['state_dict'])
    assert {'optimizer', 'message_hub', 'param_schedulers'} <= content.keys()


def test_history_buffers_survive_the_round_trip(tmp_path):
    history = HistoryBuffer([0.5, 0.25, -1.0], [1, 2, 3], max_length=10)
    content = {
        'log_scalars': {'loss': history},
        'list': [np.float64(0.1), np.int64(3), (np.bool_(True), None)],
        'array': np.arange(6, dtype=np.float32).reshape(2, 3),
        'text': 'as it is',
    }
    path = tmp_path / 'hub.pth'
    torch.save(to_plain(content), path)
    back = from_plain(torch.load(path, weights_only=True))
    values, counts = back['log_scalars']['loss'].data
    assert isinstance(back['log_scalars']['loss'], HistoryBuffer)
    assert values.tolist() == [0.5, 0.25, -1.0]
    assert counts.tolist() == [1, 2, 3]
    assert back['log_scalars']['loss'].mean(3) == history.mean(3)
    assert back['list'] == [0.1, 3, (True, None)]
    assert [type(value) for value in back['list'][:2]] == [float, int]
    assert torch.equal(back['array'], torch.arange(6, dtype=torch.float32).reshape(2, 3))
    assert content['log_scalars']['loss'] is history  # the running log is left alone


# Reading what may come from a stranger.


def test_a_state_dict_of_its_own_is_wrapped_and_the_prefix_of_wrappers_dropped(tmp_path):
    path = tmp_path / 'bare.pth'
    torch.save({'module.weight': torch.ones(2), 'bias': torch.zeros(1)}, path)
    content = read_checkpoint(path)
    assert content['meta'] == {}
    assert content['state_dict'].keys() == {'weight', 'bias'}
    torch.save({'state_dict': {'module.weight': torch.ones(2)}, 'meta': {'epoch': 3}}, path)
    assert read_checkpoint(path)['meta'] == {'epoch': 3}


def test_a_file_that_would_run_code_is_refused_and_does_not(tmp_path):
    path, proof = tmp_path / 'malicious.pth', tmp_path / 'proof'
    torch.save({'state_dict': {'weight': torch.ones(1)}, 'meta': Command(proof)}, path)
    with pytest.raises(InputError, match=r'malicious\.pth cannot be read as plain tensors'):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps(Command(proof)))
    with pytest.raises(InputError, match=r'malicious\.pth cannot be read as plain tensors'):
        read_checkpoint(path)
    assert not proof.exists()
    with pytest.raises(InputError, match='cannot be read as plain tensors'):
        load_weights(torch.nn.Linear(1, 1), path)
    assert not proof.exists()
    pickle.loads(path.read_bytes())
    assert proof.exists()  # the attack works on one who falls for it


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(trained, tmp_path, share):
    whole = (trained / 'epoch_3.pth').read_bytes()
    path = tmp_path / 'truncated.pth'
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r'truncated\.pth cannot be read') as caught:
        read_checkpoint(path)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (torch.ones(3), 'holds Tensor, not a state dict'),
        ([1, 2], 'holds list, not a state dict'),
        ({}, 'holds no weights'),
        ({'state_dict': {}}, 'holds no weights'),
        ({'state_dict': None}, 'holds no weights'),
        ({'state_dict': {'weight': 3.0}}, 'holds no weights'),
        ({'state_dict': {5: torch.ones(1)}}, 'holds no weights'),
        ({'epoch': 3}, 'holds no weights'),
        ({'weight': torch.eye(2).to_sparse()}, 'sparse or complex'),
        ({'weight': torch.ones(2, dtype=torch.complex64)}, 'sparse or complex'),
        ({'state_dict': {'weight': torch.ones(1)}, 'meta': 'text'}, "'meta' is str, not a dict"),
    ],
)
def test_a_file_without_weights_is_refused(tmp_path, content, reason):
    path = tmp_path / 'odd.pth'
    torch.save(content, path)
    with pytest.raises(InputError, match=reason) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r'absent\.pth does not exist'):
        read_checkpoint(tmp_path / 'absent.pth')
    with pytest.raises(InputError, match='does not exist'):
        read_checkpoint(tmp_path)


# What does not fit.


def test_weights_that_fit_are_loaded(trained, tiny_config):
    model, path = model_of(tiny_config), trained / 'epoch_3.pth'
    meta = load_weights(model, path)
    assert meta['epoch'] == 3
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in read_checkpoint(path)['state_dict'].items())


@pytest.mark.parametrize(
    ('overrides', 'reason'),
    [
        ({'model__cls_head__num_classes': 8}, 'trained for 12 AUs, but the config asks for 8'),
        ({'keypoint_layout': 'ibug68'}, 'trained for 51 heatmap channels, but the config has 68'),
        (
            {'model__backbone__base_channels': 16, 'model__cls_head__in_channels': 256},
            r"'backbone\.conv1\.conv\.weight' has shape \(8, .* but the model of the config needs \(16,",
        ),
        ({'model__cls_head__in_channels': 64}, r"'cls_head\.fc_cls\.weight' has shape \(12, 128\).*needs \(12, 64\)"),
        ({'model__backbone__stage_blocks': (1, 1, 2)}, r"does not fit .*weights are missing, such as 'backbone\."),
        (
            {
                'model__backbone__num_stages': 2,
                'model__backbone__out_indices': (1,),
                'model__backbone__stage_blocks': (1, 1),
                'model__backbone__inflate': (0, 1),
                'model__backbone__spatial_strides': (1, 2),
                'model__backbone__temporal_strides': (1, 1),
                'model__cls_head__in_channels': 128,
            },
            r"are not in the model, such as 'backbone\.",
        ),
    ],
)
def test_weights_of_another_network_are_refused(trained, tiny_config, overrides, reason):
    path = trained / 'epoch_3.pth'
    with pytest.raises(InputError, match=reason) as caught:
        check_weights(model_of(tiny_config, **overrides), read_checkpoint(path)['state_dict'], path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)
