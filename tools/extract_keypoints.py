"""Find the faces in videos and folders of pictures, and write their keypoints as an annotation file without labels."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

EPILOG = """examples:
  the face of one video:
      python tools/extract_keypoints.py interview.mp4 --out interview.pkl
  a folder of videos, up to three people in each, as a keypoint store, on four processes:
      python tools/extract_keypoints.py videos/ --max-faces 3 --store keypoints --workers 4
  folders of numbered pictures, cropped/<video>/00001.jpg; what cannot be read is listed, not fatal:
      python tools/extract_keypoints.py cropped/ --small-faces off --skip-bad --out cropped.pkl
  the whole face mesh, or only some regions:
      python tools/extract_keypoints.py interview.mp4 --keypoint-layout mediapipe478 --out mesh.pkl
      python tools/extract_keypoints.py interview.mp4 --keypoint-layout ibug68:brows+mouth --out parts.pkl

Interrupted, it goes on where it stopped when the same command is run again. A track is named after its file; a second
face is <name>_face2. See docs/landmarks.md.
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments."""
    from pyskl.preprocess.commandline import add_arguments

    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'sources', nargs='+', type=Path, metavar='VIDEO|DIR',
        help='a video, a folder of numbered pictures, or a folder with videos and such folders in it',
    )  # fmt: skip
    faces = parser.add_argument_group('faces')
    faces.add_argument(
        '--extractor', choices=('mediapipe', 'dlib'), default='mediapipe', help='what finds them (default: mediapipe)'
    )
    faces.add_argument(
        '--keypoint-layout', default='ibug68', metavar='NAME',
        help='ibug68 (default), ibug51, openface68, mediapipe478, or regions of one, such as ibug68:brows+mouth',
    )  # fmt: skip
    faces.add_argument(
        '--max-faces', type=_positive, default=1, metavar='N',
        help='faces looked for in a frame (default: 1: every video gives one track, whosever face it shows)',
    )  # fmt: skip
    faces.add_argument(
        '--small-faces', choices=('on', 'off'), default='on',
        help='search for faces the fast detector misses (default: on)',
    )  # fmt: skip
    faces.add_argument(
        '--min-frames', type=_positive, default=10, metavar='N',
        help='with --max-faces above 1: leave out faces seen in fewer frames (default: 10)',
    )  # fmt: skip
    faces.add_argument('--model', type=Path, metavar='FILE', help='model file of the extractor (default: fetched once)')
    add_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status.
    """
    args = parse(argv)
    from pyskl.preprocess.commandline import run_preprocessing
    from pyskl.preprocess.extraction import ExtractionJob, ExtractionSettings, find_sources, name_sources

    notes: list[str] = []
    found = [source for path in args.sources for source in find_sources(path, notes)]
    sources = name_sources(found, several_faces=args.max_faces > 1)
    settings = ExtractionSettings(
        args.extractor, args.keypoint_layout, args.max_faces, args.small_faces == 'on', args.min_frames, args.model
    )
    settings.check()  # what is wrong with the settings shows before any work
    jobs = [ExtractionJob(name, source, settings) for name, source in sources.items()]
    metainfo = {'dataset': 'extracted keypoints', 'keypoint_layout': args.keypoint_layout, 'extractor': args.extractor}
    return run_preprocessing(jobs, args, metainfo, settings.to_json(), notes=notes)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number of 1 or more, not '{text}'")
    return int(text)


if __name__ == '__main__':
    from pyskl.cli import run

    run(main)
