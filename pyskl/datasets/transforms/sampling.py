"""Choosing the frames of a clip."""

from __future__ import annotations

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

    def transform(self, results: dict) -> dict:
        total = results['total_frames']
        if self.test_mode:
            legacy = np.random.RandomState(self.seed)
            draw, choose = legacy.randint, legacy.choice
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

    In training the window is moved at random by up to half its length, within the track. Frames past the end of a
    short track repeat its last frame; they are marked as not owned and their labels count as unknown.

    Args:
        clip_len: number of frames of a clip.
        frame_interval: distance between its frames.

    Raises:
        InputError: if the clip is shorter than the window of the data set, or in testing leaves out frames of it, which
            would then have no prediction.

    Adds ``frame_inds`` (clip_len,) int64, ``frame_valid`` (clip_len,) bool: frames whose prediction is taken from
    this window, ``frame_padded`` (clip_len,) bool, ``clip_len``, ``num_clips`` (1) and ``frame_interval``.
    """

    def __init__(self, clip_len: int, frame_interval: int = 1) -> None:
        if clip_len < 1 or frame_interval < 1:
            raise InputError('SampleWindow: clip_len and frame_interval must be at least 1')
        self.clip_len = clip_len
        self.frame_interval = frame_interval

    def transform(self, results: dict) -> dict:
        total = results['total_frames']
        start = results.get('window_start', 0)
        first, end = results.get('owned', (0, total))
        span = (self.clip_len - 1) * self.frame_interval + 1
        if not results.get('test_mode', False):
            reach = max(1, span // 2)
            start += int(sample_rng(results).integers(-reach, reach + 1))
            start = min(max(start, 0), max(0, total - span))
        indices = start + np.arange(self.clip_len, dtype=np.int64) * self.frame_interval
        padded = indices >= total
        valid = (indices >= first) & (indices < end)
        seen = valid.sum() if results.get('test_mode', False) else span
        if 'owned' in results and seen < end - first:
            raise InputError(
                f'SampleWindow(clip_len={self.clip_len}, frame_interval={self.frame_interval}): leaves out frames of a '
                f'window of {end - first}; the data set must have the same clip_len, and in testing frame_interval be 1'
            )
        results['frame_inds'] = np.minimum(indices, total - 1) + results.get('start_index', 0)
        results['frame_padded'] = padded
        results['frame_valid'] = valid
        results['clip_len'] = self.clip_len
        results['num_clips'] = 1
        results['frame_interval'] = self.frame_interval
        return results
