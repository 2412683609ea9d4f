"""Losses."""

from __future__ import annotations

from pyskl.models.losses.cross_entropy import CrossEntropyLoss
from pyskl.models.losses.masked_bce import MaskedBCELoss

__all__ = ['CrossEntropyLoss', 'MaskedBCELoss']
