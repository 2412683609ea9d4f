#!/usr/bin/env python3
"""Turn the Aff-Wild2 release into one annotation with keypoints and labels for every frame, ready to train."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pyskl.cli import run

EPILOG = """
examples:
  OpenPifPaf's JSON files, in skeletons/Train_Set/ and skeletons/Validation_Set/ or all in one folder:
    python tools/data/affwild_preproc_full.py --annotations AU_Detection_Challenge --skeletons skeletons \\
        --out data/AffWild_train_full.pkl
  The release's cropped faces, with MediaPipe, into a keypoint store:
    python tools/data/affwild_preproc_full.py --annotations AU_Detection_Challenge --images cropped_aligned \\
        --store data/affwild
  The raw videos, as a job array of 20 on a cluster, then one job that puts the parts together:
    python tools/data/affwild_preproc_full.py --annotations AU_Detection_Challenge --videos videos \\
        --out data/AffWild_train_full.pkl --shard $SLURM_ARRAY_TASK_ID/20
    python tools/data/affwild_preproc_full.py --annotations AU_Detection_Challenge --videos videos \\
        --out data/AffWild_train_full.pkl --merge

The splits are called train and val. Interrupted, the same command goes on where it stopped. A summary is printed and
written beside the result as JSON. --skip-bad leaves out every video with a file that cannot be used, and lists it. In
a raw video with two subjects, <video>_left is the person on the left of the picture. tools/data/README.md tells where
the data is asked for, and what each part looks like.
"""


def percent(text: str) -> float:
    """Read a percentage of 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float('inf'):
        raise argparse.ArgumentTypeError(f"must be a percentage of 0 or more, not '{text}'")
    return value


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    from pyskl.preprocess.commandline import add_arguments
    from pyskl.preprocess.sources import add_source_arguments

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    labels = parser.add_argument_group('labels')
    labels.add_argument(
        '--annotations', type=Path, required=True, metavar='DIR',
        help='folder with Train_Set/ and Validation_Set/, a .txt per video; or with the older pairs '
        'AffWild2_{train,val}_{img_path,label}.txt',
    )  # fmt: skip
    labels.add_argument(
        '--row-tolerance', type=percent, default=5.0, metavar='PERCENT',
        help='how many rows more than frames a label file may have; ten are always admitted; default: %(default)g',
    )  # fmt: skip
    add_source_arguments(parser)
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the annotation."""
    args = parse_args(argv)
    from pyskl.preprocess.affwild import affwild_jobs, metainfo
    from pyskl.preprocess.affwild_release import SUBSETS, find_labels, label_notes
    from pyskl.preprocess.commandline import run_preprocessing
    from pyskl.preprocess.sources import open_source

    labels, problems = find_labels(args.annotations)
    source = open_source(args, tuple(SUBSETS))
    listing = affwild_jobs(labels, source, args.row_tolerance)
    recipe = {'dataset': 'Aff-Wild2', 'row_tolerance': args.row_tolerance, **source.recipe()}
    notes = [*label_notes(args.annotations), *listing.notes]
    return run_preprocessing(listing.jobs, args, metainfo(source.layout), recipe, [*problems, *listing.problems], notes)


if __name__ == '__main__':
    run(main)
