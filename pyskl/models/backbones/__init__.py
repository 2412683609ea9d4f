"""Backbones: from heatmap volumes to features."""

from __future__ import annotations

from pyskl.models.backbones.blocks import BasicBlock3d, Bottleneck3d
from pyskl.models.backbones.resnet3d import ResNet3d
from pyskl.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly

__all__ = ['BasicBlock3d', 'Bottleneck3d', 'ResNet3d', 'ResNet3dSlowOnly']
