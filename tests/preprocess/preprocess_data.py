"""Small made-up releases of Aff-Wild2 for the tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pyskl.action_units import AFFWILD_AUS
from pyskl.landmarks import Face, FaceTracker, FrameFaces

HEADER = ','.join(AFFWILD_AUS)


def face_points(x: float, y: float, size: float, seed: int = 0) -> np.ndarray:
    """(68, 2) float32: points spread over a square with that centre and edge."""
    grid = np.random.default_rng(seed).uniform(-0.5, 0.5, (68, 2))
    grid[:2] = (-0.5, -0.5), (0.5, 0.5)
    return (np.array([x, y]) + size * (grid - grid.mean(0))).astype(np.float32)


def person(x: float, y: float, size: float, score: float = 0.9) -> dict:
    """Someone in a file of OpenPifPaf: the face, and a hand that must not count."""
    keypoints = np.zeros((133, 3))
    keypoints[23:91, :2] = np.round(face_points(x, y, size), 2)
    keypoints[23:91, 2] = score
    keypoints[91:95] = 500, 500, 0.5
    return {'keypoints': keypoints.ravel().tolist(), 'bbox': [0, 0, 1, 1], 'score': score, 'category_id': 1}


def write_json(folder: Path, video: str, frame: int, people: Sequence[dict]) -> Path:
    """Write the people of a picture as OpenPifPaf does."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{video}.{frame:05d}.predictions.json'
    path.write_text(json.dumps(list(people)))
    return path


def write_labels(path: Path, rows: np.ndarray | Sequence[Sequence[int]]) -> Path:
    """Write a label file of the challenge."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join([HEADER, *(','.join(map(str, row)) for row in np.asarray(rows).tolist())]) + '\n')
    return path


def random_rows(count: int, seed: int = 0) -> np.ndarray:
    """(count, 12) labels."""
    return np.random.default_rng(seed).integers(-1, 2, (count, 12))


def tracked(frames: Iterable[Sequence[tuple[float, float, float]]], shape: tuple[int, int] = (480, 640)):
    """Yield the records of a video from the (x, y, size) of the faces in each frame."""
    tracker = FaceTracker()
    for index, faces in enumerate(frames):
        found = [Face(face_points(*face), np.full(68, 0.9, np.float32)) for face in faces]
        yield FrameFaces(index, float('nan'), shape, tracker.update(index, found))
