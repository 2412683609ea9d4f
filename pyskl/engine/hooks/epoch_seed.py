"""Random numbers that depend on the epoch, not on what happened before it."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pyskl.registry import HOOKS

__all__ = ['EpochSeedHook']


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed every generator at the start of each epoch with (seed, epoch, rank).

    A run that was killed in the middle of an epoch and resumed from the last checkpoint then draws the numbers it
    would have drawn anyway, and ends with the same weights. The data set is told the epoch, so that its augmentation
    changes from epoch to epoch.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed Python, NumPy and torch, and tell the data set the epoch."""
        state = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()]).generate_state(3)
        random.seed(int(state[0]))
        np.random.seed(int(state[1]))  # noqa: NPY002 (for transforms of the user that draw from it)
        torch.manual_seed(int(state[2]))
        dataset = runner.train_dataloader.dataset
        if hasattr(dataset, 'set_epoch'):
            dataset.set_epoch(runner.epoch)
