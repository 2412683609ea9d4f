"""No epoch goes unscored because a run was interrupted."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from pyskl.registry import HOOKS

__all__ = ['ValidateResumedHook']

_KEY = 'validated_epoch'


@HOOKS.register_module()
class ValidateResumedHook(Hook):
    """Validate the epoch a resumed run starts from, if that is due and may not have been done.

    A checkpoint is written before its epoch is validated. A run that is killed in between, and resumed, would go on
    with the next epoch, and could never find out that this one was the best.
    """

    priority = 'LOWEST'  # after the checkpoint hook has read which checkpoint was the best so far

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Note which epoch has been validated."""
        runner.message_hub.update_info(_KEY, runner.epoch)

    def before_train(self, runner: Runner) -> None:
        """Validate the epoch that was resumed from."""
        loop, epoch = runner.train_loop, runner.epoch
        if runner.val_loop is None or not isinstance(loop, EpochBasedTrainLoop) or epoch == 0:
            return
        due = epoch >= loop.val_begin and (epoch % loop.val_interval == 0 or epoch == loop.max_epochs)
        if due and runner.message_hub.runtime_info.get(_KEY) != epoch:
            runner.logger.info(f'Validating epoch {epoch}, from which the run goes on')
            runner.val_loop.run()
