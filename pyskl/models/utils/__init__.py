"""Helpers around models."""

from __future__ import annotations

from pyskl.models.utils.checkpoint import load_backbone_weights
from pyskl.models.utils.fuse_conv_bn import fuse_conv_bn

__all__ = ['fuse_conv_bn', 'load_backbone_weights']
