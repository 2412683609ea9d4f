#!/usr/bin/env python
"""PoseConv3D here against MMAction2 1.2.0: heatmaps, training, one prediction a frame, memory.

Both sides are measured in the same run and in turn, each in a process of its own that stands still, loader workers
included, while the other works. Times are medians over rounds; "times better" is the peer's median by ours, with the
least and the greatest ratio of a round in brackets. Both sides train the same network (their parameters are counted
and must agree) from the same tracks, with the published augmentation, loss (binary cross-entropy) and optimiser; the
peer as it does by default, in float32, this project in bfloat16 where the device computes in it. The peer predicts
single frames with a clip around each, in batches of the size that is fastest; a part of the frames is timed.

The peer is put into a folder of its own once (two packages). Needs Linux. Without a GPU it takes about a quarter of an
hour on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from pyskl.cli import run

if TYPE_CHECKING:
    from posec3d_rows import Detail, Row
    from rich.table import Table

PARTS = ('heatmaps', 'training', 'frames', 'memory')
ANSWERS = {None: '', True: 'yes', False: 'NO'}
EPILOG = """
examples:
  python benchmarks/posec3d.py                           # everything
  python benchmarks/posec3d.py --only heatmaps memory    # some of it
  python benchmarks/posec3d.py --quick --without-peer    # does the script work?
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--rounds', type=int, default=7, help='rounds of every row (default: 7; at most 3 for frames)')
    parser.add_argument('--threads', type=int, default=2, help='threads of each process measured (default: 2)')
    parser.add_argument('--track', type=int, default=3000, help='frames of the track that is read (default: 3000)')
    parser.add_argument('--only', nargs='+', choices=PARTS, metavar='PART', help=f'some of: {", ".join(PARTS)}')
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/benchmarks/posec3d'), help='for made-up data')
    parser.add_argument('--peer', type=Path, default=Path('work_dirs/benchmarks/peer'), help="the peer's folder")
    parser.add_argument('--without-peer', action='store_true', help='measure this project alone')
    parser.add_argument('--quick', action='store_true', help='tiny sizes: shows that it runs, not what anything costs')
    parser.add_argument('--out', type=Path, metavar='FILE', help='write all numbers there too, as JSON')
    args = parser.parse_args(argv)
    for name in ('rounds', 'threads', 'track'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} must be at least 1')
    return args


def goals_table(rows: Iterable[Row], title: str) -> Table:
    """Return the table of what is compared."""
    table = _table(title, ('work', 'ours', 'MMAction2', 'times better', 'goal', 'met'))
    for row in rows:
        unit, factor = row.unit
        shown = [f'{number(factor * median(values))} {unit}' if values else '' for values in (row.ours, row.peer)]
        ratio = ''
        if row.times is not None:
            low, high = row.spread
            ratio = f'{row.times:.1f}' + (f' ({low:.1f} to {high:.1f})' if len(row.ours) > 1 else '')
        table.add_row(row.work, *shown, ratio, '' if row.goal is None else f'{row.goal:g}', ANSWERS[row.met])
    return table


def number(value: float) -> str:
    """Return a number with three digits, and all of those before the point."""
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def details_table(details: Iterable[Detail]) -> Table:
    """Return the table of what training does with the device."""
    columns = ('work', 'by', 'samples/s', 'TFLOP/s of the dense network', 'not convolution', 'GPU memory')
    table = _table('training in detail', columns)
    for row in details:
        memory = f'{row.gpu_memory:.0f} MiB' if row.gpu_memory else ''
        share = f'{100 * row.not_convolution:.0f} %'
        table.add_row(row.work, row.side, f'{row.samples_per_second:.1f}', f'{row.teraflops:.3g}', share, memory)
    return table


def _table(title: str, columns: Iterable[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.MARKDOWN)
    for column in columns:
        table.add_column(column)
    return table


def describe(threads: int) -> str:
    """Return date, machine and versions."""
    import torch

    from pyskl.engine.autocast import has_bfloat16

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f'{platform.machine()} CPU'
    numbers = 'bfloat16' if has_bfloat16('cuda' if torch.cuda.is_available() else 'cpu') else 'float32'
    load = ', '.join(f'{value:.1f}' for value in os.getloadavg())
    versions = ', '.join(f'{name} {version(name)}' for name in ('torch', 'mmengine', 'numpy'))
    return (
        f'{date.today()}, {device}, {os.cpu_count()} cores, {threads} threads, ours in {numbers}, '
        f'load averages {load} (this benchmark included), Python {platform.python_version()}, {versions}'
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    args = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the processes that stand still
    import torch
    from posec3d_peer import install
    from posec3d_rows import PARTS as ROWS
    from posec3d_rows import Bench
    from rich.console import Console

    from pyskl.files import replacing

    args.folder.mkdir(parents=True, exist_ok=True)
    if not args.without_peer:
        install(args.peer)
    rows, details = [], []
    console = Console(width=None if sys.stdout.isatty() else 220)
    progress = Console(stderr=True)
    with progress.status('') as status:
        told = status.update if progress.is_terminal else lambda message: print(message, file=sys.stderr, flush=True)
        peer = None if args.without_peer else args.peer
        gpu = torch.cuda.is_available()
        bench = Bench(args.folder, peer, args.rounds, args.threads, args.track, gpu, args.quick, told)
        for name in args.only or PARTS:
            more, further = ROWS[name](bench)
            rows += more
            details += further
    quick = ' (QUICK: sizes too small to compare with the goals)' if args.quick else ''
    console.print(goals_table(rows, f'PoseConv3D against MMAction2 1.2.0{quick}'))
    if details:
        console.print(details_table(details))
    machine = describe(args.threads)
    print(machine)
    if args.out is not None:
        content = {
            'machine': machine,
            'quick': args.quick,
            'rows': [{**asdict(row), 'times': row.times, 'spread': row.spread, 'met': row.met} for row in rows],
            'details': [asdict(row) for row in details],
        }
        with replacing(args.out) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    run(main)
