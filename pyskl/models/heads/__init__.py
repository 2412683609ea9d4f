"""Heads: from features to logits, losses and probabilities."""

from __future__ import annotations

from pyskl.models.heads.au_head import AUHead
from pyskl.models.heads.base import BaseHead
from pyskl.models.heads.i3d_head import I3DHead

__all__ = ['AUHead', 'BaseHead', 'I3DHead']
