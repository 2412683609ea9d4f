"""Recognise the Action Units of the face in a video: a table, a time line and an annotated video."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyskl.apis.results import AUResult

SYNTHETIC_NOTE = 'The model was trained on synthetic faces: take its output as a demonstration, not as a measurement.'


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('video', type=Path, help='a video with one face')
    parser.add_argument('checkpoint', type=Path, help='a trained model, .pth')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the results, made if needed')
    parser.add_argument(
        '--device', choices=('cpu', 'cuda'), help='where the model runs (default: cuda if there is one)'
    )
    parser.add_argument('--no-overlay', action='store_true', help='do not draw the annotated video')
    parser.add_argument(
        '--model', type=Path, metavar='TASK', help="MediaPipe's face_landmarker.task (default: fetched once)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status.
    """
    args = parse(argv)
    from pyskl.errors import InputError
    from pyskl.video import check_video

    check_video(args.video)
    if not args.checkpoint.is_file():
        raise InputError(f'no such checkpoint: {args.checkpoint}')
    out = args.out.absolute()
    if out.exists() and not out.is_dir():
        raise InputError(f'--out {args.out} is a file; give a folder')

    from pyskl.apis.inferencer import AUInferencer
    from pyskl.landmarks import MediaPipeExtractor, extract_annotation

    inferencer = AUInferencer(args.checkpoint, device=args.device)
    if not inferencer.layout.startswith('ibug'):
        raise InputError(
            f'checkpoint: {args.checkpoint} was trained on the keypoints {inferencer.layout}, which no '
            f"detector here finds in a video; train with keypoint_layout = 'ibug68'"
        )
    note = SYNTHETIC_NOTE if getattr(inferencer, 'trained_on', None) == 'synthetic' else None
    with MediaPipeExtractor(args.model, layout=inferencer.layout) as extractor:
        annotation = extract_annotation(args.video, extractor, progress=True)
    result = inferencer.predict(annotation)
    paths = write_all(args.video, annotation, result, out, note, with_overlay=not args.no_overlay)
    report(result, paths, note)
    return 0


def write_all(
    video: Path, annotation: dict, result: AUResult, out: Path, note: str | None, with_overlay: bool
) -> list[Path]:
    """Write the results beside ``out`` first and move them in when all of them are complete.

    Returns:
        The files written.
    """
    from pyskl.errors import InputError
    from pyskl.visualization import draw_overlay, draw_timeline

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f'.{out.name}-', dir=out.parent))
    except OSError as error:
        raise InputError(f'cannot write to {out}: {error}') from error
    try:
        result.to_csv(temporary / 'aus.csv')
        draw_timeline(result, temporary / 'timeline.png', video, title=video.name, note=note)
        if with_overlay:
            draw_overlay(video, annotation, result, temporary / 'overlay.mp4', note=note, progress=True)
        out.mkdir(exist_ok=True)
        return [file.replace(out / file.name) for file in sorted(temporary.iterdir())]
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def report(result: AUResult, paths: Sequence[Path], note: str | None) -> None:
    """Print what was found, and where it was written."""
    from rich.console import Console
    from rich.table import Table

    from pyskl.action_units import AU_NAMES

    found = int(result.success.sum())
    table = Table(title=f'a face in {found} of {len(result)} frames')
    table.add_column('AU')
    table.add_column('')
    table.add_column('frames active', justify='right')
    table.add_column('mean probability', justify='right')
    for row in result.summary():
        table.add_row(row.au, AU_NAMES.get(row.au, ''), f'{row.active:.1%}', f'{row.probability:.3f}')
    Console().print(table)
    if note:
        print(note)
    for path in paths:
        print(path)


if __name__ == '__main__':
    from pyskl.cli import run

    run(main)
