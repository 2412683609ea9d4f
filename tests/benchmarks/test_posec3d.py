"""The benchmark of PoseConv3D against MMAction2: its statistics, its processes, and the script as a command."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from posec3d import goals_table, parse
from posec3d_ours import OurTraining
from posec3d_rows import OURS, PEER, Row, check_equal, in_turn
from posec3d_tracks import make_setting
from processes import ROOT, Worker, memory_of, process_tree

from pyskl.datasets import PoseDataset
from pyskl.keypoints import get_layout

PEER_FOLDER = ROOT / 'work_dirs/benchmarks/peer'
JOB = """
import multiprocessing, os, sys, time
sys.path.insert(0, {benchmarks!r})
from posec3d_jobs import serve

class Job:
    def __init__(self, children):
        fork = multiprocessing.get_context('fork')
        self.children = [fork.Process(target=time.sleep, args=(1000,), daemon=True) for _ in range(children)]
        for child in self.children:
            child.start()
        print('not an answer')

    def facts(self):
        return {{'children': [child.pid for child in self.children]}}

    def hold(self, anonymous, shared):
        self.anonymous = bytes(bytearray(b'x') * anonymous)
        self.file = os.open('/dev/shm', os.O_TMPFILE | os.O_RDWR)
        self.second = os.dup(self.file)
        os.write(self.file, bytes(bytearray(b'x') * shared))
        return {{}}

    def fail(self):
        raise ValueError('what went wrong')

