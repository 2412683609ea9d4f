"""The records that extractors and readers give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ['Face', 'FrameFaces']


@dataclass(frozen=True)
class Face:
    """The keypoints of one face in one frame.

    Attributes:
        keypoint: (V, 2) float32, (x, y) in pixels of the frame, in the layout of what found it. A keypoint may lie
            outside the picture when the face does.
        score: (V,) float32 in 0..1, the trust in each keypoint; 0 where a keypoint was not found.
        track: number of the person within the video, from 0 in order of appearance.
    """

    keypoint: np.ndarray
    score: np.ndarray
    track: int = 0


@dataclass(frozen=True)
class FrameFaces:
    """What was found in one frame.

    Attributes:
        index: number of the frame, from 0.
        timestamp: in seconds from the first frame; NaN where it is not known.
        img_shape: (height, width) of the frame in pixels; (0, 0) where it is not known.
        faces: the faces found, none or more.
    """

    index: int
    timestamp: float
    img_shape: tuple[int, int]
    faces: tuple[Face, ...]
