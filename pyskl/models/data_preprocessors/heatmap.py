"""Gaussian heatmaps of keypoints and limbs as tensors, on any device (arXiv 2104.13586, section 3.2).

The numbers are those of the transform ``GeneratePoseTarget``: a keypoint is drawn in the pixels from
``int(mu - 3 sigma)`` to ``int(mu + 3 sigma)``, both rounded towards zero; scores below 1e-4 draw nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pyskl.models.layers.blobs import MIN_SCORE, outer

__all__ = ['draw_keypoints', 'draw_limbs']


def draw_keypoints(
    keypoint: Tensor,
    score: Tensor,
    size: tuple[int, int],
    sigma: float = 0.6,
    dtype: torch.dtype | None = None,
    channels_last: bool = False,
) -> Tensor:
    """Draw one heatmap for each keypoint; of several persons the stronger value counts.

    Args:
        keypoint: (..., M, T, V, 2) x and y in heatmap pixels. One that is not finite draws nothing.
        score: (..., M, T, V) peak of each heatmap.
        size: (H, W) of the heatmaps.
        sigma: standard deviation in heatmap pixels.
        dtype: of the result; that of the keypoints by default.
        channels_last: lay the result out in memory as (..., T, H, W, V), which convolutions on a CPU prefer.

    Returns:
        (..., V, T, H, W).
    """
    dtype = dtype or keypoint.dtype
    score = torch.where(score >= MIN_SCORE, score, 0.0)
    columns = _window(keypoint[..., 0], size[1], sigma).to(dtype)
    rows = (_window(keypoint[..., 1], size[0], sigma) * score[..., None]).to(dtype)
    persons = zip(rows.unbind(-4), columns.unbind(-4), strict=True)
    return _strongest([outer(row, column, channels_last) for row, column in persons])


def draw_limbs(
    keypoint: Tensor,
    score: Tensor,
    limbs: Tensor | Sequence[tuple[int, int]],
    size: tuple[int, int],
    sigma: float = 0.6,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Draw one heatmap for each limb: a Gaussian of the distance to the segment between two keypoints.

    The peak is the smaller score of the two ends. A limb shorter than a pixel is drawn as its first keypoint.

    Args:
        keypoint: (..., M, T, V, 2) x and y in heatmap pixels. A limb with an end that is not finite is not drawn.
        score: (..., M, T, V).
        limbs: L keypoint pairs.
        size: (H, W) of the heatmaps.
        sigma: standard deviation in heatmap pixels.
        dtype: of the result; that of the keypoints by default.

    Returns:
        (..., L, T, H, W).
    """
    dtype = dtype or keypoint.dtype
    first, second = torch.as_tensor(limbs, device=keypoint.device).reshape(-1, 2).unbind(1)
    keypoint, score = keypoint.transpose(-3, -2), score.transpose(-2, -1)  # (..., M, V, T, 2), (..., M, V, T)
    persons = zip(keypoint.unbind(-4), score.unbind(-3), strict=True)
    return _strongest(
        [
            _segments(
                point.index_select(-3, first),
                point.index_select(-3, second),
                value.index_select(-2, first),
                value.index_select(-2, second),
                size,
                sigma,
            ).to(dtype)
            for point, value in persons
        ]
    )


def _strongest(volumes: list[Tensor]) -> Tensor:
    result = volumes[0]
    for volume in volumes[1:]:
        result = torch.maximum(result, volume)
    return result


def _bounds(low: Tensor, high: Tensor, size: int, sigma: float) -> Tensor:
    """(...,) coordinates -> (..., size) bool: the pixels drawn around low..high."""
    pixel = torch.arange(size, device=low.device)
    return (pixel >= (low - 3 * sigma).trunc()[..., None]) & (pixel < (high + 3 * sigma).trunc()[..., None] + 1)


def _window(center: Tensor, size: int, sigma: float) -> Tensor:
    """(...,) coordinates -> (..., size) Gaussian along one axis, zero outside its window and for NaN."""
    distance = torch.arange(size, device=center.device, dtype=center.dtype) - center[..., None]
    value = distance.square_().mul_(-0.5 / sigma**2).exp_()
    return torch.where(_bounds(center, center, size, sigma), value, 0.0)


def _segments(
    start: Tensor, end: Tensor, start_score: Tensor, end_score: Tensor, size: tuple[int, int], sigma: float
) -> Tensor:
    """(..., 2) ends and (...,) scores -> (..., H, W)."""
    peak = torch.minimum(start_score, end_score)
    drawn = (peak >= MIN_SCORE) & start.isfinite().all(-1) & end.isfinite().all(-1)
    start, end = torch.where(drawn[..., None], start, 0.0), torch.where(drawn[..., None], end, 0.0)
    length = (end - start).square().sum(-1)
    is_point = length < 1
    end = torch.where(is_point[..., None], start, end)
    peak = torch.where(is_point, start_score, peak)
    length = torch.where(is_point, 1.0, length)

    # Pixels and ends are measured in units of sqrt(2) sigma, so that the value is exp(-distance ** 2).
    unit = 0.5**0.5 / sigma
    along, limb = (end - start) / (length * unit)[..., None], (end - start) * unit
    across = _offsets(start[..., 0], size[1], unit)[..., None, :]
    down = _offsets(start[..., 1], size[0], unit)[..., :, None]
    part = (across * along[..., 0, None, None] + down * along[..., 1, None, None]).clamp_(0, 1)
    squared = torch.addcmul(across, part, limb[..., 0, None, None], value=-1).square_()
    distance = torch.addcmul(down, part, limb[..., 1, None, None], value=-1)
    value = squared.addcmul_(distance, distance).neg_().exp_()
    low, high = torch.minimum(start, end), torch.maximum(start, end)
    columns = _bounds(low[..., 0], high[..., 0], size[1], sigma).to(value.dtype)
    rows = _bounds(low[..., 1], high[..., 1], size[0], sigma) * torch.where(drawn, peak, 0.0)[..., None]
    return value.mul_(columns[..., None, :]).mul_(rows[..., :, None])


def _offsets(center: Tensor, size: int, unit: float) -> Tensor:
    """(...,) coordinates -> (..., size): how far each pixel is from them."""
    return (torch.arange(size, device=center.device, dtype=center.dtype) - center[..., None]) * unit
