"""One set of running statistics for all processes."""

from __future__ import annotations

from mmengine.dist import all_reduce, broadcast, is_distributed
from mmengine.hooks import Hook
from mmengine.runner import Runner

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
        """Average floating-point buffers, and take the others from the first process."""
        if not is_distributed():
            return
        model = getattr(runner.model, 'module', runner.model)
        saved = model.state_dict().keys()
        for name, buffer in model.named_buffers():
            if name not in saved:
                continue
            if buffer.is_floating_point():
                all_reduce(buffer, op='mean')
            else:
                broadcast(buffer, src=0)
