#!/usr/bin/env python
"""What synthetic data holds: the tables of docs/synthetic_data.md, from the seed 0."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.action_units import AFFWILD_AUS
from pyskl.cli import run
from pyskl.synth.camera import head_motion
from pyskl.synth.dynamics import simulate_intensities
from pyskl.synth.expressions import SIMULATED_AUS
from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import random_identity
from pyskl.synth.presets import PRESETS, with_labels
from pyskl.synth.summary import SplitCounts
from pyskl.synth.track import OCCURRENCE_INTENSITY, simulate_track

EPILOG = """
examples:
  python benchmarks/synthetic_statistics.py
  python benchmarks/synthetic_statistics.py --real work_dirs/real      # compares tracks with those of real faces

--real fetches a few real clips and pictures and keeps what MediaPipe found in DIR/cache, as synthetic_to_real.py does.
"""
AFFWILD = (11.8, 5.0, 15.4, 26.6, 39.7, 34.4, 24.5, 2.8, 3.1, 2.6, 62.7, 7.4)  # % of the training frames
PAIRS = ((1, 2), (6, 7), (6, 12), (10, 12), (10, 25), (12, 25), (25, 26), (12, 15), (24, 25))
TRACKS, FRAMES, FPS = 500, 900, 30.0  # half a minute each
PEOPLE = 400
REAL_ROWS = (
    'resting face: opening of the eyes', 'resting face: mouth corners below middle of lips',
    'resting face: width of the mouth', 'resting face: outer brow above eyes', 'resting face: nose to chin',
    'movement in a window: distance of the brows', 'movement in a window: nose tip aside (head turned)',
    'movement in a window: gap of the lips', 'farthest, 1 % to 99 % of frames: gap of the lips',
    'jitter shared by neighbouring landmarks (correlation)', 'motion at 6-12 Hz: brows', 'motion at 6-12 Hz: jaw',
    'motion at 6-12 Hz: inner lips', 'motion at 1-3 Hz: nose',
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--real', type=Path, metavar='DIR', help='compare with real faces instead; DIR keeps a cache')
    args = parser.parse_args(argv)
    if args.real:
        compare_with_real(args.real)
        return 0
    labels()
    prevalence()
    head_angles()
    variation()
    return 0


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    """Print a table in Markdown."""
    head = list(head)
    print('|', ' | '.join(map(str, head)), '|')
    print('|' + '---|' * len(head))
    for row in rows:
        print('|', ' | '.join(map(str, row)), '|')
    print()


def labels() -> None:
    """Print the share of positive labels of two sets."""
    rows = []
    for name, count in (('demo', PRESETS['demo'].tracks['train']), ('full', 100)):
        counts = SplitCounts(AFFWILD_AUS)
        for number in range(count):
            counts.add(simulate_track(0, 'train', number, name))
        shares = counts.result()['prevalence']
        rows.append([f'`{name}`, first {count} tracks', *(f'{100 * shares[au]:.1f}' for au in AFFWILD_AUS)])
    table(['% positive', *AFFWILD_AUS], rows)


def prevalence() -> None:
    """Print the share of frames with each Action Unit in either mode, and what goes together."""
    shares, natural = {}, None
    for mode in ('natural', 'balanced'):
        tracks = [
            simulate_intensities(np.random.default_rng([0, number]), FRAMES, FPS, SIMULATED_AUS, number, mode)
            for number in range(TRACKS)
        ]
        levels = np.concatenate(tracks)
        shares[mode] = dict(zip(SIMULATED_AUS, 100 * (levels >= OCCURRENCE_INTENSITY).mean(axis=0), strict=True))
        natural = levels if natural is None else natural
    rows = [['Aff-Wild2, train', *AFFWILD]]
    rows += [[mode, *(f'{share[au]:.1f}' for au in AFFWILD_AUS)] for mode, share in shares.items()]
    table(['', *AFFWILD_AUS], rows)
    others = [au for au in SIMULATED_AUS if au not in AFFWILD_AUS]
    table(['', *others], [[mode, *(f'{share[au]:.1f}' for au in others)] for mode, share in shares.items()])
    present = (natural >= OCCURRENCE_INTENSITY).astype(float)
    column = {au: present[:, place] for place, au in enumerate(SIMULATED_AUS)}
    values = [np.corrcoef(column[f'AU{one}'], column[f'AU{two}'])[0, 1] for one, two in PAIRS]
    table(
        ['Correlation', *(f'{one}-{two}' for one, two in PAIRS)], [['natural', *(f'{value:.2f}' for value in values)]]
    )


def head_angles() -> None:
    """Print how far heads turn."""
    heads = (head_motion(np.random.default_rng([0, number]), FRAMES, FPS) for number in range(TRACKS))
    angles = np.abs(np.rad2deg(np.concatenate(list(heads))))
    rows = [[f'{share} % within', *np.percentile(angles, share, axis=0).round().astype(int)] for share in (50, 95, 100)]
    table(['degrees', 'yaw', 'pitch', 'roll'], rows)


def variation() -> None:
    """Print coefficients of variation of neutral faces."""
    model = FaceModel.load()
    faces = np.array([random_identity(np.random.default_rng(seed), model).neutral for seed in range(PEOPLE)])

    def length(first: int, second: int) -> np.ndarray:
        return np.linalg.norm(faces[:, first] - faces[:, second], axis=1)

    eyes = length(36, 45)
    measures = {
        'eye width / outer-eye distance': length(36, 39) / eyes,
        'distance between the eyes': length(39, 42) / eyes,
        'width at the ears': length(1, 15) / eyes,
        'face height / width': length(27, 8) / length(1, 15),
        'brow to eye': length(19, 37) / eyes,
        'nose length': length(27, 33) / eyes,
        'nose width': length(31, 35) / eyes,
        'eye opening': length(37, 41) / eyes,
    }
    rows = [[name, f'{100 * values.std() / values.mean():.2g}'] for name, values in measures.items()]
    table(['Measure', f'{PEOPLE} people simulated'], rows)


def compare_with_real(out: Path, count: int = 60) -> None:
    """Print where tracks of ``full`` that MediaPipe sees differ from those of real faces."""
    from synthetic_to_real_clips import GROUPS, clip_files, picture_files, read_clip, read_picture
    from synthetic_to_real_gaps import compare, describe, with_rest
    from synthetic_to_real_measure import SAME_RECORDING
    from synthetic_to_real_pairs import PORTRAITS

    from pyskl.landmarks.blendshapes import average_sides

    cache = out / 'cache'
    clips = [read_clip(path, cache, progress=True) for path in clip_files()]
    found = [clip for clip in clips if clip.name not in SAME_RECORDING]
    found += [face for path in picture_files((*PORTRAITS, *GROUPS)) for face in read_picture(path, cache)]
    real = describe([with_rest(clip.annotation('ibug68'), average_sides(clip.blendshapes)) for clip in found])
    preset = replace(with_labels('full', 'all', None), detector='mediapipe')
    tracks = [simulate_track(0, 'train', number, preset) for number in range(count)]
    for track in tracks:
        track['rest'] = (track['intensity'] < 1).all(axis=1)
    simulated = describe(tracks)
    for name, faces in (('real', real), ('simulated', simulated)):
        print(f'{name}: {faces["faces"]} faces at rest, {faces["windows"]} windows')
    differences: dict[str, dict[str, Any]] = {row['what']: row for row in compare(real, simulated)}
    rows = [differences[name] for name in REAL_ROWS if name in differences]
    table(['', 'Real', 'Simulated'], [[row['what'], row['real'], row['synthetic']] for row in rows])


if __name__ == '__main__':
    run(main)
