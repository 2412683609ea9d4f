"""What the mesh detector finds in real pictures and in their mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.assets import fetch_asset


@pytest.fixture(scope='session')
def meshes() -> tuple[np.ndarray, np.ndarray]:
    """(F, 478, 2) float64 in outer-eye distances: the mesh in F pictures, and in their mirror images mirrored back."""
    from pyskl.landmarks.mediapipe_extractor import MediaPipeExtractor
    from pyskl.video import Frame, iter_frames

    video = fetch_asset('pyfeat_videos') / 'single_face.mp4'
    frames = [frame for frame in iter_frames(video) if frame.index % 12 == 0]
    turned = [Frame(frame.index, frame.timestamp, np.ascontiguousarray(frame.image[:, ::-1])) for frame in frames]
    with MediaPipeExtractor(layout='mediapipe478') as extractor:
        straight, mirrored = (
            np.array([faces[0].keypoint for faces in extractor.detect(pictures)], dtype=np.float64)
            for pictures in (frames, turned)
        )
    mirrored[..., 0] = frames[0].image.shape[1] - mirrored[..., 0]
    size = np.linalg.norm(straight[:, 33] - straight[:, 263], axis=-1)[:, None, None]
    return straight / size, mirrored / size
