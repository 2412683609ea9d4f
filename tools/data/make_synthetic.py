#!/usr/bin/env python3
"""Make a synthetic data set of facial keypoints with Action Unit labels. No person was recorded for it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run

EPILOG = """
examples:
  The data of the quick start, and pictures of what each Action Unit does:
    python tools/data/make_synthetic.py --preset demo --out data/synthetic --preview
  A large set with the prevalence of spontaneous video, as a keypoint store, on all 16 cores:
    python tools/data/make_synthetic.py --preset full --out data/synthetic_full --workers 16
  The labels of DISFA; MediaPipe's 478 points:
    python tools/data/make_synthetic.py --out data/synthetic_disfa --aus disfa --layout mediapipe478
  In the raw form of Aff-Wild2, to try the preprocessing:
    python tools/data/make_synthetic.py --preset tiny --out data/raw --raw
    python tools/data/affwild_preproc_full.py --annotations data/raw/AU_Detection_Challenge \\
        --skeletons data/raw/skeletons --out data/raw.pkl

The folder receives annotation.pkl (the PYSKL annotation format, read by every config) or store/ (a keypoint store;
give the folder as ann_file), summary.json (what is in it) and, with --preview, preview.png (what each Action Unit does
to the face) and an animation. The same arguments give the same bytes, whatever the number of workers. Files of the same
names that this command did not make are never replaced.
Scores on synthetic data say that the pipeline learns; they say nothing about people.
"""


def _folder(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError('must name a folder')
    return Path(text)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--preset', default='demo', help='tiny (tests), demo (quick start) or full (training); default: %(default)s'
    )
    parser.add_argument('--seed', type=int, default=0, help='whole number of 0 or more; default: %(default)s')
    parser.add_argument('--out', type=_folder, required=True, help='folder to write into; made if it does not exist')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--pickle', action='store_true', help='write annotation.pkl; the default of tiny and demo')
    form.add_argument('--store', action='store_true', help='write a keypoint store; the default of full')
    form.add_argument('--raw', action='store_true', help='write label files and JSON as in the release of Aff-Wild2')
    parser.add_argument(
        '--aus', metavar='SET', help='labels: affwild, bp4d, disfa, all, or names such as AU6,AU12; default: affwild'
    )
    parser.add_argument('--layout', help='keypoint layout: ibug68 (default) or mediapipe478')
    parser.add_argument(
        '--workers', type=int, default=0, metavar='N', help='processes; 0 works in this one; default: %(default)s'
    )
    parser.add_argument('--preview', action='store_true', help='also draw each labelled Action Unit and a track as film')
    parser.add_argument('--force', action='store_true', help='make the files again even if they are there and intact')
    return parser.parse_args(argv)


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
    from pyskl.synth.output import intact_pictures, intact_summary, write_output, write_pictures
    from pyskl.synth.own_folder import PICTURES, SUMMARY, check_free
    from pyskl.synth.presets import with_labels
    from pyskl.workers import orderly_end

    form = next((form for form in ('pickle', 'store', 'raw') if getattr(args, form)), None)
    form = form or ('store' if args.preset == 'full' else 'pickle')
    preset = with_labels(args.preset, args.aus, args.layout)
    recipe = args.out, args.preset, preset, args.seed, form
    summary, written = None if args.force else intact_summary(*recipe), []
    if args.preview:
        check_free(args.out, PICTURES)
    with orderly_end():
        if summary is None:
            summary = write_output(*recipe, args.workers, sys.stderr.isatty())
            written += summary['files']
        if args.preview and (args.force or not intact_pictures(args.out, summary)):
            write_pictures(args.out, summary, preset, args.seed)
            written += PICTURES
    print_summary(summary)
    there = [name for name in (*summary['files'], *summary['pictures']) if name not in written]
    what = f'(synthetic data, preset {args.preset}, seed {args.seed})'
    if there:
        print(f'{args.out}: {", ".join(there)}: already there {what}')
    if written:
        print(f'{args.out}: {", ".join([*written, SUMMARY])} written {what}')
    return 0


if __name__ == '__main__':
    run(main)
