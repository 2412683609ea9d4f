#!/usr/bin/env python
"""Score a checkpoint on the test split of a config. For several processes use tools/dist_test.sh."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyskl.cli import run


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    from pyskl.apis.commandline import add_run_arguments

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='the config file')
    parser.add_argument('checkpoint', help='the checkpoint file (.pth)')
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
    add_run_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from mmengine.dist import is_main_process

    from pyskl.apis.commandline import config_of
    from pyskl.apis.testing import test
    from pyskl.engine.memory import keep_freed_memory

    keep_freed_memory()
    test(
        config_of(args),
        args.checkpoint,
        metrics=args.eval,
        out=args.out,
        average_clips=args.average_clips,
        fuse=args.fuse_conv_bn,
        launcher=args.launcher,
        check_only=args.dry_run,
    )
    if args.dry_run:
        print(f'{args.config}: config, checkpoint and data are in order')
    elif args.out and is_main_process():
        print(f'predictions: {args.out}')
    return 0


if __name__ == '__main__':
    run(main)
