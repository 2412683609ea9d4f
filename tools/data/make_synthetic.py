#!/usr/bin/env python3
"""Make a synthetic data set of facial keypoints with Action Unit labels. No person was recorded for it."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run
from pyskl.files import replacing

EPILOG = """
The folder receives annotation.pkl (the PYSKL annotation format, read by every config), summary.json (what is in it)
and, with --preview, preview.png (what each Action Unit does to the face). The same preset and seed give the same file.
Scores on synthetic data say that the pipeline learns; they say nothing about people.
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--preset', default='demo', help='tiny (tests) or demo (quick start); default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='whole number of 0 or more; default: %(default)s')
    parser.add_argument('--out', type=Path, required=True, help='folder to write into; made if it does not exist')
    parser.add_argument('--preview', action='store_true', help='also draw every Action Unit into preview.png')
    parser.add_argument('--force', action='store_true', help='make the files again even if they are there')
    return parser.parse_args(argv)


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def already_there(out: Path, recipe: dict[str, object], preview: bool) -> dict[str, object] | None:
    """Return the summary of an intact result of the same recipe, or None."""
    try:
        summary = json.loads((out / 'summary.json').read_text())
        intact = summary['recipe'] == recipe and summary['sha256'] == sha256(out / 'annotation.pkl')
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return summary if intact and (not preview or (out / 'preview.png').is_file()) else None


def print_summary(summary: dict[str, object]) -> None:
    """Print a table with the prevalence of each Action Unit and the all-positive floor."""
    from rich.console import Console
    from rich.table import Table

    splits = summary['splits']
    table = Table(title='synthetic data: share of positive frames, %, and F1 of calling every frame positive')
    table.add_column('AU')
    for name in splits:
        table.add_column(f'{name} %', justify='right')
        table.add_column(f'{name} floor F1', justify='right')
    for au in summary['aus']:
        cells = []
        for split in splits.values():
            cells += [f'{100 * split["prevalence"][au]:.1f}', f'{split["all_positive_f1"][au]:.3f}']
        table.add_row(au, *cells)
    table.add_section()
    macro = [cell for split in splits.values() for cell in ('', f'{split["all_positive_macro_f1"]:.3f}')]
    table.add_row('macro', *macro)
    for label, key in (('people', 'tracks'), ('frames', 'frames'), ('no face', 'frames_without_face')):
        table.add_row(label, *[cell for split in splits.values() for cell in (str(split[key]), '')])
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the data set, or say that it is there."""
    args = parse_args(argv)
    from pyskl.datasets.safe_pickle import dump_pickle
    from pyskl.synth.dataset import PRESETS, SYNTH_VERSION, make_dataset
    from pyskl.synth.face_model import DEFAULT_FILE
    from pyskl.synth.summary import summarize

    recipe = {
        'preset': args.preset,
        'seed': args.seed,
        'version': SYNTH_VERSION,
        'face_model_sha256': sha256(DEFAULT_FILE),
        'settings': repr(PRESETS.get(args.preset)),
    }
    summary = None if args.force else already_there(args.out, recipe, args.preview)
    if summary is not None:
        print_summary(summary)
        print(
            f'{args.out / "annotation.pkl"} is already there (synthetic data, preset {args.preset}, seed {args.seed})'
        )
        return 0
    dataset = make_dataset(args.preset, args.seed, progress=sys.stderr.isatty())
    path = args.out / 'annotation.pkl'
    dump_pickle(dataset, path)
    if args.preview:
        from pyskl.synth.face_model import FaceModel
        from pyskl.synth.preview import draw_preview

        with replacing(args.out / 'preview.png') as temporary:
            draw_preview(temporary, FaceModel.load())
    summary = {
        'dataset': 'synthetic',
        'synthetic': True,
        'recipe': recipe,
        'sha256': sha256(path),
        'aus': dataset['metainfo']['aus'],
        'splits': summarize(dataset),
    }
    text = json.dumps(summary, indent=2) + '\n'
    with replacing(args.out / 'summary.json') as temporary:
        temporary.write_text(text, encoding='utf-8')
    print_summary(summary)
    written = ', '.join(item.name for item in sorted(args.out.iterdir()) if item.suffix in {'.pkl', '.json', '.png'})
    print(f'synthetic data (preset {args.preset}, seed {args.seed}) written to {args.out}: {written}')
    return 0


if __name__ == '__main__':
    run(main)
