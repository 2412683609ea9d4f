"""Backbones: from heatmap volumes to features."""

from __future__ import annotations

from pyskl.models.backbones.blocks import BasicBlock3d, Bottleneck3d
from pyskl.models.backbones.c3d import C3D
from pyskl.models.backbones.resnet3d import ResNet3d
from pyskl.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly
from pyskl.models.backbones.x3d import X3D

__all__ = ['C3D', 'X3D', 'BasicBlock3d', 'Bottleneck3d', 'ResNet3d', 'ResNet3dSlowOnly']
