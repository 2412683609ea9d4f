#!/usr/bin/env python3
"""Make an annotation file or a keypoint store of DISFA, with three subject-exclusive folds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run

EPILOG = """
examples:
  python tools/data/disfa_preproc.py --annotations data/disfa --videos data/disfa/Videos_LeftCamera \\
      --out data/disfa/DISFA.pkl
  python tools/data/disfa_preproc.py --annotations data/disfa --openface data/disfa/openface --aus AU1 AU4 AU12 \\
      --threshold 1 --intensity --store data/disfa/store
  ... --shard 3/9         one job of a cluster's array, and when all are done
  ... --merge

The splits are train_fold1, test_fold1, train_fold2, ...: fold k is tested in test_fold<k>. Labels are matched by frame
number. Interrupted, the same command goes on where it stopped.
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
        '--annotations', type=Path, required=True, metavar='DIR', help='folder that holds ActionUnit_Labels'
    )
    labels.add_argument(
        '--aus', nargs='+', metavar='AU', help='AUs to write; default: the 8 that are scored, AU1 AU2 AU4 AU6 AU9 ...'
    )
    labels.add_argument(
        '--threshold', type=int, choices=range(1, 6), default=2,
        help='intensity from which an AU counts as present; default: %(default)s',
    )  # fmt: skip
    labels.add_argument('--intensity', action='store_true', help='write the intensities (0 to 5) too')
    labels.add_argument(
        '--folds', type=Path, metavar='FILE',
        help='folds of your own: JSON, a list of lists of subjects, or a table with the columns subject and fold',
    )  # fmt: skip
    labels.add_argument(
        '--camera', choices=('left', 'right'), default='left',
        help='whose videos to take, LeftVideoSN001_comp or RightVideoSN001_comp; default: %(default)s',
    )  # fmt: skip
    add_tolerance_argument(labels)
    add_source_arguments(parser)
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    args = parse_args(argv)
    from pyskl.errors import InputError
    from pyskl.preprocess import Problem, disfa, run_preprocessing
    from pyskl.preprocess.csv_labels import choose_aus
    from pyskl.preprocess.folds import read_folds
    from pyskl.preprocess.listing import find_handle, listing_notes
    from pyskl.preprocess.sources import open_source
    from pyskl.preprocess.video_job import VideoJob

    aus = choose_aus(args.aus, disfa.DISFA_AUS, disfa.DISFA_CODED_AUS)
    folds = disfa.DISFA_FOLDS if args.folds is None else read_folds(args.folds)
    misnamed: list[str] = []
    subjects = disfa.find_subjects(args.annotations, misnamed)
    source = open_source(args)
    jobs, problems, used, others = [], [], set(), set()
    other_camera = 'right' if args.camera == 'left' else 'left'
    for subject, folder in subjects:
        others |= {*disfa.video_names(subject, other_camera)}
        try:
            handle = find_handle(source, disfa.video_names(subject, args.camera), any_case=True)
            used.add(handle.path)
            splits = folds.splits(subject)
        except InputError as error:
            problems.append(Problem(subject, f'{folder}: {error}'))
            continue
        labels = disfa.DisfaLabels(folder, aus, args.threshold, args.intensity)
        jobs.append(VideoJob(subject, splits, handle, labels, len(aus), subject, row_tolerance=args.row_tolerance))
    metainfo = {
        'dataset': 'DISFA', 'aus': list(aus), 'keypoint_layout': source.layout, 'threshold': args.threshold,
    }  # fmt: skip
    settings = {'threshold': args.threshold, 'intensity': args.intensity, 'camera': args.camera}
    settings |= {'row_tolerance': args.row_tolerance}
    recipe = {'data': 'DISFA', 'aus': list(aus), **settings, **source.recipe()}
    notes = listing_notes(misnamed, 'SN001', source, used, others)
    return run_preprocessing(jobs, args, metainfo, recipe, [*problems, *source.problems], notes)


if __name__ == '__main__':
    run(main)
