"""Starting several processes, with or without GPUs."""

from __future__ import annotations

import os

import torch
from mmengine import dist
from torch import distributed

from pyskl.errors import InputError

__all__ = ['LAUNCHERS', 'start_processes']

LAUNCHERS = ('none', 'pytorch', 'slurm', 'mpi')


def start_processes(launcher: str, dist_cfg: dict | None = None) -> dict | None:
    """Join the process group that a launcher has prepared.

    mmengine's own start calls ``torch.cuda.set_device`` and hands a GPU number to the model wrapper, so it cannot run
    on a CPU; here the gloo backend takes its place.

    Args:
        launcher: 'none', 'pytorch' (torchrun), 'slurm' or 'mpi'.
        dist_cfg: options for GPUs, e.g. ``dict(backend='nccl')``.

    Returns:
        The ``model_wrapper_cfg`` the Runner needs on a CPU; None elsewhere.

    Raises:
        InputError: if there are fewer GPUs than processes, or the launcher has prepared nothing.
    """
    if launcher == 'none' or dist.is_distributed():
        return None
    if launcher == 'pytorch' and 'LOCAL_RANK' not in os.environ:
        raise InputError('--launcher pytorch: start the command with tools/dist_train.sh or torchrun')
    if torch.cuda.is_available():
        local = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
        if local > torch.cuda.device_count():
            raise InputError(
                f'NUM_GPUS: {local} processes were asked for, but there are {torch.cuda.device_count()} GPUs'
            )
        dist.init_dist(launcher, **(dist_cfg or {'backend': 'nccl'}))
        return None
    if launcher != 'pytorch':
        raise InputError(f"--launcher {launcher}: on a machine without a GPU use 'pytorch' (tools/dist_train.sh)")
    distributed.init_process_group('gloo')
    return {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False}
