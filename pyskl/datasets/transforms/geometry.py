"""Moving keypoints: crops and scales of the picture plane, without any picture.

A keypoint with a coordinate of exactly 0 counts as not detected in that coordinate and stays where it is, as in the
reference toolboxes; only their RandomResizedCrop moves it, so that it counts as detected from there on.
"""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.compose import sample_rng
from pyskl.errors import InputError
from pyskl.registry import TRANSFORMS

__all__ = ['PoseCompact', 'RandomAffine', 'RandomResizedCrop', 'Resize', 'as_complex', 'as_points', 'set_keypoint']


def set_keypoint(results: dict, keypoint: np.ndarray) -> None:
    """Give a sample keypoints that have moved, and forget where the eyes were before."""
    results['keypoint'] = keypoint
    for name in ('eye_centers', 'eye_found', 'face_scale', 'face_origin'):
        results.pop(name, None)


def as_complex(points: np.ndarray) -> np.ndarray:
    """Return points (..., 2) as complex64 numbers (...), in which a turn with a scale is a single product."""
    return np.ascontiguousarray(points, dtype=np.float32).view(np.complex64)[..., 0]


def as_points(numbers: np.ndarray) -> np.ndarray:
    """Return complex64 numbers (...) as float32 points (..., 2)."""
    return np.ascontiguousarray(numbers).view(np.float32).reshape(*numbers.shape, 2)


def _is_range(value: object) -> bool:
    """Tell whether a value is two positive numbers in order."""
    try:
        low, high = value
        return bool(0 < low <= high < np.inf)
    except (TypeError, ValueError):
        return False


def _shift(keypoint: np.ndarray, left: float, top: float) -> np.ndarray:
    """Return the keypoints relative to a new origin; zeros stay zeros."""
    return np.where(keypoint != 0, keypoint - np.asarray((left, top), dtype=keypoint.dtype), keypoint)


@TRANSFORMS.register_module()
class PoseCompact(BaseTransform):
    """Cut the picture plane down to the box that holds all keypoints of the clip.

    Args:
        padding: enlargement of the box, as a part of its half width and half height.
        threshold: a box narrower or lower than this, in pixels, is left alone; so is one outside of the picture.
        hw_ratio: wanted height / width: a number, or the allowed (least, most); None: as it is.
        allow_imgpad: True lets the box reach outside of the picture.

    Changes ``keypoint`` and ``img_shape``; adds ``crop_quadruple`` (x, y, w, h) relative to the picture.
    """

    def __init__(
        self,
        padding: float = 0.25,
        threshold: int = 10,
        hw_ratio: float | Sequence[float] | None = None,
        allow_imgpad: bool = True,
    ) -> None:
        if not 0 <= padding < np.inf:
            raise InputError(f'PoseCompact: padding must not be negative, but is {padding}')
        self.padding = padding
        self.threshold = threshold
        self.hw_ratio = (hw_ratio, hw_ratio) if isinstance(hw_ratio, int | float) else hw_ratio
        if hw_ratio is not None and not _is_range(self.hw_ratio):
            raise InputError(f'PoseCompact: hw_ratio must be a positive number or two in order, not {hw_ratio}')
        self.allow_imgpad = allow_imgpad

    def transform(self, results: dict) -> dict:
        height, width = results['img_shape']
        keypoint = results['keypoint']
        x, y = keypoint[..., 0][keypoint[..., 0] != 0], keypoint[..., 1][keypoint[..., 1] != 0]
        if not x.size or not y.size:
            return results
        left, right, top, bottom = x.min(), x.max(), y.min(), y.max()
        if right - left < self.threshold or bottom - top < self.threshold:
            return results
        center_x, center_y = (right + left) / 2, (bottom + top) / 2
        half_width = (right - left) / 2 * (1 + self.padding)
        half_height = (bottom - top) / 2 * (1 + self.padding)
        if self.hw_ratio is not None:
            half_height = max(self.hw_ratio[0] * half_width, half_height)
            half_width = max(1 / self.hw_ratio[1] * half_height, half_width)
        left, right = center_x - half_width, center_x + half_width
        top, bottom = center_y - half_height, center_y + half_height
        if not self.allow_imgpad:
            left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
        left, top, right, bottom = int(left), int(top), int(right), int(bottom)
        if left >= right or top >= bottom:
            return results
        set_keypoint(results, _shift(keypoint, left, top))
        results['img_shape'] = (bottom - top, right - left)
        results['crop_quadruple'] = (left / width, top / height, (right - left) / width, (bottom - top) / height)
        return results


@TRANSFORMS.register_module()
class Resize(BaseTransform):
    """Scale the picture plane.

    Args:
        scale: (width, height) in pixels; one of them -1: the other is the length of the short edge.
        keep_ratio: True keeps height : width and makes the largest picture that fits in ``scale``.

    Changes ``keypoint`` and ``img_shape``; adds ``scale_factor`` (x, y).
    """

    def __init__(self, scale: tuple[int, int], keep_ratio: bool = True) -> None:
        is_pair = isinstance(scale, Sequence) and len(scale) == 2 and all(isinstance(edge, int) for edge in scale)
        if not is_pair or max(scale) < 1 or not all(edge == -1 or edge > 0 for edge in scale):
            raise InputError(f'Resize: scale must be (width, height) in pixels, not {scale}')
        if not keep_ratio and min(scale) < 1:
            raise InputError(f'Resize: scale {scale} needs keep_ratio=True')
        self.scale = tuple(scale)
        self.keep_ratio = keep_ratio

    def transform(self, results: dict) -> dict:
        height, width = results['img_shape']
        new_width, new_height = self.scale
        if self.keep_ratio:
            long_edge, short_edge = max(self.scale), min(self.scale)
            if short_edge == -1:
                long_edge, short_edge = np.inf, long_edge
            factor = min(long_edge / max(height, width), short_edge / min(height, width))
            new_width, new_height = max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5))
        factors = np.array([new_width / width, new_height / height], dtype=np.float32)
        set_keypoint(results, results['keypoint'] * factors)
        results['img_shape'] = (new_height, new_width)
        results['scale_factor'] = factors
        return results


