"""Made-up data of a release's size, for benchmarks: faces that drift and wobble, labels that come and go.

Nothing in it is a recording, and nothing can be learnt from it. Sizes, types and prevalences are those of Aff-Wild2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pyskl.action_units import AFFWILD_AUS

PREVALENCE = (0.118, 0.050, 0.154, 0.266, 0.397, 0.344, 0.245, 0.028, 0.031, 0.026, 0.627, 0.074)
METAINFO = {'dataset': 'benchmark (synthetic)', 'aus': list(AFFWILD_AUS), 'keypoint_layout': 'ibug68', 'fps': 30.0}
BLOCK = 20_000  # frames made at a time


def lengths_of(tracks: int, frames: int) -> np.ndarray:
    """Return unequal lengths (tracks,) of at least 100 frames that add up to ``frames``."""
    share = np.random.default_rng(0).lognormal(0, 0.7, tracks)
    lengths = 100 + np.floor(share / share.sum() * (frames - 100 * tracks)).astype(np.int64)
    lengths[-1] += frames - lengths.sum()
    return lengths


def face(rng: np.random.Generator) -> np.ndarray:
    """Return (68, 2) pixels of a face-like set of points."""
    angle = np.linspace(-0.1, np.pi + 0.1, 17)
    points = np.empty((68, 2))
    points[:17] = np.stack([-np.cos(angle), np.sin(angle)], axis=1)
    points[17:] = rng.uniform(-0.7, 0.7, (51, 2))
    return points * rng.uniform(60, 120) + rng.uniform(200, 300, 2)


def label_of(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Return (frames, 12) int8: each AU on for 40 frames at a time on average, 2 % of the frames unknown."""
    label = np.empty((frames, len(PREVALENCE)), np.int8)
    for au, share in enumerate(PREVALENCE):
        runs = 2 + frames // 20
        off, on = rng.geometric(share / (1 - share) / 40, runs), rng.geometric(1 / 40, runs)
        edges = np.cumsum(np.stack([off, on], axis=1).ravel()) - rng.integers(1, 80)
        change = np.searchsorted(edges, np.arange(frames), side='right')
        label[:, au] = change % 2
    label[rng.random(frames) < 0.02] = -1
    return label


def make_track(name: str, frames: int, seed: int) -> dict:
    """Return one sample of an annotation file."""
    rng = np.random.default_rng(seed)
    keypoint = np.empty((1, frames, 68, 2), np.float32)
    base, phase = face(rng), rng.uniform(0, 2 * np.pi, (2, 68))
    for start in range(0, frames, BLOCK):
        time = np.arange(start, min(start + BLOCK, frames), dtype=np.float32)[:, None]
        part = keypoint[0, start : start + BLOCK]
        drift = np.stack([np.sin(time / 60), np.cos(time / 75)], axis=-1) * 40
        wobble = np.stack([np.sin(time / 9 + phase[0]), np.cos(time / 7 + phase[1])], axis=-1)
        part[:] = base + drift + wobble
        part += rng.standard_normal(part.shape, dtype=np.float32) * np.float32(0.3)
    score = np.full((1, frames, 68), 0.9, np.float32)
    score[:, rng.random(frames) < 0.01] = 0
    keypoint[score == 0] = 0
    return {
        'frame_dir': name,
        'total_frames': frames,
        'img_shape': (480, 640),
        'original_shape': (480, 640),
        'keypoint': keypoint,
        'keypoint_score': score,
        'label': label_of(frames, rng),
    }


def tracks_of(tracks: int, frames: int) -> Iterator[dict]:
    """Make all tracks, one at a time."""
    for number, length in enumerate(lengths_of(tracks, frames).tolist()):
        yield make_track(f'video_{number:04d}', length, number)


def splits_of(tracks: int) -> dict[str, list[str]]:
    """Return the splits: all in 'train', since it is the training that is measured, and the first tenth in 'val'."""
    names = [f'video_{number:04d}' for number in range(tracks)]
    return {'train': names, 'val': names[: max(1, tracks // 10)]}


def make_store(path: Path, tracks: int, frames: int) -> None:
    """Write a store, unless one of that size is there."""
    from rich.progress import track

    from pyskl.datasets.store import StoreWriter, is_store, open_store

    if is_store(path):
        lengths = open_store(path).total_frames
        if len(lengths) == tracks and lengths.sum() == frames:
            return
    with StoreWriter(path, METAINFO) as writer:
        for sample in track(tracks_of(tracks, frames), total=tracks, description='making the store'):
            writer.add(sample)
        writer.finish(splits_of(tracks))


def make_pickle(path: Path, tracks: int, frames: int) -> None:
    """Write a pickle in PYSKL's form, unless it is there."""
    if path.is_file():
        return
    from pyskl.datasets import dump_pickle

    annotations = list(tracks_of(tracks, frames))
    dump_pickle({'split': splits_of(tracks), 'annotations': annotations, 'metainfo': METAINFO}, path)


def make_skeletons(folder: Path, videos: int, images: int) -> None:
    """Write whole-body JSON as OpenPifPaf does, one file a picture, and the label files that go with them."""
    marker = folder / 'complete.json'
    if marker.is_file():
        return
    rng = np.random.default_rng(0)
    header = ','.join(AFFWILD_AUS)
    for number in range(videos):
        subset, name = ('Train_Set' if number % 4 else 'Validation_Set'), f'video{number}'
        (folder / 'skeletons' / subset).mkdir(parents=True, exist_ok=True)
        (folder / 'labels' / subset).mkdir(parents=True, exist_ok=True)
        rows = '\n'.join(','.join(map(str, row)) for row in label_of(images, rng).tolist())
        (folder / 'labels' / subset / f'{name}.txt').write_text(f'{header}\n{rows}\n', encoding='utf-8')
        body = np.concatenate([rng.uniform(1, 600, (23, 2)), face(rng), rng.uniform(1, 600, (42, 2))])
        for frame in range(1, images + 1):
            moved = np.round(body + rng.normal(0, 0.5, body.shape), 2)
            score = np.round(rng.uniform(0.3, 1, (133, 1)), 2)
            low, high = moved.min(axis=0), moved.max(axis=0)
            person = {
                'keypoints': np.concatenate([moved, score], axis=1).ravel().tolist(),
                'bbox': [*low.tolist(), *(high - low).tolist()],
                'score': 0.7,
                'category_id': 1,
            }
            path = folder / 'skeletons' / subset / f'{name}.{frame:05d}.predictions.json'
            path.write_text(json.dumps([person]), encoding='utf-8')
    marker.write_text(json.dumps({'videos': videos, 'images': images}), encoding='utf-8')
