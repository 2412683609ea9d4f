"""Whether a layer does what its kind does, and nothing else; and a convolution that PyTorch gets wrong."""

from __future__ import annotations

import torch
from mmcv.cnn.bricks.wrappers import Conv3d as WrappedConv3d
from torch import Tensor, nn

__all__ = ['is_usual_conv', 'short_conv', 'without_hooks']

_FORWARDS = (nn.Conv3d.forward, WrappedConv3d.forward)
_HOOKS = ('_forward_hooks', '_forward_pre_hooks', '_backward_hooks', '_backward_pre_hooks')


def without_hooks(*modules: nn.Module | None) -> bool:
    """Tell whether nobody listens to the modules or changes what they are given: else they must be called."""
    return not any(getattr(module, hooks) for module in modules if module is not None for hooks in _HOOKS)


def is_usual_conv(conv: nn.Module) -> bool:
    """Tell whether a module is a 3-D convolution with the usual forward pass, so that its weight says all."""
    return isinstance(conv, nn.Conv3d) and type(conv).forward in _FORWARDS and without_hooks(conv)


def short_conv(conv: nn.Module, x: Tensor) -> Tensor:
    """Return conv(x), in float32 where PyTorch would get the gradient wrong.

    On a CPU in bfloat16 PyTorch 2.13 leaves a part of the weight's gradient unset if the kernel is longer in time than
    the clip, unless the clip has a single frame.

    Args:
        conv: any module.
        x: (B, C, T, H, W).
    """
    if not (isinstance(conv, nn.Conv3d) and x.device.type == 'cpu' and 1 < x.shape[2] < conv.kernel_size[0]):
        return conv(x)
    autocast = torch.is_autocast_enabled('cpu')
    dtype = torch.get_autocast_dtype('cpu') if autocast else x.dtype
    if dtype != torch.bfloat16:
        return conv(x)
    if not autocast:
        out = torch.nn.functional.conv3d(
            x.float(), conv.weight.float(), None if conv.bias is None else conv.bias.float(),
            conv.stride, conv.padding, conv.dilation, conv.groups,
        )  # fmt: skip
        return out.to(dtype)
    with torch.autocast('cpu', enabled=False):
        return conv(x.to(conv.weight.dtype)).to(dtype)