serve({{'job': Job}})
"""


@pytest.fixture
def worker(tmp_path) -> Iterator[Worker]:
    script = tmp_path / 'job.py'
    script.write_text(JOB.format(benchmarks=str(ROOT / 'benchmarks')), encoding='utf-8')
    with Worker(script) as started:
        yield started


def state(pid: int) -> str:
    return Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rpartition(') ')[2][0]


def test_times_better_is_the_ratio_of_the_medians_and_the_spread_that_of_rounds() -> None:
    ours, peer = [2.0, 1.0, 4.0, 2.5], [20.0, 30.0, 20.0, 10.0]
    row = Row('work', ours, peer, goal=8)
    assert row.times == pytest.approx(np.median(peer) / np.median(ours))
    ratios = np.divide(peer, ours)
    assert row.spread == pytest.approx((ratios.min(), ratios.max()))
    assert row.met
    assert Row('work', ours, peer, goal=9).met is False


def test_without_a_peer_nothing_is_compared() -> None:
    row = Row('work', [1.0], goal=8)
    assert (row.times, row.spread, row.met) == (None, None, None)


def test_the_table_says_what_is_met() -> None:
    rows = [Row('one', [0.001], [0.02], goal=20), Row('other', [1000.0], [1.0], ('MiB', 1.0), goal=3)]
    cells = [list(column.cells) for column in goals_table(rows, 'title').columns]
    assert list(zip(*cells, strict=True)) == [
        ('one', '1 ms', '20 ms', '20.0', '20', 'yes'),
        ('other', '1,000 MiB', '1 MiB', '0.0', '3', 'NO'),
    ]


def test_everyone_is_measured_in_turn() -> None:
    calls = []

    def unit(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = in_turn({name: lambda name=name: unit(name) for name in 'abc'}, rounds=3)
    assert calls == list('abcabcabc')
    assert found == {'a': [1, 4, 7], 'b': [2, 5, 8], 'c': [3, 6, 9]}


def test_different_work_is_refused() -> None:
    check_equal('work', {OURS: {'sum': 1.0, 'shape': [2]}, PEER: {'sum': 1.00001, 'shape': [2]}}, 1e-4)
    with pytest.raises(RuntimeError, match=r'work: sum is 1.1 for MMAction2, but 1.0 for ours'):
        check_equal('work', {OURS: {'sum': 1.0}, PEER: {'sum': 1.1}}, 1e-4)


def test_a_worker_stands_still_between_requests_with_its_children(worker) -> None:
    children = worker.call('start', job='job', children=2)['children']
    for _ in range(3):
        assert worker.call('facts')['children'] == children
        for pid in children:  # the group's signal has been sent to all of them; wait until it is taken
            while state(pid) != 'T':
                pass
        assert state(worker.pid) == 'T'
    assert sorted(process_tree(worker.pid)) == sorted([worker.pid, *children])


def test_closing_a_worker_ends_its_children(worker) -> None:
    (child,) = worker.call('start', job='job', children=1)['children']
    handle = os.pidfd_open(child)
    worker.close()
    ended, _, _ = select.select([handle], [], [], 30)
    os.close(handle)
    assert ended


def test_what_a_worker_printed_tells_why_it_failed(worker) -> None:
    worker.call('start', job='job', children=0)
    with pytest.raises(RuntimeError, match=r'job.py: fail failed: (?s:.)*ValueError: what went wrong'):
        worker.call('fail')


def test_memory_is_that_of_all_processes_and_shared_memory_counts_once(worker) -> None:
    children = worker.call('start', job='job', children=1)['children']
    before = memory_of([worker.pid, *children])
    worker.call('hold', anonymous=64 << 20, shared=32 << 20)
    gained = memory_of([worker.pid, *children]) - before
    assert gained == pytest.approx(64 + 32, abs=4)


def test_arithmetic_is_that_of_the_layers(tmp_path) -> None:
    tiny = {'size': 14, 'batch_size': 3, 'workers': 0, 'base_channels': 8, 'stage_blocks': (1, 1, 1), 'clip_len': 4}
    work = make_setting(tmp_path, 'ibug68', 2, 20, threads=torch.get_num_threads(), **tiny)
    training = OurTraining(vars(work))
    multiplications = []

    def count(layer: torch.nn.Module, _: tuple, output: torch.Tensor) -> None:
        multiplications.append(output.numel() * layer.weight[0].numel())

    layers = [each for each in training.model.modules() if isinstance(each, torch.nn.Conv3d | torch.nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    volume = torch.zeros(1, 1, 68, 4, 14, 14)
    training.model(imgs=volume, mode='tensor')
    for handle in handles:
        handle.remove()
    # Forward, gradient of the weights, gradient of the input, which the first layer does not need.
    expected = 2 * (3 * sum(multiplications) - multiplications[0])
    assert training.flops()['flops'] == pytest.approx(3 * expected)
    assert 0 < training.profile()['not_convolution'] < 1


def test_tracks_are_an_annotation_in_which_every_face_is_whole(tmp_path) -> None:
    work = make_setting(tmp_path, 'coco_wholebody133', 3, 20)
    dataset = PoseDataset(work.tracks, pipeline=[])
    assert len(dataset) == 3
    for sample in dataset:
        assert sample['keypoint'].shape == (1, 20, 133, 2)
        assert (sample['keypoint'] > 0).all()
        assert (sample['keypoint'] < (640, 480)).all()
    assert {*work.left, *work.right} == {index for pair in get_layout('coco_wholebody133').pairs for index in pair}


@pytest.mark.parametrize('arguments', [['--rounds', '0'], ['--threads', '-1'], ['--only', 'training,memory']])
def test_wrong_arguments_are_refused(arguments, capsys) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize('peer', [False, True])
def test_the_command_measures_every_row(peer, tmp_path) -> None:
    if peer and not (PEER_FOLDER / 'mmaction').is_dir():
        pytest.skip(f'the peer is not in {PEER_FOLDER}')
    out = tmp_path / 'out.json'
    command = [sys.executable, str(ROOT / 'benchmarks/posec3d.py'), '--quick', '--rounds', '1', '--threads', '1']
    command += ['--folder', str(tmp_path), '--out', str(out), '--peer', str(PEER_FOLDER)]
    command += [] if peer else ['--without-peer']
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    content = json.loads(out.read_text(encoding='utf-8'))
    assert [row['goal'] for row in content['rows']] == [20, 15, 10, 8, 2.5, 6, 30, 30, 3]
    for row in content['rows']:
        assert row['work'] in done.stdout
        assert min(row['ours']) > 0
        assert len(row['peer']) == peer
    assert len(content['details']) == (5 if peer else 3)
    for row in content['details']:
        assert min(row['samples_per_second'], row['teraflops'], row['not_convolution']) > 0


def environment() -> dict[str, str]:
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
