#!/usr/bin/env python
"""How a network trained on synthetic faces alone reads real ones.

Its probabilities on real clips are compared, frame by frame, with the blendshape scores that MediaPipe gives for the
same frames, and with plain distances between keypoints. Four expression portraits are read too, and the keypoint
tracks of real and synthetic faces are compared. The blendshapes are a reference to measure with, never a label.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyskl.cli import run

if TYPE_CHECKING:
    from pyskl.apis import AUInferencer

EPILOG = """
written below --out:
  report.md, report.json, plots/*.png, and cache/ (what MediaPipe found, so that a second run is quick)

examples:
  python benchmarks/synthetic_to_real.py work_dirs/quickstart/network/best.pth --out work_dirs/real
  python benchmarks/synthetic_to_real.py best.pth --out work_dirs/real --synthetic data/synthetic/annotation.pkl
  python benchmarks/synthetic_to_real.py best.pth --out work_dirs/real --doc docs/synthetic_to_real.md
"""
TREMBLING = 0.004  # of the distance of the eyes: the noise of the simulator's detector
MOST_TRACKS = 2000  # of synthetic faces compared
BEGIN, END = '<!-- figures: begin -->', '<!-- figures: end -->'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', type=Path, help='a checkpoint written by tools/train.py')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder for the report')
    parser.add_argument('--device', help="'cpu', 'cuda' (default: a GPU if there is one)")
    parser.add_argument('--draws', type=_count, default=500, metavar='N', help='bootstrap samples (default: 500)')
    parser.add_argument(
        '--synthetic',
        metavar='PATH',
        help='annotation file or store of synthetic faces to compare the tracks with (default: simulated now)',
    )
    parser.add_argument(
        '--synthetic-tracks', type=int, default=60, metavar='N', help='how many of them; 0: none (default: 60)'
    )
    parser.add_argument('--note', metavar='TEXT', help='a remark for the report: which data and version it is of')
    parser.add_argument('--doc', type=Path, metavar='FILE', help='put the report between the marks of this page too')
    args = parser.parse_args(argv)
    from synthetic_to_real_text import as_markdown, print_report

    from pyskl.files import check_writable, replacing

    check_writable(args.out, '--out')
    page = _page(args.doc) if args.doc else None
    report, readings = make_report(args)
    text = as_markdown(report)
    _plot(readings, args.out / 'plots')
    for name, content in (('report.json', json.dumps(report, indent=1, allow_nan=False)), ('report.md', text)):
        with replacing(args.out / name, make_folder=True) as temporary:
            temporary.write_text(content + ('\n' if name.endswith('json') else ''), encoding='utf-8')
    if page is not None:
        before, after = page
        body = text.split('\n', 1)[1].strip()
        with replacing(args.doc) as temporary:
            temporary.write_text(f'{before}{BEGIN}\n{body}\n{END}{after}', encoding='utf-8')
    print_report(report)
    print(f'{args.out / "report.md"}')
    return 0


def make_report(args: argparse.Namespace) -> tuple[dict[str, Any], list[Any]]:
    """Measure everything; returns the plain report, and the readings for the plots."""
    from synthetic_to_real_clips import GROUPS, clip_files, picture_files, read_clip, read_picture
    from synthetic_to_real_measure import (
        measure_confusions,
        measure_levels,
        measure_pairs,
        measure_portrait,
        portrait_table,
        read,
    )
    from synthetic_to_real_pairs import PORTRAITS

    from pyskl.apis import AUInferencer
    from pyskl.landmarks.blendshapes import average_sides
    from pyskl.progress import progress_bar

    inferencer = AUInferencer(args.checkpoint, device=args.device)
    cache, files = args.out / 'cache', clip_files()
    clips = [read_clip(path, cache, progress=True) for path in files]
    with progress_bar(clips, 'the network reads the clips', len(clips)) as passed:
        readings = [read(inferencer, clip) for clip in passed]
    frames = _clip_len(args.checkpoint)
    faces = {path.name: read_picture(path, cache) for path in picture_files((*PORTRAITS, *GROUPS))}
    portraits = {name: measure_portrait(inferencer, faces[name][0], frames) for name in PORTRAITS}
    pictures = []
    for name in GROUPS:
        for face in faces[name]:
            found, scores = measure_portrait(inferencer, face, frames), average_sides(face.blendshapes[0])
            pairs = (('AU12', 'mouthSmile'), ('AU25', None), ('AU4', 'browDown'))
            values = (v for au, blend in pairs for v in [found.get(au), *([scores[blend]] if blend else [])])
            pictures.append([face.name, *map(_cell, values)])
    report = {
        'about': _about(args, inferencer),
        'clips': [
            {'name': r.clip.name, 'frames': int(r.clip.seen.sum()), 'fps': r.clip.fps, 'pooled': r.pooled}
            for r in readings
        ],
        'pairs': _plain(measure_pairs(readings, inferencer.aus, args.draws)),
        'confusions': measure_confusions(readings, inferencer.aus),
        'levels': measure_levels(readings, inferencer.aus),
        'still_frames': frames,
        'portraits': portrait_table(portraits),
        'pictures': pictures,
    }
    if args.synthetic_tracks > 0:
        stills = [face for several in faces.values() for face in several]
        report |= _gaps(args, inferencer, readings, stills)
    return report, readings


def _gaps(args: argparse.Namespace, inferencer: AUInferencer, readings: list[Any], stills: list[Any]) -> dict[str, Any]:
    """Compare tracks, and read the real ones with the differences taken away."""
    from synthetic_to_real_gaps import compare, describe, landmark_table, move_at_rest, tremble, with_rest
    from synthetic_to_real_measure import read, summarise

    from pyskl.errors import InputError
    from pyskl.landmarks.blendshapes import average_sides

    tracks, source = _synthetic(args)
    pooled = [reading for reading in readings if reading.pooled]
    real = [with_rest(r.clip.annotation('ibug68'), r.blendshapes) for r in pooled]
    real += [with_rest(face.annotation('ibug68'), average_sides(face.blendshapes)) for face in stills]
    one, two = describe(real), describe(tracks)
    if not two['faces']:
        raise InputError(f'{source}: none shows a face at rest; raise --synthetic-tracks, or set it to 0')
    about = {
        'real': f'{len(pooled)} real clips and {len(stills)} faces of pictures',
        'real_faces': one['faces'],
        'real_windows': one['windows'],
        'synthetic': source,
        'synthetic_faces': two['faces'],
        'synthetic_windows': two['windows'],
    }
    landmarks = sorted(landmark_table(one, two), key=lambda row: -row['z'])
    result: dict[str, Any] = {'gaps': {'about': about, 'rows': compare(one, two), 'landmarks': landmarks}}
    if inferencer.layout != 'ibug68':
        return result
    rest = two['place'].mean(axis=0)
    regions = {'brows': ('brows',), 'eyes': ('eyes',), 'nose and mouth': ('nose', 'outer lips', 'inner lips')}
    changed: dict[str, list[Any]] = {}
    for reading, track in zip(pooled, real, strict=False):
        clip, keypoint = reading.clip, reading.clip.points('ibug68')[0]
        variants = {
            'as it is': keypoint,
            'at rest as synthetic': move_at_rest(keypoint, clip.seen, track['rest'], rest),
        }
        for name, several in regions.items():
            variants[f'only {name}'] = move_at_rest(keypoint, clip.seen, track['rest'], rest, several)
        variants['trembling'] = tremble(keypoint, clip.seen, TREMBLING)
        for name, points in variants.items():
            changed.setdefault(name, []).append(read(inferencer, clip, points))
    result['changes'] = {name: summarise(several, inferencer.aus) for name, several in changed.items()}
    return result


def _synthetic(args: argparse.Namespace) -> tuple[list[dict[str, Any]], str]:
    """Synthetic tracks with their frames at rest, and what to call them."""
    from itertools import islice

    from pyskl.datasets.annotation import open_annotations
    from pyskl.keypoints import convert_keypoints
    from pyskl.synth.dataset import SYNTH_VERSION, simulate_track

    layout = 'ibug68'
    if args.synthetic:
        content = open_annotations(args.synthetic)
        layout = str(content.metainfo.get('keypoint_layout', layout))
        version, several = content.metainfo.get('version', 'unknown'), map(dict, content.samples.values())
    else:
        numbers = range(2 * MOST_TRACKS)
        version, several = SYNTH_VERSION, (simulate_track(0, 'train', number, 'demo') for number in numbers)
    # The real tracks are MediaPipe's, so simulated ones of other detectors would show differences of detectors.
    alike = (track for track in several if track.get('detector', 'mediapipe') == 'mediapipe')
    tracks = list(islice(alike, min(args.synthetic_tracks, MOST_TRACKS)))
    source = f'{len(tracks)} tracks of simulator version {version}'
    if any('detector' in track for track in tracks):
        source += ' as MediaPipe would see them'
    for track in tracks:
        index = convert_keypoints(str(track.get('keypoint_layout') or layout), 'ibug68')
        track['keypoint'], track['keypoint_score'] = (
            track['keypoint'][:, :, index],
            track['keypoint_score'][:, :, index],
        )
        if 'intensity' in track:
            track['rest'] = (track['intensity'] < 1).all(axis=1)
    return tracks, source


def _plot(readings: list[Any], folder: Path) -> None:
    from synthetic_to_real_plots import plot_clip, plot_scatter

    from pyskl.progress import progress_bar

    with progress_bar(readings, 'plots', len(readings)) as passed:
        for reading in passed:
            plot_clip(reading, folder / f'{reading.clip.name}.png')
    plot_scatter([reading for reading in readings if reading.pooled], folder / 'scatter.png')


def _about(args: argparse.Namespace, inferencer: AUInferencer) -> dict[str, str]:
    import hashlib
    from datetime import date

    digest = hashlib.sha256(args.checkpoint.read_bytes()).hexdigest()[:12]
    about = {
        'date': str(date.today()),
        'checkpoint': f'`{args.checkpoint.name}`, sha256 `{digest}...`, trained on: {inferencer.trained_on}',
        'keypoints': inferencer.layout,
        'Action Units': ', '.join(inferencer.aus),
    }
    return about | ({'remark': args.note} if args.note else {})


def _clip_len(checkpoint: Path) -> int:
    """Frames of the windows that a checkpoint's network reads."""
    from pyskl.checkpoint import read_checkpoint

    steps = read_checkpoint(checkpoint)['meta']['pyskl']['pipeline']
    return next(int(step['clip_len']) for step in steps if 'clip_len' in step)


def _page(path: Path) -> tuple[str, str]:
    """What is before and after the marks of a page."""
    from pyskl.errors import InputError

    if not path.is_file():
        raise InputError(f'--doc: no such file: {path}')
    before, begin, rest = path.read_text(encoding='utf-8').partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(f"--doc: {path} lacks the line '{BEGIN if not begin else END}'")
    return before, after


def _cell(value: float | None) -> str:
    return '–' if value is None else f'{value:.2f}'


def _plain(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace NaN by None, which JSON has."""
    return json.loads(json.dumps(records), parse_constant=lambda _: None)


def _count(text: str) -> int:
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError('must be 2 or more')
    return value


if __name__ == '__main__':
    run(main)
