"""A FACS face simulator: synthetic keypoint tracks with per-frame Action Unit labels."""

from __future__ import annotations

from pyskl.synth.dataset import PRESETS, make_dataset, simulate_track
from pyskl.synth.face_model import FaceModel

__all__ = ['PRESETS', 'FaceModel', 'make_dataset', 'simulate_track']
