"""The quick start: from data to a real video, interrupted and run again; and the choice of the Python to use."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

QUICK_START = 'tools/quickstart.sh'
FAST = [
    '--cfg-options', 'train_cfg.max_epochs=2', 'model.backbone.base_channels=8', 'model.cls_head.in_channels=128',
    'model.backbone.stage_blocks=(1,1,1)', 'model.data_preprocessor.heatmap_size=(16,16)',
]  # fmt: skip


def interrupt_at(text: str, command: list[str], root: Path) -> tuple[int, str, str]:
    """Run a command and press Ctrl-C when it prints a text; its status and what it printed on stdout and stderr."""
    process = subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    printed = ''
    for line in process.stdout:
        printed += line
        if text in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=300)
    return process.returncode, printed + rest, errors


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work directory with a blank in its name and a checkpoint that is the user's own."""
    path = tmp_path_factory.mktemp('quick') / 'quick start'
    path.mkdir()
    (path / 'best_of_mine.pth').write_bytes(b'mine')
    return path


@pytest.fixture(scope='module')
def interrupted(work_dir: Path, root: Path) -> tuple[int, str, str]:
    """The quick start, stopped in its second epoch: (exit status, stdout, stderr)."""
    return interrupt_at('epoch 2  step', ['bash', QUICK_START, '--work-dir', str(work_dir), *FAST], root)


@pytest.fixture(scope='module')
def finished(interrupted: tuple, shell: Callable, work_dir: Path) -> subprocess.CompletedProcess:
    """The same command again, run to its end."""
    assert (work_dir / 'network.new' / 'epoch_1.pth').is_file()
    assert not (work_dir / 'network').exists()
    done = shell(QUICK_START, '--work-dir', work_dir, *FAST)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def checkpoint(work_dir: Path) -> Path:
    (found,) = (work_dir / 'network').glob('best_*.pth')
    return found


def test_interrupted_it_says_how_to_go_on(interrupted):
    status, _, errors = interrupted
    assert status == 130
    assert errors.strip().splitlines()[-1] == 'interrupted; the same command goes on from here'
    assert 'Traceback' not in errors
    assert 'training failed' not in errors


def test_run_again_it_goes_on_with_the_interrupted_training(finished, work_dir):
    assert 'Training: goes on where it was interrupted' in finished.stdout
    assert 'epoch 1  step' not in finished.stdout
    assert 'epoch 2  step' in finished.stdout
    assert 'resumed epoch: 1' in (work_dir / 'network' / 'train.log').read_text()
    assert not (work_dir / 'network.new').exists()


def test_it_ends_with_a_table_and_its_files(finished, work_dir):
    assert 'all-positive floor' in finished.stdout
    assert 'SYNTHETIC' in finished.stdout
    assert f'checkpoint: {checkpoint(work_dir)}\n' in finished.stdout
    for name in ('result.pkl', 'aus.csv', 'overlay.mp4', 'timeline.png'):
        assert (work_dir / name).stat().st_size > 0
        assert str(work_dir / name) in finished.stdout
    assert len((work_dir / 'aus.csv').read_text().splitlines()) == 1 + 472  # the clip's number of frames
    for name in ('joint.py', 'recipe.txt', 'train.log'):
        assert (work_dir / 'network' / name).stat().st_size > 0


def test_a_checkpoint_of_the_user_survives(finished, work_dir):
    assert (work_dir / 'best_of_mine.pth').read_bytes() == b'mine'


def test_a_finished_network_is_used_again(finished, work_dir, root):
    before = checkpoint(work_dir).stat().st_mtime_ns
    command = ['bash', QUICK_START, '--work-dir', str(work_dir), *FAST]
    status, printed, errors = interrupt_at('== 3/4', command, root)  # what follows has been seen
    assert f'Training: done before ({checkpoint(work_dir)})' in printed
    assert checkpoint(work_dir).stat().st_mtime_ns == before
    assert status == 130
    assert errors.strip() == 'interrupted; the same command goes on from here'
    assert '== 4/4' not in printed


