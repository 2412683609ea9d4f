"""A report as text: a table for the log and for pasting into an issue."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from pyskl.evaluation.functional.checks import mean_of_known
from pyskl.evaluation.report import AURow, ClassRow, Report

__all__ = ['format_comparison', 'format_report']

_WIDTH = 160
_LABELS = {
    'f1_score': 'F1, mean over AUs',
    'f1_floor': 'F1 floor (every entry called active)',
    'f1_official': 'F1 by the challenge rule (frames with any unknown AU dropped)',
    'mean_average_precision': 'mean average precision',
    'roc_auc': 'ROC AUC',
    'mean_class_accuracy': 'mean class accuracy',
}


def format_report(report: Report) -> str:
    """Return the report as plain text: a title, one row per AU (or class) and their mean, scores, counts and notes."""
    unit = 'frames' if report.level == 'frame' else 'clips'
    counts = report.counts
    title = f'Evaluation on {report.dataset}' if report.dataset else 'Evaluation'
    lines = [title + (' (synthetic data)' if report.synthetic else '')]
    if report.rows:
        table = _class_table(report) if report.level == 'single' else _au_table(report)
        lines += ['', _render(table), '']
    lines += [f'{_total(name)}: {_number(value)}' for name, value in report.scores.items() if _total(name)]
    lines.append(
        f'{counts["num_tracks"]} tracks, {counts["num_frames"]} {unit}, {counts["num_scored_frames"]} scored; '
        f'{counts["num_ignored_entries"]} entries ignored (unknown labels); '
        f'{counts["num_missing_face_frames"]} {unit} without a face'
    )
    lines += [f'note: {note}' for note in report.notes]
    return '\n'.join(lines)


def format_comparison(reports: Mapping[str, Report]) -> str:
    """Return the mean scores of several evaluations of the same data as plain text, one row each, by their names."""
    names = list(dict.fromkeys(name for report in reports.values() for name in report.scores if _total(name)))
    if not names:
        return 'no label is known, so nothing is compared'
    table = _table(['', *names])
    for title, report in reports.items():
        table.add_row(title, *(_number(report.scores.get(name)) for name in names))
    return _render(table)


def _total(name: str) -> str | None:
    """Return how to call a score of the whole data set, or None for the score of one AU."""
    top_k = re.fullmatch(r'top(\d+)_accuracy', name)
    return f'top-{top_k[1]} accuracy' if top_k else _LABELS.get(name)


def _au_table(report: Report) -> Table:
    rows: Sequence[AURow] = report.rows  # type: ignore[assignment]
    columns: list[tuple[str, Callable[[AURow], float | None]]] = [
        ('prevalence', lambda row: row.prevalence),
        ('F1', lambda row: row.f1),
        ('floor F1', lambda row: row.f1_floor),
        ('challenge F1', lambda row: row.f1_official),
        ('AP', lambda row: row.average_precision),
        ('AUC', lambda row: row.roc_auc),
        ('balanced acc.', lambda row: row.balanced_accuracy),
    ]
    columns = [(name, value) for name, value in columns if value(rows[0]) is not None]
    headers = ['AU', 'positives', 'scored', 'ignored', f'threshold ({report.threshold_name})', *(n for n, _ in columns)]
    table = _table(headers)
    for row in rows:
        cells = [row.au, str(row.positives), str(row.scored), str(row.ignored), f'{row.threshold:.3g}']
        for name, value in columns:
            cells.append(_number(value(row)) + ('*' if name == 'F1' and row.f1_undefined else ''))
        table.add_row(*cells)
    sums = [str(sum(getattr(row, name) for row in rows)) for name in ('positives', 'scored', 'ignored')]
    means = [_number(mean_of_known([value(row) for row in rows])) for _, value in columns]
    table.add_row('sum, mean', *sums, '', *means)
    return table


def _class_table(report: Report) -> Table:
    rows: Sequence[ClassRow] = report.rows  # type: ignore[assignment]
    table = _table(['class', 'clips', 'recall'])
    for row in rows:
        table.add_row(row.name, str(row.support), _number(row.recall))
    table.add_row('sum, mean', str(sum(row.support for row in rows)), _number(mean_of_known([r.recall for r in rows])))
    return table


def _table(headers: Sequence[str]) -> Table:
    table = Table(box=box.MARKDOWN)
    for position, header in enumerate(headers):
        table.add_column(header, justify='right' if position else 'left', no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return '-' if value is None or value != value else f'{value:.4f}'


def _render(table: Table) -> str:
    console = Console(file=io.StringIO(), width=_WIDTH, color_system=None, force_terminal=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    return '\n'.join(line.rstrip() for line in capture.get().splitlines() if line.strip())
