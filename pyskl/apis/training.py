"""Training from a config."""

from __future__ import annotations

import contextlib
import copy
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from pyskl.apis.config_errors import config_errors
from pyskl.apis.runner import bare_model, build_runner, prepare, require_parts
from pyskl.checkpoint import check_weights, load_weights, read_checkpoint
from pyskl.engine.autocast import has_bfloat16
from pyskl.errors import InputError
from pyskl.registry import MODELS
from pyskl.start_weights import start_weights

__all__ = ['TrainOutcome', 'apply_amp', 'find_checkpoint', 'train']


@dataclass
class TrainOutcome:
    """What a training run has left behind.

    Attributes:
        work_dir: the folder of checkpoints and logs.
        last: the last checkpoint.
        best: the checkpoint that was best in validation, if there was one.
        scores: test scores by the tested checkpoint's name ('last', 'best').
    """

    work_dir: Path
    last: Path | None = None
    best: Path | None = None
    scores: dict[str, Mapping[str, float]] = field(default_factory=dict)


def apply_amp(cfg: Config) -> None:
    """Switch a config to mixed precision: bfloat16 where the device computes in it, else float16 with loss scaling."""
    require_parts(cfg, ['train'])
    wrapper = cfg.optim_wrapper
    if torch.cuda.is_available() and not has_bfloat16('cuda'):
        wrapper['type'], wrapper['dtype'], wrapper['loss_scale'] = 'AmpOptimWrapper', 'float16', 'dynamic'
    else:
        wrapper['type'], wrapper['dtype'] = 'AutocastOptimWrapper', 'bfloat16'


def find_checkpoint(work_dir: str | os.PathLike[str]) -> Path | None:
    """Return the checkpoint a run in a work directory would go on from, or None.

    That is the one ``last_checkpoint`` names, wherever the folder has been moved since; if it is missing or damaged,
    the newest ``epoch_N.pth`` or ``iter_N.pth`` that can be read.
    """
    folder = Path(work_dir)
    numbered = {
        int(match.group(1)): path
        for path in folder.glob('*.pth')
        if (match := re.fullmatch(r'(?:epoch|iter)_(\d+)\.pth', path.name))
    }
    candidates = [numbered[number] for number in sorted(numbered, reverse=True)]
    note = folder / 'last_checkpoint'
    if note.is_file():
        named = Path(note.read_text(encoding='utf-8', errors='replace').strip())
        candidates = [folder / named.name, named, *candidates]
    for candidate in candidates:
        with contextlib.suppress(InputError):
            read_checkpoint(candidate)
            return candidate
    if numbered:
        raise InputError(f'--resume: none of the checkpoints in {folder} can be read, such as {candidates[-1].name}')
    return None


def train(
    cfg: Config,
    validate: bool = False,
    test_last: bool = False,
    test_best: bool = False,
    launcher: str = 'none',
    check_only: bool = False,
) -> TrainOutcome:
    """Train a model, and test it if asked to.

    Args:
        cfg: a checked config (:func:`pyskl.engine.load_config`) with ``work_dir``; ``resume`` and ``load_from`` say
            where to go on.
        validate: score the validation split after each epoch and keep the best checkpoint.
        test_last: score the test split with the last checkpoint.
        test_best: score the test split with the best checkpoint; needs ``validate``.
        launcher: how the processes were started.
        check_only: build the data sets and the model, then stop: nothing is written.

    Returns:
        Where the checkpoints are, and the scores.

    Raises:
        InputError: if anything in the config or in the files it names cannot be used.
    """
    if test_best and not validate:
        raise InputError('--test-best: needs --validate, which finds the best checkpoint')
    cfg = copy.deepcopy(cfg)
    parts = ['train'] + ['val'] * validate + ['test'] * (test_last or test_best)
    require_parts(cfg, parts)
    saving = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    if test_best and not saving.get('save_best'):
        raise InputError(f"{cfg.filename}: default_hooks.checkpoint: set 'save_best', which --test-best needs")
    if not validate:
        saving.pop('save_best', None)
        saving.pop('rule', None)
    if cfg.get('resume') and not cfg.get('load_from'):
        checkpoint = find_checkpoint(cfg.work_dir)
        cfg.resume, cfg.load_from = checkpoint is not None, checkpoint and str(checkpoint)
    if cfg.get('load_from'):
        content = read_checkpoint(cfg.load_from)
        with config_errors(f'{cfg.filename}: model'):
            model = MODELS.build(cfg.model)
        if cfg.get('resume'):
            _check_resume(content, cfg)
            check_weights(model, content['state_dict'], cfg.load_from)
        else:
            start_weights(model, content, cfg.load_from)  # stops here if nothing fits
    if check_only:
        prepare(cfg, parts)
        return TrainOutcome(Path(cfg.work_dir))
    runner = build_runner(cfg, parts, launcher)
    runner.train()
    outcome = TrainOutcome(Path(cfg.work_dir), find_checkpoint(cfg.work_dir), _best(runner) if validate else None)
    for name, wanted, path in (('last', test_last, outcome.last), ('best', test_best, outcome.best)):
        if wanted and path is None:
            raise InputError(
                f'--test-{name}: the run has left no {name} checkpoint in {cfg.work_dir} (default_hooks.checkpoint)'
            )
        if wanted:
            runner.logger.info(f'Testing the {name} checkpoint, {path}')
            load_weights(bare_model(runner), path)
            outcome.scores[name] = runner.test_loop.run()
    return outcome


def _best(runner: Runner) -> Path | None:
    found = {key: path for key, path in runner.message_hub.runtime_info.items() if key.startswith('best_ckpt')}
    name = found.get('best_ckpt') or next(iter(found.values()), None)  # with several save_best: that of the first
    if not name:
        return None
    here = Path(runner.work_dir) / Path(name).name
    return here if here.is_file() else Path(name)


def _check_resume(content: dict[str, Any], cfg: Config) -> None:
    missing = [key for key in ('optimizer', 'message_hub') if key not in content]
    if missing or 'epoch' not in content['meta']:
        raise InputError(
            f'--resume: {cfg.load_from} holds weights only and cannot be resumed; set load_from to start from them'
        )
