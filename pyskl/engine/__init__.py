"""What mmengine lacks or breaks is mended here, and only here."""

from __future__ import annotations

from pyskl.checkpoint import load_weights, read_checkpoint
from pyskl.engine.atomic_backend import AtomicLocalBackend
from pyskl.engine.autocast import AutocastOptimWrapper
from pyskl.engine.config import load_config
from pyskl.engine.hooks import AverageBuffersHook, EpochSeedHook, PlainCheckpointHook

__all__ = [
    'AtomicLocalBackend',
    'AutocastOptimWrapper',
    'AverageBuffersHook',
    'EpochSeedHook',
    'PlainCheckpointHook',
    'load_config',
    'load_weights',
    'read_checkpoint',
]
