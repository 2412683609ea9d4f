"""Synthetic data in the raw form of Aff-Wild2: a label file per video, and OpenPifPaf's JSON of every picture.

``AU_Detection_Challenge/{Train_Set,Validation_Set}/<video>.txt`` and
``skeletons/{Train_Set,Validation_Set}/<video>.<frame>.predictions.json``, as ``tools/data/affwild_preproc_full.py``
reads them. In some videos somebody else sits in the background, and comes first in the lists.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.progress import progress_bar
from pyskl.synth.parallel import in_order
from pyskl.synth.presets import Preset, get_preset
from pyskl.synth.summary import SplitCounts
from pyskl.synth.track import check_seed, simulate_track

__all__ = ['LABELS', 'SKELETONS', 'SUBSETS', 'write_raw']

LABELS = 'AU_Detection_Challenge'
SKELETONS = 'skeletons'
SUBSETS = {'train': 'Train_Set', 'val': 'Validation_Set'}
"""Split -> folder. The test split of the release has no labels; it is left out."""

NUM_WHOLE_BODY = 133
FACE = slice(23, 91)
DECIMALS = 2
BYSTANDER_SHARE = 0.25
BYSTANDER_SIZE = 0.4  # of the subject's face
BYSTANDER_NUMBERS = 2**32  # added to a track's number: nobody else's

# Places of nose, eyes, ears and shoulders, from the point between the eyes, in outer-eye distances; y down.
BODY = {0: (0.0, 0.65), 1: (0.35, 0.0), 2: (-0.35, 0.0), 3: (0.8, 0.2), 4: (-0.8, 0.2), 5: (1.7, 2.6), 6: (-1.7, 2.6)}

Task = tuple[int, str, int, Preset, Path]


def write_raw(
    folder: Path, preset: str | Preset, seed: int = 0, workers: int = 0, progress: bool = False
) -> dict[str, dict[str, object]]:
    """Write the training and validation videos of a data set.

    Neither folder stays when that fails.

    Args:
        folder: where ``AU_Detection_Challenge`` and ``skeletons`` go.
        preset: preset name or record; its labels must be those of Aff-Wild2 and its layout ``ibug68``.
        seed: same seed, same files.
        workers: number of processes; 0 works in this one.
        progress: show a progress bar on stderr.

    Returns:
        The summary of both splits, see :func:`pyskl.synth.summary.summarize`.

    Raises:
        InputError: if the preset has other labels, one of the folders is there, or cannot be written.
    """
    record = get_preset(preset)
    check_seed(seed)
    if record.aus != AFFWILD_AUS or record.layout != 'ibug68':
        raise InputError('the raw form of Aff-Wild2 holds its twelve Action Units and the layout ibug68 only')
    for name in (LABELS, SKELETONS):
        if (folder / name).exists():
            raise InputError(f'{folder / name}: is already there; give another folder')
    tasks: list[Task] = [
        (int(seed), split, number, record, folder)
        for split, count in record.tracks.items()
        if split in SUBSETS
        for number in range(count)
    ]
    counts = {split: SplitCounts(AFFWILD_AUS) for split in record.tracks if split in SUBSETS}
    try:
        for name in (LABELS, SKELETONS):
            for subset in SUBSETS.values():
                (folder / name / subset).mkdir(parents=True)
        with (
            closing(in_order(_write_video, tasks, workers)) as videos,
            progress_bar(videos, 'writing synthetic videos', len(tasks), progress) as shown,
        ):
            for (_, split, *_), track in zip(tasks, shown, strict=True):
                counts[split].add(track)
    except BaseException as error:
        for name in (LABELS, SKELETONS):
            shutil.rmtree(folder / name, ignore_errors=True)
        if isinstance(error, OSError):
            raise InputError(f'{folder}: cannot be written ({error.strerror or error})') from error
        raise
    return {split: count.result() for split, count in counts.items()}


def _write_video(task: Task) -> Mapping[str, np.ndarray]:
    """Write one video; what is returned is enough to count it."""
    seed, split, number, preset, folder = task
    track = simulate_track(seed, split, number, preset)
    rng = np.random.default_rng([seed, number, sum(split.encode())])
    rows = '\n'.join(','.join(map(str, row)) for row in track['label'].tolist())
    subset, name = SUBSETS[split], track['frame_dir']
    path = folder / LABELS / subset / f'{name}.txt'
    path.write_text(f'{",".join(AFFWILD_AUS)}\n{rows}\n', encoding='utf-8')
    people = [_whole_body(rng, track['keypoint'][0], track['keypoint_score'][0])]
    if rng.uniform() < BYSTANDER_SHARE and track['img_shape'] != (112, 112):
        people.insert(0, _bystander(rng, track, seed, split, number, preset))
    with_empty_lists = rng.uniform() < 0.5
    num_frames = track['total_frames']
    for frame in range(num_frames):
        found = [_record(person[frame]) for person in people if person[frame, FACE, 2].any()]
        # The last picture is there in any case: it tells how long the video is.
        if found or with_empty_lists or frame == num_frames - 1:
            path = folder / SKELETONS / subset / f'{name}.{frame + 1:05d}.predictions.json'
            path.write_text(json.dumps(found), encoding='utf-8')
    return {'label': track['label'], 'keypoint_score': track['keypoint_score']}


def _whole_body(rng: np.random.Generator, keypoint: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(T, 133, 3) x, y, score: the face with a head and shoulders below it; what is out of sight is 0."""
    body = np.zeros((len(keypoint), NUM_WHOLE_BODY, 3))
    body[:, FACE, :2], body[:, FACE, 2] = keypoint, score
    right = keypoint[:, 45] - keypoint[:, 36]
    down = np.stack([-right[:, 1], right[:, 0]], axis=1)
    middle = (keypoint[:, 45] + keypoint[:, 36]) / 2
    for point, (across, below) in BODY.items():
        body[:, point, :2] = middle + across * right + below * down
        body[:, point, :2] += rng.normal(0, 0.01, (len(body), 2)) * np.linalg.norm(right, axis=1, keepdims=True)
        body[:, point, 2] = rng.uniform(0.4, 0.9, len(body))
    body[~score.any(axis=1)] = 0
    return body


