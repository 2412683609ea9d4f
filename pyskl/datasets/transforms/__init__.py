"""Transforms on keypoints: each takes the dict of a sample and returns it changed."""

from __future__ import annotations

from pyskl.datasets.transforms.align import AlignFace
from pyskl.datasets.transforms.compose import Compose, sample_rng
from pyskl.datasets.transforms.decode import PoseDecode
from pyskl.datasets.transforms.dropout import KeypointDropout
from pyskl.datasets.transforms.flip import Flip
from pyskl.datasets.transforms.formatting import Collect, FormatShape, ToTensor
from pyskl.datasets.transforms.gaps import InterpolateGaps
from pyskl.datasets.transforms.geometry import PoseCompact, RandomAffine, RandomResizedCrop, Resize
from pyskl.datasets.transforms.heatmap import GeneratePoseTarget
from pyskl.datasets.transforms.resting_face import SubtractRestingFace
from pyskl.datasets.transforms.sampling import CentreLabel, SampleWindow, UniformSampleFrames

__all__ = [
    'AlignFace',
    'CentreLabel',
    'Collect',
    'Compose',
    'Flip',
    'FormatShape',
    'GeneratePoseTarget',
    'InterpolateGaps',
    'KeypointDropout',
    'PoseCompact',
    'PoseDecode',
    'RandomAffine',
    'RandomResizedCrop',
    'Resize',
    'SampleWindow',
    'SubtractRestingFace',
    'ToTensor',
    'UniformSampleFrames',
    'sample_rng',
]
