#!/usr/bin/env python
"""Show what is in an annotation file or a keypoint store, or what a config's pipeline makes of it."""

from __future__ import annotations

import argparse
import fnmatch
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from pyskl.cli import run

if TYPE_CHECKING:
    from rich.table import Table

    from pyskl.datasets import PoseDataset
    from pyskl.datasets.annotation import AnnotationFile

EPILOG = """
An annotation file or a store gives: a table of its splits, faces.png (one face a window), prevalence.png (how frequent
AUs are, and together with which), timeline_*.png (the labels of each track shown) and clip.gif (one window in motion).
A config gives input_*.png: windows before and after the transforms, drawn several times, and the heatmaps the network
sees. index.html shows all of it on one page. Pictures that an earlier run put into the folder are removed.

examples:
  python tools/browse_dataset.py data/affwild2/AffWild_train_full.pkl --out work_dirs/browse
  python tools/browse_dataset.py data/affwild2/store --split val --au AU12 --number 8 --out work_dirs/browse
  python tools/browse_dataset.py annotation.pkl --index 0 17 402 --out work_dirs/browse
  python tools/browse_dataset.py configs/posec3d/slowonly_r50_affwild_xsub/joint.py --number 4 --out work_dirs/browse
"""

CONFIGS = ('.py', '.json', '.yaml', '.yml')
MAX_TIMELINES = 12
PICTURES = ('faces.png', 'prevalence.png', 'timeline_*.png', 'clip.gif', 'input_*.png')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='annotation file (.pkl), keypoint store (a folder) or config (.py)')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the pictures')
    parser.add_argument('--split', help='the split to show (default: the first; of a config: that of its data set)')
    parser.add_argument('--number', type=int, default=12, metavar='N', help='windows to show (default: %(default)s)')
    parser.add_argument('--index', type=int, nargs='+', metavar='I', help='show these windows')
    parser.add_argument('--au', metavar='AU12', help='only windows in which this AU is active (12 will do)')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of windows (default: %(default)s)')
    parser.add_argument('--clip-len', type=int, metavar='T', help='frames of a window (default: 32; not with a config)')
    parser.add_argument(
        '--pipeline', choices=['train', 'val', 'test'], help='which pipeline of the config (default: train)'
    )
    parser.add_argument('--draws', type=int, metavar='K', help='passes through the pipeline for a window (default: 3)')
    parser.add_argument('--ann-file', metavar='PATH', help='annotation, in place of ann_file in the config')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.errors import InputError
    from pyskl.files import check_writable

    is_config = Path(args.source).suffix.lower() in CONFIGS
    meant_for = (
        {'clip_len': '--clip-len is set in the config'}
        if is_config
        else {
            'pipeline': '--pipeline needs a config',
            'draws': '--draws needs a config',
            'ann_file': '--ann-file needs a config',
        }
    )
    for name, message in meant_for.items():
        if getattr(args, name) is not None:
            raise InputError(f'{message}; the source is {args.source}')
    if args.clip_len is not None and args.clip_len < 1:
        raise InputError(f'--clip-len: must be at least 1, but is {args.clip_len}')
    if args.seed < 0:
        raise InputError(f'--seed: must be 0 or more, but is {args.seed}')
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f'--out: {args.out} is a file; give a folder')
    check_writable(args.out, '--out')
    return browse_config(args) if is_config else browse_annotations(args)


