"""What fits the rules of a config and yet cannot run is told before anything is written."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from pyskl import cli
from pyskl.datasets import dump_pickle


@pytest.fixture
def refused(tool, tiny_config, tmp_path, capsys):
    """Run a training command that must be refused: its one line of error."""

    def run(*options, ann_file=None, script='tools/train.py', before=()):
        work_dir = tmp_path / 'run'
        data = ['--ann-file', str(ann_file)] if ann_file else []
        arguments = [str(tiny_config), *before, '--work-dir', str(work_dir), *data, *options]
        with pytest.raises(SystemExit) as stop:
            cli.run(tool(script), [str(argument) for argument in arguments])
        lines = capsys.readouterr().err.strip().splitlines()
        assert stop.value.code == 1
        assert len(lines) == 1
        assert not work_dir.exists()
        return lines[0]

    return run


@pytest.fixture
def changed(annotation_content, tmp_path):
    """Write the annotation file with every sample changed by a function."""

    def write(change):
        content = copy.deepcopy(annotation_content)
        for sample in content['annotations']:
            change(sample)
        path = tmp_path / 'changed.pkl'
        dump_pickle(content, path)
        return path

    return write


def test_labels_of_tracks_for_a_head_of_frames(refused, changed):
    path = changed(lambda sample: sample.update(label=np.ones(12, np.int8)))
    error = refused(ann_file=path)
    assert 'train_dataloader: the first sample of' in error
    assert str(path) in error


def test_no_known_label(refused, changed):
    path = changed(lambda sample: sample['label'].fill(-1))
    assert f"{path}: split 'train': no label is known, so nothing can be learned" in refused(ann_file=path)


def test_no_label_at_all(refused, changed):
    path = changed(lambda sample: sample.pop('label'))
    assert "split 'train': no label is known" in refused(ann_file=path)


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('train_dataloader.batch_size=1000', 'samples do not fill one batch of 1000; use a smaller batch_size'),
        ('train_dataloader.batch_size=0', 'train_dataloader: ValueError: batch_size should be a positive integer'),
        ('model.backbone.base_channels=abc', 'model: '),
        ('model.cls_head.in_channels=64', 'train_dataloader: the first sample of'),
        ('train_cfg.max_epochs=ten', "train_cfg.max_epochs must be a number of at least 1, not 'ten'"),
        ('train_cfg.max_epochs=0', 'train_cfg.max_epochs must be a number of at least 1, not 0'),
        ('optim_wrapper.optimizer.lr=-1', 'optim_wrapper: ValueError: Invalid learning rate'),
        ('default_hooks.checkpoint.save_best=f1_scor', "'f1_scor' is none of the scores.*; did you mean 'f1_score'"),
        ('val_evaluator.metrics=[roc_auc]', "save_best: 'f1_score' is none of the scores"),
        ('val_evaluator.metrics=[f1_scor]', "there is no metric 'f1_scor'; did you mean 'f1_score'"),
        ('val_dataloader.dataset.clip_len=32', 'leaves out frames'),
        (
            'val_dataloader.dataset.pipeline.0.type=UniformSampleFrames',
            'is tested with SampleWindow and the same clip_len',
        ),
        ('val_dataloader.dataset.clip_len=None', 'leaves out frames'),
        ('train_dataloader.dataset.labelled_only=no', "labelled_only must be True or False, not 'no'"),
        ('param_scheduler.0.T_max=none', r'param_scheduler\[0\]: TypeError'),
        ('param_scheduler.0.begin=5', r'param_scheduler\[0\]: ValueError'),
        ('optim_wrapper.clip_grad.max_norm=much', r'optim_wrapper.clip_grad: '),
        ('optim_wrapper.clip_grad.norm_type=two', r'optim_wrapper.clip_grad: '),
        ('default_hooks.logger.interval=0', 'default_hooks.logger: ValueError: interval must be greater than 0'),
        ('default_hooks.checkpoint.interval=often', "default_hooks.checkpoint.interval: .* not 'often'"),
        ('log_processor.window_size=0', 'log_processor.window_size: must be a whole number of at least 1, not 0'),
        ('log_processor.window_size=all', 'log_processor.window_size: must be'),
        ('val_evaluator.threshold=[0.5,0.4]', r'val_evaluator\[0\]: threshold must be one number or 12'),
    ],
)
def test_values_that_cannot_work(refused, option, message):
    import re

    assert re.search(message, refused('--validate', '--cfg-options', option))


def test_a_work_dir_that_cannot_be_made(tool, tiny_config, tmp_path, capsys):
    (tmp_path / 'file').touch()
    for work_dir in (tmp_path / 'file' / 'run', tmp_path / 'file'):
        with pytest.raises(SystemExit) as stop:
            cli.run(tool('tools/train.py'), [str(tiny_config), '--work-dir', str(work_dir)])
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert stop.value.code == 1
        assert '--work-dir' in line


def test_a_file_without_names_of_aus_takes_those_of_the_config(tool, tiny_config, annotation_content, tmp_path):
    import torch

    content = copy.deepcopy(annotation_content)
    content.pop('metainfo')
    dump_pickle(content, tmp_path / 'bare.pkl')
    aus = [f'AU{number}' for number in range(1, 13)]
    options = ['--cfg-options', 'train_cfg.max_epochs=1', f'aus=[{",".join(aus)}]']
    work_dir = tmp_path / 'run'
    data = ['--ann-file', str(tmp_path / 'bare.pkl'), '--work-dir', str(work_dir)]
    assert tool('tools/train.py')([str(tiny_config), *data, *options]) == 0
    stored = torch.load(work_dir / 'epoch_1.pth', weights_only=True)['meta']['pyskl']
    assert stored['aus'] == aus


def test_a_file_whose_aus_are_others_than_the_configs_is_refused(refused):
    error = refused('--cfg-options', f'aus=[{",".join(f"AU{number}" for number in range(1, 13))}]')
    assert 'metainfo.aus: the labels are of AU1, AU2, AU4' in error
    assert 'config key aus' in error


def test_a_track_in_two_splits_is_warned_of(tool, tiny_config, annotation_content, tmp_path, capsys):
    content = copy.deepcopy(annotation_content)
    content['split']['val'] = content['split']['train'][:1] + list(content['split']['val'])
    dump_pickle(content, tmp_path / 'leak.pkl')
    data = ['--ann-file', str(tmp_path / 'leak.pkl'), '--work-dir', str(tmp_path / 'run'), '--validate']
    assert tool('tools/train.py')([str(tiny_config), *data, '--cfg-options', 'train_cfg.max_epochs=1']) == 0
    printed = ''.join(capsys.readouterr())
    assert "1 tracks are in the splits of both 'train' and 'val'" in printed
