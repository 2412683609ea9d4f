#!/usr/bin/env python
"""Print the scores of a results file that tools/test.py has written: F1 of each AU beside the all-positive floor."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pyskl.cli import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('results', help='a .pkl, .json, .yaml or .csv file written with --out')
    parser.add_argument('--threshold', type=float, default=0.5, help='probability from which an AU counts as active')
    args = parser.parse_args(argv)
    from rich.console import Console
    from rich.table import Table

    from pyskl.action_units import AU_NAMES
    from pyskl.evaluation import read_results, score_predictions

    results = read_results(args.results)
    report = score_predictions(
        results.predictions, results.aus, ('f1_score',), threshold=args.threshold, dataset_meta=results.metadata
    )
    kind = ' on SYNTHETIC faces' if results.metadata.get('synthetic') else ''
    table = Table(title=f'F1 of each Action Unit{kind}')
    table.add_column('AU')
    table.add_column('')
    for column in ('F1', 'all-positive floor', 'gain'):
        table.add_column(column, justify='right')
    for row in report.rows:
        table.add_row(
            row.au, AU_NAMES.get(row.au, ''), f'{row.f1:.3f}', f'{row.f1_floor:.3f}', f'{row.f1 - row.f1_floor:+.3f}'
        )
    score, floor = report.scores['f1_score'], report.scores['f1_floor']
    table.add_section()
    table.add_row('macro', '', f'{score:.3f}', f'{floor:.3f}', f'{score - floor:+.3f}')
    Console().print(table)
    return 0


if __name__ == '__main__':
    run(main)
