"""Convolution, batch norm, ReLU and pooling of keypoint blobs in one compiled kernel, with its gradient.

A heatmap is an outer product of two vectors of P values, so the stem's response to it is one patch of P + K - 1 pixels
a side, added into place: for 133 keypoints and a 7x7 kernel a hundredth of the arithmetic of the dense convolution.
Each frame's plane of responses fits into the cache of a core, where norm, ReLU and pooling follow at once; the backward
pass computes it again. Nothing but the pooled output is kept.

With c the responses, g the gradient of the normalised responses, x = (c - mean) / deviation and A = weight of the norm
/ deviation, the gradient of the responses is A (g - mean(g) - x mean(g x)) (Ioffe and Szegedy, arXiv 1502.03167). It is
linear in g, c and 1, so the gradient of the kernel's weights follows from the correlations of the blobs with these
three, and one pass over the frames is enough.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyskl.models.kernels import load_kernels
from pyskl.models.layers.blobs import KeypointBlobs

__all__ = ['StemGeometry', 'blob_statistics', 'blob_stem']

_LONG, _POINTER = ctypes.c_int64, ctypes.c_void_p


@dataclass(frozen=True)
class StemGeometry:
    """Sizes of a stem.

    Attributes:
        kernel, stride, padding: of the convolution, the same along both axes.
        pool_stride: of the 3x3 pooling with a padding of 1; 0: there is none.
        relu: whether a ReLU comes between norm and pooling.
    """

    kernel: int
    stride: int
    padding: int
    pool_stride: int
    relu: bool

    def convolved(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (H', W') of the responses."""
        return tuple((edge + 2 * self.padding - self.kernel) // self.stride + 1 for edge in size)

    def pooled(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (H', W') of the output."""
        size = self.convolved(size)
        return tuple((edge - 1) // self.pool_stride + 1 for edge in size) if self.pool_stride else size

    @property
    def taps(self) -> list[int]:
        """Columns of the kernel in the order of the packed weights; see ``Taps`` in blob_stem.cpp."""
        return [tap for rest in range(self.stride) for tap in reversed(range(rest, self.kernel, self.stride))]


class _Shape(ctypes.Structure):
    _fields_ = [
        (name, _LONG)
        for name in (
            *('frames', 'keypoints', 'channels', 'height', 'width', 'kernel', 'stride', 'padding', 'window'),
            *('out_height', 'out_width', 'pool_stride', 'pool_height', 'pool_width', 'threads'),
        )
    ]


class _Blobs(ctypes.Structure):
    _fields_ = [(name, _POINTER) for name in ('left', 'top', 'across', 'down')]


class _Call:
    """Arguments that all calls of the kernel share; keeps their memory alive."""

    def __init__(self, blobs: KeypointBlobs, weight: Tensor, geometry: StemGeometry) -> None:
        *_, keypoints, frames, height, width = blobs.shape
        clips = blobs.left.shape[:-2].numel()
        out, pooled = geometry.convolved(blobs.size), geometry.pooled(blobs.size)
        self.out_shape = (clips, frames, *pooled, weight.shape[0])
        self.pixels = clips * frames * out[0] * out[1]
        self.shape = _Shape(
            *(clips * frames, keypoints, weight.shape[0], height, width),
            *(geometry.kernel, geometry.stride, geometry.padding, blobs.window),
            *(*out, geometry.pool_stride, *pooled, torch.get_num_threads()),
        )
        self.arrays = [part.contiguous() for part in (blobs.left, blobs.top, blobs.across, blobs.down)]
        self.blobs = _Blobs(*(part.data_ptr() for part in self.arrays))
        self.packed = weight.detach()[:, :, 0].permute(1, 2, 3, 0)[:, :, geometry.taps].float().contiguous()

    def run(self, name: str, *arguments: Tensor | int | None) -> None:
        plain = [_POINTER(part.data_ptr()) if isinstance(part, Tensor) else part for part in arguments]
        function = getattr(load_kernels(), name)
        function.restype = None
        function(ctypes.byref(self.shape), ctypes.byref(self.blobs), _POINTER(self.packed.data_ptr()), *plain)


def blob_statistics(blobs: KeypointBlobs, weight: Tensor, geometry: StemGeometry) -> tuple[Tensor, Tensor, int]:
    """Return mean and variance (C,) float64 of the responses, and the number of responses in a channel."""
    call = _Call(blobs, weight, geometry)
    sums, squares = torch.zeros(2, weight.shape[0], dtype=torch.float64)
    call.run('blob_stem_statistics', sums, squares)
    mean = sums / call.pixels
    return mean, (squares / call.pixels - mean.square()).clamp_(min=0), call.pixels


class _BlobStem(torch.autograd.Function):
    """Gradients for the convolution's weight and the norm's weight and bias; the keypoints have none."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        scale: Tensor,
        shift: Tensor,
        blobs: KeypointBlobs,
        geometry: StemGeometry,
        mean: Tensor,
        deviation: Tensor,
        batch_statistics: bool,
        dtype: torch.dtype,
    ) -> Tensor:
        call = _Call(blobs, weight, geometry)
        factor = scale.detach().double() / deviation
        offset = (shift.detach().double() - mean * factor).float()
        factor32 = factor.float()
        out = torch.empty(call.out_shape, dtype=dtype)
        half = int(dtype == torch.bfloat16)
        call.run('blob_stem_forward', factor32, offset, int(geometry.relu), half, out)
        ctx.call, ctx.geometry, ctx.batch_statistics = call, geometry, batch_statistics
        ctx.weight_dtype, ctx.scale_dtype = weight.dtype, scale.dtype
        ctx.save_for_backward(factor, factor32, offset, mean, deviation)
        return out.movedim(-1, 1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        factor, factor32, offset, mean, deviation = ctx.saved_tensors
        call = ctx.call
        keypoints, kernel, _, channels = call.packed.shape
        gradient = gradient.movedim(1, -1).contiguous()
        of_weights = torch.zeros(call.packed.shape)
        of_responses = torch.zeros(call.packed.shape) if ctx.batch_statistics else None
        of_ones = torch.zeros(keypoints, kernel, kernel) if ctx.batch_statistics else None
        sums, products = torch.zeros(2, channels, dtype=torch.float64)
        half = int(gradient.dtype == torch.bfloat16)
        relu = int(ctx.geometry.relu)
        call.run(
            'blob_stem_backward',
            factor32,
            offset,
            relu,
            half,
            gradient,
            of_weights,
            of_responses,
            of_ones,
            sums,
            products,
        )
        of_scale = (products - mean * sums) / deviation
        result = of_weights * factor32
        if ctx.batch_statistics:
            slope = factor * of_scale / deviation / call.pixels
            constant = slope * mean - factor * sums / call.pixels
            result = result - of_responses * slope.float() + of_ones[..., None] * constant.float()
        unpacked = torch.empty_like(result)
        unpacked[:, :, ctx.geometry.taps] = result
        of_weight = unpacked.permute(3, 0, 1, 2)[:, :, None].to(ctx.weight_dtype)
        return of_weight, of_scale.to(ctx.scale_dtype), sums.to(ctx.scale_dtype), *[None] * 6


def blob_stem(
    blobs: KeypointBlobs,
    weight: Tensor,
    scale: Tensor,
    shift: Tensor,
    geometry: StemGeometry,
    mean: Tensor,
    deviation: Tensor,
    batch_statistics: bool,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Return pool(relu(scale * (responses - mean) / deviation + shift)) of blobs on the CPU.

    Args:
        blobs: (B, V, T, H, W).
        weight: (C, V, 1, K, K) of the convolution.
        scale, shift: (C,) weight and bias of the norm.
        geometry: sizes of convolution and pooling.
        mean, deviation: (C,) float64.
        batch_statistics: whether these are those of this very batch, so that the gradient goes through them too.
        dtype: of the output, float32 or bfloat16.

    Returns:
        (B, C, T, H', W'), channels last in memory.
    """
    return _BlobStem.apply(weight, scale, shift, blobs, geometry, mean, deviation, batch_statistics, dtype)
