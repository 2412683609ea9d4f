"""Data sets of a few frames in the layout of their releases, and keypoints of them that no network had to find."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pyskl.landmarks import Face, LandmarkExtractor
from pyskl.preprocess.bp4d import BP4D_AUS, BP4D_INTENSITY_AUS
from pyskl.preprocess.disfa import DISFA_CODED_AUS
from pyskl.video import VideoWriter

SIZE = (120, 160)  # height, width


def face_at(index: int) -> np.ndarray:
    """(68, 2) float32: a face whose keypoints tell the number of the frame by their place."""
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    return np.column_stack([80 + 30 * np.cos(angle) + index / 8, 60 + 30 * np.sin(angle)]).astype(np.float32)


class KnownFace(LandmarkExtractor):
    """Finds :func:`face_at` in every picture but black ones, without looking."""

    def __init__(self, name: str = '', layout: str = 'ibug68', *settings: Any, **more: Any) -> None:
        self.layout = layout

    def detect(self, frames: Sequence) -> list[tuple[Face, ...]]:
        found = []
        for frame in frames:
            face = Face(face_at(frame.index), np.ones(68, np.float32))
            found.append((face,) if frame.image.max() > 128 else ())
        return found


def write_openface(path: Path, frames: Iterable[int], without_face: Sequence[int] = ()) -> Path:
    """An OpenFace table; frame numbers from 1, 10 frames a second."""
    names = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    names += [f'{axis}_{number}' for axis in 'xy' for number in range(68)]
    lines = [', '.join(names)]
    for frame in frames:
        points = face_at(frame - 1)
        success = int(frame not in without_face)
        cells = [frame, 0, (frame - 1) / 10, 0.9 * success, success, *points[:, 0], *points[:, 1]]
        lines.append(', '.join(map(str, cells)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
    return path


def write_skeletons(folder: Path, video: str, frames: Iterable[int]) -> None:
    """OpenPifPaf JSON, one per frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        keypoints = np.zeros((133, 3))
        keypoints[23:91] = np.column_stack([face_at(frame - 1), np.full(68, 0.8)])
        path = folder / f'{video}.{frame:05d}.predictions.json'
        path.write_text(json.dumps([{'keypoints': keypoints.ravel().tolist()}]))


def write_images(folder: Path, frames: Iterable[int], pattern: str = '{:04d}.jpg') -> None:
    """White pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        cv2.imwrite(str(folder / pattern.format(frame)), np.full((*SIZE, 3), 255, np.uint8))


def write_video(path: Path, count: int) -> Path:
    """White frames, 10 a second. The content is MP4 whatever the name says, as readers go by content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path.with_suffix('.mp4'), fps=10) as writer:
        for _ in range(count):
            writer.write(np.full((*SIZE, 3), 255, np.uint8))
    return path.with_suffix('.mp4').rename(path)


def bp4d_label(au: str, frame: int) -> int:
    """What BP4D's occurrence files say here."""
    return (0, 1, 9)[(int(au[2:]) + frame) % 3]


def bp4d_intensity(au: str, frame: int) -> int:
    """What its intensity files say."""
    return (int(au[2:]) * frame) % 6


def write_bp4d(folder: Path, sequences: Sequence[str], frames: Sequence[int] = range(6, 16)) -> None:
    """Labels; the coded frames are a part of the video."""
    for name in sequences:
        lines = [','.join(map(str, range(100)))]
        for frame in frames:
            cells = [f'AU{number}' for number in range(1, 100)]
            coded = [bp4d_label(au, frame) if au in BP4D_AUS else 9 for au in cells]
            lines.append(','.join(map(str, [frame, *coded])))
        write_text(folder / 'AU_OCC' / f'{name}.csv', '\n'.join(lines) + '\n')
        for au in BP4D_INTENSITY_AUS:
            code = f'AU{int(au[2:]):02d}'
            text = ''.join(f'{frame},{bp4d_intensity(au, frame)}\n' for frame in frames)
            write_text(folder / 'AU_INT' / code / f'{name}_{code}.csv', text)


def disfa_intensity(au: str, frame: int) -> int:
    """What DISFA's files say here."""
    return (int(au[2:]) + frame) % 6


def write_disfa(folder: Path, subjects: Sequence[str], count: int = 20) -> None:
    """Labels of every frame."""
    for subject in subjects:
        for au in DISFA_CODED_AUS:
            text = ''.join(f'{frame},{disfa_intensity(au, frame)}\n' for frame in range(1, count + 1))
            write_text(folder / 'ActionUnit_Labels' / subject / f'{subject}_au{au[2:]}.txt', text)


def write_text(path: Path, text: str) -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def read_samples(path: Path) -> tuple[Mapping, Mapping, Mapping]:
    """Read an annotation file: samples by id, splits, metainfo."""
    from pyskl.datasets.annotation import read_annotation_file

    content = read_annotation_file(path)
    return content.samples, content.splits, content.metainfo


def prepare_config(name: str, ann_file: Path) -> tuple[Any, dict[str, Any], Any]:
    """Check that training with a config of the project can begin, with small batches and pictures."""
    from pyskl.apis.runner import prepare
    from pyskl.engine import load_config

    root = Path(__file__).resolve().parents[2]
    settings = {'ann_file': str(ann_file), 'work_dir': str(ann_file.parent / 'run')}
    settings['model.data_preprocessor.heatmap_size'] = (16, 16)
    for part in ('train', 'val', 'test'):
        settings |= {f'{part}_dataloader.batch_size': 2, f'{part}_dataloader.num_workers': 0}
    return prepare(load_config(root / 'configs' / 'posec3d' / name / 'joint.py', settings), ('train', 'val', 'test'))
