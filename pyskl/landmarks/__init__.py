"""Finding face keypoints in pictures and videos."""

from __future__ import annotations

from pyskl.landmarks.annotate import extract_annotation
from pyskl.landmarks.base import Face, FrameFaces, LandmarkExtractor
from pyskl.landmarks.mediapipe_extractor import MediaPipeExtractor

__all__ = ['Face', 'FrameFaces', 'LandmarkExtractor', 'MediaPipeExtractor', 'extract_annotation']
