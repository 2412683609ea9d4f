"""The data set of face keypoint tracks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from pyskl.datasets.annotation import AnnotationFile, check_sample, read_annotation_file
from pyskl.datasets.transforms.compose import Compose
from pyskl.datasets.windows import WindowIndex
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout, guess_layout
from pyskl.registry import DATASETS

__all__ = ['PoseDataset']


def _plain(metainfo: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return the single values of ``metainfo``, as Python's own types: they go into checkpoints."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in metainfo.items()}
    return {str(key): value for key, value in plain.items() if isinstance(value, str | int | float | bool)}


@DATASETS.register_module()
class PoseDataset(Dataset):
    """Tracks, or windows of tracks, of an annotation file in PYSKL's form.

    Every sample draws its random augmentation from a generator of its own, seeded with (seed, epoch, sample), so that
    a run can be repeated and resumed exactly, with any number of loader workers.

    Args:
        ann_file: the annotation file (a pickle; it is read without running any code in it), or its content.
        pipeline: transforms, as config dicts or callables.
        split: the split to use; None: every track.
        clip_len: length of a window in frames; None: every track is one sample.
        stride: distance between windows in frames; None: ``clip_len``.
        keypoint_layout: the layout the samples shall have; keypoints of the file are selected accordingly. None: as
            they are in the file.
        num_classes: number of AUs (or classes) the labels must fit; None: whatever the file says.
        aus: names of the AUs, in the order of the labels, for files that do not name them; where a file does, both must
            agree.
        test_mode: True takes the windows as they lie; False lets transforms move them at random.
        seed: of the random augmentation.

    Raises:
        InputError: if the file, the split, or a field of a sample cannot be used.

    Example:
        >>> dataset = PoseDataset('data/synthetic/annotation.pkl', pipeline=[], split='train', clip_len=16)
        >>> dataset[0]['keypoint'].shape
        (1, 240, 68, 2)
    """

    def __init__(
        self,
        ann_file: str | os.PathLike[str] | AnnotationFile,
        pipeline: Sequence[Any],
        split: str | None = None,
        clip_len: int | None = None,
        stride: int | None = None,
        keypoint_layout: str | None = None,
        num_classes: int | None = None,
        aus: Sequence[str] | None = None,
        test_mode: bool = False,
        seed: int = 0,
    ) -> None:
        if seed < 0:
            raise InputError(f'PoseDataset: seed must not be negative, but is {seed}')
        content = ann_file if isinstance(ann_file, AnnotationFile) else read_annotation_file(ann_file)
        self.ann_file = str(content.path)
        self.split = split
        self.test_mode = test_mode
        self.seed = seed
        aus = self._name_aus(content, aus)
        if num_classes is not None and aus is not None and len(aus) != num_classes:
            source = f'{content.path}: metainfo.aus' if content.metainfo.get('aus') is not None else 'config key aus'
            raise InputError(f'{source}: names {len(aus)} AUs, but the model has {num_classes}')
        if num_classes is None and aus is not None:
            num_classes = len(aus)
        self.tracks = [check_sample(sample, num_classes, self.ann_file) for sample in content.tracks(split)]
        self._mark_unlabelled()
        layout = self._select_keypoints(content.metainfo.get('keypoint_layout'), keypoint_layout)
        self.keypoint_layout = layout
        self.windows = WindowIndex([track['total_frames'] for track in self.tracks], clip_len, stride)
        self.pipeline = Compose(pipeline)
        # Shared memory: loader workers that stay alive between epochs see the new value.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.metainfo = {
            **_plain(content.metainfo),
            'aus': aus,
            'keypoint_layout': layout,
            'split': split,
            'num_tracks': len(self.tracks),
        }

    @staticmethod
    def _name_aus(content: AnnotationFile, wanted: Sequence[str] | None) -> list[str] | None:
        stated = content.metainfo.get('aus')
        if stated is not None and wanted is not None and list(stated) != list(wanted):
            raise InputError(
                f'{content.path}: metainfo.aus: the labels are of {", ".join(stated)}, but the config key aus says '
                f'{", ".join(wanted)}'
            )
        names = wanted if stated is None else stated
        return None if names is None else [str(name) for name in names]

    @property
    def label_kind(self) -> str | None:
        """What the labels are: 'frame' (T, A), 'clip' (A,), 'single' (a class number), or None without labels."""
        labels = [track['label'] for track in self.tracks if 'label' in track]
        return ('single', 'clip', 'frame')[np.ndim(labels[0])] if labels else None

    @property
    def has_known_labels(self) -> bool:
        """Whether there is any label that is not -1."""
        return any(np.any(np.asarray(track['label']) != -1) for track in self.tracks if 'label' in track)

    def _select_keypoints(self, have: str | None, want: str | None) -> str:
        layouts = set()
        for track in self.tracks:
            count = track['keypoint'].shape[2]
            where = f"{self.ann_file}: track '{track['frame_dir']}': keypoint"
            try:
                layout = track.get('keypoint_layout') or have or guess_layout(count).name
                indices = convert_keypoints(layout, want or layout)
            except InputError as error:
                raise InputError(f'{where}: {error} (config key keypoint_layout)') from None
            if get_layout(layout).num_keypoints != count:
                raise InputError(f"{where}: has {count} keypoints, but its layout '{layout}' has another number")
            layouts.add(want or layout)
            if len(indices) != count or (indices != np.arange(count)).any():
                track['keypoint'] = np.ascontiguousarray(track['keypoint'][:, :, indices])
                track['keypoint_score'] = np.ascontiguousarray(track['keypoint_score'][:, :, indices])
        if len(layouts) > 1:
            raise InputError(
                f'{self.ann_file}: the tracks have the layouts {", ".join(sorted(layouts))}; name the one to use with '
                f'the config key keypoint_layout'
            )
        return layouts.pop()

    def _mark_unlabelled(self) -> None:
        """Give tracks without a label among labelled ones the label 'unknown', so that batches can hold both."""
        kinds = {np.ndim(track['label']): track['frame_dir'] for track in self.tracks if 'label' in track}
        if len(kinds) > 1:
            one, other = list(kinds.values())[:2]
            raise InputError(
                f"{self.ann_file}: track '{other}': label: must be of the same kind as that of track '{one}': a class "
                f'number, a label of the track, or a label of every frame'
            )
        if not kinds:
            return
        (ndim,) = kinds
        num_classes = next(np.shape(track['label'])[-1:] for track in self.tracks if 'label' in track)
        for track in self.tracks:
            if 'label' in track:
                continue
            if ndim == 0:
                raise InputError(
                    f"{self.ann_file}: track '{track['frame_dir']}': label: is missing; other tracks have one"
                )
            shape = (track['total_frames'], *num_classes) if ndim == 2 else num_classes
            track['label'] = np.full(shape, -1, dtype=np.int8)

    def set_epoch(self, epoch: int) -> None:
        """Tell the data set which epoch it is, so that augmentation differs from epoch to epoch."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.windows)

    def prepare(self, index: int) -> dict:
        """Return sample ``index`` before the transforms."""
        number, window = self.windows[index]
        start, first, end = self.windows.span(number, window)
        return {
            **self.tracks[number],
            'keypoint_layout': self.keypoint_layout,
            'sample_idx': index,
            'window_start': start,
            'owned': (first, end),
            'test_mode': self.test_mode,
            'start_index': 0,
            'modality': 'Pose',
            'rng': np.random.default_rng((self.seed, int(self._epoch), index)),
        }

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(self.prepare(index))
