"""Checkpoints that hold nothing but tensors and plain values."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner

from pyskl import __version__
from pyskl.registry import HOOKS

__all__ = ['PlainCheckpointHook']

_HISTORY = '__history__'


def to_plain(value: Any) -> Any:
    """Turn NumPy values and history buffers into tensors, numbers and dicts; containers are copied."""
    if isinstance(value, HistoryBuffer):
        history, counts = value.data
        return {_HISTORY: torch.as_tensor(history.copy()), 'counts': torch.as_tensor(counts.copy())}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value.copy())
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(to_plain(item) for item in value)
    return value


def from_plain(value: Any) -> Any:
    """Rebuild the history buffers that :func:`to_plain` has turned into dicts."""
    if isinstance(value, Mapping):
        if _HISTORY in value:
            return HistoryBuffer(value[_HISTORY].cpu().tolist(), value['counts'].cpu().tolist())
        return {key: from_plain(item) for key, item in value.items()}
    return value


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Make checkpoints that ``torch.load(weights_only=True)`` accepts, and that stand on their own.

    mmengine puts history buffers and NumPy values into a checkpoint, which the safe loader refuses, so that a run
    cannot be resumed. This hook stores them as tensors and rebuilds them on loading. It also drops the config text a
    checkpoint may carry, which mmengine would execute on resuming, and adds what is needed to use the network
    elsewhere: ``meta['pyskl']`` with the model's and the pipeline's config as plain dicts, the AUs, the keypoint
    layout, and what the network was trained on.
    """

    priority = 'VERY_LOW'

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn everything but the weights into plain values, in place."""
        checkpoint['message_hub'] = to_plain(checkpoint['message_hub'])
        checkpoint['meta'] = to_plain(checkpoint['meta'])
        checkpoint['meta']['pyskl'] = self._deployment(runner)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Rebuild mmengine's objects, in place; config text is never executed."""
        if 'message_hub' in checkpoint:
            checkpoint['message_hub'] = from_plain(checkpoint['message_hub'])
            self._bring_best(runner, checkpoint['message_hub'].get('runtime_info') or {})
        checkpoint.get('meta', {}).pop('config', None)

    @staticmethod
    def _bring_best(runner: Runner, info: dict) -> None:
        """Point the best checkpoint so far into the work directory; mmengine would delete it where it was."""
        if not info.get('best_ckpt'):
            return
        there = Path(info['best_ckpt'])
        here = Path(runner.work_dir) / there.name
        beside = Path(runner._load_from or '.').parent / there.name
        source = next((path for path in (here, beside, there) if path.is_file()), None)
        if source is None:
            runner.logger.warning(f'The best checkpoint so far, {there}, is gone; the search for the best starts anew')
            info.pop('best_ckpt')
            info.pop('best_score', None)
            return
        if source != here and is_main_process():
            shutil.copyfile(source, here)
        info['best_ckpt'] = str(here)

    @staticmethod
    def _deployment(runner: Runner) -> dict:
        cfg = runner.cfg.to_dict()
        loader = cfg.get('test_dataloader') or cfg.get('val_dataloader') or cfg['train_dataloader']
        dataset = loader['dataset']
        meta = to_plain(getattr(runner.train_dataloader.dataset, 'metainfo', {}))
        return {
            'version': __version__,
            'model': to_plain(cfg['model']),
            'pipeline': to_plain(dataset['pipeline']),
            'clip_len': dataset.get('clip_len'),
            'stride': dataset.get('stride'),
            'keypoint_layout': meta.get('keypoint_layout'),
            'aus': meta.get('aus'),
            'trained_on': str(meta.get('dataset', 'unknown')),
        }
