"""Convolutions that look at single pixels, as matrix products: 1x1x1, and Kx1x1 along time.

With the channels last in memory such a convolution is a product of (pixels, channels) with (channels, channels'), one
for each of its K frames, added with the frames shifted against each other. On a CPU PyTorch's convolution does the same
sums in float32 at a third to a half of the speed; in bfloat16 it is slower only where it strides.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pyskl.models.layers.usual import is_usual_conv

__all__ = ['fits_pointwise', 'pointwise_conv']


def fits_pointwise(conv: nn.Module, x: Tensor) -> bool:
    """Tell whether a convolution is better computed by :func:`pointwise_conv`."""
    if not (is_usual_conv(conv) and x.device.type == 'cpu' and x.numel() and not torch.compiler.is_compiling()):
        return False
    frames, *size = conv.kernel_size
    single = (
        size == [1, 1]
        and frames % 2 == 1
        and conv.padding == (frames // 2, 0, 0)
        and conv.stride[0] == 1
        and conv.groups == 1
        and set(conv.dilation) == {1}
        and conv.bias is None
        and conv.padding_mode == 'zeros'
    )
    if not single or not x.is_contiguous(memory_format=torch.channels_last_3d) or x.is_contiguous():
        return False
    strides_or_is_short = conv.stride[1:] != (1, 1) or 1 < x.shape[2] < frames  # see `short_conv` for short clips
    if torch.is_autocast_enabled('cpu'):
        return torch.get_autocast_dtype('cpu') == torch.bfloat16 and strides_or_is_short
    return x.dtype == conv.weight.dtype and (x.dtype == torch.float32 or strides_or_is_short)


def pointwise_conv(x: Tensor, weight: Tensor, stride: tuple[int, int] = (1, 1)) -> Tensor:
    """Return the convolution with a kernel of (K, 1, 1), stride (1, *stride) and the frames padded by K // 2.

    Args:
        x: (B, C, T, H, W), channels last in memory.
        weight: (C', C, K, 1, 1).
        stride: spatial.

    Returns:
        (B, C', T, H', W'), channels last in memory, of autocast's type where it is on.
    """
    if torch.is_autocast_enabled('cpu'):
        dtype = torch.get_autocast_dtype('cpu')
        x, weight = x.to(dtype), weight.to(dtype)
    if stride != (1, 1):
        x = x[..., :: stride[0], :: stride[1]]
    return _Pointwise.apply(x.contiguous(memory_format=torch.channels_last_3d), weight)


class _Pointwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        taps = weight.flatten(2).unbind(2)
        out = x.new_empty(x.shape[0], *x.shape[2:], weight.shape[0])
        _shifted_products(_rows(x), [tap.t() for tap in taps], out.flatten(1, 3), x.shape[-2:].numel())
        return out.movedim(-1, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        rows, above, pixels = _rows(x), _rows(gradient), x.shape[-2:].numel()
        taps = weight.flatten(2).unbind(2)
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = x.new_empty(x.shape[0], *x.shape[2:], x.shape[1])
            _shifted_products(above, list(reversed(taps)), of_x.flatten(1, 3), pixels)
            of_x = of_x.movedim(-1, 1)
        if ctx.needs_input_grad[1]:
            parts = []
            for tap in range(len(taps)):
                shift = (tap - len(taps) // 2) * pixels
                parts.append(_correlation(*_overlap(above, rows, shift)))
            of_weight = torch.stack(parts, 2).view(weight.shape).to(weight.dtype)
        return of_x, of_weight


def _rows(x: Tensor) -> Tensor:
    """(B, C, T, H, W), channels last -> (B, T * H * W, C) without a copy."""
    return x.movedim(1, -1).flatten(1, 3)


def _overlap(to: Tensor, source: Tensor, shift: int) -> tuple[Tensor, Tensor]:
    """Return the rows of both for which row r of ``to`` meets row r + shift of ``source``."""
    if shift == 0:
        return to, source
    return (to[:, :-shift], source[:, shift:]) if shift > 0 else (to[:, -shift:], source[:, :shift])


def _shifted_products(source: Tensor, matrices: list[Tensor], out: Tensor, pixels: int) -> None:
    """Fill out[:, r] with the sum over k of source[:, r + (k - K // 2) * pixels] @ matrices[k]."""
    middle = len(matrices) // 2
    torch.mm(source.flatten(0, 1), matrices[middle], out=out.flatten(0, 1))
    for number, matrix in enumerate(matrices):
        shift = (number - middle) * pixels
        if number == middle or abs(shift) >= out.shape[1]:
            continue
        to, some = _overlap(out, source, shift)
        to.baddbmm_(some, matrix.expand(len(some), *matrix.shape))


def _correlation(above: Tensor, rows: Tensor) -> Tensor:
    """(B, R, C') and (B, R, C) -> (C', C): the sum over all rows of their outer products."""
    if not rows.shape[1]:
        return rows.new_zeros(above.shape[-1], rows.shape[-1])
    if above.is_contiguous() and rows.is_contiguous():
        return above.flatten(0, 1).t() @ rows.flatten(0, 1)
    return torch.bmm(above.transpose(1, 2), rows).sum(0)
