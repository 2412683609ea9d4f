"""One set of running statistics for all processes."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_reduce, broadcast, is_distributed
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from pyskl.registry import HOOKS

__all__ = ['AverageBuffersHook']


@HOOKS.register_module()
class AverageBuffersHook(Hook):
    """Average the running statistics of batch normalisation over all processes at the end of each training epoch.

    Each process collects its own from its part of the data, and a checkpoint holds those of the first one. Without
    this hook every process would validate with another model, and none of them with the one that is saved.
    """

    priority = 'NORMAL'  # before checkpoints are written

    def after_train_epoch(self, runner: Runner) -> None:
        """Average at the end of an epoch."""
        if is_distributed():
            self._average(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Average before each validation of training that is counted in iterations."""
        loop = runner.train_loop
        if is_distributed() and isinstance(loop, IterBasedTrainLoop):
            done = runner.iter + 1
            if done % loop.val_interval == 0 or done == loop.max_iters:
                self._average(runner)

    @staticmethod
    def _average(runner: Runner) -> None:
        model = getattr(runner.model, 'module', runner.model)
        saved = model.state_dict().keys()
        for name, buffer in model.named_buffers():
            if name not in saved:
                continue
            if buffer.is_floating_point():
                all_reduce(buffer, op='mean')
            else:
                broadcast(buffer, src=0)
