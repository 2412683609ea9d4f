#!/usr/bin/env python3
"""Make an annotation file or a keypoint store of BP4D, with three subject-exclusive folds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run

EPILOG = """
examples:
  python tools/data/bp4d_preproc.py --annotations data/bp4d --images data/bp4d/2D --out data/bp4d/BP4D.pkl
  python tools/data/bp4d_preproc.py --annotations data/bp4d --videos data/bp4d/videos --intensity \\
      --store data/bp4d/store --workers 8
  ... --shard 3/20        one job of a cluster's array, and when all are done
  ... --merge

The splits are train_fold1, test_fold1, train_fold2, ...: fold k is tested in test_fold<k>. Labels are matched by frame
number; frames that are not coded are unknown (-1). Interrupted, the same command goes on where it stopped.
tools/data/README.md shows the folders and where the licence is asked for.
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
    labels.add_argument(
        '--annotations', type=Path, required=True, metavar='DIR', help='folder that holds AU_OCC (and AU_INT)'
    )
    labels.add_argument(
        '--aus', nargs='+', metavar='AU', help='AUs to write; default: the 12 that are scored, AU1 AU2 AU4 AU6 AU7 ...'
    )
    labels.add_argument(
        '--intensity', action='store_true', help='write the intensities of AU_INT too; -1 where an AU has none'
    )
    labels.add_argument(
        '--folds', type=Path, metavar='FILE',
        help='folds of your own: JSON, a list of lists of subjects, or a table with the columns subject and fold',
    )  # fmt: skip
    add_tolerance_argument(labels)
    add_source_arguments(parser)
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.errors import InputError
    from pyskl.preprocess import Problem, bp4d, run_preprocessing
    from pyskl.preprocess.csv_labels import choose_aus
    from pyskl.preprocess.folds import read_folds
    from pyskl.preprocess.listing import find_handle, listing_notes
    from pyskl.preprocess.sources import open_source
    from pyskl.preprocess.video_job import VideoJob

    aus = choose_aus(args.aus, bp4d.BP4D_AUS, bp4d.BP4D_CODED_AUS)
    folds = bp4d.BP4D_FOLDS if args.folds is None else read_folds(args.folds)
    misnamed: list[str] = []
    codes = bp4d.find_codes(args.annotations, misnamed)
    source = open_source(args)
    jobs, problems, used = [], [], set()
    for subject, task, path in codes:
        name = f'{subject}_{task}'
        try:
            handle = find_handle(source, bp4d.video_names(subject, task), any_case=True)
            used.add(handle.path)
            splits = folds.splits(subject)
        except InputError as error:
            problems.append(Problem(name, f'{path}: {error}'))
            continue
        labels = bp4d.Bp4dLabels(path, aus, args.intensity)
        jobs.append(VideoJob(name, splits, handle, labels, len(aus), subject, row_tolerance=args.row_tolerance))
    metainfo = {'dataset': 'BP4D', 'aus': list(aus), 'keypoint_layout': source.layout}
    recipe = {'data': 'BP4D', 'aus': list(aus), 'intensity': args.intensity, 'row_tolerance': args.row_tolerance}
    recipe |= source.recipe()
    notes = listing_notes(misnamed, 'F001_T1.csv', source, used)
    return run_preprocessing(jobs, args, metainfo, recipe, [*problems, *source.problems], notes)


if __name__ == '__main__':
    run(main)
