"""Models: data preprocessors, backbones, heads, losses and the recognisers made of them."""

from __future__ import annotations

from pyskl.models.backbones import C3D, X3D, ResNet3d, ResNet3dSlowOnly
from pyskl.models.data_preprocessors import PoseHeatmapPreprocessor
from pyskl.models.heads import AUHead, I3DHead
from pyskl.models.losses import CrossEntropyLoss, MaskedBCELoss
from pyskl.models.recognizers import Recognizer3D
from pyskl.models.utils import fuse_conv_bn

__all__ = [
    'C3D',
    'X3D',
    'AUHead',
    'CrossEntropyLoss',
    'I3DHead',
    'MaskedBCELoss',
    'PoseHeatmapPreprocessor',
    'Recognizer3D',
    'ResNet3d',
    'ResNet3dSlowOnly',
    'fuse_conv_bn',
]
