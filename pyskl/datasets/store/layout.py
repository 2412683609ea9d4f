"""What the files of a keypoint store are called and hold. See docs/data_format.md."""

from __future__ import annotations

import re

import numpy as np

__all__ = ['FORMAT', 'INDEX', 'LABEL_KINDS', 'META', 'RESERVED', 'VERSION', 'column_file', 'is_column_name']

FORMAT = 'pyskl keypoint store'
VERSION = 1
META = 'meta.json'

INDEX = np.dtype(
    [
        ('num_persons', '<i4'),
        ('num_frames', '<i4'),
        ('img_shape', '<i4', (2,)),
        ('original_shape', '<i4', (2,)),
    ]
)
"""One record for each track; an ``original_shape`` of (0, 0) stands for none."""

LABEL_KINDS = ('single', 'clip', 'frame')
"""What a label of 0, 1 or 2 axes is: a class number, a vector of the track, a vector of every frame."""

RESERVED = {'frame_dir', 'total_frames', 'img_shape', 'original_shape', 'keypoint', 'keypoint_score', 'label'}
"""Fields of a sample that have a place of their own."""


def is_column_name(name: str) -> bool:
    """Tell whether a field may name a file."""
    return re.fullmatch(r'[A-Za-z][A-Za-z0-9_]{0,63}', name) is not None and name not in RESERVED | {
        'index',
        'rows',
        'meta',
    }


def column_file(name: str) -> str:
    """Return the file name of a column."""
    return f'{name}.npy'
