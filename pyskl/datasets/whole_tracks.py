"""Whole tracks whose keypoints have been prepared as those of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from pyskl.datasets.pose_dataset import PoseDataset
from pyskl.datasets.transforms.sampling import SampleWindow
from pyskl.datasets.windows import Span, WindowIndex
from pyskl.errors import InputError
from pyskl.registry import DATASETS

__all__ = ['WholeTracks']

_TIME_AXIS = {'keypoint': 2, 'keypoint_score': 2, 'label': 1, 'frame_inds': 1, 'frame_valid': 1}


@DATASETS.register_module()
class WholeTracks(PoseDataset):
    """One sample for each track, for networks that predict every frame and were trained on clips.

    Transforms take some numbers from the whole clip, such as ``AlignFace`` the size of the face, and they change in
    the course of a video. So the pipeline is run on windows of ``clip_len`` frames, as in training, and every frame is
    taken from a window in whose middle it lies: those numbers run along with the track. Where they are constant, the
    keypoints are those of one run over the whole track. A track of at most ``clip_len`` frames is the sample that
    :class:`PoseDataset` gives.

    Args:
        ann_file: as for :class:`PoseDataset`.
        pipeline: transforms that give keypoints, with ``SampleWindow`` among them.
        clip_len: length of a window in frames.
        stride: distance between windows in frames; None: an eighth of ``clip_len``.
        test_mode: must be True: there is nothing random about whole tracks.
        **kwargs: the other arguments of :class:`PoseDataset`.

    Raises:
        InputError: if the pipeline does not suit.
    """

    def __init__(
        self,
        ann_file: Any,
        pipeline: Sequence[Any],
        clip_len: int,
        stride: int | None = None,
        test_mode: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(ann_file, pipeline, test_mode=test_mode, **kwargs)
        if not test_mode:
            raise InputError('WholeTracks: is for testing; use PoseDataset for training, or test_mode=True')
        if not any(isinstance(step, SampleWindow) for step in self.pipeline.transforms):
            raise InputError(f'WholeTracks: the pipeline needs SampleWindow(clip_len={clip_len})')
        if stride is None and isinstance(clip_len, int):
            stride = max(1, clip_len // 8)
        self.pieces = WindowIndex(self.tracks.total_frames, clip_len, stride)

    def __getitem__(self, index: int) -> dict:
        track, _ = self.windows[index]
        spans = [self.pieces.span(track, window) for window in range(len(self.pieces.kept(track)))]
        if len(spans) == 1:
            return self._piece(index, track, spans[0])
        total = int(self.tracks.total_frames[track])
        whole: dict | None = None
        for span in spans:
            piece = self._piece(index, track, span)
            if whole is None:
                whole = {name: _longer(name, value, total) for name, value in piece.items()}
            own = slice(span.first - span.start, span.end - span.start)
            for name in whole.keys() & _TIME_AXIS.keys():
                if _has_time(name, piece[name]):
                    axes = (slice(None),) * _TIME_AXIS[name]
                    whole[name][(*axes, slice(span.first, span.end))] = piece[name][(*axes, own)]
            size = piece['img_shape']
            if not np.array_equal(size, whole['img_shape']):
                factor = (whole['img_shape'] / size)[::-1].astype(np.float32)
                whole['keypoint'][:, :, span.first : span.end] *= _like(whole['keypoint'], factor)
        return whole

    def _piece(self, index: int, track: int, span: Span) -> dict:
        sample = self.pipeline(self._prepare(index, track, span))
        if not {'keypoint', 'img_shape'} <= sample.keys():
            raise InputError("WholeTracks: the pipeline must give keypoints: Collect(keys=['keypoint', ...])")
        return sample


def _has_time(name: str, value: Any) -> bool:
    return name != 'label' or value.ndim == 3  # the label of a clip has no frames


def _longer(name: str, value: Any, frames: int) -> Any:
    """Return room for a field of a track that is given for a window; what has no frames stays as it is."""
    if name not in _TIME_AXIS or not _has_time(name, value):
        return value
    shape = list(value.shape)
    shape[_TIME_AXIS[name]] = frames
    return value.new_zeros(shape) if isinstance(value, torch.Tensor) else np.zeros(shape, value.dtype)


def _like(example: Any, value: np.ndarray) -> Any:
    return torch.from_numpy(value.copy()) if isinstance(example, torch.Tensor) else value
