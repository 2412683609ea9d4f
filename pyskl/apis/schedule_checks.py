"""Checking the settings of a training run: optimiser, learning rate schedule, hooks and log.

Most of them are first used in the middle of a run. Here each is built, and used once, on throw-away parts.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import LOG_PROCESSORS, PARAM_SCHEDULERS
from torch import nn

from pyskl.apis.config_errors import config_errors
from pyskl.errors import InputError
from pyskl.registry import HOOKS

__all__ = ['check_training']


def check_training(cfg: Config, batches: int, model: nn.Module) -> None:
    """Check the settings of a training run.

    Args:
        cfg: the config.
        batches: number of batches of an epoch.
        model: its weights are not changed.

    Raises:
        InputError: at the first setting whose value cannot be used; it names the setting.
    """
    where = cfg.filename
    with config_errors(f'{where}: optim_wrapper'):
        wrapper = build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper))
    with config_errors(f'{where}: optim_wrapper.clip_grad'):
        _try_clipping(wrapper)
    for key in ('max_epochs', 'max_iters', 'val_interval'):
        number = cfg.train_cfg.get(key, 1)
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f'{where}: train_cfg.{key} must be a number of at least 1, not {number!r}')
    schedulers = cfg.get('param_scheduler') or []
    for number, scheduler in enumerate(schedulers if isinstance(schedulers, list | tuple) else [schedulers]):
        with config_errors(f'{where}: param_scheduler[{number}]', name_it=True):
            _try_scheduler(scheduler, cfg, batches, wrapper)
    for name, hook in (cfg.get('default_hooks') or {}).items():
        if hook is not None:
            _check_hook(hook, f'{where}: default_hooks.{name}')
    for number, hook in enumerate(cfg.get('custom_hooks') or []):
        _check_hook(hook, f'{where}: custom_hooks[{number}]')
    log = cfg.get('log_processor')
    if isinstance(log, Mapping):
        with config_errors(f'{where}: log_processor'):
            LOG_PROCESSORS.build(copy.deepcopy(log), default_args={'type': 'LogProcessor'})
        _check_count(log.get('window_size', 1), f'{where}: log_processor.window_size')


def _try_clipping(wrapper: OptimWrapper) -> None:
    settings = getattr(wrapper, 'clip_grad_kwargs', None)
    if not settings:
        return
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    wrapper.clip_func([parameter], **settings)


def _try_scheduler(scheduler: Mapping[str, Any], cfg: Config, batches: int, wrapper: OptimWrapper) -> None:
    settings = copy.deepcopy(dict(scheduler))
    train = cfg.train_cfg
    settings.setdefault('end', train.get('max_epochs' if settings.get('by_epoch', True) else 'max_iters') or 1)
    parameter = nn.Parameter(torch.zeros(1))
    rates = {'lr': wrapper.optimizer.param_groups[0]['lr']}
    optimizer = torch.optim.SGD([parameter], **rates, momentum=0.9)
    built = PARAM_SCHEDULERS.build(settings, default_args={'optimizer': optimizer, 'epoch_length': batches})
    optimizer.step()
    for _ in range(3):
        built.step()


def _check_hook(hook: Mapping[str, Any], where: str) -> None:
    if not isinstance(hook, Mapping) or 'type' not in hook:
        return
    with config_errors(where):
        HOOKS.build(copy.deepcopy(dict(hook)))
    if 'interval' in hook:
        _check_count(hook['interval'], f'{where}.interval', off=True)


def _check_count(value: Any, where: str, off: bool = False) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not (value >= 1 or (off and value == -1)):
        raise InputError(
            f'{where}: must be a whole number of at least 1{" (or -1: never)" if off else ""}, not {value!r}'
        )
