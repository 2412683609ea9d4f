"""What a processor does several times faster in C++ than PyTorch does it: compiled where there is a compiler."""

from __future__ import annotations

from pyskl.models.kernels.build import load_kernels

__all__ = ['load_kernels']
