"""What a user gets wrong: one clear line that names the file and the field, exit status 1, nothing half-written."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pytest
import torch

from pyskl import cli
from pyskl.datasets import dump_pickle


@pytest.fixture
def command(tool, capsys):
    """Run a command in this process as the shell does: (exit status, lines on stderr)."""

    def run(script, *arguments):
        with pytest.raises(SystemExit) as stop:
            cli.run(tool(script), [str(argument) for argument in arguments])
        return stop.value.code, capsys.readouterr().err.strip().splitlines()

    return run


def broken(content, **changes):
    content = copy.deepcopy(content)
    victim = content['split']['train'][0]
    for sample in content['annotations']:
        if sample['frame_dir'] == victim:
            sample.update({key: change(sample[key]) for key, change in changes.items()})
    return content, victim


def with_nan(keypoint):
    keypoint = keypoint.copy()
    keypoint[0, 2, 30, 0] = np.nan
    return keypoint


class Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f'touch {self.path}',)


BAD_FIELDS = {
    'keypoint_score': (lambda score: score[:, :-1], 'keypoint_score: its shape'),
    'keypoint': (with_nan, 'keypoint: NaN or infinite at person 0, frame 2, keypoint 30'),
    'label': (lambda label: label[:, :8], 'label: its shape'),
    'total_frames': (lambda total: total + 1, 'total_frames: says'),
    'img_shape': (lambda shape: (0, 0), 'img_shape: must be'),
}


@pytest.mark.parametrize('field', BAD_FIELDS)
def test_a_bad_field_of_an_annotation(command, tiny_config, annotation_content, tmp_path, field):
    change, message = BAD_FIELDS[field]
    content, victim = broken(annotation_content, **{field: change})
    path = tmp_path / 'broken.pkl'
    dump_pickle(content, path)
    work_dir = tmp_path / 'run'
    status, lines = command('tools/train.py', tiny_config, '--ann-file', path, '--work-dir', work_dir)
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {path}: track '{victim}': {message}")
    assert not work_dir.exists()


def test_an_unknown_split(command, tiny_config, tmp_path):
    status, lines = command(
        'tools/train.py', tiny_config, '--work-dir', tmp_path / 'run',
        '--cfg-options', 'train_dataloader.dataset.split=trian',
    )  # fmt: skip
    assert status == 1
    assert len(lines) == 1
    assert "split: there is no split 'trian'; did you mean 'train'?" in lines[0]
    assert not (tmp_path / 'run').exists()


def test_a_pickle_that_calls_a_function(command, tiny_config, tmp_path):
    path, victim = tmp_path / 'evil.pkl', tmp_path / 'touched'
    path.write_bytes(pickle.dumps({'split': {'train': ['a']}, 'annotations': [Touch(victim)]}))
    status, lines = command('tools/train.py', tiny_config, '--ann-file', path, '--work-dir', tmp_path / 'run')
    assert status == 1
    assert len(lines) == 1
    assert str(path) in lines[0]
    assert 'system' in lines[0]
    assert not victim.exists()
    assert not (tmp_path / 'run').exists()


def test_a_misspelt_key(command, tiny_config, tmp_path):
    status, lines = command(
        'tools/train.py', tiny_config, '--work-dir', tmp_path / 'run', '--cfg-options', 'model.backbone.deph=50'
    )
    assert status == 1
    assert lines == [
        f"error: {tiny_config}: model.backbone (ResNet3dSlowOnly): unknown argument 'deph'; did you mean 'depth'?"
    ]


@pytest.fixture
def checkpoint(trained):
    """The best checkpoint of a training run."""
    return next(trained.glob('best_*.pth'))


def test_a_checkpoint_for_another_number_of_aus(command, tiny_config, checkpoint, tmp_path):
    out = tmp_path / 'result.pkl'
    content = torch.load(checkpoint, weights_only=True)
    for name in ('cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'):
        content['state_dict'][name] = content['state_dict'][name][:8]
    other = tmp_path / 'eight.pth'
    torch.save(content, other)
    status, lines = command('tools/test.py', tiny_config, other, '--out', out, '--work-dir', tmp_path / 'test')
    assert status == 1
    assert lines == [
        f'error: checkpoint: {other} was trained for 8 AUs, but the config asks for 12 (model.cls_head.num_classes)'
    ]
    assert not out.exists()
    assert not (tmp_path / 'test').exists()


def test_a_checkpoint_for_other_keypoints(command, tiny_config, checkpoint, tmp_path):
    status, lines = command(
        'tools/test.py',
        tiny_config,
        checkpoint,
        '--work-dir',
        tmp_path / 'test',
        '--cfg-options',
        'keypoint_layout=ibug68',
    )
    assert status == 1
    assert len(lines) == 1
    assert 'was trained for 51 heatmap channels, but the config has 68' in lines[0]


@pytest.mark.parametrize(
    'content', [b'', b'no checkpoint', pickle.dumps(Touch('nowhere'))], ids=['empty', 'text', 'code']
)
def test_a_checkpoint_that_is_none(command, tiny_config, tmp_path, content):
    path = tmp_path / 'broken.pth'
    path.write_bytes(content)
    status, lines = command('tools/test.py', tiny_config, path, '--work-dir', tmp_path / 'test')
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith(f'error: checkpoint: {path} cannot be read')


def test_a_missing_checkpoint(command, tiny_config, tmp_path):
    status, lines = command('tools/test.py', tiny_config, tmp_path / 'none.pth', '--work-dir', tmp_path / 'test')
    assert (status, lines) == (1, [f'error: checkpoint: {tmp_path}/none.pth does not exist'])


def test_an_unknown_metric_and_an_unknown_suffix(command, tiny_config, checkpoint, tmp_path):
    status, lines = command('tools/test.py', tiny_config, checkpoint, '--eval', 'f1', '--work-dir', tmp_path / 'test')
    assert (status, len(lines)) == (1, 1)
    assert "'f1'; did you mean 'f1_score'?" in lines[0]
    status, lines = command('tools/test.py', tiny_config, checkpoint, '--out', tmp_path / 'result.doc')
    assert (status, len(lines)) == (1, 1)
    assert '.pkl' in lines[0]


@pytest.fixture(scope='module')
def clips():
    """The folder of real test clips."""
    from pyskl.assets import fetch_asset

    return fetch_asset('pyfeat_videos')


def test_a_video_without_a_face(command, clips, checkpoint, tmp_path):
    out = tmp_path / 'out'
    status, lines = command('demo/demo_au.py', clips / 'no_face.mp4', checkpoint, '--out', out)
    assert status == 1
    assert len([line for line in lines if line.startswith('error: ')]) == 1
    assert 'no_face.mp4' in lines[-1]
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('share', [0.5, 0.9])
def test_a_truncated_video(command, clips, checkpoint, tmp_path, share):
    whole = (clips / 'WolfgangLanger_Pexels.mp4').read_bytes()
    video = tmp_path / 'cut.mp4'
    video.write_bytes(whole[: int(len(whole) * share)])
    status, lines = command('demo/demo_au.py', video, checkpoint, '--out', tmp_path / 'out')
    assert status == 1
    assert len(lines) == 1
    assert 'cut.mp4' in lines[0]
    assert [file.name for file in tmp_path.iterdir()] == ['cut.mp4']


def test_a_missing_video(command, checkpoint, tmp_path):
    status, lines = command('demo/demo_au.py', tmp_path / 'none.mp4', checkpoint, '--out', tmp_path / 'out')
    assert (status, len(lines)) == (1, 1)
    assert 'none.mp4' in lines[0]
