"""Annotation files, the data set that reads them, and the transforms on its samples."""

from __future__ import annotations

from pyskl.datasets import transforms
from pyskl.datasets.annotation import AnnotationFile, read_annotation_file
from pyskl.datasets.collate import pose_collate
from pyskl.datasets.pose_dataset import PoseDataset
from pyskl.datasets.safe_pickle import dump_pickle, load_pickle

__all__ = [
    'AnnotationFile',
    'PoseDataset',
    'dump_pickle',
    'load_pickle',
    'pose_collate',
    'read_annotation_file',
    'transforms',
]
