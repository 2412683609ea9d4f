"""Annotation files, the keypoint store, the data set that reads them, and the transforms on its samples.

The names below are imported when they are first asked for, so that commands which only read or write annotations do
not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    'AnnotationFile': 'annotation',
    'PoseDataset': 'pose_dataset',
    'WholeTracks': 'whole_tracks',
    'dump_pickle': 'safe_pickle',
    'load_pickle': 'safe_pickle',
    'pose_collate': 'collate',
    'read_annotation_file': 'annotation',
}

__all__ = [*_HOME, 'transforms']


def __getattr__(name: str) -> Any:
    if name == 'transforms':
        return import_module('pyskl.datasets.transforms')
    if name not in _HOME:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_HOME[name]}'), name)
