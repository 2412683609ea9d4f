#!/usr/bin/env python
"""Action Units of a whole track: one pass against windows, in frames a second and in scores.

The speed is that of a network with fresh weights on one track of made-up faces, in frames per second of computing time
of one thread; every form does the same track in turn. With a checkpoint and an annotation file the forms are scored on
them too. The interval is that of the difference to windows without overlap, from 1,000 draws of tracks with
replacement.

    python benchmarks/track_inference.py [--config configs/posec3d/slowonly_r50_affwild_xsub/joint.py] [--frames 3000]
    python benchmarks/track_inference.py --checkpoint best.pth --ann-file annotation.pkl --splits val test
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from pyskl.cli import run

FORMS: dict[str, dict[str, Any]] = {
    'windows': {'dense': False, 'dtype': 'float32'},
    'windows that overlap by half': {'dense': False, 'dtype': 'float32'},
    'one pass': {'dense': True, 'dtype': 'float32'},
    'windows that overlap by half, auto': {'dense': False, 'dtype': 'auto'},
    'one pass, auto': {'dense': True, 'dtype': 'auto'},
}
DRAWS = 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='configs/posec3d/slowonly_r50_affwild_xsub/joint.py', help='the network')
    parser.add_argument('--frames', type=int, default=3000, help='length of the track (default: 3000)')
    parser.add_argument('--rounds', type=int, default=1, help='measured rounds (default: 1)')
    parser.add_argument('--checkpoint', type=Path, help='score this checkpoint instead')
    parser.add_argument('--ann-file', type=Path, help='annotation file to score it on')
    parser.add_argument('--splits', nargs='+', default=['val', 'test'], help='splits of it (default: val test)')
    args = parser.parse_args(argv)
    if (args.checkpoint is None) != (args.ann_file is None):
        parser.error('--checkpoint and --ann-file belong together')
    import torch

    torch.set_num_threads(1)
    if args.checkpoint is None:
        measure_speed(args.config, args.frames, args.rounds)
    else:
        measure_scores(args.checkpoint, args.ann_file, args.splits)
    print(f'{date.today()}, {platform.machine()}, 1 thread, torch {torch.__version__}')
    return 0


def inferencers(checkpoint: Path) -> dict[str, Any]:
    """Return an inferencer for each form."""
    from pyskl.apis import AUInferencer

    built = {name: AUInferencer(checkpoint, 'cpu', **options) for name, options in FORMS.items()}
    built['windows'].stride = built['windows'].clip_len
    return built


def measure_speed(config: str, frames: int, rounds: int) -> None:
    """Print how many frames of a long track each form does in a second."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from pyskl.keypoints import mean_face

    rng = np.random.default_rng(0)
    points = mean_face('ibug68') + 0.03 * rng.standard_normal((1, frames, 68, 2))
    track = {
        'frame_dir': 'made_up',
        'total_frames': frames,
        'img_shape': (480, 640),
        'keypoint': (300 + 80 * points).astype(np.float32),
        'keypoint_score': np.ones((1, frames, 68), np.float32),
    }
    with tempfile.TemporaryDirectory() as folder:
        forms = inferencers(fresh_checkpoint(config, Path(folder) / 'fresh.pth'))
    speeds: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(rounds):
        for name, inferencer in forms.items():
            start = time.process_time()
            inferencer.predict(track)
            speeds[name].append(frames / (time.process_time() - start))
    table = Table(title=f'{config}, a track of {frames} frames')
    for column in ('form', 'numbers', 'frames/s', 'times faster'):
        table.add_column(column, justify='left' if column in ('form', 'numbers') else 'right')
    before = median(speeds['windows that overlap by half'])
    for name, inferencer in forms.items():
        speed = median(speeds[name])
        numbers = str(inferencer.dtype).removeprefix('torch.')
        table.add_row(name.removesuffix(', auto'), numbers, f'{speed:.1f}', f'{speed / before:.2f}')
    Console().print(table)


def fresh_checkpoint(config: str, path: Path) -> Path:
    """Write a checkpoint of a config's network as training would, with fresh weights."""
    import torch

    from pyskl.action_units import AFFWILD_AUS
    from pyskl.engine import load_config
    from pyskl.registry import MODELS

    torch.manual_seed(0)
    cfg = load_config(config, {'ann_file': 'none.pkl'})
    dataset = cfg.to_dict()['test_dataloader']['dataset']
    stored = {
        'model': cfg.to_dict()['model'],
        'pipeline': dataset['pipeline'],
        'clip_len': dataset['clip_len'],
        'keypoint_layout': cfg.keypoint_layout,
        'aus': list(AFFWILD_AUS),
    }
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': {'pyskl': stored}}, path)
    return path


def measure_scores(checkpoint: Path, ann_file: Path, splits: Sequence[str]) -> None:
    """Print macro F1 and mean average precision of each form on some splits."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from pyskl.datasets.annotation import open_annotations
    from pyskl.evaluation.functional import average_precision_per_au, f1_per_au

    content, forms = open_annotations(ann_file), inferencers(checkpoint)
    for split in splits:
        names = content.names(split)
        labels = [np.array(content.samples[name]['label']) for name in names]
        table = Table(title=f'{checkpoint.name}, {split}: {len(names)} tracks, {sum(map(len, labels))} frames')
        for column in ('form', 'numbers', 'macro F1', 'difference, 95 %', 'mAP'):
            table.add_column(column, justify='left' if column in ('form', 'numbers') else 'right')
        first = None
        for form, inferencer in forms.items():
            found = [np.nan_to_num(inferencer.predict(content.samples[name]).probability) for name in names]
            label, probability = np.concatenate(labels), np.concatenate(found)
            draws = f1_draws(labels, found)
            first = draws if first is None else first
            low, high = np.quantile(draws - first, (0.025, 0.975))
            numbers = str(inferencer.dtype).removeprefix('torch.')
            table.add_row(
                form.removesuffix(', auto'),
                numbers,
                f'{f1_per_au(label, probability).mean():.4f}',
                f'{low:+.4f} to {high:+.4f}',
                f'{np.nanmean(average_precision_per_au(label, probability)):.4f}',
            )
        Console().print(table)


def f1_draws(labels: Sequence[Any], found: Sequence[Any]) -> Any:
    """Return (DRAWS,) macro F1 of tracks drawn with replacement; the same ones for every form."""
    import numpy as np

    counts = np.array(
        [
            ((2 * ((p >= 0.5) & (y == 1))).sum(0), ((p >= 0.5) & (y != -1)).sum(0) + (y == 1).sum(0))
            for y, p in zip(labels, found, strict=True)
        ]
    )
    chosen = np.random.default_rng(0).integers(0, len(labels), (DRAWS, len(labels)))
    twice_hits, sizes = counts[chosen].sum(1).swapaxes(0, 1)
    return (twice_hits / np.maximum(sizes, 1)).mean(1)


if __name__ == '__main__':
    run(main)
