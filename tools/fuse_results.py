#!/usr/bin/env python
"""Fuse the predictions of several models, such as joint.py and limb.py, and score each of them and the fusion.

The files are those that tools/test.py has written with --out. They must cover the same frames of the same tracks.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('results', nargs='+', help='.pkl, .json, .yaml or .csv files written with --out')
    parser.add_argument(
        '--weights', nargs='+', type=float, metavar='W', help='one weight for each file (default: equal ones)'
    )
    parser.add_argument(
        '--space',
        choices=['prob', 'logit'],
        default='prob',
        help='average probabilities, or logits (default: prob)',
    )
    parser.add_argument('--out', metavar='FILE', help='write the fused predictions to this file')
    parser.add_argument(
        '--eval',
        nargs='+',
        metavar='METRIC',
        help='f1_score, mean_average_precision, roc_auc, top_k_accuracy, mean_class_accuracy (default: all)',
    )
    parser.add_argument(
        '--threshold', type=float, default=0.5, help='probability from which an AU counts as active (default: 0.5)'
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.errors import InputError
    from pyskl.evaluation import (
        METRIC_NAMES,
        Results,
        check_metric_names,
        check_results_path,
        format_comparison,
        format_report,
        fuse_results,
        fusion_weights,
        read_results,
        score_predictions,
        write_results,
    )

    metrics = check_metric_names(args.eval or METRIC_NAMES)
    weights = fusion_weights(args.weights, len(args.results))
    if args.out is not None:
        check_results_path(args.out)
        if any(Path(args.out).resolve() == Path(source).resolve() for source in args.results):
            raise InputError(f'--out: {args.out} is one of the files to fuse; name another')
    streams = [(source, read_results(source)) for source in args.results]
    fused = fuse_results(streams, weights, args.space)

    def report_of(results: Results):
        meta = results.metadata
        return score_predictions(results.predictions, results.aus, metrics, args.threshold, dataset_meta=meta)

    reports = {}
    for (source, results), weight in zip(streams, weights, strict=True):
        reports[source] = report_of(results)
        print(f'{source} (weight {weight:.3g})\n{format_report(reports[source])}\n')
    title = f'fusion of {"probabilities" if args.space == "prob" else "logits"}'
    reports[title] = report_of(fused)
    print(f'{title}\n{format_report(reports[title])}\n')
    print(format_comparison(reports))
    if args.out is not None:
        write_results(
            args.out, fused.predictions, fused.aus, {**fused.metadata, 'metrics': reports[title].as_metrics()}
        )
        print(f'predictions: {args.out}')
    return 0


if __name__ == '__main__':
    run(main)
