"""Finding face keypoints in pictures and videos, following them, and reading those that other programs found."""

from __future__ import annotations

from pyskl.landmarks.annotate import extract_annotation, extract_tracks
from pyskl.landmarks.base import LandmarkExtractor
from pyskl.landmarks.dlib_extractor import DlibExtractor
from pyskl.landmarks.factory import EXTRACTORS, make_extractor
from pyskl.landmarks.mediapipe_extractor import MediaPipeExtractor
from pyskl.landmarks.openface import OPENFACE_LAYOUT, read_openface_csv
from pyskl.landmarks.openpifpaf import OPENPIFPAF_LAYOUT, parse_openpifpaf, read_openpifpaf
from pyskl.landmarks.openpifpaf_index import PifPafVideo, index_openpifpaf
from pyskl.landmarks.tracking import FaceTracker
from pyskl.landmarks.types import Face, FrameFaces

__all__ = [
    'EXTRACTORS',
    'OPENFACE_LAYOUT',
    'OPENPIFPAF_LAYOUT',
    'DlibExtractor',
    'Face',
    'FaceTracker',
    'FrameFaces',
    'LandmarkExtractor',
    'MediaPipeExtractor',
    'PifPafVideo',
    'extract_annotation',
    'extract_tracks',
    'index_openpifpaf',
    'make_extractor',
    'parse_openpifpaf',
    'read_openface_csv',
    'read_openpifpaf',
]
