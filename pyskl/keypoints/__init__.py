"""Keypoint layouts and conversion between them."""

from __future__ import annotations

from pyskl.keypoints.eyes import eye_centers
from pyskl.keypoints.layouts import LAYOUTS, KeypointLayout, convert_keypoints, get_layout, guess_layout
from pyskl.keypoints.resting_face import mean_face, resting_face

__all__ = [
    'LAYOUTS',
    'KeypointLayout',
    'convert_keypoints',
    'eye_centers',
    'get_layout',
    'guess_layout',
    'mean_face',
    'resting_face',
]
