"""Data preprocessors: the first thing a batch meets on the model's device."""

from __future__ import annotations

from pyskl.models.data_preprocessors.heatmap import draw_keypoints, draw_limbs
from pyskl.models.data_preprocessors.pose_heatmap import PoseHeatmapPreprocessor

__all__ = ['PoseHeatmapPreprocessor', 'draw_keypoints', 'draw_limbs']