@TRANSFORMS.register_module()
class RandomResizedCrop(BaseTransform):
    """Cut out a box of random area and aspect ratio; follow it with ``Resize`` to a fixed size.

    Args:
        area_range: least and most area, as a part of the picture.
        aspect_ratio_range: least and most width / height; drawn evenly in the logarithm.

    Changes ``keypoint`` and ``img_shape``.
    """

    tries = 10

    def __init__(
        self,
        area_range: tuple[float, float] = (0.08, 1.0),
        aspect_ratio_range: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        for name, value in (('area_range', area_range), ('aspect_ratio_range', aspect_ratio_range)):
            if not _is_range(value):
                raise InputError(f'RandomResizedCrop: {name} must be two positive numbers in order, not {value}')
        if area_range[1] > 1:
            raise InputError(f'RandomResizedCrop: area_range must not exceed 1, but is {area_range}')
        self.area_range = area_range
        self.aspect_ratio_range = aspect_ratio_range

    def transform(self, results: dict) -> dict:
        height, width = results['img_shape']
        left, top, right, bottom = self._box(height, width, sample_rng(results))
        set_keypoint(results, _shift(results['keypoint'], left, top))
        results['img_shape'] = (bottom - top, right - left)
        return results

    def _box(self, height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        area = height * width
        ratios = np.exp(rng.uniform(*np.log(self.aspect_ratio_range), size=self.tries))
        areas = rng.uniform(*self.area_range, size=self.tries) * area
        widths = np.round(np.sqrt(areas * ratios)).astype(np.int64)
        heights = np.round(np.sqrt(areas / ratios)).astype(np.int64)
        for box_width, box_height in zip(widths.tolist(), heights.tolist(), strict=True):
            if 0 < box_width <= width and 0 < box_height <= height:
                left = int(rng.integers(0, width - box_width + 1))
                top = int(rng.integers(0, height - box_height + 1))
                return left, top, left + box_width, top + box_height
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side


@TRANSFORMS.register_module()
class RandomAffine(BaseTransform):
    """Turn, scale and move the whole clip at random, and let each keypoint tremble.

    Args:
        rotation: largest turn in degrees, either way.
        scale: least and most scale.
        shift: largest move, as a part of the picture's width and height.
        jitter: standard deviation of the noise of each keypoint, as a part of the picture's width.
        jitter_correlation: correlation of that noise from one frame to the next, 0..1. A detector's errors last for
            some frames. The deviation is the same in all frames, whatever the correlation; 1 moves each keypoint once
            for the whole clip.

    Changes ``keypoint``.
    """

    def __init__(
        self,
        rotation: float = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        shift: float = 0.0,
        jitter: float = 0.0,
        jitter_correlation: float = 0.0,
    ) -> None:
        if not _is_range(scale) or not all(0 <= value < np.inf for value in (rotation, shift, jitter)):
            raise InputError(
                'RandomAffine: rotation, shift and jitter must not be negative, scale two numbers in order'
            )
        if not 0 <= jitter_correlation <= 1:
            raise InputError(f'RandomAffine: jitter_correlation must be in 0..1, but is {jitter_correlation}')
        self.rotation = rotation
        self.scale = scale
        self._log_scale = tuple(np.log(scale).tolist())
        self.shift = shift
        self.jitter = jitter
        self.jitter_correlation = jitter_correlation

    def transform(self, results: dict) -> dict:
        rng = sample_rng(results)
        height, width = results['img_shape']
        keypoint = results['keypoint']
        angle = math.radians(rng.uniform(-self.rotation, self.rotation))
        factor = math.exp(rng.uniform(*self._log_scale))
        across, down = rng.uniform(-self.shift, self.shift, size=2).tolist()
        center = complex(width / 2, height / 2)
        move = center + complex(across * width, down * height)
        moved = as_complex(keypoint) - center
        moved *= cmath.rect(factor, angle)
        moved += move
        moved = as_points(moved)
        if self.jitter:
            noise = rng.standard_normal(moved.shape, dtype=np.float32)
            size = np.float32(self.jitter * width)
            if self.jitter_correlation:
                persons, frames = moved.shape[:2]
                factor = _correlation_factor(frames, self.jitter_correlation) * size
                moved += (factor @ noise.reshape(persons, frames, -1)).reshape(moved.shape)
            else:
                noise *= size
                moved += noise
        if not keypoint.all():
            moved[(keypoint[..., 0] == 0) & (keypoint[..., 1] == 0)] = 0
        set_keypoint(results, moved)
        return results


@functools.lru_cache(maxsize=16)
def _correlation_factor(frames: int, correlation: float) -> np.ndarray:
    """Return (T, T) float32: the matrix that turns white noise over T frames into a stationary AR(1) process.

    ``x[t] = correlation * x[t - 1] + sqrt(1 - correlation ** 2) * noise[t]``, written out over all earlier frames.
    """
    frame = np.arange(frames)
    lag = frame[:, None] - frame
    factor = np.where(lag >= 0, float(correlation) ** np.maximum(lag, 0), 0)
    factor[:, 1:] *= np.sqrt(1 - correlation**2)
    return factor.astype(np.float32)
