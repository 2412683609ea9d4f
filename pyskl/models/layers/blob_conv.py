"""Convolution of keypoint blobs in plain PyTorch, on any device: a matrix product for each keypoint, and one addition.

The response to a blob is linear in its P x P values, so it is a product with a matrix made of the weights; the patches
are then added into their places. The gradient of the weights is written by hand: a gather, a product, and P x P shifted
sums.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pyskl.models.layers.blobs import KeypointBlobs

__all__ = ['blob_conv']

BLOCK = 1 << 22  # responses worked on at a time


def blob_conv(blobs: KeypointBlobs, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Return the convolution of a volume that is not drawn; exact, and differentiable in the weights.

    Args:
        blobs: (B, V, T, H, W), on the device of the weights.
        weight: (C, V, 1, K, K).
        stride, padding: of the convolution, the same along both axes.

    Returns:
        (B, C, T, H', W'), channels last in memory, of the type of the weights. Sums are in float32 at least.
    """
    wide = torch.promote_types(weight.dtype, torch.float32)
    with torch.autocast(weight.device.type, enabled=False):
        out = _BlobConv.apply(weight.to(wide), blobs, stride, padding).to(weight.dtype)  # (B * T, H', W', C)
    clips, frames = blobs.left.shape[:-2].numel(), blobs.left.shape[-2]
    return out.reshape(clips, frames, *out.shape[1:]).movedim(-1, 1)


class _BlobConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, blobs: KeypointBlobs, stride: int, padding: int) -> Tensor:
        ctx.blobs, ctx.stride, ctx.padding, ctx.shape = blobs, stride, padding, weight.shape
        ctx.dtype = weight.dtype
        plan = _Plan(blobs, weight.shape, stride, padding, weight.dtype)
        matrix = _response_matrix(weight, blobs.window)  # (V, P * P, R * R * C)
        planes = weight.new_zeros(plan.frames, *plan.padded, weight.shape[0])
        for some in plan.blocks():
            response = torch.bmm(plan.values(some), matrix)  # (V, F, R * R * C)
            flat = planes[some].view(-1, weight.shape[0])
            flat.index_add_(0, plan.places(some).flatten(), response.view(-1, weight.shape[0]))
        return plan.cut(planes)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        blobs, (channels, keypoints, *_) = ctx.blobs, ctx.shape
        plan = _Plan(blobs, ctx.shape, ctx.stride, ctx.padding, ctx.dtype)
        planes = plan.uncut(gradient.to(ctx.dtype))
        window = blobs.window
        of_matrix = gradient.new_zeros(keypoints, window * window, plan.reach**2 * channels, dtype=ctx.dtype)
        for some in plan.blocks():
            patches = planes[some].reshape(-1, channels).index_select(0, plan.places(some).flatten())
            patches = patches.view(keypoints, -1, plan.reach**2 * channels)
            of_matrix.baddbmm_(plan.values(some).transpose(1, 2), patches)
        return _weight_gradient(of_matrix, ctx.shape, window), None, None, None


class _Plan:
    """Where the patches of all blobs go: planes that are dense (stride 1) and have room for blobs that stick out."""

    def __init__(self, blobs: KeypointBlobs, shape: torch.Size, stride: int, padding: int, dtype: torch.dtype) -> None:
        self.blobs, self.stride, self.padding, self.dtype = blobs, stride, padding, dtype
        self.kernel = shape[-1]
        self.reach = blobs.window + self.kernel - 1
        self.frames = blobs.left.shape[:-1].numel()
        self.keypoints = shape[1]
        # The patch of a blob at pixel p begins at p - (K - 1) of the fully padded response; 'room' keeps that positive.
        self.room = self.kernel - 1 + blobs.window
        self.padded = tuple(edge + 2 * self.room + self.kernel for edge in blobs.size)
        self.channels = shape[0]

    def blocks(self) -> list[slice]:
        each = max(1, BLOCK // (self.keypoints * self.reach**2 * self.channels))
        return [slice(first, min(first + each, self.frames)) for first in range(0, self.frames, each)]

    def values(self, some: slice) -> Tensor:
        """(V, F, P * P) of a block of F frames."""
        across, down = (part.flatten(0, -3)[some] for part in (self.blobs.across, self.blobs.down))
        return (down[..., :, None] * across[..., None, :]).flatten(-2).transpose(0, 1).to(self.dtype).contiguous()

    def places(self, some: slice) -> Tensor:
        """(V, F, R * R) flat pixel numbers within the planes of a block."""
        left, top = (part.flatten(0, -2)[some].long().transpose(0, 1) for part in (self.blobs.left, self.blobs.top))
        height, width = self.padded
        step = torch.arange(self.reach, device=left.device)
        first = (top + self.room - self.kernel + 1) * width + left + self.room - self.kernel + 1
        first = first + torch.arange(left.shape[1], device=left.device) * (height * width)
        return (first[..., None, None] + step[:, None] * width + step).flatten(-2)

    def _window(self) -> tuple[slice, slice]:
        """Rows and columns of the planes that are outputs: output o has its first tap at pixel stride * o - padding."""
        ends = []
        for edge in self.blobs.size:
            count = (edge + 2 * self.padding - self.kernel) // self.stride + 1
            first = self.room - self.padding
            ends.append(slice(first, first + (count - 1) * self.stride + 1, self.stride))
        return ends[0], ends[1]

    def cut(self, planes: Tensor) -> Tensor:
        rows, columns = self._window()
        return planes[:, rows, columns].contiguous()

    def uncut(self, gradient: Tensor) -> Tensor:
        planes = gradient.new_zeros(self.frames, *self.padded, gradient.shape[-1])
        rows, columns = self._window()
        planes[:, rows, columns] = gradient
        return planes


def _response_matrix(weight: Tensor, window: int) -> Tensor:
    """(C, V, 1, K, K) -> (V, P * P, R * R * C): the patch that each pixel of a blob makes."""
    channels, keypoints, _, kernel, _ = weight.shape
    reach = window + kernel - 1
    taps = weight[:, :, 0].flip(-1, -2).permute(1, 2, 3, 0)  # an output left of the pixel sees it with a later tap
    matrix = weight.new_zeros(keypoints, window, window, reach, reach, channels)
    for i in range(window):
        for j in range(window):
            matrix[:, i, j, i : i + kernel, j : j + kernel] = taps
    return matrix.view(keypoints, window * window, -1)


def _weight_gradient(of_matrix: Tensor, shape: torch.Size, window: int) -> Tensor:
    """The transpose of :func:`_response_matrix`."""
    channels, keypoints, _, kernel, _ = shape
    reach = window + kernel - 1
    of_matrix = of_matrix.view(keypoints, window, window, reach, reach, channels)
    taps = sum(of_matrix[:, i, j, i : i + kernel, j : j + kernel] for i in range(window) for j in range(window))
    return taps.permute(3, 0, 1, 2).flip(-1, -2)[:, :, None]
