"""Batch norm, shortcut and ReLU after a convolution, together: relu(scale * (x - mean) / deviation + shift + shortcut).

These steps do little arithmetic and touch every activation, so what they cost is memory traffic. The kernel passes
over the activations twice in each direction, for the sums and for the result (Ioffe and Szegedy, arXiv 1502.03167).
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from pyskl.models.kernels import load_kernels
from pyskl.models.layers.pointwise import fits_pointwise, pointwise_conv
from pyskl.models.layers.usual import short_conv, without_hooks

__all__ = ['ConvNormAct', 'norm_act', 'update_running_statistics']

_POINTER, _LONG = ctypes.c_void_p, ctypes.c_int64
_SUFFIX = {torch.float32: 'float32', torch.bfloat16: 'bfloat16'}
_NONE, _OUTPUT, _INPUT = range(3)  # what tells the ReLU's mask: `Mask` in norm.cpp


class ConvNormAct(ConvModule):
    """mmcv's ``ConvModule``, with a shortcut that is added before the activation.

    Where norm and activation can be computed together they are; parameters, buffers and results are those of the steps
    one by one.
    """

    def forward(self, x: Tensor, shortcut: Tensor | None = None, activate: nn.Module | None = None) -> Tensor:
        """Return activate(norm(conv(x)) + shortcut).

        Args:
            x: (B, C, T, H, W).
            shortcut: of the shape of the output; None: nothing is added.
            activate: in place of the module's own activation.
        """
        if self.order != ('conv', 'norm', 'act') or self.with_explicit_padding or self.with_spectral_norm:
            x = super().forward(x)
            x = x if shortcut is None else x + shortcut
            return x if activate is None else activate(x)
        if activate is None and self.with_activation:
            activate = self.activate
        pointwise = fits_pointwise(self.conv, x)
        x = pointwise_conv(x, self.conv.weight, self.conv.stride[1:]) if pointwise else short_conv(self.conv, x)
        return norm_act(x, self.norm if self.with_norm else None, activate, shortcut)


def norm_act(
    x: Tensor, norm: nn.Module | None, activate: nn.Module | None = None, shortcut: Tensor | None = None
) -> Tensor:
    """Return activate(norm(x) + shortcut), by the compiled kernel where it can be had.

    Args:
        x: (B, C, T, H, W).
        norm: any norm, or None.
        activate: any activation, or None.
        shortcut: of the shape of ``x``, or None.
    """
    if _fits_kernel(x, norm, activate, shortcut):
        return _by_kernel(x, norm, activate is not None, shortcut)
    x = x if norm is None else norm(x)
    x = x if shortcut is None else x + shortcut
    return x if activate is None else activate(x)


def update_running_statistics(norm: nn.BatchNorm3d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Count the mean and the (biased) variance (C,) of a batch of ``count`` numbers a channel, as batch norm does."""
    if not (norm.training and norm.track_running_stats):
        return
    norm.num_batches_tracked.add_(1)
    factor = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
    unbiased = variance * (count / max(count - 1, 1))
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), factor)
    norm.running_var.lerp_(unbiased.to(norm.running_var.dtype), factor)


def _fits_kernel(x: Tensor, norm: nn.Module | None, activate: nn.Module | None, shortcut: Tensor | None) -> bool:
    """Tell whether the kernel does what is asked for."""
    return (
        x.device.type == 'cpu'
        and x.dtype in _SUFFIX
        and type(norm) is nn.BatchNorm3d
        and norm.affine
        and norm.weight.dtype == torch.float32
        and norm.num_features == x.shape[1]
        and x.numel() > 0
        and without_hooks(norm, activate)
        and (norm.training or norm.running_mean is not None)
        and (activate is None or type(activate) is nn.ReLU)
        and x.is_contiguous(memory_format=torch.channels_last_3d)
        and not x.is_contiguous()
        and (shortcut is None or (shortcut.shape == x.shape and shortcut.dtype == x.dtype))
        and not torch.compiler.is_compiling()
        and load_kernels() is not None
    )


