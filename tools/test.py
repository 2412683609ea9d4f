#!/usr/bin/env python
"""Score a checkpoint on the test split of a config. For several processes use tools/dist_test.sh."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyskl.cli import run


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', help='the checkpoint file (.pth)')
    parser.add_argument('--ann-file', metavar='PATH', help='annotation file, in place of ann_file in the config')
    parser.add_argument('--work-dir', metavar='DIR', help='folder for logs (default: below work_dirs/)')
    parser.add_argument(
        '--eval',
        nargs='+',
        metavar='METRIC',
        help='f1_score, mean_average_precision, roc_auc, top_k_accuracy, mean_class_accuracy (default: those of the '
        'config)',
    )
    parser.add_argument('--out', metavar='FILE', help='write the predictions to this .pkl, .json, .yaml or .csv file')
    parser.add_argument('--average-clips', choices=['prob', 'score'], help='how several clips of a sample are averaged')
    parser.add_argument('--fuse-conv-bn', action='store_true', help='fold batch normalisation into the convolutions')
    parser.add_argument('--seed', type=int, help='seed of all random numbers (default: that of the config)')
    parser.add_argument('--deterministic', action='store_true', help='use deterministic algorithms only; slower')
    parser.add_argument('--compile', action='store_true', help='compile the backbone with torch.compile')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--dry-run', action='store_true', help='check config, checkpoint and data, then stop')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', default={}, help='override settings'
    )
    parser.add_argument('--local-rank', '--local_rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.apis.testing import test
    from pyskl.apis.training import default_work_dir
    from pyskl.engine import load_config

    overrides = dict(args.cfg_options)
    if args.ann_file is not None:
        overrides['ann_file'] = args.ann_file
    if args.seed is not None:
        overrides['randomness.seed'] = args.seed
    if args.deterministic:
        overrides['randomness.deterministic'] = True
    cfg = load_config(args.config, overrides)
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(args.config)
    if args.compile:
        cfg.compile = True
    test(
        cfg,
        args.checkpoint,
        metrics=args.eval,
        out=args.out,
        average_clips=args.average_clips,
        fuse=args.fuse_conv_bn,
        launcher=args.launcher,
        check_only=args.dry_run,
    )
    if args.dry_run:
        print(f'{args.config}: the config, the checkpoint and the data are in order')
    elif args.out:
        print(f'predictions: {args.out}')
    return 0


if __name__ == '__main__':
    run(main)
