"""Joining a process group without GPUs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
import torch

from pyskl.engine.dist import start_processes
from pyskl.errors import InputError

PROCESS = """
import torch
from mmengine.registry import MODEL_WRAPPERS
from torch import distributed
from pyskl.engine.dist import start_processes
cfg = start_processes('pytorch')
assert distributed.get_backend() == 'gloo', distributed.get_backend()
assert start_processes('pytorch') is None  # a second call leaves the group alone
rank = distributed.get_rank()
model = MODEL_WRAPPERS.build({**cfg, 'module': torch.nn.Linear(1, 1)})
model(torch.full((1, 1), float(1 + 2 * rank))).sum().backward()
print('gradient', model.module.weight.grad.item(), cfg['type'], cfg['device_ids'])
distributed.barrier()  # nobody leaves while another still talks
del model  # it holds the group
distributed.destroy_process_group()
"""


@pytest.fixture
def _no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)


def test_two_processes_share_their_gradients_over_gloo(root):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    shared = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port), 'WORLD_SIZE': '2', 'CUDA_VISIBLE_DEVICES': ''}
    processes = [
        subprocess.Popen(
            [sys.executable, '-W', 'ignore', '-c', PROCESS],
            env={**os.environ, **shared, 'RANK': rank, 'LOCAL_RANK': rank, 'PYTHONPATH': str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in '01'
    ]
    for process in processes:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert out.splitlines()[-1] == 'gradient 2.0 MMDistributedDataParallel None'  # the mean of 1 and 3


def test_one_process_needs_nothing():
    assert start_processes('none') is None


@pytest.mark.usefixtures('_no_gpu')
def test_torchrun_that_was_not_used_is_named(monkeypatch):
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    with pytest.raises(InputError, match=r'tools/dist_train\.sh or torchrun'):
        start_processes('pytorch')


@pytest.mark.usefixtures('_no_gpu')
@pytest.mark.parametrize('launcher', ['slurm', 'mpi'])
def test_launchers_of_clusters_need_gpus(launcher):
    with pytest.raises(InputError, match=f"--launcher {launcher}: .* use 'pytorch'"):
        start_processes(launcher)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    with pytest.raises(InputError, match='4 processes were asked for, but there are 2 GPUs'):
        start_processes('pytorch')
