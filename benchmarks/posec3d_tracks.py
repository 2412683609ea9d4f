"""The made-up keypoint tracks of benchmarks/posec3d.py."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from posec3d_jobs import Setting

from pyskl.files import replacing
from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.keypoints.resting_face import MEAN_FACE

NUM_AUS = 12
EYES_APART = 80.0  # pixels


def make_tracks(layout: str, count: int, frames: int) -> list[dict[str, Any]]:
    """Return tracks of faces that move and tremble, as samples of an annotation file.

    Keypoints that are not of the face lie at random in the same box, so that none is lost when a face is cut out: an
    undetected keypoint would be drawn for nothing.
    """
    rng = np.random.default_rng(0)
    size = get_layout(layout).num_keypoints
    rest = rng.uniform(MEAN_FACE.min(0), MEAN_FACE.max(0), (size, 2))
    rest[convert_keypoints(layout, 'ibug68')] = MEAN_FACE
    samples = []
    for number in range(count):
        walk = np.cumsum(rng.normal(0, 0.3, (frames, 1, 2)), axis=0)
        tremble = rng.normal(0, 0.4, (frames, size, 2))
        keypoint = (rest * EYES_APART + (320, 200) + walk + tremble)[None].astype(np.float32)
        label = np.zeros(NUM_AUS, np.int8)
        label[rng.choice(NUM_AUS, 4, replace=False)] = 1
        samples.append(
            {
                'frame_dir': f'track{number}',
                'total_frames': frames,
                'img_shape': (480, 640),
                'original_shape': (480, 640),
                'keypoint': keypoint,
                'keypoint_score': rng.uniform(0.5, 1, (1, frames, size)).astype(np.float32),
                'label': label,
            }
        )
    return samples


def make_setting(folder: Path, layout: str, count: int, frames: int, **options: Any) -> Setting:
    """Write the tracks of a setting into a folder and return it."""
    file = folder / f'{layout}_{count}x{frames}.pkl'
    tracks = make_tracks(layout, count, frames)
    with replacing(file) as temporary:
        content = {'split': {}, 'annotations': tracks, 'metainfo': {'keypoint_layout': layout}}
        temporary.write_bytes(pickle.dumps(content))
    found = get_layout(layout)
    return Setting(str(file), layout, found.num_keypoints, tuple(found.left), tuple(found.right), **options)
