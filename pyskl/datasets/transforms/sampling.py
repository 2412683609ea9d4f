"""Choosing the frames of a clip."""

from __future__ import annotations

import math

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.compose import sample_rng
from pyskl.errors import InputError
from pyskl.registry import TRANSFORMS

__all__ = ['SampleWindow', 'UniformSampleFrames']


@TRANSFORMS.register_module()
class UniformSampleFrames(BaseTransform):
    """Draw frames spread over the whole track: one from each of ``clip_len`` equal parts.

    In test mode the frames are those of MMAction2, drawn with NumPy's legacy generator ``RandomState(seed)``; the
    global random state is left alone. The cost does not depend on the length of the track.

    Args:
        clip_len: number of frames of a clip.
        num_clips: number of clips.
        test_mode: the same frames at each call.
        seed: of test mode.

    Adds ``frame_inds`` (num_clips * clip_len,) int64, ``clip_len``, ``num_clips`` and ``frame_interval`` (None).

    Reference: Duan et al., Revisiting Skeleton-based Action Recognition, 2022 (arXiv 2104.13586), section 3.2.
    """

    def __init__(self, clip_len: int, num_clips: int = 1, test_mode: bool = False, seed: int = 255) -> None:
        if clip_len < 1 or num_clips < 1:
            raise InputError('UniformSampleFrames: clip_len and num_clips must be at least 1')
        self.clip_len = clip_len
        self.num_clips = num_clips
        self.test_mode = test_mode
        self.seed = seed
        self._legacy = np.random.RandomState(seed)  # making one costs more than all its draws

    def transform(self, results: dict) -> dict:
        total = results['total_frames']
        if self.test_mode:
            self._legacy.seed(self.seed)
            draw, choose = self._legacy.randint, self._legacy.choice
        else:
            rng = sample_rng(results)
            draw, choose = rng.integers, rng.choice
        clips = [self._clip(clip, total, draw, choose) for clip in range(self.num_clips)]
        indices = np.mod(np.concatenate(clips), total) + results.get('start_index', 0)
        results['frame_inds'] = indices.astype(np.int64)
        results['clip_len'] = self.clip_len
        results['num_clips'] = self.num_clips
        results['frame_interval'] = None
        return results

    def _clip(self, clip: int, total: int, draw, choose) -> np.ndarray:
        length = self.clip_len
        if total < length:
            if not self.test_mode:
                start = draw(0, total)
            elif total < self.num_clips:
                start = clip
            else:
                start = clip * total // self.num_clips
            return np.arange(start, start + length)
        if total < 2 * length:
            skips = np.zeros(length + 1, dtype=np.int64)
            skips[choose(length + 1, total - length, replace=False)] = 1
            return np.arange(length) + np.cumsum(skips)[:-1]
        bounds = np.arange(length + 1, dtype=np.int64) * total // length
        return bounds[:-1] + draw(np.diff(bounds))


@TRANSFORMS.register_module()
class SampleWindow(BaseTransform):
    """Take the consecutive frames of a window, as the data set has cut it.

    In training the window is moved at random by up to half its length, within the track, unless it is centred on its
    frame. Frames outside of the track repeat its first or last frame; they are marked as not owned and their labels
    count as unknown.

    Args:
        clip_len: number of frames of a clip.
        frame_interval: distance between its frames.
        speed: least and greatest speed at which the track is played in training, drawn evenly in the logarithm; 1 is
            as it was filmed. Keypoints between two frames are interpolated by ``PoseDecode``, labels are those of the
            nearest frame.

    Raises:
        InputError: if the clip is shorter than the window of the data set, or in testing leaves out frames of it, which
            would then have no prediction.

    Adds ``frame_inds`` (clip_len,) int64, ``frame_valid`` (clip_len,) bool: frames whose prediction is taken from
    this window, ``frame_padded`` (clip_len,) bool, ``clip_len``, ``num_clips`` (1), ``frame_interval``, and with a
    speed other than 1 ``frame_positions`` (clip_len,) float64, in frames.
    """

    def __init__(self, clip_len: int, frame_interval: int = 1, speed: tuple[float, float] = (1.0, 1.0)) -> None:
        for name, value in (('clip_len', clip_len), ('frame_interval', frame_interval)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(f'SampleWindow: {name} must be a whole number of at least 1, not {value!r}')
        try:
            low, high = map(float, speed)
        except (TypeError, ValueError):
            low, high = 0.0, 0.0
        if not 0 < low <= high < np.inf:
            raise InputError(f'SampleWindow: speed must be two positive numbers in order, not {speed}')
        self.clip_len = clip_len
        self.frame_interval = frame_interval
        self.speed = (low, high)
        self._log_speed = (math.log(low), math.log(high))
        self._steps = np.arange(clip_len, dtype=np.int64) * frame_interval
        self._span = (clip_len - 1) * frame_interval + 1

    def transform(self, results: dict) -> dict:
        total = results['total_frames']
        start = results.get('window_start', 0)
        first, end = results.get('owned', (0, total))
        if results.get('window_centred'):  # on the frames it owns, whatever the length of the clip
            start = (first + end) // 2 - self.clip_len // 2 * self.frame_interval
        training = not results.get('test_mode', False)
        factor = 1.0
        if training and self.speed != (1.0, 1.0):
            factor = math.exp(sample_rng(results).uniform(*self._log_speed))
        span = self._span if factor == 1.0 else 1 + (self._span - 1) * factor
        if not results.get('window_fixed', not training):
            reach = max(1, self._span // 2)
            start += int(sample_rng(results).integers(-reach, reach + 1))
            start = min(max(start, 0), max(0, total - math.ceil(span)))
        if factor == 1.0:
            indices = start + self._steps
        else:
            pivot = self._steps[self.clip_len // 2] if results.get('window_fixed') else 0
            positions = start + pivot + (self._steps - pivot) * factor
            indices = np.floor(positions + 0.5).astype(np.int64)
            results['frame_positions'] = np.minimum(np.maximum(positions, 0), total - 1)
        padded = (indices < 0) | (indices >= total)
        valid = (indices >= first) & (indices < end)
        seen = self._span if training else int(valid.sum())
        if 'owned' in results and seen < end - first:
            raise InputError(
                f'SampleWindow(clip_len={self.clip_len}, frame_interval={self.frame_interval}): leaves out frames of a '
                f'window of {end - first}; the data set must have the same clip_len, and in testing frame_interval be 1'
            )
        results['frame_inds'] = np.minimum(np.maximum(indices, 0), total - 1) + results.get('start_index', 0)
        results['frame_padded'] = padded
        results['frame_valid'] = valid
        results['clip_len'] = self.clip_len
        results['num_clips'] = 1
        results['frame_interval'] = self.frame_interval
        return results


@TRANSFORMS.register_module()
class CentreLabel(BaseTransform):
    """Give the clip the label of its middle frame, for heads that make one prediction for a clip.

    Use it with ``PoseDataset(windows='centred')``, after ``PoseDecode``. Changes ``label`` (T, A) to (A,).
    """

    def transform(self, results: dict) -> dict:
        label = results.get('label')
        if isinstance(label, np.ndarray) and label.ndim == 2:
            results['label'] = label[len(label) // 2]
        return results