def _bystander(
    rng: np.random.Generator, track: Mapping[str, object], seed: int, split: str, number: int, preset: Preset
) -> np.ndarray:
    """(T, 133, 3): somebody smaller at the edge of the picture, on the side where there is more room."""
    frames = track['total_frames']
    shape = track['img_shape']
    calm = replace(preset, img_shapes=(shape,), rates=(track['fps'],))
    other = simulate_track(seed, split, BYSTANDER_NUMBERS + number, calm, num_frames=frames)
    body = _whole_body(rng, other['keypoint'][0], other['keypoint_score'][0])
    found = body[:, FACE, 2].any(axis=1)
    mine = track['keypoint'][0][track['keypoint_score'][0].any(axis=1)]
    height, width = shape
    face = body[found][:, FACE, :2]
    size = BYSTANDER_SIZE * np.ptp(mine[..., 1], axis=1).mean() / np.ptp(face[..., 1], axis=1).mean()
    on_the_left = mine[..., 0].mean() > width / 2
    place = np.array([0.04 * width if on_the_left else 0.96 * width, 0.25 * height])
    body[..., :2] = (body[..., :2] - face.mean(axis=(0, 1))) * size + place
    body[..., :2] *= body[..., 2:] > 0
    return body


def _record(person: np.ndarray) -> dict[str, object]:
    rounded = np.round(person, DECIMALS)
    seen = rounded[rounded[:, 2] > 0]
    low, high = seen[:, :2].min(axis=0), seen[:, :2].max(axis=0)
    return {
        'keypoints': rounded.ravel().tolist(),
        'bbox': np.round([*low, *(high - low)], DECIMALS).tolist(),
        'score': round(float(seen[:, 2].mean()), 3),
        'category_id': 1,
    }
