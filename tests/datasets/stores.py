"""Samples and keypoint stores for the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyskl.datasets.store import write_store


def sample(name: str = 'a', frames: int = 5, seed: int = 0, **fields) -> dict:
    rng = np.random.default_rng(seed)
    made = {
        'frame_dir': name,
        'total_frames': frames,
        'img_shape': (480, 640),
        'original_shape': (720, 960),
        'keypoint': rng.uniform(1, 400, (1, frames, 68, 2)).astype(np.float32),
        'keypoint_score': rng.uniform(0, 1, (1, frames, 68)).astype(np.float32),
        'label': rng.integers(-1, 2, (frames, 3)).astype(np.int8),
        **fields,
    }
    return {key: value for key, value in made.items() if value is not None}


def assert_same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for key, value in one.items():
        if isinstance(value, np.ndarray):
            assert value.dtype == other[key].dtype, key
            np.testing.assert_array_equal(value, other[key], err_msg=key)
        else:
            assert value == other[key], key
            assert type(value) is type(other[key]), key


def store_of(path: Path, *samples: dict, **metainfo) -> Path:
    names = [made['frame_dir'] for made in samples]
    write_store(path, samples, {'all': names, 'first': names[:1]}, metainfo)
    return path
