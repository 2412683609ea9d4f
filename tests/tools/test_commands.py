"""The commands of the README, as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pyskl.evaluation import read_results

TRAIN, TEST = 'tools/dist_train.sh', 'tools/dist_test.sh'


@pytest.fixture(scope='module')
def run(shell, tiny_config, tmp_path_factory):
    """One training run by its command: (what it printed, its work directory)."""
    work_dir = tmp_path_factory.mktemp('command') / 'run'
    done = shell(TRAIN, tiny_config, 1, '--validate', '--test-last', '--test-best', '--work-dir', work_dir, '--seed', 7)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr, work_dir


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True, map_location='cpu')['state_dict']


def same(first: Path, second: Path) -> bool:
    left, right = weights(first), weights(second)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_training_leaves_checkpoints_and_scores_of_the_last_and_the_best(run):
    printed, work_dir = run
    assert (work_dir / 'epoch_3.pth').is_file()
    assert len(list(work_dir.glob('best_f1_score_epoch_*.pth'))) == 1
    assert 'Testing the last checkpoint' in printed
    assert 'Testing the best checkpoint' in printed
    assert 'F1 floor' in printed
    assert 'synthetic data' in printed


def test_testing_gives_the_metrics_asked_for_and_the_predictions(run, shell, tiny_config, tmp_path, annotation_content):
    _, work_dir = run
    out = tmp_path / 'deep' / 'result.pkl'
    done = shell(
        TEST, tiny_config, work_dir / 'epoch_3.pth', 1,
        '--eval', 'top_k_accuracy', 'mean_class_accuracy', '--out', out, '--work-dir', tmp_path / 'test',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'top-1 accuracy' in done.stdout + done.stderr
    assert 'mean class accuracy' in done.stdout + done.stderr
    results = read_results(out)
    tracks = {track['frame_dir']: track for track in results.tracks}
    wanted = [sample for sample in annotation_content['annotations'] if sample['frame_dir'] in tracks]
    assert set(tracks) == set(annotation_content['split']['test'])
    for sample in wanted:
        track = tracks[sample['frame_dir']]
        np.testing.assert_array_equal(track['frame_inds'], np.arange(sample['total_frames']))
        np.testing.assert_array_equal(track['label'], sample['label'])
        assert track['score'].shape == (sample['total_frames'], 12)


def test_two_processes_test_like_one(run, shell, tiny_config, tmp_path):
    _, work_dir = run
    outs = []
    for processes in (1, 2):
        out = tmp_path / f'result_{processes}.json'
        done = shell(
            TEST, tiny_config, work_dir / 'epoch_3.pth', processes, '--out', out,
            '--eval', 'f1_score', 'mean_average_precision',
            # One clip at a time: PyTorch's convolutions round a clip's numbers by how many go with it.
            '--work-dir', tmp_path / 'test', '--cfg-options', 'test_dataloader.batch_size=1',
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outs.append(json.loads(out.read_text()))
    one, two = ({track['frame_dir']: track for track in out['tracks']} for out in outs)
    assert one.keys() == two.keys()
    for name, track in one.items():
        assert track['frame_inds'] == two[name]['frame_inds'] == list(range(len(track['frame_inds'])))
        np.testing.assert_allclose(track['score'], two[name]['score'], rtol=0, atol=1e-7)
    scores = [out['metadata']['metrics'] for out in outs]
    assert scores[0]['mean_average_precision'] > 0
    assert scores[0] == pytest.approx(scores[1], abs=1e-6, nan_ok=True)


def test_two_processes_train_resume_and_validate_with_the_model_they_save(shell, tiny_config, tmp_path):
    work_dir = tmp_path / 'run'
    for epochs, resume in ((1, []), (2, ['--resume', '--test-last'])):
        done = shell(
            TRAIN, tiny_config, 2, '--validate', '--work-dir', work_dir, *resume,
            '--cfg-options', f'train_cfg.max_epochs={epochs}', 'test_dataloader.dataset.split=val',
            'val_evaluator.metrics=[f1_score,mean_average_precision]',
            'test_evaluator.metrics=[mean_average_precision]',
            'optim_wrapper.optimizer.lr=0.01',
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert 'resumed epoch: 1' in printed
    assert (work_dir / 'epoch_2.pth').is_file()
    validated = re.search(r'Epoch\(val\) \[2\].* mean_average_precision: ([0-9.]+)', printed).group(1)
    tested = re.search(r'Epoch\(test\) .* mean_average_precision: ([0-9.]+)', printed).group(1)
    assert validated == tested


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pyskl.engine.hooks import EpochSeedHook
def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
    if runner.epoch == 1 and batch_idx == 1:
        os.kill(os.getpid(), signal.SIGKILL)
EpochSeedHook.after_train_iter = after_train_iter
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_killed_in_the_middle_of_an_epoch_and_resumed_it_ends_with_the_same_weights(
    run, shell, tiny_config, tmp_path, root
):
    _, whole = run
    work_dir = tmp_path / 'killed'
    script = tmp_path / 'killed.py'
    script.write_text(KILLED.format(root=str(root)))
    options = ['--validate', '--work-dir', str(work_dir), '--seed', '7']
    killed = subprocess.run(
        [sys.executable, str(script), str(root / 'tools/train.py'), str(tiny_config), *options],
        cwd=root,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(root)},
        capture_output=True,
        check=False,
        timeout=600,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (work_dir / 'epoch_1.pth').is_file()
    assert not (work_dir / 'epoch_2.pth').exists()
    done = shell(TRAIN, tiny_config, 1, *options, '--resume')
    assert done.returncode == 0, done.stderr
    assert same(whole / 'epoch_3.pth', work_dir / 'epoch_3.pth')
    assert not same(whole / 'epoch_3.pth', whole / 'epoch_2.pth')


def test_another_seed_gives_other_weights(run, shell, tiny_config, tmp_path):
    _, whole = run
    done = shell(
        TRAIN, tiny_config, 1, '--work-dir', tmp_path / 'run', '--seed', 8, '--deterministic',
        '--cfg-options', 'train_cfg.max_epochs=1',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not same(whole / 'epoch_1.pth', tmp_path / 'run' / 'epoch_1.pth')


def test_mixed_precision_and_compiled_training(shell, tiny_config, tmp_path):
    done = shell(
        TRAIN, tiny_config, 1, '--work-dir', tmp_path / 'run', '--amp', '--compile',
        '--cfg-options', 'train_cfg.max_epochs=1',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    state = weights(tmp_path / 'run' / 'epoch_1.pth')
    assert all('_orig_mod' not in name for name in state)
    assert all(value.dtype in (torch.float32, torch.int64) for value in state.values())


def test_folded_batch_norm_and_averaged_clips_change_scores_by_rounding_only(run, shell, tiny_config, tmp_path):
    _, work_dir = run
    scores = []
    for options in ([], ['--fuse-conv-bn', '--average-clips', 'score']):
        out = tmp_path / f'result_{len(options)}.pkl'
        done = shell(
            TEST, tiny_config, work_dir / 'epoch_3.pth', 1, '--out', out, '--work-dir', tmp_path / 'test', *options
        )
        assert done.returncode == 0, done.stderr
        scores.append(np.concatenate([track['score'] for track in read_results(out).tracks]))
    np.testing.assert_allclose(scores[0], scores[1], rtol=0, atol=1e-4)
    assert not np.array_equal(scores[0], scores[1])


@pytest.mark.parametrize('script', [TRAIN, TEST])
def test_without_arguments_the_usage_is_shown(shell, script):
    done = shell(script)
    assert done.returncode == 2
    assert 'usage' in done.stderr
    assert '--cfg-options' in done.stderr


def test_a_bad_number_of_processes_is_refused(shell, tiny_config):
    done = shell(TRAIN, tiny_config, '--validate')
    assert done.returncode == 1
    assert done.stderr.strip() == "error: NUM_GPUS: must be a positive number, not '--validate'"


@pytest.mark.parametrize('processes', [1, 2])
def test_a_missing_annotation_file_gets_one_line_and_leaves_nothing(shell, tiny_config, tmp_path, processes):
    work_dir = tmp_path / 'run'
    done = shell(TRAIN, tiny_config, processes, '--work-dir', work_dir, '--ann-file', tmp_path / 'none.pkl')
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith('error: ann_file: ')
    assert 'none.pkl does not exist' in done.stderr
    assert not work_dir.exists()
