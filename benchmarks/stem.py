#!/usr/bin/env python
"""What the forms of a stem cost: compiled kernel, plain PyTorch without the volume, and dense convolution.

Convolution 7x7, batch norm, ReLU and 3x3 pooling of a batch of clips, forward and backward. The forms take turns, so
that a change of the machine's speed meets all of them; the table gives medians in milliseconds.

    python benchmarks/stem.py [--keypoints 8 17 68 133] [--frames 12] [--batch 8] [--rounds 5] [--threads 2]
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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--keypoints', type=int, nargs='+', default=[4, 8, 17, 34, 68, 133], metavar='N')
    parser.add_argument('--frames', type=int, default=12, help='of a clip (default: 12)')
    parser.add_argument('--batch', type=int, default=8, help='clips (default: 8)')
    parser.add_argument('--size', type=int, default=56, help='height and width of a heatmap (default: 56)')
    parser.add_argument('--channels', type=int, default=32, help='of the stem (default: 32)')
    parser.add_argument('--rounds', type=int, default=5, help='measured rounds after one to warm up (default: 5)')
    parser.add_argument('--threads', type=int, default=2, help='threads (default: 2)')
    parser.add_argument('--device', default='cpu', help='cpu or cuda (default: cpu)')
    args = parser.parse_args(argv)
    import torch
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table
    from torch import nn

    from pyskl.engine.memory import keep_freed_memory
    from pyskl.models.kernels import load_kernels
    from pyskl.models.layers import ConvNormAct, keypoint_blobs, run_stem

    keep_freed_memory()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    forms = ['dense', 'torch', *(['kernel'] if args.device == 'cpu' and load_kernels() is not None else [])]
    pool = nn.MaxPool3d((1, 3, 3), (1, 1, 1), (0, 1, 1))
    table = Table(title=f'stem, {args.batch} clips x {args.frames} frames, {args.size}x{args.size}, milliseconds')
    for column in ('keypoints', 'numbers', *forms, 'dense / best other'):
        table.add_column(column, justify='right')

    def step(form: str, blobs, conv: nn.Module, dtype: torch.dtype) -> float:
        begin = time.perf_counter()
        with torch.autocast(args.device, dtype=dtype, enabled=dtype != torch.float32):
            out = run_stem(form, blobs, conv, pool)
        out.backward(torch.ones_like(out))
        if args.device == 'cuda':
            torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - begin)

    cases = list(product(args.keypoints, (torch.float32, torch.bfloat16)))
    for keypoints, dtype in track(cases, description='measuring', console=Console(stderr=True)):
        conv = ConvNormAct(
            *(keypoints, args.channels, (1, 7, 7)),
            padding=(0, 3, 3),
            bias=False,
            conv_cfg={'type': 'Conv3d'},
            norm_cfg={'type': 'BN3d'},
        ).to(args.device)
        place = torch.rand(args.batch, args.frames, keypoints, 2, device=args.device) * args.size
        blobs = keypoint_blobs(place, torch.ones_like(place[..., 0]), (args.size, args.size))
        times = {form: [] for form in forms}
        for number in range(args.rounds + 1):
            for form in forms:
                spent = step(form, blobs, conv, dtype)
                if number:
                    times[form].append(spent)
        medians = {form: median(values) for form, values in times.items()}
        ratio = medians['dense'] / min(value for form, value in medians.items() if form != 'dense')
        numbers = str(dtype).removeprefix('torch.')
        table.add_row(str(keypoints), numbers, *(f'{medians[form]:.0f}' for form in forms), f'{ratio:.1f}')
    console = Console()
    console.print(table)
    console.print(f'{date.today()}, {platform.processor() or platform.machine()}, torch {torch.__version__}, '
                  f'{args.threads} threads, {args.device}')  # fmt: skip
    return 0


if __name__ == '__main__':
    run(main)
