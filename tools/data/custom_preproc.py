#!/usr/bin/env python3
"""Make an annotation file or a keypoint store of your own videos and one table of labels."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run

EPILOG = """
the table (CSV with comma, semicolon or tab); its columns decide the form:
  video,frame,AU1,AU2,...                  a row per frame, counted from 1 in the order of decoding; any order, gaps
  video,start_frame,end_frame,AU1,...      a row per segment, both ends included
  video,start_s,end_s,AU1,...              the same in seconds from the first frame, the end excluded
  video,AU1,AU2,...                        a row per clip
  optional: subject, split. Labels: 1, 0, -1 or nothing for unknown.

examples:
  python tools/data/custom_preproc.py --labels labels.csv --videos videos --out annotation.pkl
  python tools/data/custom_preproc.py --labels labels.csv --images frames --label-columns smile frown --store store
  ... --shard 3/20        one job of a cluster's array, and when all are done
  ... --merge

Interrupted, the same command goes on where it stopped. tools/data/README.md tells more.
"""


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    from pyskl.preprocess import add_arguments
    from pyskl.preprocess.sources import add_source_arguments
    from pyskl.preprocess.video_job import add_tolerance_argument

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    labels = parser.add_argument_group('labels')
    labels.add_argument('--labels', type=Path, required=True, metavar='FILE', help='the table; see below')
    labels.add_argument(
        '--label-columns', nargs='+', metavar='NAME', help='columns that are labels; default: AU1, AU01, AU01_c, ...'
    )
    labels.add_argument(
        '--first-frame', type=int, choices=(0, 1), default=1,
        help='number that the table gives to the first frame of a video; default: %(default)s',
    )  # fmt: skip
    labels.add_argument(
        '--outside-segments', choices=('unknown', 'absent'), default='unknown',
        help='what the labels are in frames that no segment holds; default: %(default)s',
    )  # fmt: skip
    labels.add_argument(
        '--fps', type=float, metavar='N', help='frames a second, for segments in seconds where the frames have no times'
    )
    labels.add_argument(
        '--keep-unlabelled', action='store_true', help="keep videos without labels, in the split 'unlabelled'"
    )
    labels.add_argument('--name', default='custom', help='what the data set calls itself; default: %(default)s')
    add_tolerance_argument(labels)
    splits = parser.add_argument_group('splits, for a table without a column of that name')
    splits.add_argument(
        '--val-fraction', type=float, default=0.2, metavar='X',
        help='share of the subjects (of the videos, without a column subject) in val; default: %(default)s',
    )  # fmt: skip
    splits.add_argument('--seed', type=int, default=0, help='another seed, another choice; default: %(default)s')
    add_source_arguments(parser)
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.errors import InputError
    from pyskl.preprocess import run_preprocessing
    from pyskl.preprocess.custom import read_custom_table
    from pyskl.preprocess.custom_jobs import list_jobs
    from pyskl.preprocess.sources import open_source

    if args.fps is not None and not 0 < args.fps <= 10_000:
        raise InputError(f'--fps must be above 0, not {args.fps:g}')
    outside = -1 if args.outside_segments == 'unknown' else 0
    table = read_custom_table(args.labels, args.label_columns, args.first_frame, outside)
    source = open_source(args)
    found = list_jobs(table, source, args.val_fraction, args.seed, args.keep_unlabelled, args.fps, args.row_tolerance)
    metainfo = {'dataset': args.name, 'aus': list(table.label_names), 'keypoint_layout': source.layout}
    settings = {'labels': list(table.label_names), 'form': table.form, 'row_tolerance': args.row_tolerance}
    recipe = {'data': 'custom', **settings, **source.recipe()}
    return run_preprocessing(found.jobs, args, metainfo, recipe, found.problems, found.notes)


if __name__ == '__main__':
    run(main)
