"""Gaussian heatmaps of keypoints and limbs as arrays (arXiv 2104.13586, section 3.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.zero_volume import zero_volume
from pyskl.errors import InputError
from pyskl.keypoints import get_layout, guess_layout
from pyskl.keypoints.heatmap_channels import HeatmapChannels, heatmap_channels
from pyskl.registry import TRANSFORMS

__all__ = ['GeneratePoseTarget']

MIN_SCORE = 1e-4
CHUNK = 1 << 18  # pixels of all windows worked on at a time: their arrays stay in the processor's cache


@TRANSFORMS.register_module()
class GeneratePoseTarget(BaseTransform):
    """Draw the heatmap volume of a sample on the CPU.

    The model's data preprocessor draws the same volume on the model's device; this transform is for those who need it
    before. Arguments and numbers are those of MMAction2, except that keypoints and limbs drawn together have channels
    of their own: keypoints first, limbs after them.

    A keypoint with coordinates mu is drawn in the pixels from ``int(mu - 3 sigma)`` to ``int(mu + 3 sigma)``, rounded
    towards zero. A limb is a Gaussian of the distance to the segment between its ends; its peak is the smaller of
    their scores; one shorter than a pixel is drawn as its first keypoint. Scores below 1e-4 and coordinates that are
    not finite draw nothing.

    Required keys: ``keypoint`` (M, T, V, 2) in pixels, ``img_shape`` (h, w); optional ``keypoint_score`` (M, T, V) and
    ``keypoint_layout``. Added key: ``imgs`` (T, C, H, W) float32, or (2 T, C, H, W) with ``double``. The keypoints
    stay as they are.

    Args:
        sigma: standard deviation of the Gaussians, in pixels of the heatmap.
        use_score: the score of a keypoint is its peak; otherwise every peak is 1, undetected keypoints included.
        with_kp: draw keypoints.
        with_limb: draw limbs.
        skeletons: keypoint pairs joined by a limb; by default those of the sample's layout.
        double: append the mirrored volume, left and right channels exchanged.
        left_kp, right_kp: keypoints that change places in the mirror; by default those of the layout.
        left_limb, right_limb: limbs that do; by default those between mirrored keypoints.
        scaling: size of the heatmap relative to ``img_shape``.

    Raises:
        InputError: if nothing is to be drawn, an argument is out of range, or the sample lacks what it needs.
    """

    def __init__(
        self,
        sigma: float = 0.6,
        use_score: bool = True,
        with_kp: bool = True,
        with_limb: bool = False,
        skeletons: Sequence[Sequence[int]] | None = None,
        double: bool = False,
        left_kp: Sequence[int] | None = None,
        right_kp: Sequence[int] | None = None,
        left_limb: Sequence[int] | None = None,
        right_limb: Sequence[int] | None = None,
        scaling: float = 1.0,
    ) -> None:
        if not (with_kp or with_limb):
            raise InputError('GeneratePoseTarget: with_kp and with_limb are both False; there is nothing to draw')
        if not (sigma > 0 and scaling > 0):
            raise InputError(f'GeneratePoseTarget: sigma={sigma} and scaling={scaling} must be above 0')
        self.sigma = float(sigma)
        self.use_score = use_score
        self.with_kp = with_kp
        self.with_limb = with_limb
        self.skeletons = skeletons
        self.double = double
        self.left_kp = left_kp
        self.right_kp = right_kp
        self.left_limb = left_limb
        self.right_limb = right_limb
        self.scaling = float(scaling)

    @np.errstate(over='ignore')  # a wild coordinate is infinitely far away, which is what its heat then says
    def transform(self, results: dict) -> dict:
        """Add ``imgs`` to a sample."""
        keypoint = results['keypoint'].astype(np.float32)
        if self.scaling != 1:
            keypoint *= np.float32(self.scaling)
        if self.use_score and 'keypoint_score' in results:
            score = results['keypoint_score'].astype(np.float32)
        else:
            score = np.ones(keypoint.shape[:-1], dtype=np.float32)
        size = tuple(int(length * self.scaling + 0.5) for length in results['img_shape'])
        channels = self._channels(results, keypoint.shape[2])
        _, frames, num_keypoints, _ = keypoint.shape
        num_channels = len(channels) if channels else num_keypoints
        volume = zero_volume((2 * frames if self.double else frames, num_channels, *size))
        flat = volume.reshape(-1, *size)
        images = np.arange(frames * num_channels).reshape(frames, num_channels)
        for person, (point, value) in enumerate(zip(keypoint, score, strict=True)):
            if self.with_kp:
                self._draw_keypoints(flat, images[:, :num_keypoints], point, value, person > 0)
            if self.with_limb:
                places, limbs = images[:, channels.num_keypoints :], np.asarray(channels.limbs)
                self._draw_limbs(flat, places, point, value, limbs, person > 0)
        if self.double:
            volume[frames:] = volume[:frames, channels.mirror, :, ::-1]
        results['imgs'] = volume
        return results

    def _channels(self, results: dict, num_keypoints: int) -> HeatmapChannels | None:
        """Return the channels of the volume; None when they are just the keypoints and no layout is needed."""
        if not (self.with_limb or self.double):
            return None
        name = results.get('keypoint_layout')
        layout = get_layout(name) if name else guess_layout(num_keypoints)
        if layout.num_keypoints != num_keypoints:
            raise InputError(
                f'GeneratePoseTarget: {results.get("frame_dir", "a sample")} has {num_keypoints} keypoints, its layout '
                f"'{layout.name}' {layout.num_keypoints}"
            )
        return heatmap_channels(
            layout,
            self.with_kp,
            self.with_limb,
            self.skeletons,
            self.left_kp,
            self.right_kp,
            self.left_limb,
            self.right_limb,
        )

    def _draw_keypoints(
        self, volume: np.ndarray, images: np.ndarray, point: np.ndarray, score: np.ndarray, again: bool
    ) -> None:
        """Draw the keypoints of one person.

        Args:
            volume: (I, H, W) images, drawn into.
            images: (T, V) the image of each keypoint.
            point: (T, V, 2).
            score: (T, V).
            again: the images may hold another person already, whose stronger values stay.
        """
        images, peak, x, y = images.ravel(), score.ravel(), point[..., 0].ravel(), point[..., 1].ravel()
        seen = (peak >= MIN_SCORE) & np.isfinite(x) & np.isfinite(y)
        if not seen.all():
            images, peak, x, y = images[seen], peak[seen], x[seen], y[seen]
        for some in _chunks(len(images), math.ceil(6 * self.sigma + 2) ** 2):
            left, columns, across = self._window(x[some], x[some], x[some], volume.shape[2])
            top, rows, down = self._window(y[some], y[some], y[some], volume.shape[1])
            across = self._gauss(across, columns)
            down = self._gauss(down, rows) * peak[some]
            _store(volume, images[some], top, left, down[:, None] * across, again)

    def _draw_limbs(
        self,
        volume: np.ndarray,
        images: np.ndarray,
        point: np.ndarray,
        score: np.ndarray,
        limbs: np.ndarray,
        again: bool,
    ) -> None:
        """Draw the limbs (L, 2) of one person; ``images`` is (T, L), the rest as for keypoints."""
        ends, scores = point[:, limbs], score[:, limbs]  # (T, L, 2, 2), (T, L, 2)
        seen = (scores >= MIN_SCORE).all(-1) & np.isfinite(ends).all((-2, -1))
        images, scores = images[seen], scores[seen]
        start, end = np.ascontiguousarray(ends[seen].transpose(1, 2, 0))  # (2, P) each: x and y
        limb = end - start
        length = (limb**2).sum(0)
        is_point = length < 1
        limb[:, is_point] = 0
        peak = np.where(is_point, scores[:, 0], scores.min(-1))
        along = limb / np.where(is_point, 1, length)
        end = np.where(is_point, start, end)
        low, high = np.minimum(start, end), np.maximum(start, end)
        for some in self._alike(high - low, volume.shape[1:]):
            (x, y), (step_x, step_y), (reach_x, reach_y) = start[:, some], along[:, some], limb[:, some]
            left, columns, across = self._window(low[0, some], high[0, some], x, volume.shape[2])
            top, rows, down = self._window(low[1, some], high[1, some], y, volume.shape[1])
            part = np.clip((down * step_y)[:, None] + across * step_x, 0, 1)
            down, across = down[:, None] - part * reach_y, across - part * reach_x
            down *= down
            across *= across
            down += across
            values = self._gauss_of_squares(down)
            values *= (rows * peak[some])[:, None]
            values *= columns
            _store(volume, images[some], top, left, values, again)

    def _window(
        self, low: np.ndarray, high: np.ndarray, origin: np.ndarray, length: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the pixels along one axis that hold what is drawn from ``low`` to ``high``, and 3 sigma beyond.

        All windows are as wide as the widest, and are moved into the image rather than cut at its border.

        Args:
            low, high: (P,) coordinates.
            origin: (P,) coordinates that distances are measured from.
            length: pixels of the axis.

        Returns:
            (P,) first pixel of each window; (K, P) which pixels are drawn; (K, P) their distances.
        """
        reach = np.float32(3 * self.sigma)
        first = np.clip(np.trunc(low - reach), 0, length)
        last = np.clip(np.trunc(high + reach) + 1, 0, length)
        width = int((last - first).max(initial=0))
        start = np.minimum(first, np.float32(length - width))
        pixels = start + np.arange(width, dtype=np.float32)[:, None]
        drawn = (pixels >= first) & (pixels < last)
        pixels -= origin
        return start, drawn, pixels

    def _gauss(self, distance: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        return self._gauss_of_squares(distance * distance) * drawn

    def _gauss_of_squares(self, squared: np.ndarray) -> np.ndarray:
        squared *= np.float32(-0.5 / self.sigma**2)
        return np.exp(squared, out=squared)

    def _alike(self, extent: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
        """Group limbs, (2, P) wide and high, by size, so that one long limb does not enlarge all windows."""
        reach = np.minimum(extent.max(0, initial=0), max(size)) + 6 * self.sigma + 2
        power = np.ceil(np.log2(reach)).astype(int)
        for exponent in np.unique(power):
            (number,) = np.nonzero(power == exponent)
            for some in _chunks(len(number), min(4 ** int(exponent), size[0] * size[1])):
                yield number[some]


def _store(
    volume: np.ndarray, images: np.ndarray, top: np.ndarray, left: np.ndarray, values: np.ndarray, again: bool
) -> None:
    """Write windows (h, w, P) into P different images of (I, H, W); ``again`` keeps what is stronger there."""
    height, width = volume.shape[1:]
    corner = (images * height + top.astype(np.intp)) * width + left.astype(np.intp)
    place = corner + (np.arange(values.shape[0])[:, None] * width + np.arange(values.shape[1]))[..., None]
    flat = volume.reshape(-1)  # places in a flat array: several times faster than (image, row, column)
    flat[place] = np.maximum(flat[place], values) if again else values


def _chunks(count: int, pixels: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, pixels))
    return (slice(begin, begin + step) for begin in range(0, count, step))
