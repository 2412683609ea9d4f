#!/usr/bin/env python
"""Train a model from a config. For several processes use tools/dist_train.sh."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyskl.cli import run


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    from pyskl.apis.commandline import add_run_arguments

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file, e.g. configs/posec3d/slowonly_r50_affwild_xsub/joint.py')
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
    parser.add_argument('--amp', action='store_true', help='mixed precision (bfloat16 where possible)')
    add_run_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from mmengine.dist import is_main_process

    from pyskl.apis.commandline import config_of
    from pyskl.apis.training import apply_amp, find_checkpoint, train
    from pyskl.engine.memory import keep_freed_memory
    from pyskl.errors import InputError

    keep_freed_memory()
    cfg = config_of(args)
    if args.amp:
        apply_amp(cfg)
    if args.resume == 'auto':
        checkpoint = find_checkpoint(cfg.work_dir)
        if checkpoint is None:
            print(f'--resume: no checkpoint in {cfg.work_dir} yet; starting from the beginning')
        else:
            print(f'--resume: going on from {checkpoint}')
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
    elif is_main_process():
        for name, path in (('last', outcome.last), ('best', outcome.best)):
            if path is not None:
                print(f'{name} checkpoint: {path}')
    return 0


if __name__ == '__main__':
    run(main)
