"""Mixed precision where mmengine has none: on a CPU."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from pyskl.errors import InputError
from pyskl.registry import OPTIM_WRAPPERS

__all__ = ['AutocastOptimWrapper', 'has_bfloat16']

_DTYPES = {'bfloat16': torch.bfloat16, 'float16': torch.float16}


def has_bfloat16(device: str) -> bool:
    """Return whether a device computes in bfloat16 itself; elsewhere it is emulated, and slower than float32."""
    if device == 'cuda':
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if platform.machine().lower() in ('x86_64', 'amd64'):
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An optimiser wrapper whose forward pass runs under ``torch.autocast``, on a CPU or a GPU.

    mmengine's ``AmpOptimWrapper`` insists on a GPU. bfloat16 has the exponent range of float32, so no loss scaling is
    needed.

    Args:
        dtype: 'bfloat16'; 'float16' on devices where its range is enough; 'float32': no mixed precision; 'auto':
            bfloat16 where the device computes in it, otherwise float32.
        **kwargs: those of mmengine's ``OptimWrapper``.
    """

    def __init__(self, dtype: str = 'bfloat16', **kwargs) -> None:
        super().__init__(**kwargs)
        if dtype not in ('auto', 'float32', *_DTYPES):
            raise InputError(
                f"AutocastOptimWrapper: dtype must be auto, float32, {' or '.join(_DTYPES)}, not '{dtype}'"
            )
        self.enabled = dtype in _DTYPES or (dtype == 'auto' and has_bfloat16(get_device()))
        self.dtype = _DTYPES.get(dtype, torch.bfloat16)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward pass of a training step in mixed precision."""
        with super().optim_context(model), torch.autocast(get_device(), dtype=self.dtype, enabled=self.enabled):
            yield
