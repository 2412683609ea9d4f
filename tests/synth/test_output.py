"""The command that makes synthetic data: forms, workers, interruption, and results that are already there."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from pyskl.datasets.annotation import open_annotations
from pyskl.errors import InputError
from pyskl.synth import make_dataset, parallel
from pyskl.synth.output import intact_summary
from pyskl.synth.presets import PRESETS
from pyskl.synth.raw_layout import LABELS, SKELETONS
from pyskl.synth.summary import summarize

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def tiny() -> dict:
    return make_dataset('tiny', seed=0)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def same_samples(content, dataset: dict) -> None:
    assert {split: list(names) for split, names in content.splits.items()} == dataset['split']
    for track in dataset['annotations']:
        sample = content.samples[track['frame_dir']]
        for key in ('keypoint', 'keypoint_score', 'label', 'intensity'):
            np.testing.assert_array_equal(sample[key], track[key])
        assert sample['fps'] == track['fps'] and sample['subject'] == track['subject']


@pytest.mark.parametrize(('form', 'name'), [('--pickle', 'annotation.pkl'), ('--store', 'store')])
def test_pickle_and_store_hold_the_data_set_whatever_the_number_of_workers(tool, tiny, tmp_path, form, name, capsys):
    make = tool('tools/data/make_synthetic.py')
    for workers in ('0', '2'):
        args = ['--preset', 'tiny', '--out', str(tmp_path / workers), form, '--workers', workers]
        assert make(args) == 0
    assert contents(tmp_path / '0') == contents(tmp_path / '2')
    content = open_annotations(tmp_path / '0' / name)
    assert dict(content.metainfo) == tiny['metainfo']
    same_samples(content, tiny)
    assert json.loads((tmp_path / '0' / 'summary.json').read_text())['splits'] == summarize(tiny)
    assert name in capsys.readouterr().out


def test_the_pickle_is_an_ordinary_one(tool, tiny, tmp_path):
    tool('tools/data/make_synthetic.py')(['--preset', 'tiny', '--out', str(tmp_path)])
    content = pickle.loads((tmp_path / 'annotation.pkl').read_bytes())
    assert content['split'] == tiny['split'] and content['metainfo'] == tiny['metainfo']
    assert [track['frame_dir'] for track in content['annotations']] == [t['frame_dir'] for t in tiny['annotations']]


@pytest.mark.parametrize('form', ['--pickle', '--store', '--raw'])
def test_an_intact_result_is_left_alone_and_a_damaged_one_made_again(tool, tmp_path, form, capsys):
    make = tool('tools/data/make_synthetic.py')
    args = ['--preset', 'tiny', '--out', str(tmp_path), form]
    make(args)
    first = contents(tmp_path)
    stamp = (tmp_path / 'summary.json').stat().st_mtime_ns
    capsys.readouterr()
    make(args)
    assert 'already there' in capsys.readouterr().out
    assert (tmp_path / 'summary.json').stat().st_mtime_ns == stamp
    damaged = max((path for path in tmp_path.rglob('*') if path.is_file()), key=lambda path: path.stat().st_size)
    damaged.write_bytes(b'x')
    make(args)
    assert 'already there' not in capsys.readouterr().out
    assert contents(tmp_path) == first


@pytest.mark.parametrize('form', ['--pickle', '--store', '--raw'])
@pytest.mark.parametrize('workers', [0, 2])
def test_an_interruption_leaves_nothing_half_written(tool, tmp_path, form, workers, monkeypatch):
    plain = parallel.in_order

    def interrupted(function, tasks, workers=0):
        with closing(plain(function, tasks, workers)) as results:
            for number, result in enumerate(results):
                if number == 3:
                    raise KeyboardInterrupt
                yield result

    for module in ('dataset', 'raw_layout'):
        monkeypatch.setattr(f'pyskl.synth.{module}.in_order', interrupted)
    args = ['--preset', 'tiny', '--out', str(tmp_path), form, '--workers', str(workers)]
    with pytest.raises(KeyboardInterrupt):
        tool('tools/data/make_synthetic.py')(args)
    assert contents(tmp_path) == {} and list(tmp_path.iterdir()) == []


def test_labels_and_layout_go_into_the_file(tool, tmp_path):
    make = tool('tools/data/make_synthetic.py')
    make(['--preset', 'tiny', '--out', str(tmp_path), '--aus', 'disfa', '--layout', 'mediapipe478', '--store'])
    content = open_annotations(tmp_path / 'store')
    assert content.metainfo['aus'] == ['AU1', 'AU2', 'AU4', 'AU6', 'AU9', 'AU12', 'AU25', 'AU26']
    assert content.metainfo['keypoint_layout'] == 'mediapipe478'
    sample = content.samples['synth_val_0001']
    assert sample['keypoint'].shape[2] == 478 and sample['label'].shape[1] == 8


def test_another_recipe_is_not_taken_for_this_one(tool, tmp_path):
    tool('tools/data/make_synthetic.py')(['--preset', 'tiny', '--out', str(tmp_path)])
    tiny = PRESETS['tiny']
    assert intact_summary(tmp_path, 'tiny', tiny, 0, 'pickle')['synthetic'] is True
    assert intact_summary(tmp_path, 'tiny', tiny, 1, 'pickle') is None
    assert intact_summary(tmp_path, 'tiny', tiny, 0, 'store') is None
    assert intact_summary(tmp_path, 'demo', PRESETS['demo'], 0, 'pickle') is None


FOREIGN = [
    ('--pickle', 'annotation.pkl'), ('--store', 'store/meta.json'), ('--raw', 'skeletons/mine.txt'),
    ('--pickle', 'summary.json'), ('--preview', 'preview.png'), ('--preview', 'preview.gif'),
]  # fmt: skip


@pytest.mark.parametrize('force', [[], ['--force']])
@pytest.mark.parametrize(('option', 'name'), FOREIGN)
def test_what_the_user_put_there_is_never_replaced(tool, tmp_path, option, name, force):
    make = tool('tools/data/make_synthetic.py')
    args = ['--preset', 'tiny', '--out', str(tmp_path)]
    if option == '--preview':
        make(args)
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text('{"mine": 1}')
    with pytest.raises(InputError, match='was not made by this command'):
        make([*args, option, *force])
    assert mine.read_text() == '{"mine": 1}'


def test_another_form_takes_the_place_of_the_old_one(tool, tmp_path):
    make = tool('tools/data/make_synthetic.py')
    (tmp_path / 'notes.txt').write_text('mine')
    for form, names in (('--pickle', ['annotation.pkl']), ('--raw', [LABELS, SKELETONS]), ('--store', ['store'])):
        make(['--preset', 'tiny', '--out', str(tmp_path), form])
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, 'notes.txt', 'summary.json'])


@pytest.mark.parametrize('form', ['--pickle', '--store', '--raw'])
def test_a_run_that_was_killed_while_it_put_files_in_place_is_made_up_for(tool, tmp_path, form, monkeypatch):
    """After every single step of it."""
    make = tool('tools/data/make_synthetic.py')
    args = ['--preset', 'tiny', form, '--out']
    make([*args, str(tmp_path / 'whole')])
    whole, rename = contents(tmp_path / 'whole'), Path.rename

    for steps in range(4):
        out = tmp_path / str(steps)
        make([*args[:2], '--pickle', '--seed', '1', '--out', str(out)])
        left = steps

        def killed(path, target, out=out):
            nonlocal left
            if target.parent in (out, out / '.synthetic.partial' / 'old'):
                left -= 1
                if left < 0:
                    raise SystemExit
            return rename(path, target)

        with monkeypatch.context() as patch, contextlib.suppress(SystemExit):
            patch.setattr(Path, 'rename', killed)
            make([*args, str(out)])
        make([*args, str(out)])
        assert contents(out) == whole


def test_leftovers_of_a_killed_run_go_and_a_running_one_is_left_alone(tool, tmp_path):
    make = tool('tools/data/make_synthetic.py')
    left = tmp_path / '.synthetic.partial' / '.annotation.0123abcd.pkl'
    left.parent.mkdir()
    left.write_bytes(b'half')
    (tmp_path / '.synthetic.lock').touch()
    with FileLock(tmp_path / '.synthetic.lock'), pytest.raises(InputError, match='another process'):
        make(['--preset', 'tiny', '--out', str(tmp_path)])
    assert left.exists()
    make(['--preset', 'tiny', '--out', str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ['annotation.pkl', 'summary.json']


@pytest.mark.parametrize(('number', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing(tmp_path, number, status):
    command = ['tools/data/make_synthetic.py', '--preset', 'full', '--workers', '2', '--out', str(tmp_path / 'out')]
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not list(tmp_path.glob('out/.synthetic.partial/.store.*/keypoint.npy')) and process.poll() is None:
            select.select([process.stderr], [], [], 0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == status and 'Traceback' not in errors, errors
    assert list((tmp_path / 'out').iterdir()) == []


def test_changed_pictures_of_the_raw_form_are_noticed(tool, tmp_path, capsys):
    make = tool('tools/data/make_synthetic.py')
    args = ['--preset', 'tiny', '--raw', '--out', str(tmp_path)]
    make(args)
    picture = sorted((tmp_path / SKELETONS / 'Train_Set').iterdir())[3]
    content = picture.read_text()
    picture.write_text(content.replace('1', '2'))
    capsys.readouterr()
    make(args)
    assert 'already there' not in capsys.readouterr().out
    assert picture.read_text() == content


@pytest.mark.parametrize(
    ('options', 'hint'),
    [
        (['--workers', '-1'], 'workers must be 0 or more'),
        (['--aus', 'dsfa'], "did you mean 'disfa'"),
        (['--layout', 'ibug86'], "did you mean 'ibug68'"),
        (['--raw', '--aus', 'disfa'], 'twelve Action Units'),
        (['--aus', 'AU3'], "did you mean 'AU23'"),
    ],
)
def test_bad_options_are_one_line(tool, tmp_path, options, hint):
    with pytest.raises(InputError, match=hint):
        tool('tools/data/make_synthetic.py')(['--preset', 'tiny', '--out', str(tmp_path / 'new'), *options])


def _square(number: int) -> int:
    return number * number


def test_results_come_in_the_order_of_the_tasks():
    assert list(parallel.in_order(_square, range(20), 2)) == [number**2 for number in range(20)]
    with pytest.raises(InputError, match='workers'):
        list(parallel.in_order(_square, range(3), -1))


def _large(number: int) -> bytes:
    return bytes(1_000_000)


def test_leaving_early_does_not_hang_on_large_results():
    code = f'import sys; sys.path[:0] = {sys.path!r}; import {__name__} as tests; tests.leave_early()'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, timeout=90, check=False)
    assert done.returncode == 0


def leave_early() -> None:
    for _ in range(2):
        with closing(parallel.in_order(_large, range(1000), 2)) as results:
            for _ in range(20):
                next(results)


def test_neither_simulator_nor_command_needs_torch():
    code = 'import sys; import pyskl.synth.output, pyskl.synth; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=False).returncode == 0
