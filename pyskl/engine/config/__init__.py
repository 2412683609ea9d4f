"""Configs: reading, inheritance, and the check that finds misspelt keys."""

from __future__ import annotations

from pyskl.engine.config.checking import check_config, check_stored_component
from pyskl.engine.config.loading import load_config

__all__ = ['check_config', 'check_stored_component', 'load_config']
