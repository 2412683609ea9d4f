"""Recognisers: whole models."""

from __future__ import annotations

from pyskl.models.recognizers.recognizer3d import Recognizer3D

__all__ = ['Recognizer3D']
