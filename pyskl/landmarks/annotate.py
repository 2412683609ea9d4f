"""From a video to the annotation of its face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.landmarks.base import FrameFaces, LandmarkExtractor
from pyskl.progress import progress_bar
from pyskl.video.reader import check_video, iter_frames

__all__ = ['extract_annotation']


def extract_annotation(video: Path | str, extractor: LandmarkExtractor, progress: bool = False) -> dict[str, Any]:
    """Find the face in every frame of a video.

    The pictures are dropped one by one, so memory does not grow with them: 68 keypoints take 816 bytes a frame.

    Args:
        video: the file; an incomplete one is refused before any work.
        extractor: what finds the keypoints. Where it finds several faces, the first track is taken.
        progress: whether to show a progress bar on stderr.

    Returns:
        An annotation: ``frame_dir`` (the file's name without suffix), ``total_frames`` T, ``img_shape`` and
        ``original_shape`` (height, width), ``keypoint`` (1, T, V, 2) float32 pixels, ``keypoint_score`` (1, T, V)
        float32; in frames without a face both are 0. Beyond the usual fields: ``timestamps`` (T,) float64 seconds,
        ``fps`` float and ``keypoint_layout``.

    Raises:
        InputError: if the video is unreadable or incomplete, or no frame shows a face.
    """
    info = check_video(video)
    num_keypoints = get_layout(extractor.layout).num_keypoints
    found = extractor.extract(iter_frames(info.path))
    with progress_bar(found, 'finding the face', info.num_frames, shown=progress) as passed:
        records = [_first_face(record) for record in passed]
    keypoint = np.zeros((1, len(records), num_keypoints, 2), np.float32)
    score = np.zeros((1, len(records), num_keypoints), np.float32)
    for number, record in enumerate(records):
        if record.faces:
            keypoint[0, number], score[0, number] = record.faces[0].keypoint, record.faces[0].score
    if not score.any():
        raise InputError(f'{info.path}: no face was found in any of its {len(records)} frames')
    shape = (info.height, info.width)
    return {
        'frame_dir': info.path.stem,
        'total_frames': len(records),
        'img_shape': shape,
        'original_shape': shape,
        'keypoint': keypoint,
        'keypoint_score': score,
        'timestamps': np.array([record.timestamp for record in records], np.float64),
        'fps': info.fps,
        'keypoint_layout': extractor.layout,
    }


def _first_face(record: FrameFaces) -> FrameFaces:
    faces = tuple(face for face in record.faces if face.track == 0)[:1]
    return FrameFaces(record.index, record.timestamp, record.img_shape, faces)
