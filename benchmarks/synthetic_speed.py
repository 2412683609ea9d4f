#!/usr/bin/env python
"""How many synthetic frames one core makes in a second, and what a clip of a training stream costs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

from pyskl.cli import run

EPILOG = """
example:
  OMP_NUM_THREADS=1 python benchmarks/synthetic_speed.py

CPU time of this process is counted; with more threads than one the figures are not those of a core. Each figure is the
best of several rounds over the same tracks.
"""
CLIP_LEN = 16


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--tracks', type=int, default=30, metavar='N', help='of each preset; default: %(default)s')
    parser.add_argument('--rounds', type=int, default=5, metavar='N', help='default: %(default)s')
    args = parser.parse_args(argv)
    from pyskl.synth.presets import LAYOUTS, PRESETS, with_labels
    from pyskl.synth.stream import SyntheticFaceDataset
    from pyskl.synth.track import simulate_track

    print('| frames per CPU second |', ' | '.join(LAYOUTS), '|')
    print('|---|' + '---|' * len(LAYOUTS))
    for name in PRESETS:
        cells = []
        for layout in LAYOUTS:
            preset = with_labels(name, None, layout)
            tracks = [simulate_track(0, 'train', number, preset) for number in range(args.tracks)]
            frames = sum(track['total_frames'] for track in tracks)
            seconds = best(args.rounds, args.tracks, lambda number, p=preset: simulate_track(0, 'train', number, p))
            cells.append(f'{frames / seconds:,.0f}')
        print(f'| {name} |', ' | '.join(cells), '|')
    cells = []
    for layout in LAYOUTS:
        clips = SyntheticFaceDataset('full', clip_len=CLIP_LEN, length=args.tracks, keypoint_layout=layout)
        cells.append(f'{1000 * best(args.rounds, args.tracks, clips.__getitem__) / args.tracks:.1f} ms')
    print(f'| a clip of {CLIP_LEN} of a stream |', ' | '.join(cells), '|')
    return 0


def best(rounds: int, count: int, make: Callable[[int], object]) -> float:
    """Return the least CPU seconds in which things 0 to ``count`` are made."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        for number in range(count):
            make(number)
        times.append(time.process_time() - start)
    return min(times)


if __name__ == '__main__':
    run(main)
