"""Fusing results as a user does: train two streams, test them, fuse them."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from pyskl import cli
from pyskl.apis.testing import test as run_test
from pyskl.engine import load_config
from pyskl.evaluation import read_results
from pyskl.registry import MODELS


@pytest.fixture(scope='module')
def two_streams(trained, tiny_config, tmp_path_factory) -> tuple[Path, Path]:
    """Results of the trained keypoint stream, and of a limb stream with fresh weights."""
    folder = tmp_path_factory.mktemp('streams')
    joint, limb = folder / 'joint.pkl', folder / 'limb.json'
    cfg = load_config(tiny_config)
    cfg.work_dir = str(folder / 'work')
    run_test(cfg, trained / 'epoch_3.pth', out=joint)
    drawing = {'model.data_preprocessor.with_kp': False, 'model.data_preprocessor.with_limb': True}
    cfg = load_config(tiny_config, drawing)
    cfg.work_dir = str(folder / 'work')
    torch.manual_seed(0)
    torch.save(MODELS.build(copy.deepcopy(cfg.model)).state_dict(), folder / 'limb.pth')
    run_test(cfg, folder / 'limb.pth', out=limb)
    return joint, limb


@pytest.fixture
def fuse(tool, capsys):
    """Run the command in this process: (exit status, stdout, stderr)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.run(tool('tools/fuse_results.py'), [str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err

    return run


def test_each_stream_and_the_fusion_are_scored_and_written(two_streams, fuse, tmp_path):
    joint, limb = two_streams
    out = tmp_path / 'deep' / 'fused.pkl'
    code, printed, _ = fuse(joint, limb, '--weights', 3, 1, '--out', out, '--eval', 'f1_score', 'roc_auc')
    assert code == 0
    assert printed.count('Evaluation on') == 3
    assert f'{joint} (weight 0.75)' in printed
    assert 'fusion of probabilities' in printed
    assert printed.rstrip().endswith(f'predictions: {out}')
    fused, first, second = map(read_results, (out, joint, limb))
    expected = 0.75 * first.predictions.score + 0.25 * second.predictions.score
    np.testing.assert_allclose(fused.predictions.score, expected, atol=1e-6)
    assert np.array_equal(fused.predictions.label, first.predictions.label)
    assert fused.metadata['synthetic'] is True
    assert fused.metadata['fusion']['space'] == 'prob'
    table = [line for line in printed.splitlines() if line.startswith('|')][-5:]
    assert [cell.strip() for cell in table[0].split('|')] == [
        '',
        '',
        'f1_score',
        'f1_floor',
        'f1_official',
        'roc_auc',
        '',
    ]
    for line, results in zip(table[2:], (first, second, fused), strict=True):
        cells = [cell.strip() for cell in line.split('|')]
        assert cells[2] == f'{results.metadata["metrics"]["f1_score"]:.4f}'


def test_logits_can_be_averaged_and_nothing_is_written_without_out(two_streams, fuse, tmp_path):
    code, printed, _ = fuse(*two_streams, '--space', 'logit', '--eval', 'f1_score')
    assert code == 0
    assert 'fusion of logits' in printed
    assert 'predictions:' not in printed
    assert list(tmp_path.iterdir()) == []


class Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_mistakes_are_one_line(two_streams, fuse, tmp_path):
    joint, limb = two_streams
    hostile, proof = tmp_path / 'hostile.pkl', tmp_path / 'proof'
    hostile.write_bytes(pickle.dumps(Touch(proof)))
    before = joint.read_bytes()
    for arguments, message in (
        ((joint, tmp_path / 'absent.pkl'), 'absent.pkl: no such file'),
        ((joint, hostile), 'hostile.pkl: '),
        ((joint, limb, '--weights', 1), '--weights: 1 are given for 2 results files'),
        ((joint, limb, '--eval', 'f2_score'), "did you mean 'f1_score'"),
        ((joint, limb, '--out', joint), 'is one of the files to fuse'),
        ((joint, limb, '--out', tmp_path / 'fused.txt'), "no results format has the suffix '.txt'"),
    ):
        code, _, told = fuse(*arguments)
        assert code == 1
        assert message in told
        assert told.count('\n') == 1
    assert joint.read_bytes() == before
    assert not proof.exists()
