"""Heatmap volumes that are not drawn: for each keypoint the few pixels of its blob."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ['MIN_SCORE', 'KeypointBlobs', 'keypoint_blobs']

MIN_SCORE = 1e-4
"""Keypoints of a lower score are not drawn."""

_FAR = 1e6  # pixels; further away than any picture is wide, and a whole number of 32 bits


@dataclass(frozen=True)
class KeypointBlobs:
    """A volume (..., V, T, H, W) of heatmaps, one person in each, as the outer products it consists of.

    The heatmap of a keypoint is ``down[i] * across[j]`` at row ``top + i`` and column ``left + j``, and 0 elsewhere.

    Attributes:
        left, top: (..., T, V) int32: the first pixel. It may lie outside the heatmap, where the values are 0.
        across, down: (..., T, V, P) float32: values along the two axes; ``down`` has the score in it.
        size: (H, W) of a heatmap.
    """

    left: Tensor
    top: Tensor
    across: Tensor
    down: Tensor
    size: tuple[int, int]

    @property
    def shape(self) -> torch.Size:
        """Shape of the volume."""
        *lead, frames, keypoints = self.left.shape
        return torch.Size((*lead, keypoints, frames, *self.size))

    @property
    def ndim(self) -> int:
        """Number of dimensions of the volume."""
        return len(self.shape)

    @property
    def window(self) -> int:
        """Pixels of a blob along each axis."""
        return self.across.shape[-1]

    def _each(self, change) -> KeypointBlobs:
        return replace(self, **{name: change(getattr(self, name)) for name in ('left', 'top', 'across', 'down')})

    def flatten(self, start: int, end: int) -> KeypointBlobs:
        """Flatten leading dimensions of the volume, as ``Tensor.flatten`` does."""
        return self._each(lambda part: part.flatten(start, end))

    def mirrored(self, mirror: Tensor) -> KeypointBlobs:
        """Return the volume as in a mirror: columns in reverse, channels ``mirror`` (V,) in place of 0, 1, 2...

        It is the very volume ``volume.index_select(-4, mirror).flip(-1)``.
        """
        there = self._each(lambda part: part.index_select(self.left.ndim - 1, mirror))
        return replace(there, left=self.size[1] - self.window - there.left, across=there.across.flip(-1))

    def draw(self, dtype: torch.dtype | None = None, channels_last: bool = False) -> Tensor:
        """Return the volume (..., V, T, H, W).

        Args:
            dtype: of the volume; float32 by default.
            channels_last: lay it out in memory as (..., T, H, W, V), which convolutions on a CPU prefer.
        """
        dtype = dtype or self.across.dtype
        rows = _unfold(self.top, self.down, self.size[0]).to(dtype)
        columns = _unfold(self.left, self.across, self.size[1]).to(dtype)
        return outer(rows, columns, channels_last)


def cat(volumes: Sequence[KeypointBlobs], dim: int) -> KeypointBlobs:
    """Join volumes along a leading dimension, as ``torch.cat`` does."""
    parts = {
        name: torch.cat([getattr(volume, name) for volume in volumes], dim)
        for name in ('left', 'top', 'across', 'down')
    }
    return replace(volumes[0], **parts)


def keypoint_blobs(keypoint: Tensor, score: Tensor, size: tuple[int, int], sigma: float = 0.6) -> KeypointBlobs:
    """Return what ``draw_keypoints`` would draw for one person.

    A keypoint is drawn in the pixels from ``int(mu - 3 sigma)`` to ``int(mu + 3 sigma)``, both rounded towards zero.

    Args:
        keypoint: (..., T, V, 2) x and y in heatmap pixels. One that is not finite draws nothing.
        score: (..., T, V) peak of each heatmap; below 1e-4 nothing is drawn.
        size: (H, W) of the heatmaps.
        sigma: standard deviation in heatmap pixels.
    """
    finite = keypoint.isfinite().all(-1)
    score = torch.where((score >= MIN_SCORE) & finite, score, 0.0)
    left, across = _fold(torch.where(finite, keypoint[..., 0], 0.0), size[1], sigma)
    top, down = _fold(torch.where(finite, keypoint[..., 1], 0.0), size[0], sigma)
    return KeypointBlobs(left, top, across, down * score[..., None], size)


def _fold(center: Tensor, size: int, sigma: float) -> tuple[Tensor, Tensor]:
    """(...,) coordinates -> (...,) first pixels, int32, and (..., P) Gaussian from there on, 0 outside its window."""
    center = center.clamp(-_FAR, _FAR)
    first = (center - 3 * sigma).trunc()
    last = (center + 3 * sigma).trunc()
    start = first.clamp(0, size - 1)
    pixel = start[..., None] + torch.arange(math.floor(6 * sigma) + 2, device=center.device, dtype=center.dtype)
    inside = (pixel >= first[..., None]) & (pixel <= last[..., None]) & (pixel < size)
    value = (pixel - center[..., None]).square_().mul_(-0.5 / sigma**2).exp_()
    return start.int(), torch.where(inside, value, 0.0)


def _unfold(start: Tensor, value: Tensor, size: int) -> Tensor:
    """(...,) first pixels and (..., P) values -> (..., size)."""
    window = value.shape[-1]
    padded = value.new_zeros(*start.shape, size + 2 * window)  # a blob may stick out on either side
    place = (start.long() + window)[..., None] + torch.arange(window, device=start.device)
    return padded.scatter_(-1, place, value)[..., window : window + size]


def outer(rows: Tensor, columns: Tensor, channels_last: bool) -> Tensor:
    """(..., T, V, H) and (..., T, V, W) -> (..., V, T, H, W), written once."""
    if channels_last:
        rows, columns = rows.transpose(-1, -2).contiguous(), columns.transpose(-1, -2).contiguous()
        return (rows[..., :, None, :] * columns[..., None, :, :]).movedim(-1, -4)
    rows, columns = rows.transpose(-3, -2).contiguous(), columns.transpose(-3, -2).contiguous()
    return rows[..., :, None] * columns[..., None, :]
