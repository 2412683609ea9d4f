"""Starting a run from the weights of another network."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from pyskl.checkpoint import as_checkpoint
from pyskl.registry import HOOKS
from pyskl.start_weights import start_weights

__all__ = ['StartWeightsHook']


@HOOKS.register_module()
class StartWeightsHook(Hook):
    """Bring the weights that ``load_from`` names to the names and shapes of the model (:mod:`pyskl.start_weights`).

    What does not fit is left out, and one line in the log says what was done. Runs that are resumed take their weights
    as they are.
    """

    priority = 'VERY_HIGH'  # before hooks that copy the weights

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Replace the state dict, in place."""
        if runner._resume:
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        start, line = start_weights(model, as_checkpoint(checkpoint, runner._load_from), runner._load_from)
        checkpoint['state_dict'] = start.state
        runner.logger.info(line)
