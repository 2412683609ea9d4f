"""The data set of face keypoint tracks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from pyskl.datasets.annotation import AnnotationFile, open_annotations
from pyskl.datasets.collate import pose_collate  # noqa: F401 - loaders of this data set name it in their config
from pyskl.datasets.tracks import Tracks, load_tracks
from pyskl.datasets.transforms.compose import Compose
from pyskl.datasets.transforms.decode import PoseDecode
from pyskl.datasets.transforms.resting_face import SubtractRestingFace
from pyskl.datasets.windows import Span, WindowIndex
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout, resting_face
from pyskl.registry import DATASETS

__all__ = ['PoseDataset']

OF_TRANSFORMS = {
    *('frame_inds', 'frame_positions', 'frame_padded', 'frame_valid', 'frame_interval', 'num_clips', 'clip_len'),
    *('keypoint_select', 'source_layout', 'eye_centers', 'eye_found', 'imgs', 'flip', 'crop_quadruple'),
    *('scale_factor', 'input_shape', 'face_origin', 'face_scale', 'resting_face', 'resting_frames'),
}
"""Fields that transforms add."""


def _plain(metainfo: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return the single values of ``metainfo``, as Python's own types: they go into checkpoints."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in metainfo.items()}
    return {str(key): value for key, value in plain.items() if isinstance(value, str | int | float | bool)}


@DATASETS.register_module()
class PoseDataset(Dataset):
    """Tracks, or windows of tracks, of an annotation file in PYSKL's form or of a keypoint store.

    Every sample draws its random augmentation from a generator of its own, seeded with (seed, epoch, sample), so that
    a run can be repeated and resumed exactly, with any number of loader workers.

    A store is memory-mapped: opening it reads the index and the labels, and all loader workers and processes of a
    machine share its pages. A pickle of more than 256 MiB is converted to a store once.

    Args:
        ann_file: the annotation file (a pickle; it is read without running any code in it), the folder of a keypoint
            store, or an opened annotation.
        pipeline: transforms, as config dicts or callables.
        split: the split to use; None: every track.
        clip_len: length of a window in frames; None: every track is one sample.
        stride: distance between windows in frames; None: ``clip_len``.
        windows: 'cover': windows cover the tracks; 'centred': one window around every ``stride``-th frame, for
            networks that predict the frame in the middle.
        labelled_only: leave out windows whose own frames have no known label at all. For training; in testing, frames
            of such windows have no prediction.
        keypoint_layout: the layout the samples shall have; keypoints of the file are selected accordingly. A part of
            the face is chosen by its regions: 'ibug68:brows+mouth'. None: as they are in the file.
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
        windows: str = 'cover',
        labelled_only: bool = False,
        keypoint_layout: str | None = None,
        num_classes: int | None = None,
        aus: Sequence[str] | None = None,
        test_mode: bool = False,
        seed: int = 0,
    ) -> None:
        if seed < 0:
            raise InputError(f'PoseDataset: seed must not be negative, but is {seed}')
        for name, value in (('labelled_only', labelled_only), ('test_mode', test_mode)):
            if not isinstance(value, bool):
                raise InputError(f'PoseDataset: {name} must be True or False, not {value!r}')
        if split is not None and not isinstance(split, str):
            raise InputError(f'PoseDataset: split must be the name of a split, not {split!r}')
        if isinstance(aus, str):
            raise InputError(f"config key aus: must be a list of names such as ['AU1', 'AU2'], not '{aus}'")
        content = ann_file if isinstance(ann_file, AnnotationFile) else open_annotations(ann_file)
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
        self.tracks: Tracks = load_tracks(content, split, num_classes)
        self.keypoint_layout, self._select = self._select_keypoints(keypoint_layout)
        self.windows = WindowIndex(self.tracks.total_frames, clip_len, stride, windows)
        if labelled_only:
            self._leave_out_unlabelled()
        self.pipeline = Compose(pipeline)
        self._decodes = any(isinstance(step, PoseDecode) for step in self.pipeline.transforms)
        self._wants_rest = any(isinstance(step, SubtractRestingFace) for step in self.pipeline.transforms)
        self._rest: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        # Shared memory: loader workers that stay alive between epochs see the new value.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self.metainfo = {
            **_plain(content.metainfo),
            'aus': aus,
            'keypoint_layout': self.keypoint_layout,
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
        return self.tracks.label_kind

    @property
    def has_known_labels(self) -> bool:
        """Whether there is any label that is not -1."""
        return any(self.tracks.known_frames(number).any() for number in range(len(self.tracks)))

    def _select_keypoints(self, want: str | None) -> tuple[str, dict[str, np.ndarray | None]]:
        """Return the layout of the samples, and for each layout of the tracks the keypoints to take; None: all."""
        layouts = self.tracks.layouts
        if want is None and len(layouts) > 1:
            raise InputError(
                f'{self.ann_file}: the tracks have the layouts {", ".join(sorted(layouts))}; name the one to use with '
                f'the config key keypoint_layout'
            )
        select: dict[str, np.ndarray | None] = {}
        for layout, track in layouts.items():
            try:
                indices = convert_keypoints(layout, want or layout)
                as_it_is = np.array_equal(indices, convert_keypoints(layout, layout))
            except InputError as error:
                raise InputError(
                    f"{self.ann_file}: track '{track}': keypoint: {error} (config key keypoint_layout)"
                ) from None
            select[layout] = None if as_it_is else indices
        return next(iter(layouts)) if want is None else get_layout(want).name, select

    def _leave_out_unlabelled(self) -> None:
        wanted = []
        for track in range(len(self.tracks)):
            known = np.concatenate([[0], np.cumsum(self.tracks.known_frames(track))])
            wanted.append(np.diff(known[self.windows.borders(track)]) > 0)
        self.windows.keep(wanted)
        if not len(self.windows):
            raise InputError(f"{self.ann_file}: split '{self.split}': no window has a known label (labelled_only=True)")

    def window_counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Count the labels of every window.

        Returns:
            ``positives`` and ``known``, both (W, A) int32: of each window, the number of its own frames in which an AU
            is 1, and in which it is 1 or 0. A label of the whole track counts as one frame of each of its windows; a
            class number is a vector with a 1 in its place.

        Raises:
            InputError: if there are no labels.
        """
        if self.label_kind is None:
            raise InputError(f"{self.ann_file}: split '{self.split}': has no labels to count")
        classes = self.tracks.num_classes
        if self.label_kind == 'single':
            classes = 1 + max(int(self.tracks.label(number)) for number in range(len(self.tracks)))
        positives = np.zeros((len(self.windows), classes), np.int32)
        known = np.zeros_like(positives)
        done = 0
        for track in range(len(self.tracks)):
            kept = self.windows.kept(track)
            rows = slice(done, done + len(kept))
            done += len(kept)
            label = self.tracks.label(track)
            if self.label_kind == 'frame':
                borders = self.windows.borders(track)
                for counts, there in ((positives, label == 1), (known, label != -1)):
                    sums = np.zeros((len(label) + 1, classes), np.int32)
                    np.cumsum(there, axis=0, out=sums[1:])
                    counts[rows] = np.diff(sums[borders], axis=0)[kept]
            elif self.label_kind == 'clip':
                positives[rows], known[rows] = label == 1, label != -1
            else:
                positives[rows, label], known[rows] = 1, 1
        return positives, known

    def track_score(self, number: int) -> np.ndarray:
        """Return (M, T, V) float32: the scores of the keypoints that samples of a track have."""
        track = self.tracks[number]
        select = self._select[track['keypoint_layout']]
        return track['keypoint_score'] if select is None else track['keypoint_score'][:, :, select]

    def set_epoch(self, epoch: int) -> None:
        """Tell the data set which epoch it is, so that augmentation differs from epoch to epoch."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.windows)

    def prepare(self, index: int) -> dict:
        """Return sample ``index`` before the transforms.

        Its arrays are those of the whole track, views without a copy; ``SampleWindow`` and ``PoseDecode`` take the
        frames of the window out of them, and the keypoints that ``keypoint_layout`` names.
        """
        number, window = self.windows[index]
        return self._prepare(index, number, self.windows.span(number, window))

    def _prepare(self, index: int, number: int, span: Span) -> dict:
        sample = dict(self.tracks[number])
        for name in sample.keys() & OF_TRANSFORMS:  # a field of the file must not pass for what a transform has found
            del sample[name]
        select = self._select[sample['keypoint_layout']]
        if select is not None and self._decodes:
            sample['keypoint_select'] = select
            sample['source_layout'] = sample['keypoint_layout']
        elif select is not None:
            sample['keypoint'] = sample['keypoint'][:, :, select]
            sample['keypoint_score'] = sample['keypoint_score'][:, :, select]
        if self._wants_rest:
            sample['resting_face'], sample['resting_frames'] = self._resting_face(number, select)
        sample.update(
            keypoint_layout=self.keypoint_layout,
            sample_idx=index,
            window_start=span.start,
            owned=(span.first, span.end),
            window_fixed=self.test_mode or self.windows.kind == 'centred',
            window_centred=self.windows.kind == 'centred',
            test_mode=self.test_mode,
            start_index=0,
            modality='Pose',
            rng=np.random.default_rng((self.seed, int(self._epoch), index)),
        )
        return sample

    def _resting_face(self, number: int, select: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the resting faces (M, V, 2) of a track, and in how many frames each was seen (M,)."""
        if number not in self._rest:
            track = self.tracks[number]
            face, frames = resting_face(
                track['keypoint'], track['keypoint_score'], get_layout(track['keypoint_layout'])
            )
            self._rest[number] = (face if select is None else face[:, select], frames)
        return self._rest[number]

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(self.prepare(index))
