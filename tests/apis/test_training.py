"""Training in this process: what it leaves behind, going on after a stop, and input that is refused."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from pyskl.apis.commandline import default_work_dir
from pyskl.apis.runner import build_runner, require_parts
from pyskl.apis.testing import test as run_test
from pyskl.apis.training import TrainOutcome, apply_amp, find_checkpoint, train
from pyskl.datasets import dump_pickle
from pyskl.engine import load_config
from pyskl.errors import InputError
from pyskl.evaluation import read_results
from pyskl.models import Recognizer3D


class Stopped(Exception):
    """Stands for a power cut."""


def config(path: Path, work_dir: Path, **overrides) -> Config:
    cfg = load_config(path, {key.replace('__', '.'): value for key, value in overrides.items()})
    cfg.work_dir = str(work_dir)
    return cfg


def weights(path: Path) -> dict[str, torch.Tensor]:
    content = torch.load(path, weights_only=True)
    state = dict(content['state_dict'])
    for number, values in content['optimizer']['state'].items():
        state |= {f'optimizer.{number}.{name}': torch.as_tensor(value) for name, value in values.items()}
    return state


def assert_same_weights(left: Path, right: Path) -> None:
    left, right = weights(left), weights(right)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


@pytest.fixture(scope='module')
def stopped(tiny_config, tmp_path_factory) -> Path:
    """The work directory of a run that was cut off in the middle of its second epoch."""
    work_dir = tmp_path_factory.mktemp('stopped')
    step, calls = Recognizer3D.train_step, []

    def interrupted(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == 5:  # of three steps an epoch
            raise Stopped
        return step(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Recognizer3D, 'train_step', interrupted)
        train(config(tiny_config, work_dir), validate=True)
    assert find_checkpoint(work_dir) == work_dir / 'epoch_1.pth'
    return work_dir


# What a run leaves behind.


def test_files_of_a_finished_run(trained):
    names = {path.name for path in trained.glob('*')}
    assert {'last_checkpoint', 'epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth', 'tiny.py'} <= names
    assert len([name for name in names if name.startswith('best_f1_score_epoch_')]) == 1
    assert find_checkpoint(trained) == trained / 'epoch_3.pth'
    scalars = next(trained.rglob('scalars.json')).read_text().splitlines()
    losses = [record['loss'] for record in map(json.loads, scalars) if 'loss' in record]
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_training_is_the_same_with_and_without_validation(trained, tiny_config, tmp_path):
    outcome = train(config(tiny_config, tmp_path), test_last=True)
    assert isinstance(outcome, TrainOutcome)
    assert (outcome.last, outcome.best) == (tmp_path / 'epoch_3.pth', None)
    assert outcome.scores.keys() == {'last'}
    assert not list(tmp_path.glob('best*'))
    assert_same_weights(outcome.last, trained / 'epoch_3.pth')
    again = run_test(config(tiny_config, tmp_path), outcome.last)
    assert {name: again[name] for name in outcome.scores['last']} == dict(outcome.scores['last'])


def test_another_seed_gives_other_weights(trained, tiny_config, tmp_path):
    outcome = train(config(tiny_config, tmp_path, randomness__seed=1, train_cfg__max_epochs=1))
    one, other = weights(outcome.last), weights(trained / 'epoch_1.pth')
    assert not torch.equal(one['backbone.conv1.conv.weight'], other['backbone.conv1.conv.weight'])


# Going on.


@pytest.mark.parametrize('named', [True, False])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(stopped, trained, tiny_config, tmp_path, named):
    work_dir = tmp_path / 'moved'
    shutil.copytree(stopped, work_dir)
    cfg = config(tiny_config, work_dir)
    cfg.resume, cfg.load_from = True, str(work_dir / 'epoch_1.pth') if named else None
    outcome = train(cfg, validate=True)
    assert outcome.last == work_dir / 'epoch_3.pth'
    assert outcome.best.is_file()
    assert_same_weights(outcome.last, trained / 'epoch_3.pth')


def test_resume_without_a_checkpoint_starts_from_the_beginning(trained, tiny_config, tmp_path):
    outcome = train(config(tiny_config, tmp_path, resume=True, train_cfg__max_epochs=1))
    other = weights(trained / 'epoch_1.pth')['backbone.conv1.conv.weight']
    assert weights(outcome.last)['backbone.conv1.conv.weight'].shape == other.shape


def test_checkpoints_stay_plain_where_custom_hooks_are_the_users_own(trained, tiny_config, tmp_path):
    cfg = config(tiny_config, tmp_path)
    cfg.custom_hooks = [{'type': 'EMAHook', 'begin_epoch': 2}]
    outcome = train(cfg)
    assert_same_weights(tmp_path / 'epoch_1.pth', trained / 'epoch_1.pth')
    assert 'pyskl' in torch.load(outcome.last, weights_only=True)['meta']


@pytest.mark.parametrize('hooks', [None, []])
def test_config_text_in_a_checkpoint_is_never_executed(trained, tiny_config, tmp_path, hooks):
    proof, path = tmp_path / 'proof', tmp_path / 'malicious.pth'
    text = f"open('{proof}', 'w').close()\ngpu_ids = [0]\n"
    content = torch.load(trained / 'epoch_2.pth', weights_only=True)
    content['meta']['config'] = text
    torch.save(content, path)
    cfg = config(tiny_config, tmp_path / 'work')
    cfg.resume, cfg.load_from = True, str(path)
    if hooks is not None:
        cfg.custom_hooks = hooks
    train(cfg)
    assert not proof.exists()
    assert_same_weights(tmp_path / 'work/epoch_3.pth', trained / 'epoch_3.pth')
    Config.fromstring(text, file_format='.py')
    assert proof.exists()  # what mmengine does with that text


def test_find_checkpoint(tmp_path):
    assert find_checkpoint(tmp_path / 'absent') is None
    assert find_checkpoint(tmp_path) is None
    note, elsewhere = tmp_path / 'last_checkpoint', tmp_path / 'elsewhere'
    elsewhere.mkdir()
    weights = {'state_dict': {'weight': torch.zeros(1)}}
    torch.save(weights, elsewhere / 'epoch_7.pth')
    note.write_text(f'{elsewhere}/epoch_7.pth\n')
    assert find_checkpoint(tmp_path) == elsewhere / 'epoch_7.pth'
    torch.save(weights, tmp_path / 'epoch_7.pth')
    assert find_checkpoint(tmp_path) == tmp_path / 'epoch_7.pth'  # the folder was moved here


@pytest.mark.parametrize('note', ['/gone/epoch_12.pth', 'epoch_12.pth', ''])
def test_without_the_last_checkpoint_the_newest_whole_one_before_it_is_found(tmp_path, note):
    for number in (9, 10):
        torch.save({'state_dict': {'weight': torch.zeros(1)}}, tmp_path / f'epoch_{number}.pth')
    (tmp_path / 'epoch_12.pth').write_bytes(b'cut short')
    (tmp_path / 'last_checkpoint').write_text(note)
    assert find_checkpoint(tmp_path) == tmp_path / 'epoch_10.pth'


def test_default_work_dir():
    assert default_work_dir('configs/posec3d/net/joint.py') == str(Path('work_dirs/posec3d/net/joint'))
    assert default_work_dir('elsewhere/configs/mine.py') == str(Path('work_dirs/mine'))
    assert default_work_dir('mine.py') == str(Path('work_dirs/mine'))


# Mixed precision.


@pytest.mark.parametrize(('gpu', 'bf16'), [(False, False), (True, True)])
def test_amp_is_bfloat16_where_the_device_computes_in_it(tiny_config, tmp_path, monkeypatch, gpu, bf16):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda **options: bf16)
    cfg = config(tiny_config, tmp_path)
    optimizer = copy.deepcopy(cfg.optim_wrapper.optimizer)
    apply_amp(cfg)
    assert cfg.optim_wrapper == {'type': 'AutocastOptimWrapper', 'dtype': 'bfloat16', 'optimizer': optimizer}


def test_amp_is_float16_with_loss_scaling_elsewhere(tiny_config, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda **options: False)
    cfg = config(tiny_config, tmp_path)
    apply_amp(cfg)
    assert (cfg.optim_wrapper.type, cfg.optim_wrapper.loss_scale) == ('AmpOptimWrapper', 'dynamic')
    assert cfg.optim_wrapper.dtype == 'float16'


def test_training_with_amp_computes_something_else(trained, tiny_config, tmp_path):
    cfg = config(tiny_config, tmp_path, train_cfg__max_epochs=1)
    apply_amp(cfg)
    outcome = train(cfg)
    one, other = (weights(path)['backbone.conv1.conv.weight'] for path in (outcome.last, trained / 'epoch_1.pth'))
    assert one.dtype == torch.float32
    assert not torch.equal(one, other)
    assert torch.isfinite(one).all()


def test_the_config_of_the_caller_is_left_as_it_was(trained, tiny_config, tmp_path):
    cfg = config(tiny_config, tmp_path / 'work')
    before = copy.deepcopy(cfg.to_dict())
    train(cfg, check_only=True)
    run_test(cfg, trained / 'epoch_3.pth', ['roc_auc'], tmp_path / 'out.csv', 'score', check_only=True)
    assert cfg.to_dict() == before


# What is refused, before the work directory appears.


def test_check_only_writes_nothing(trained, tiny_config, tmp_path):
    cfg = config(tiny_config, tmp_path / 'work')
    outcome = train(cfg, validate=True, test_last=True, test_best=True, check_only=True)
    assert outcome == TrainOutcome(tmp_path / 'work')
    cfg = config(tiny_config, tmp_path / 'work', resume=True, load_from=str(trained / 'epoch_2.pth'))
    train(cfg, check_only=True)
    assert run_test(config(tiny_config, tmp_path / 'work'), trained / 'epoch_3.pth', check_only=True) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('check_only', [True, False])
@pytest.mark.parametrize(
    ('overrides', 'reason'),
    [
        ({'ann_file': 'absent.pkl'}, r'absent\.pkl does not exist'),
        ({'train_dataloader.dataset.split': 'trian'}, "no split 'trian'; did you mean 'train'"),
        ({'test_dataloader.dataset.split': 'tset'}, "no split 'tset'; did you mean 'test'"),
        ({'model.cls_head.num_classes': 8}, 'names 12 AUs, but the model has 8'),
        ({'keypoint_layout': 'coco_wholebody133'}, "layout 'ibug68' .* cannot be turned into 'coco_wholebody133'"),
        ({'model.backbone.depth': 7}, 'depth'),
        ({'model.test_cfg': {'average_clips': 'mean'}}, 'average_clips'),
        ({'load_from': 'absent.pth'}, r'absent\.pth does not exist'),
        ({'resume': True, 'load_from': 'absent.pth'}, r'absent\.pth does not exist'),
        ({'train_dataloader': None}, "'train_dataloader' is not set, but it is needed to train"),
        ({'val_evaluator': None}, "'val_evaluator' is not set, but it is needed to val"),
        ({'optim_wrapper': None}, "'optim_wrapper' is not set"),
        ({'default_hooks.checkpoint.save_best': None}, "set 'save_best'"),
        ({'default_hooks': None}, "set 'save_best'"),
    ],
)
def test_bad_input_is_refused_and_leaves_no_work_directory(tiny_config, tmp_path, overrides, reason, check_only):
    cfg = load_config(tiny_config, overrides)
    cfg.work_dir = str(tmp_path / 'work')
    with pytest.raises(InputError, match=reason) as caught:
        train(cfg, validate=True, test_last=True, test_best=True, check_only=check_only)
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'work').exists()


def test_test_best_needs_validation(tiny_config, tmp_path):
    with pytest.raises(InputError, match='--test-best: needs --validate'):
        train(config(tiny_config, tmp_path / 'work'), test_best=True)
    assert not (tmp_path / 'work').exists()


def test_weights_alone_cannot_be_resumed(trained, tiny_config, tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(torch.load(trained / 'epoch_2.pth', weights_only=True)['state_dict'], path)
    cfg = config(tiny_config, tmp_path / 'work', resume=True, load_from=str(path))
    with pytest.raises(InputError, match='holds weights only and cannot be resumed'):
        train(cfg)
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize('check_only', [True, False])
def test_a_checkpoint_of_another_network_cannot_be_resumed(trained, tiny_config, tmp_path, check_only):
    other = config(tiny_config, tmp_path / 'work', keypoint_layout='ibug68')
    other.resume, other.load_from = True, str(trained / 'epoch_2.pth')
    with pytest.raises(InputError, match='trained for 51 heatmap channels, but the config has 68'):
        train(other, check_only=check_only)
    assert not (tmp_path / 'work').exists()


def test_a_work_directory_that_is_a_file_is_refused(tiny_config, tmp_path):
    path = tmp_path / 'work'
    path.write_text('mine')
    with pytest.raises(InputError, match=r'--work-dir: .*work is a file'):
        train(config(tiny_config, path))
    assert path.read_text() == 'mine'


def test_amp_without_an_optimiser_is_refused():
    with pytest.raises(InputError, match='is not set'):
        apply_amp(Config({'model': {}}))
    with pytest.raises(InputError, match="'model' is not set"):
        require_parts(Config({}), [])


# The runner and testing.


def test_the_runner_is_made_of_the_parts_asked_for(tiny_config, tmp_path):
    cfg = config(tiny_config, tmp_path)
    before = copy.deepcopy(cfg.to_dict())
    runner = build_runner(cfg, ['test'])
    assert cfg.to_dict() == before
    assert runner._train_loop is None
    assert 'train_dataloader' in runner.cfg  # the config that is written serves for everything
    assert runner.cfg.test_evaluator.type == 'AUMetric'
    other = build_runner(cfg, ['test'])
    assert other.experiment_name != runner.experiment_name


def test_a_test_with_the_config_of_a_work_directory(trained, tmp_path):
    cfg = config(trained / 'tiny.py', tmp_path / 'work')
    out = tmp_path / 'result.csv'
    scores = run_test(cfg, trained / 'epoch_3.pth', metrics=['top_k_accuracy', 'mean_class_accuracy'], out=out)
    assert {'top1_accuracy', 'top5_accuracy', 'mean_class_accuracy'} <= scores.keys()
    assert 'f1_score' not in scores
    assert out.is_file()


def test_fused_normalisation_gives_the_same_scores(trained, tiny_config, tmp_path):
    path = trained / 'epoch_3.pth'
    scores = []
    for name, options in (('plain', {}), ('fused', {'average_clips': 'score', 'fuse': True})):
        out = tmp_path / f'{name}.pkl'
        run_test(config(tiny_config, tmp_path), path, ['mean_average_precision'], out=out, **options)
        scores.append(np.concatenate([track['score'] for track in read_results(out).tracks]))
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-5)
    assert np.ptp(scores[0]) > 0.01


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        ({'metrics': ['f1']}, 'f1_score'),
        ({'out': 'result.txt'}, r'result\.txt'),
        ({'average_clips': 'mean'}, 'average_clips'),
    ],
)
@pytest.mark.parametrize('check_only', [True, False])
def test_bad_arguments_of_a_test_are_refused(trained, tiny_config, tmp_path, arguments, reason, check_only):
    with pytest.raises(InputError, match=reason):
        run_test(config(tiny_config, tmp_path / 'w'), trained / 'epoch_3.pth', **arguments, check_only=check_only)
    assert not (tmp_path / 'w').exists()


@pytest.mark.parametrize('check_only', [True, False])
def test_a_checkpoint_of_another_network_is_not_tested(trained, tiny_config, tmp_path, check_only):
    cfg = config(tiny_config, tmp_path / 'w', model__backbone__stage_blocks=(1, 1, 2))
    with pytest.raises(InputError, match='does not fit the model of the config'):
        run_test(cfg, trained / 'epoch_3.pth', check_only=check_only)
    assert not (tmp_path / 'w').exists()


def test_a_file_with_a_broken_track_is_refused_by_the_name_of_the_track(annotation_content, tiny_config, tmp_path):
    content = copy.deepcopy(annotation_content)
    broken = content['annotations'][0]
    broken['keypoint'] = broken['keypoint'][:, :-1]
    dump_pickle(content, tmp_path / 'broken.pkl')
    cfg = config(tiny_config, tmp_path / 'work', ann_file=str(tmp_path / 'broken.pkl'))
    with pytest.raises(InputError, match=f"track '{broken['frame_dir']}'"):
        train(cfg)
    assert not (tmp_path / 'work').exists()


def test_a_copied_run_uses_its_own_best_checkpoint(tiny_config, trained, tmp_path):
    copied = tmp_path / 'copied'
    shutil.copytree(trained, copied)
    (best,) = trained.glob('best_*.pth')
    (copied / best.name).unlink()
    outcome = train(config(tiny_config, copied, resume=True), validate=True, test_best=True)
    assert outcome.best == copied / best.name
    assert outcome.best.is_file()
    assert best.is_file()


def test_an_epoch_whose_validation_was_cut_off_is_validated_on_resuming(tiny_config, tmp_path, monkeypatch):
    from mmengine.runner import ValLoop

    class Cut(Exception):
        pass

    def cut(self):
        raise Cut

    cfg = config(tiny_config, tmp_path / 'run', train_cfg__max_epochs=1)
    with monkeypatch.context() as patch, pytest.raises(Cut):
        patch.setattr(ValLoop, 'run', cut)
        train(cfg, validate=True)
    assert (tmp_path / 'run' / 'epoch_1.pth').is_file()
    assert not list((tmp_path / 'run').glob('best_*.pth'))
    cfg.resume = True
    outcome = train(cfg, validate=True, test_best=True)
    assert outcome.best == tmp_path / 'run' / 'best_f1_score_epoch_1.pth'
    assert 'best' in outcome.scores


def test_resuming_from_a_lone_copy_of_a_checkpoint_finds_a_best_of_its_own(tiny_config, trained, tmp_path):
    lone = tmp_path / 'lone'
    lone.mkdir()
    content = torch.load(trained / 'epoch_2.pth', weights_only=True)
    content['message_hub']['runtime_info']['best_ckpt'] = '/gone/best_f1_score_epoch_1.pth'
    content['message_hub']['runtime_info']['best_score'] = 1.0
    torch.save(content, lone / 'epoch_2.pth')
    cfg = config(tiny_config, tmp_path / 'run', load_from=str(lone / 'epoch_2.pth'), resume=True)
    outcome = train(cfg, validate=True, test_best=True)
    assert outcome.best is not None
    assert outcome.best.is_file()


def test_a_wanted_test_without_a_checkpoint_is_an_error(tiny_config, tmp_path):
    cfg = config(tiny_config, tmp_path / 'run', train_cfg__max_epochs=1, train_cfg__val_begin=2)
    with pytest.raises(InputError, match='--test-best: the run has left no best checkpoint'):
        train(cfg, validate=True, test_best=True)


def test_a_folder_of_damaged_checkpoints_is_not_started_over(tmp_path):
    (tmp_path / 'epoch_1.pth').write_bytes(b'cut short')
    (tmp_path / 'last_checkpoint').write_bytes(b'\xff\xfe')
    with pytest.raises(InputError, match=r'none of the checkpoints in .* can be read'):
        find_checkpoint(tmp_path)
