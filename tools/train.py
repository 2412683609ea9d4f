#!/usr/bin/env python
"""Train a model from a config. For several processes use tools/dist_train.sh."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyskl.cli import run


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='the config file, e.g. configs/posec3d/slowonly_r50_affwild_xsub/joint.py')
    parser.add_argument('--ann-file', metavar='PATH', help='annotation file, in place of ann_file in the config')
    parser.add_argument('--work-dir', metavar='DIR', help='folder for checkpoints and logs (default: below work_dirs/)')
    parser.add_argument('--validate', action='store_true', help='score the validation split after each epoch')
    parser.add_argument('--test-last', action='store_true', help='afterwards, test the last checkpoint')
    parser.add_argument('--test-best', action='store_true', help='afterwards, test the best checkpoint')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; without a name: from the last one in the work directory, if there is any',
    )
    parser.add_argument('--seed', type=int, help='seed of all random numbers (default: that of the config)')
    parser.add_argument('--deterministic', action='store_true', help='use deterministic algorithms only; slower')
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16 where possible)')
    parser.add_argument('--compile', action='store_true', help='compile the backbone with torch.compile')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--dry-run', action='store_true', help='check the config and the data, then stop')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        default={},
        help='override settings, e.g. train_cfg.max_epochs=5 train_dataloader.batch_size=8',
    )
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.apis.training import apply_amp, default_work_dir, find_checkpoint, train
    from pyskl.engine import load_config
    from pyskl.errors import InputError

    overrides = dict(args.cfg_options)
    if args.ann_file is not None:
        overrides['ann_file'] = args.ann_file
    if args.seed is not None:
        overrides['randomness.seed'] = args.seed
    if args.deterministic:
        overrides['randomness.deterministic'] = True
    cfg = load_config(args.config, overrides)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(args.config)
    if args.amp:
        apply_amp(cfg)
    if args.compile:
        cfg.compile = True
    if args.resume == 'auto':
        checkpoint = find_checkpoint(cfg.work_dir)
        if checkpoint is None:
            print(f'--resume: no checkpoint in {cfg.work_dir} yet; starting from the beginning')
        else:
            cfg.resume, cfg.load_from = True, str(checkpoint)
    elif args.resume is not None:
        if not args.resume.endswith(('.pth', '.pt')):
            raise InputError(f'--resume: {args.resume} is no checkpoint file (.pth)')
        cfg.resume, cfg.load_from = True, args.resume
    outcome = train(
        cfg,
        validate=args.validate,
        test_last=args.test_last,
        test_best=args.test_best,
        launcher=args.launcher,
        check_only=args.dry_run,
    )
    if args.dry_run:
        print(f'{args.config}: the config and the data it names are in order')
    else:
        for name, path in (('last', outcome.last), ('best', outcome.best)):
            if path is not None:
                print(f'{name} checkpoint: {path}')
    return 0


if __name__ == '__main__':
    run(main)
