"""From a checked config to a Runner whose parts are all built, so that bad input stops before anything is written."""

from __future__ import annotations

import copy
import os
import secrets
import time
from collections.abc import Collection
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.utils import set_random_seed
from torch import nn
from torch.utils.data import DataLoader

from pyskl.apis.config_errors import config_errors
from pyskl.apis.preflight import check_run, shared_tracks
from pyskl.engine.atomic_backend import AtomicLocalBackend
from pyskl.engine.dist import start_processes
from pyskl.errors import InputError
from pyskl.files import check_writable
from pyskl.registry import MODELS

__all__ = ['bare_model', 'build_runner', 'prepare', 'require_parts']

_PARTS = {
    'train': ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    'val': ('val_dataloader', 'val_cfg', 'val_evaluator'),
    'test': ('test_dataloader', 'test_cfg', 'test_evaluator'),
}
_OWN_HOOKS = ('PlainCheckpointHook', 'StartWeightsHook', 'AverageBuffersHook', 'EpochSeedHook', 'ValidateResumedHook')


def require_parts(cfg: Config, parts: Collection[str]) -> None:
    """Check that a config has a model and every setting that some parts need.

    Raises:
        InputError: naming the first setting that is missing.
    """
    for key, purpose in [('model', 'run'), *((key, part) for part in parts for key in _PARTS[part])]:
        if cfg.get(key) is None and key != 'param_scheduler':
            raise InputError(f"{cfg.filename}: '{key}' is not set, but it is needed to {purpose}")


def _add_own_parts(cfg: Config) -> None:
    """Add what makes checkpoints safe, whole and resumable, where a config of the user's own has lost it."""
    hooks = list(cfg.get('custom_hooks') or [])
    present = {hook.get('type') for hook in hooks}
    cfg.custom_hooks = hooks + [{'type': name} for name in _OWN_HOOKS if name not in present]
    saving = (cfg.get('default_hooks') or {}).get('checkpoint')
    if saving is not None:
        saving.setdefault('backend_args', {'backend': AtomicLocalBackend.__name__})


def _check_work_dir(work_dir: Path) -> None:
    if work_dir.exists() and not work_dir.is_dir():
        raise InputError(f'--work-dir: {work_dir} is a file; give a folder')
    check_writable(work_dir, '--work-dir')


def bare_model(runner: Runner) -> nn.Module:
    """Return the runner's model without the wrapper that distributed training puts around it."""
    return getattr(runner.model, 'module', runner.model)


def _shared(value: str) -> str:
    """Return rank 0's value on every rank."""
    values = [value]
    broadcast_object_list(values)
    return values[0]


def prepare(
    cfg: Config, parts: Collection[str], launcher: str = 'none'
) -> tuple[Config, dict[str, DataLoader], nn.Module]:
    """Build data loaders and model and check that they fit each other; nothing is written.

    Args:
        cfg: a config from :func:`pyskl.engine.load_config`, with ``work_dir`` set; it is not changed.
        parts: what shall be done: 'train', 'val', 'test'.
        launcher: how the processes were started.

    Returns:
        The config completed, the loaders by part, and the model.

    Raises:
        InputError: if the config lacks a part, or the input cannot be used.
    """
    cfg = copy.deepcopy(cfg)
    require_parts(cfg, parts)
    _check_work_dir(Path(cfg.work_dir))
    _add_own_parts(cfg)
    wrapper = start_processes(launcher, cfg.get('env_cfg', {}).get('dist_cfg'))
    if wrapper is not None:
        cfg.model_wrapper_cfg = wrapper
    init_default_scope(cfg.get('default_scope', 'pyskl'))
    randomness = cfg.setdefault('randomness', {'seed': 0})
    if randomness.get('deterministic'):
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # without it cuBLAS refuses
    with config_errors(f'{cfg.filename}: randomness'):
        randomness['seed'] = set_random_seed(**randomness)
    loaders = {}
    for part in parts:
        loader = cfg[f'{part}_dataloader']
        if loader.get('num_workers', 0) == 0:
            loader.pop('persistent_workers', None)
        if not torch.cuda.is_available():
            loader.pop('pin_memory', None)
        if loader.dataset.get('type') in ('PoseDataset', 'WholeTracks', 'SyntheticFaceDataset'):
            loader.dataset.setdefault('seed', randomness['seed'])
        with config_errors(f'{cfg.filename}: {part}_dataloader'):
            loaders[part] = Runner.build_dataloader(loader, seed=randomness['seed'])
    with config_errors(f'{cfg.filename}: model'):
        model = MODELS.build(cfg.model)  # the Runner draws its weights, the same ones on every rank
    check_run(cfg, loaders, model)
    return cfg, loaders, model


def build_runner(cfg: Config, parts: Collection[str], launcher: str = 'none') -> Runner:
    """Build data loaders and model, then the Runner around them.

    Everything that can be wrong with the input shows before the work directory is touched.

    Args:
        cfg: a config from :func:`pyskl.engine.load_config`, with ``work_dir`` set; it is not changed.
        parts: what the runner shall be able to do: 'train', 'val', 'test'.
        launcher: how the processes were started: 'none', 'pytorch', 'slurm' or 'mpi'.

    Returns:
        The runner. ``runner.cfg`` is the config that it was made from.

    Raises:
        InputError: if the config lacks a part, or the input cannot be used.
    """
    cfg, loaders, model = prepare(cfg, parts, launcher)
    cfg.experiment_name = _shared(f'{Path(cfg.work_dir).name}_{time.strftime("%Y%m%d_%H%M%S")}_{secrets.token_hex(3)}')
    cfg.launcher = launcher
    if cfg.pop('compile', False):
        model.data_preprocessor.keep_blobs = False  # a compiled network takes the drawn volume
        model.backbone.compile()
    settings = {key: cfg[key] for part in parts for key in _PARTS[part][1:] if cfg.get(key) is not None}
    for key, value in settings.items():
        if key.endswith('_evaluator') and isinstance(value, dict):
            settings[key] = [value]  # mmengine takes a dict with the key 'metrics' for an evaluator of its own
    start = {'load_from': cfg.get('load_from'), 'resume': cfg.get('resume', False)}
    if start['resume']:
        cfg.load_from, cfg.resume = None, False  # the config that is written shall start afresh
    with config_errors(f'{cfg.filename}'):
        runner = Runner(
            model=model,
            work_dir=cfg.work_dir,
            **{f'{part}_dataloader': loader for part, loader in loaders.items()},
            **settings,
            auto_scale_lr=cfg.get('auto_scale_lr'),
            default_hooks=cfg.get('default_hooks'),
            custom_hooks=cfg.get('custom_hooks'),
            **start,
            launcher=launcher,
            env_cfg=cfg.get('env_cfg', {}),
            log_processor=cfg.get('log_processor'),
            log_level=cfg.get('log_level', 'INFO'),
            visualizer=cfg.get('visualizer'),
            default_scope=cfg.get('default_scope', 'pyskl'),
            randomness=cfg.randomness,
            experiment_name=cfg.experiment_name,
            cfg=cfg,
        )
    for warning in shared_tracks(loaders):
        runner.logger.warning(warning)
    return runner