def _by_kernel(x: Tensor, norm: nn.BatchNorm3d, relu: bool, shortcut: Tensor | None) -> Tensor:
    counted = norm.training
    if counted:
        count = x.numel() // x.shape[1]
        sums, squares = torch.zeros(2, x.shape[1], dtype=torch.float64)
        _run('norm_sums', x, x.detach(), _pivot(x), sums, squares)
        offset = sums / count
        mean = offset + _pivot(x)
        variance = (squares / count - offset.square()).clamp_(min=0)
        update_running_statistics(norm, mean, variance, count)
    else:
        mean, variance = norm.running_mean.double(), norm.running_var.double()
    return _NormAct.apply(x, norm.weight, norm.bias, shortcut, mean, (variance + norm.eps).sqrt(), counted, relu)


class _NormAct(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        shortcut: Tensor | None,
        mean: Tensor,
        deviation: Tensor,
        batch_statistics: bool,
        relu: bool,
    ) -> Tensor:
        factor = weight.double() / deviation
        pivot = _pivot(x)
        offset = (bias.double() - (mean - pivot) * factor).float()
        if shortcut is not None:
            shortcut = shortcut.contiguous(memory_format=torch.channels_last_3d)
        out = torch.empty_like(x, memory_format=torch.channels_last_3d)
        _run('norm_apply', x, x, shortcut, pivot, factor.float(), offset, int(relu), out)
        ctx.mask = (_OUTPUT if shortcut is not None else _INPUT) if relu else _NONE
        ctx.save_for_backward(x, out if ctx.mask == _OUTPUT else None, factor, offset, mean, deviation)
        ctx.batch_statistics, ctx.has_shortcut = batch_statistics, shortcut is not None
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, out, factor, offset, mean, deviation = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        pivot = _pivot(x)
        given = (pivot, factor.float(), offset, ctx.mask)
        sums, products = torch.zeros(2, x.shape[1], dtype=torch.float64)
        _run('norm_gradient_sums', x, x, out, gradient, *given, sums, products)
        of_weight = (products - (mean - pivot) * sums) / deviation
        of_input, constant = torch.zeros_like(sums), torch.zeros_like(sums)
        if ctx.batch_statistics:
            count = x.numel() // x.shape[1]
            of_input = -factor * of_weight / deviation / count
            constant = -of_input * (mean - pivot) - factor * sums / count
        of_x = torch.empty_like(x, memory_format=torch.channels_last_3d)
        of_shortcut = torch.empty_like(of_x) if ctx.has_shortcut else None
        coefficients = (given[1], of_input.float(), constant.float())
        _run('norm_backward', x, x, out, gradient, *given, *coefficients, of_x, of_shortcut)
        return of_x, of_weight.float(), sums.float(), of_shortcut, *[None] * 4


def _pivot(x: Tensor) -> Tensor:
    """Return (C,) float32: one of the numbers of each channel. Taken off all of them, it leaves numbers about zero."""
    return x.detach()[0, :, 0, 0, 0].float().contiguous()


def _run(name: str, like: Tensor, *arguments: Tensor | int | None) -> None:
    """Call a kernel: its tensors of activations come first, then sizes and threads, then the rest."""
    rows, channels = like.numel() // like.shape[1], like.shape[1]
    inputs, rest = arguments[: _INPUTS[name]], arguments[_INPUTS[name] :]
    sizes = [_LONG(rows), _LONG(channels), _LONG(torch.get_num_threads())]
    plain = [
        _POINTER(part.data_ptr()) if isinstance(part, Tensor) else _POINTER(None) if part is None else part
        for part in (*inputs, *sizes, *rest)
    ]
    function = getattr(load_kernels(), f'{name}_{_SUFFIX[like.dtype]}')
    function.restype = None
    function(*plain)


_INPUTS = {'norm_sums': 1, 'norm_apply': 2, 'norm_gradient_sums': 3, 'norm_backward': 3}
