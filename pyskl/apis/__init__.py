"""What the commands call, and what a user imports: training, testing, and inference from a checkpoint.

The names are loaded on first use, so that importing the package stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    'AUInferencer': 'pyskl.apis.inferencer',
    'AUResult': 'pyskl.apis.results',
    'test': 'pyskl.apis.testing',
    'train': 'pyskl.apis.training',
}

__all__ = ['AUInferencer', 'AUResult', 'test', 'train']


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(_HOMES[name]), name)
