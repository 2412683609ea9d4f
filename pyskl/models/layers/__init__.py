"""Layers that know what they are applied to, and are cheaper for it than the general ones."""

from __future__ import annotations

from pyskl.models.layers.blobs import KeypointBlobs, keypoint_blobs
from pyskl.models.layers.conv_norm_act import ConvNormAct, norm_act
from pyskl.models.layers.stem import STEM_FORMS, run_stem, stem_form

__all__ = ['STEM_FORMS', 'ConvNormAct', 'KeypointBlobs', 'keypoint_blobs', 'norm_act', 'run_stem', 'stem_form']
