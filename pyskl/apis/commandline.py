"""The arguments that training and testing have in common, and the config they make."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction

from pyskl.engine.config import load_config

__all__ = ['add_run_arguments', 'config_of', 'default_work_dir']


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that every run of a config takes."""
    parser.add_argument('--ann-file', metavar='PATH', help='annotation file, in place of ann_file in the config')
    parser.add_argument('--work-dir', metavar='DIR', help='folder for checkpoints and logs (default: below work_dirs/)')
    parser.add_argument('--seed', type=_whole, help='seed of all random numbers (default: that of the config)')
    parser.add_argument('--deterministic', action='store_true', help='use deterministic algorithms only; slower')
    parser.add_argument('--compile', action='store_true', help='compile the backbone with torch.compile')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what has started the processes; the launch scripts set it (default: none)',
    )
    parser.add_argument('--dry-run', action='store_true', help='check the config and the files it names, then stop')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        default={},
        help='override settings, e.g. train_cfg.max_epochs=5 train_dataloader.batch_size=8',
    )
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f'must be a whole number of 0 or more, not {text}')
    return number


def default_work_dir(config: str | os.PathLike[str]) -> str:
    """Return the work directory of a config that names none: ``work_dirs/<folders below configs>/<name>``."""
    path = Path(config)
    below = path.parts[path.parts.index('configs') + 1 : -1] if 'configs' in path.parts else ()
    return str(Path('work_dirs', *below, path.stem))


def config_of(args: argparse.Namespace) -> Config:
    """Return the config that the arguments name, with their overrides and its work directory.

    Raises:
        InputError: if the config cannot be read or an override does not fit.
    """
    overrides = dict(args.cfg_options)
    if args.ann_file is not None:
        overrides['ann_file'] = args.ann_file
    if args.seed is not None:
        overrides['randomness.seed'] = args.seed
    if args.deterministic:
        overrides['randomness.deterministic'] = True
    if args.compile:
        overrides['compile'] = True
    cfg = load_config(args.config, overrides)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(args.config)
    return cfg
