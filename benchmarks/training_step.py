#!/usr/bin/env python
"""What makes a training step of the quick start's network cheap: number format, memory layout and stride of the stem.

Every variant does the same work, forward and backward on one batch of heatmaps, in turn with the others, so that a
change of the machine's speed meets all of them. The table gives medians and the ratio to the plain form: float32,
channels first, stem at full resolution.

    python benchmarks/training_step.py [--rounds 5] [--batch 16]
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from datetime import date
from itertools import product
from statistics import median

from pyskl.cli import run

STEMS = {
    'stride 1': {'conv1_stride_s': 1, 'spatial_strides': (2, 2, 2)},
    'stride 2': {'conv1_stride_s': 2, 'spatial_strides': (1, 2, 2)},
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5, help='measured rounds after one to warm up (default: 5)')
    parser.add_argument('--batch', type=int, default=16, help='clips of 16 frames (default: 16)')
    parser.add_argument('--threads', type=int, default=2, help='threads (default: 2)')
    args = parser.parse_args(argv)
    import torch
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from pyskl.models import ResNet3dSlowOnly

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    shared = {
        'in_channels': 51,
        'base_channels': 16,
        'num_stages': 3,
        'out_indices': (2,),
        'stage_blocks': (2, 3, 2),
        'pool1_stride_s': 1,
        'inflate': (0, 1, 1),
        'temporal_strides': (1, 1, 1),
    }
    volumes = torch.rand(args.batch, 51, 16, 32, 32)
    layouts = {
        'channels first': volumes,
        'channels last': volumes.to(memory_format=torch.channels_last_3d),
    }
    networks = {name: ResNet3dSlowOnly(**shared, **stem).train() for name, stem in STEMS.items()}

    def step(stem: str, layout: str, bfloat16: bool) -> float:
        start = time.perf_counter()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=bfloat16):
            features = networks[stem](layouts[layout])
        features.float().mean().backward()
        return time.perf_counter() - start

    variants = list(product(STEMS, layouts, (False, True)))
    times: dict[tuple, list[float]] = {variant: [] for variant in variants}
    for number in track(range(args.rounds + 1), description='rounds'):
        for variant in variants:
            seconds = step(*variant)
            if number:
                times[variant].append(seconds)
    plain = median(times[variants[0]])
    table = Table(title=f'{args.batch} clips x 16 frames x 51 keypoints x 32x32, forward + backward')
    for column in ('stem', 'layout', 'numbers', 'median ms', 'times faster'):
        table.add_column(column, justify='right' if column in ('median ms', 'times faster') else 'left')
    for stem, layout, bfloat16 in variants:
        middle = median(times[stem, layout, bfloat16])
        table.add_row(
            stem, layout, 'bfloat16' if bfloat16 else 'float32', f'{1000 * middle:.0f}', f'{plain / middle:.1f}'
        )
    Console().print(table)
    print(f'{date.today()}, {platform.machine()}, {args.threads} threads, torch {torch.__version__}')
    return 0


if __name__ == '__main__':
    run(main)