def test_a_training_that_fails_leaves_the_last_network_and_the_rest_alone(finished, shell, work_dir):
    before = checkpoint(work_dir).stat().st_mtime_ns
    done = shell(QUICK_START, '--work-dir', work_dir, '--cfg-options', 'model.no_such_key=1')
    assert done.returncode == 1
    assert f'training failed; the whole log: {work_dir}/network.new/train.log' in done.stderr
    assert checkpoint(work_dir).stat().st_mtime_ns == before
    assert (work_dir / 'best_of_mine.pth').is_file()


def test_a_folder_that_is_not_its_own_is_left_alone(finished, shell, work_dir, tmp_path):
    shutil.copytree(work_dir / 'data', tmp_path / 'data')
    mine = tmp_path / 'network' / 'mine.txt'
    mine.parent.mkdir()
    mine.write_text('mine')
    done = shell(QUICK_START, '--work-dir', tmp_path, *FAST)
    assert done.returncode == 1
    assert f'error: {mine.parent} was not made by the quick start' in done.stderr
    assert mine.read_text() == 'mine'


def test_a_missing_video_is_refused_before_any_work(shell, tmp_path):
    done = shell(QUICK_START, '--work-dir', tmp_path / 'quickstart', '--video', tmp_path / 'none.mp4')
    assert done.returncode == 1
    assert done.stderr.strip() == f'error: --video: {tmp_path}/none.mp4 does not exist'
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_below_the_folder_of_the_caller(root, tmp_path):
    done = subprocess.run(
        ['bash', str(root / QUICK_START), '--video', 'a b/../none.mp4'],
        cwd=tmp_path,
        env={**os.environ, 'PYTHON': sys.executable},
        text=True,
        capture_output=True,
        check=False,
        timeout=100,
    )
    assert done.stderr.strip() == f'error: --video: {tmp_path}/none.mp4 does not exist'


def test_help_needs_no_environment(shell):
    done = shell(QUICK_START, '--help', PYTHON='no-such-python')
    assert done.returncode == 0
    assert '--fresh' in done.stdout
    assert 'network/' in done.stdout


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Path:
    """A checkout of the scripts alone, with an empty .venv in it and an empty environment called conda beside it."""
    checkout = tmp_path / 'checkout'
    (checkout / 'tools').mkdir(parents=True)
    for name in ('tools/_launch.sh', 'tools/dist_train.sh', 'tools/setup_env.sh', 'constraints.txt', 'setup.py'):
        shutil.copy(root / name, checkout / name)
    for folder in (checkout / '.venv', tmp_path / 'conda'):
        venv.create(folder, with_pip=False, symlinks=True)
        # Says that everything is installed there, so that the set-up has nothing to do.
        stamp = 'printf "%s" "$(cat constraints.txt setup.py | cksum) $PWD" > "$0/.pyskl-installed"'
        subprocess.run(['bash', '-c', stamp, str(folder)], cwd=checkout, check=True)
    return checkout


def chosen(command: list[str], checkout: Path, **variables: str) -> subprocess.CompletedProcess:
    conda = checkout.parent / 'conda'
    environment = {**os.environ, 'CONDA_PREFIX': str(conda), 'PATH': f'{conda}/bin:{os.environ["PATH"]}', **variables}
    for name in ('PYTHON', 'VIRTUAL_ENV'):
        environment.pop(name, None)
    return subprocess.run(
        command, cwd=checkout, env=environment, text=True, capture_output=True, check=False, timeout=100
    )


@pytest.mark.parametrize(('active', 'folder'), [('base', 'checkout/.venv'), ('', 'checkout/.venv'), ('faces', 'conda')])
def test_the_base_of_conda_is_used_neither_for_set_up_nor_for_launching(checkout, active, folder):
    wanted = checkout.parent / folder / 'bin' / 'python'
    command = ['bash', '-c', 'source tools/setup_env.sh && echo "$PYTHON"']
    done = chosen(command, checkout, CONDA_DEFAULT_ENV=active)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(wanted)
    done = chosen(['bash', 'tools/dist_train.sh', 'config.py', '1'], checkout, CONDA_DEFAULT_ENV=active)
    assert done.returncode == 1
    assert done.stderr.strip() == (f'error: the packages are not installed in {wanted}; run: bash tools/setup_env.sh')
