"""Action Units of keypoint tracks, from a checkpoint alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from pyskl.action_units import au_number
from pyskl.apis.precision import choose_dtype
from pyskl.apis.results import AUResult
from pyskl.checkpoint import check_weights, read_checkpoint
from pyskl.datasets import AnnotationFile, PoseDataset, WholeTracks, pose_collate
from pyskl.engine.config import check_stored_component
from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.models.recognizers import Recognizer3D
from pyskl.models.utils import fuse_conv_bn
from pyskl.models.utils.receptive_field import temporal_halo
from pyskl.registry import MODELS

__all__ = ['AUInferencer']

CHUNK_FRAMES = 256  # predicted at a time: a longer chunk is no faster


class AUInferencer:
    """A trained network that turns the keypoints of a video into Action Units for every frame.

    Model, transforms and names of the AUs are read from the checkpoint, so no config is needed. Only components of
    this project are built from it; a checkpoint that names anything else is refused.

    Args:
        checkpoint: a checkpoint written by this project's training.
        device: 'cpu', 'cuda', 'cuda:1'...; None: a GPU if there is one.
        threshold: an AU counts as active from this probability on.
        batch_size: windows that go through the network together, where tracks are cut into windows.
        dense: True: every frame goes through the network once, in one pass over the track (in chunks). False: the track
            is cut into windows of the length trained on, which overlap by half. None: in one pass if the network is
            dense in time: if it predicts every frame from the frames around it.
        dtype: what the network computes in: 'float32', 'bfloat16', or 'auto': bfloat16 where the device computes in it
            and changes probabilities by less than 0.01 in a trial with this network, otherwise float32.

    Attributes:
        dense: whether tracks go through the network in one pass.
        dtype: the type chosen, a ``torch.dtype``.
        clip_len: length in frames of the clips trained on, and of the windows.
        stride: frames from one window to the next, where tracks are cut into windows.
        aus: names of the AUs, in the order of the outputs.
        layout: the keypoint layout that :meth:`predict` wants its tracks in.
        trained_on: name of the data set the network was trained on, e.g. 'synthetic'.

    Raises:
        InputError: if the checkpoint cannot be read, was not made by this project, or asks for foreign components;
            or with ``dense=True``, if the network cannot be used so.

    Example:
        >>> inferencer = AUInferencer('work_dirs/quickstart/best.pth')
        >>> result = inferencer.predict(annotation)
        >>> result.to_csv('aus.csv')
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike[str],
        device: str | torch.device | None = None,
        threshold: float = 0.5,
        batch_size: int = 32,
        dense: bool | None = None,
        dtype: str = 'auto',
    ) -> None:
        content = read_checkpoint(checkpoint)
        stored = content['meta'].get('pyskl')
        if not isinstance(stored, dict) or not {'model', 'pipeline', 'keypoint_layout'} <= stored.keys():
            raise InputError(
                f'checkpoint: {checkpoint} does not say how its network is built; use one written by tools/train.py'
            )
        check_stored_component(stored['model'], 'model', f'checkpoint {checkpoint}')
        check_stored_component(stored['pipeline'], 'pipeline', f'checkpoint {checkpoint}')
        self.device = _device(device)
        self.threshold = threshold
        self.batch_size = batch_size
        self.trained_on: str = stored.get('trained_on', 'unknown')
        self._track_layout: str = get_layout(str(stored['keypoint_layout'])).name
        self.layout = _whole(self._track_layout)
        self.clip_len, self._pipeline = _windowed(stored)
        self.stride = min(stored.get('stride') or self.clip_len, max(1, self.clip_len // 2))
        self.model = MODELS.build(stored['model'])
        check_weights(self.model, content['state_dict'], checkpoint)
        self.model.load_state_dict(content['state_dict'])
        self.model.to(self.device)
        fuse_conv_bn(self.model)
        if self.device.type == 'cpu':
            self.model.to(memory_format=torch.channels_last_3d)
        self._draws = not any('keypoint' in step.get('keys', ()) for step in self._pipeline)
        obstacle = self._obstacle()
        if dense and obstacle:
            raise InputError(f'checkpoint: {checkpoint}: dense=True cannot be had: {obstacle}; use dense=None')
        self.dense = not obstacle if dense is None else dense
        self.model.chunk_frames = CHUNK_FRAMES if self.dense else None
        num_classes = self.model.cls_head.num_classes
        aus = stored.get('aus')
        if not isinstance(aus, list) or len(aus) != num_classes:
            raise InputError(
                f'checkpoint: {checkpoint} does not name its {num_classes} Action Units; train with the config key aus'
            )
        self.aus: tuple[str, ...] = tuple(str(au) for au in aus)
        for au in self.aus:
            au_number(au)
        num_keypoints = get_layout(self._track_layout).num_keypoints
        self.dtype = choose_dtype(dtype, self.model, None if self._draws else num_keypoints)

    def _obstacle(self) -> str:
        """Return why tracks cannot go through the network in one pass; empty: they can."""
        if not isinstance(self.model, Recognizer3D):
            return f'{type(self.model).__name__} does not work in chunks'
        if self._draws:
            return 'its pipeline draws the volumes'
        try:
            temporal_halo(self.model.backbone, self.model.cls_head)
        except InputError as error:
            return str(error)
        return ''

    def predict(self, annotation: dict[str, Any]) -> AUResult:
        """Recognise the AUs of one track, frame by frame.

        Memory does not grow with the network's work: tracks pass in chunks, or windows in batches. Of windows that
        overlap, each frame takes its prediction from the one that holds most of its surroundings.

        Args:
            annotation: a track in the project's form: ``keypoint`` (1, T, V, 2) float32 pixels, ``keypoint_score``
                (1, T, V), ``img_shape``, ``total_frames``, ``frame_dir``; optionally ``timestamps`` (T,) in seconds, or
                ``fps``. V is that of :attr:`layout`, or of a layout that holds it.

        Returns:
            One row for every frame; frames without a face have no probabilities.

        Raises:
            InputError: if the track does not have the form.
        """
        dataset = self._dataset(annotation)
        total = int(dataset.tracks[0]['total_frames'])
        probability = np.full((total, len(self.aus)), np.nan, dtype=np.float32)
        loader = DataLoader(dataset, batch_size=1 if self.dense else self.batch_size, collate_fn=pose_collate)
        for batch in loader:
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                records = self.model.test_step(batch)
            for record in records:
                if 'frame_inds' in record:
                    probability[record['frame_inds']] = record['score']
                else:
                    _, window = dataset.windows[record['sample_idx']]
                    _, first, end = dataset.windows.span(0, window)
                    probability[first:end] = record['score']
        score = dataset.track_score(0)[0]
        confidence, success = score.mean(axis=1), (score > 0).any(axis=1)
        probability[~success] = np.nan
        occurrence = np.where(success[:, None], np.nan_to_num(probability) >= self.threshold, -1)
        return AUResult(
            frame=np.arange(1, total + 1),
            timestamp=_timestamps(annotation, total),
            confidence=confidence,
            success=success,
            probability=probability,
            occurrence=occurrence,
            aus=self.aus,
            thresholds=(self.threshold,) * len(self.aus),
        )

    def _dataset(self, annotation: dict[str, Any]) -> PoseDataset:
        track = {key: value for key, value in annotation.items() if key != 'label'}
        track.setdefault('frame_dir', 'track')
        if 'keypoint' in track and 'keypoint_layout' not in track:
            count = getattr(track['keypoint'], 'shape', ())[2:3]
            if count == (get_layout(self.layout).num_keypoints,):
                track['keypoint_layout'] = self.layout
        content = AnnotationFile(Path(str(track['frame_dir'])), {}, {track['frame_dir']: track}, {})
        common = {'clip_len': self.clip_len, 'keypoint_layout': self._track_layout, 'test_mode': True}
        if self.dense:
            return WholeTracks(content, self._pipeline, **common)
        return PoseDataset(content, self._pipeline, stride=self.stride, **common)


def _whole(layout: str) -> str:
    """Return the layout that a selection of keypoints is taken from: the eyes are needed to align a face."""
    while get_layout(layout).source is not None:
        layout = get_layout(layout).source
    return layout


def _windowed(stored: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """Return window length and pipeline; sampling over whole tracks is replaced by windows of the same length."""
    pipeline = [dict(step) for step in stored['pipeline']]
    for number, step in enumerate(pipeline):
        if step['type'] == 'UniformSampleFrames':
            pipeline[number] = {'type': 'SampleWindow', 'clip_len': step['clip_len']}
            return int(step['clip_len']), pipeline
        if step['type'] == 'SampleWindow':
            if step.get('frame_interval', 1) != 1:
                raise InputError('checkpoint: its windows leave out frames (SampleWindow.frame_interval must be 1)')
            return int(step['clip_len']), pipeline
    raise InputError('checkpoint: its pipeline samples no frames (SampleWindow or UniformSampleFrames)')


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        found = torch.device(device)
    except RuntimeError:
        raise InputError(f"device: '{device}' is no device; use 'cpu', 'cuda' or 'cuda:1'") from None
    if found.type == 'cuda' and (found.index or 0) >= torch.cuda.device_count():
        raise InputError(f"device: '{device}' was asked for, but there is no such GPU here; use 'cpu'")
    return found


def _timestamps(annotation: dict[str, Any], total: int) -> np.ndarray:
    """Return the (T,) time of each frame in seconds from the first one."""
    times = annotation.get('timestamps')
    if times is not None:
        times = np.asarray(times, dtype=np.float64)
        if times.shape != (total,):
            raise InputError(f'timestamps: {times.size} of them for {total} frames')
        return times
    return np.arange(total) / float(annotation.get('fps') or 30.0)
