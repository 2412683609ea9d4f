#!/usr/bin/env python
"""What each extractor finds in test clips, and how long a frame takes.

The clips are real ones, and real ones shrunk and laid into a large grey picture, so that the face is 40 or 60 pixels
wide; it moves two pixels a frame. Decoding is not counted. The time on the CPU is given too: it stays the same when the
computer is busy with other things. dlib is left out where it is not installed.

    python benchmarks/landmarks.py [--frames 60] [--only mediapipe]
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pyskl.cli import run

if TYPE_CHECKING:
    from pyskl.landmarks import LandmarkExtractor
    from pyskl.video import Frame

FACE_WIDTH = 150  # pixels, in single_face.mp4


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--frames', type=int, default=60, help='frames of each clip (default: 60)')
    parser.add_argument('--only', metavar='NAME', default='', help='extractors whose name begins so')
    args = parser.parse_args(argv)
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    makers = {name: maker for name, maker in extractors().items() if name.startswith(args.only)}
    table = Table(title='frames with a face / frames, ms a frame (of which on the CPU, all threads together)')
    table.add_column('clip')
    for name in makers:
        table.add_column(name, justify='right')
    for title, clip in track(clips().items(), description='clips'):
        frames = list(islice(clip(), args.frames))
        table.add_row(title, *(measure(maker, frames) for maker in makers.values()))
    Console().print(table)
    print(f'{date.today()}, {platform.machine()}, {args.frames} frames of each clip')
    return 0


def extractors() -> dict[str, Callable[[], LandmarkExtractor]]:
    """What is compared, by name."""
    from pyskl.landmarks import DlibExtractor, MediaPipeExtractor

    made: dict[str, Callable[[], LandmarkExtractor]] = {
        'mediapipe, fast path only': partial(MediaPipeExtractor, small_faces=False),
        'mediapipe': MediaPipeExtractor,
        'mediapipe, 3 faces': partial(MediaPipeExtractor, max_faces=3),
    }
    if importlib.util.find_spec('dlib') is not None:
        made['dlib'] = partial(DlibExtractor, upsample=0)
        made['dlib, upsample 1'] = partial(DlibExtractor, upsample=1)
    return made


def clips() -> dict[str, Callable[[], Iterator[Frame]]]:
    """The clips by title."""
    from pyskl.assets import fetch_asset
    from pyskl.video import iter_frames

    folder = fetch_asset('pyfeat_videos')
    found = {
        'face of 150 px, 640x360': partial(iter_frames, folder / 'single_face.mp4'),
        'face of 60 px, 176x144': partial(iter_frames, fetch_asset('carphone')),
        'no face, 960x540': partial(iter_frames, folder / 'no_face.mp4'),
    }
    for width, height in ((1280, 720), (1920, 1080)):
        for face in (60, 40):
            title = f'face of {face} px, {width}x{height}'
            found[title] = partial(shrunk, folder / 'single_face.mp4', face, width, height)
        found[f'no face, {width}x{height}'] = partial(enlarged, folder / 'no_face.mp4', width, height)
    return found


def shrunk(path: Path, face: int, width: int, height: int) -> Iterator[Frame]:
    """Lay the pictures of a clip into larger ones."""
    import cv2
    import numpy as np

    from pyskl.video import Frame, iter_frames

    for frame in iter_frames(path):
        factor = face / FACE_WIDTH
        image = cv2.resize(frame.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        canvas = np.full((height, width, 3), 90, np.uint8)
        top, left = height // 3, min(width // 3 + 2 * frame.index, width - image.shape[1])
        canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
        yield Frame(frame.index, frame.timestamp, canvas)


def enlarged(path: Path, width: int, height: int) -> Iterator[Frame]:
    """Bring the pictures of a clip to a size."""
    import cv2

    from pyskl.video import Frame, iter_frames

    for frame in iter_frames(path):
        yield Frame(frame.index, frame.timestamp, cv2.resize(frame.image, (width, height)))


def measure(maker: Callable[[], LandmarkExtractor], frames: Sequence[Frame]) -> str:
    """Count the frames with a face and time the extraction, after a first frame that is not counted."""
    with maker() as extractor:
        next(extractor.extract(frames[:1]))
        start, start_cpu = time.perf_counter(), time.process_time()
        found = sum(bool(record.faces) for record in extractor.extract(frames))
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    return f'{found}/{len(frames)}  {1000 * seconds / len(frames):.0f} ({1000 * cpu / len(frames):.0f})'


if __name__ == '__main__':
    run(main)
