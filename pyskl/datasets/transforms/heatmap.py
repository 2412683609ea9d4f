"""Gaussian heatmaps of keypoints and limbs as arrays (arXiv 2104.13586, section 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.errors import InputError
from pyskl.keypoints import get_layout, guess_layout
from pyskl.keypoints.heatmap_channels import HeatmapChannels, heatmap_channels
from pyskl.registry import TRANSFORMS

__all__ = ['GeneratePoseTarget']

MIN_SCORE = 1e-4
CHUNK = 1 << 22  # pixels of all patches worked on at a time; bounds the memory needed beside the volume

Patch = Callable[[slice, np.ndarray, np.ndarray], np.ndarray]


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
        keypoint = results['keypoint'].astype(np.float32) * np.float32(self.scaling)
        if self.use_score and 'keypoint_score' in results:
            score = results['keypoint_score'].astype(np.float32)
        else:
            score = np.ones(keypoint.shape[:-1], dtype=np.float32)
        size = tuple(int(length * self.scaling + 0.5) for length in results['img_shape'])
        channels = self._channels(results, keypoint.shape[2])
        _, frames, num_keypoints, _ = keypoint.shape
        num_channels = len(channels) if channels else num_keypoints
        volume = np.zeros((2 * frames if self.double else frames, num_channels, *size), dtype=np.float32)
        drawn = volume[:frames]
        for point, value in zip(keypoint, score, strict=True):
            if self.with_kp:
                self._draw_keypoints(drawn[:, :num_keypoints], point, value)
            if self.with_limb:
                self._draw_limbs(drawn[:, channels.num_keypoints :], point, value, np.asarray(channels.limbs))
        if self.double:
            volume[frames:] = drawn[:, channels.mirror, :, ::-1]
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

    def _draw_keypoints(self, volume: np.ndarray, point: np.ndarray, score: np.ndarray) -> None:
        """Draw the keypoints of one person: (T, V, 2) and (T, V) into (T, V, H, W)."""
        frame, channel = np.nonzero((score >= MIN_SCORE) & np.isfinite(point).all(-1))
        center, peak = point[frame, channel], score[frame, channel]

        def patch(some: slice, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
            down = self._gauss((rows - center[some, 1, None]) ** 2) * peak[some, None]
            across = self._gauss((columns - center[some, 0, None]) ** 2)
            return down[:, :, None] * across[:, None, :]

        self._paint(volume, frame, channel, center, center, patch)

    def _draw_limbs(self, volume: np.ndarray, point: np.ndarray, score: np.ndarray, limbs: np.ndarray) -> None:
        """Draw the limbs of one person: (T, V, 2) and (T, V) into (T, L, H, W)."""
        ends, scores = point[:, limbs], score[:, limbs]  # (T, L, 2, 2), (T, L, 2)
        frame, channel = np.nonzero((scores >= MIN_SCORE).all(-1) & np.isfinite(ends).all((-2, -1)))
        start, end = ends[frame, channel, 0], ends[frame, channel, 1]
        peak = scores[frame, channel].min(-1)
        length = ((end - start) ** 2).sum(-1)
        is_point = length < 1
        end = np.where(is_point[:, None], start, end)
        peak = np.where(is_point, scores[frame, channel, 0], peak)
        along = (end - start) / np.where(is_point, 1, length)[:, None]

        def patch(some: slice, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
            down = (rows - start[some, 1, None])[:, :, None]
            across = (columns - start[some, 0, None])[:, None, :]
            step, limb = along[some, :, None, None], (end - start)[some, :, None, None]
            part = np.clip(across * step[:, 0] + down * step[:, 1], 0, 1)
            squared = (across - part * limb[:, 0]) ** 2 + (down - part * limb[:, 1]) ** 2
            return self._gauss(squared) * peak[some, None, None]

        self._paint(volume, frame, channel, np.minimum(start, end), np.maximum(start, end), patch)

    def _gauss(self, squared_distance: np.ndarray) -> np.ndarray:
        return np.exp(squared_distance * np.float32(-0.5 / self.sigma**2))

    def _paint(
        self,
        volume: np.ndarray,
        frame: np.ndarray,
        channel: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        patch: Patch,
    ) -> None:
        """Draw P patches, each into its own image of a volume (T, C, H, W), where they exceed what is there.

        Args:
            volume: drawn into.
            frame, channel: (P,) the image of each patch; no two patches share one.
            low, high: (P, 2) x and y between which a patch lies; it reaches 3 sigma beyond.
            patch: gives the values (p, h, w) of some patches from their rows (p, h) and columns (p, w).
        """
        shape = np.array(volume.shape[:1:-1])  # (W, H)
        first = np.clip(np.trunc(low - 3 * self.sigma), 0, shape).astype(np.int64)
        last = np.clip(np.trunc(high + 3 * self.sigma) + 1, 0, shape).astype(np.int64)
        used = (last > first).all(-1)
        if not used.any():
            return
        width, height = (last - first)[used].max(0)
        for some in _chunks(len(frame), int(width * height)):
            columns = first[some, 0, None] + np.arange(width)
            rows = first[some, 1, None] + np.arange(height)
            inside = (rows < last[some, 1, None])[:, :, None] & (columns < last[some, 0, None])[:, None, :]
            values = patch(some, rows.astype(np.float32), columns.astype(np.float32))
            number, row, column = np.nonzero(inside)
            place = frame[some][number], channel[some][number], rows[number, row], columns[number, column]
            volume[place] = np.maximum(volume[place], values[inside])


def _chunks(count: int, pixels: int) -> Iterator[slice]:
    step = max(1, CHUNK // pixels)
    return (slice(begin, begin + step) for begin in range(0, count, step))