def browse_annotations(args: argparse.Namespace) -> int:
    """Show an annotation file or a store."""
    from pyskl.datasets import PoseDataset
    from pyskl.datasets.annotation import open_annotations
    from pyskl.visualization import browse

    check_source(Path(args.source))
    content = open_annotations(args.source)
    split = args.split if args.split is not None else next(iter(content.splits), None)
    length = 32 if args.clip_len is None else args.clip_len
    dataset = PoseDataset(content, [], split, clip_len=length, test_mode=True)
    args.au = None if args.au is None else browse.find_au(dataset, args.au)
    chosen = browse.choose_windows(dataset, args.number, args.seed, args.index, args.au)
    contents = browse.count_contents(content, tracks_of_splits(content, dataset))
    text = show(contents.table())
    views = [browse.view_window(dataset, index, args.au) for index in chosen]
    args.out.mkdir(parents=True, exist_ok=True)
    title = f'{args.source}, split {split or "all"}' + (f', {args.au} active' if args.au else '')
    browse.draw_contact_sheet(views, args.out / 'faces.png', title)
    pictures = [(f'Faces: {title}', 'faces.png')]
    if any(len(part.positive) for part in contents.splits.values()):
        browse.draw_prevalence(contents, args.out / 'prevalence.png')
        pictures.append(('Action Units', 'prevalence.png'))
    by_track: dict[str, list] = {}
    for view in views:
        by_track.setdefault(view.track['frame_dir'], []).append(view)
    if dataset.label_kind in ('frame', 'clip'):
        for number, (name, some) in enumerate(list(by_track.items())[:MAX_TIMELINES], 1):
            file = f'timeline_{number:02d}_{safe_name(name)}.png'
            browse.draw_label_timeline(some, args.out / file)
            pictures.append((f'Labels of {name}', file))
    moving = views[len(views) // 2]
    browse.draw_animation(moving, args.out / 'clip.gif')
    pictures.append((f'Window {moving.index} of {moving.name}', 'clip.gif'))
    return finish(args, title, text, pictures)


def check_source(path: Path) -> None:
    """Refuse files that cannot be annotations, such as a video."""
    from pyskl.datasets.safe_pickle import load_pickle
    from pyskl.errors import InputError

    try:
        with path.open('rb') as file:
            if file.read(1) == b'\x80':  # how pickles have begun since Python 2.3
                return
    except OSError:  # a folder, or nothing: said where it is opened
        return
    try:
        load_pickle(path)
    except InputError:
        raise InputError(f'{path}: is no annotation (pickle), keypoint store or config') from None


def tracks_of_splits(content: AnnotationFile, dataset: PoseDataset) -> dict:
    """Return the checked tracks of every split; those of the data set are not read again."""
    from pyskl.datasets.tracks import load_tracks

    names = list(content.splits) or [None]
    return {
        name or 'all': dataset.tracks if name == dataset.split else load_tracks(content, name, None)
        for name in names
        if name is None or content.splits[name]
    }


def browse_config(args: argparse.Namespace) -> int:
    """Show what a config's pipeline makes of its data."""
    from rich.table import Table

    from pyskl.datasets import PoseDataset
    from pyskl.datasets.samplers import BalancedAUSampler
    from pyskl.engine.config import load_config
    from pyskl.errors import InputError
    from pyskl.registry import DATASETS, MODELS
    from pyskl.visualization import browse

    cfg = load_config(args.source, {} if args.ann_file is None else {'ann_file': args.ann_file})
    part = args.pipeline or 'train'
    loader = cfg.get(f'{part}_dataloader')
    if loader is None:
        raise InputError(f'{args.source}: {part}_dataloader is not set')
    if args.split is not None:
        loader.dataset['split'] = args.split
    dataset = DATASETS.build(loader.dataset)
    if not isinstance(dataset, PoseDataset):
        raise InputError(f'{args.source}: {part}_dataloader.dataset: only a PoseDataset can be shown')
    args.au = None if args.au is None else browse.find_au(dataset, args.au)
    chosen = browse.choose_windows(dataset, args.number, args.seed, args.index, args.au)
    count = 3 if args.draws is None else args.draws
    if count < 1:
        raise InputError(f'--draws: must be at least 1, but is {count}')
    preprocessor = (cfg.get('model') or {}).get('data_preprocessor')
    preprocess = None if preprocessor is None else MODELS.build(preprocessor)
    table = Table(title=f'{args.source}: {part} pipeline', title_justify='left')
    table.add_column('')
    table.add_column('')
    table.add_row('annotation', str(dataset.ann_file))
    table.add_row('split', str(dataset.split))
    table.add_row('windows', f'{len(dataset):,} of {dataset.windows.clip_len or "all"} frames')
    table.add_row('keypoint layout', dataset.keypoint_layout)
    for number, step in enumerate(loader.dataset.pipeline, 1):
        settings = ', '.join(f'{key}={value}' for key, value in step.items() if key != 'type')
        table.add_row(f'step {number}', f'{step["type"]}({settings})')
    text = show(table)
    sampler = dict(loader.get('sampler') or {})
    if sampler.pop('type', None) == 'BalancedAUSampler':
        report = str(BalancedAUSampler(dataset, seed=0, **sampler).report())
        print(report)
        text += report + '\n'
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = []
    for index in chosen:
        view = browse.view_window(dataset, index, args.au)
        draws = browse.draws_of_window(dataset, index, count, preprocess)
        file = f'input_{index:07d}.png'
        browse.draw_network_input(draws, args.out / file, f'window {index} of {view.name}: {count} draws')
        pictures.append((f'Window {index} of {view.name}', file))
    return finish(args, f'{args.source}, {part} pipeline', text, pictures)


def safe_name(name: str) -> str:
    """Return a track's name as a part of a file name: nothing in it can leave the folder."""
    return quote(name, safe='', errors='replace').replace('%', '_').replace('~', '_')[:80]


def show(table: Table) -> str:
    """Print a table and return it as plain text."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 120, markup=False).print(table)
    recorder = Console(width=120, record=True, file=io.StringIO(), markup=False)
    recorder.print(table)
    return recorder.export_text()


def finish(args: argparse.Namespace, title: str, text: str, pictures: list[tuple[str, str]]) -> int:
    """Write the page and say what there is."""
    from pyskl.visualization.browse import pictures_of_page, write_page

    page = args.out / 'index.html'
    before = set(pictures_of_page(page))
    write_page(page, title, text, pictures)
    for name in before.difference(name for _, name in pictures):
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in PICTURES):
            (args.out / name).unlink(missing_ok=True)
    print(f'{len(pictures)} pictures and index.html written to {args.out}')
    return 0


if __name__ == '__main__':
    run(main)
