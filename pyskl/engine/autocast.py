"""Mixed precision where mmengine has none: on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from pyskl.errors import InputError
from pyskl.registry import OPTIM_WRAPPERS

__all__ = ['AutocastOptimWrapper']

_DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An optimiser wrapper whose forward pass runs under ``torch.autocast``, on a CPU or a GPU.

    mmengine's ``AmpOptimWrapper`` insists on a GPU. bfloat16 has the exponent range of float32, so no loss scaling is
    needed.

    Args:
        dtype: 'bfloat16' (or 'float16' on devices where its range is enough).
        **kwargs: those of mmengine's ``OptimWrapper``.
    """

    def __init__(self, dtype: str = 'bfloat16', **kwargs) -> None:
        super().__init__(**kwargs)
        if dtype not in _DTYPES:
            raise InputError(f"AutocastOptimWrapper: dtype must be one of {', '.join(_DTYPES)}, not '{dtype}'")
        self.dtype = _DTYPES[dtype]

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass of a training step in mixed precision."""
        with super().optim_context(model), torch.autocast(get_device(), dtype=self.dtype):
            yield
