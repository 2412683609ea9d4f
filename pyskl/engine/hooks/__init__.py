"""Hooks that mmengine lacks."""

from __future__ import annotations

from pyskl.engine.hooks.average_buffers import AverageBuffersHook
from pyskl.engine.hooks.epoch_seed import EpochSeedHook
from pyskl.engine.hooks.plain_checkpoint import PlainCheckpointHook
from pyskl.engine.hooks.start_weights import StartWeightsHook
from pyskl.engine.hooks.validate_resumed import ValidateResumedHook

__all__ = ['AverageBuffersHook', 'EpochSeedHook', 'PlainCheckpointHook', 'StartWeightsHook', 'ValidateResumedHook']
