"""The tracks of one split, from a pickle held in memory or from a keypoint store."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pyskl.datasets.annotation import AnnotationFile
from pyskl.datasets.checks import check_sample
from pyskl.datasets.store.reader import KeypointStore
from pyskl.errors import InputError
from pyskl.keypoints import get_layout, guess_layout

__all__ = ['MemoryTracks', 'StoreTracks', 'Tracks', 'load_tracks']

KINDS = ('single', 'clip', 'frame')


class Tracks(Sequence[dict]):
    """Checked samples of a split.

    Attributes:
        names: id of each track.
        total_frames: (N,) int64: length of each track in frames.
        label_kind: what the labels are: 'frame' (T, A), 'clip' (A,), 'single' (a class number), or None without any.
        num_classes: length of a label vector; None for 'single' and without labels.
        layouts: the keypoint layouts of the tracks, each with the first track that has it.
    """

    names: list[str]
    total_frames: np.ndarray
    label_kind: str | None
    num_classes: int | None
    layouts: dict[str, str]

    @abstractmethod
    def label(self, number: int) -> np.ndarray | int | None:
        """Return the label of a track; where other tracks have one and this has none, all of it is -1."""

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[dict]:
        return (self[number] for number in range(len(self)))

    def known_frames(self, number: int) -> np.ndarray:
        """Return (T,) bool: the frames of a track with a label that is not -1."""
        label = self.label(number)
        if self.label_kind == 'frame':
            return (label != -1).any(axis=1)
        known = self.label_kind is not None and bool(np.any(np.asarray(label) != -1))
        return np.full(int(self.total_frames[number]), known)


class MemoryTracks(Tracks):
    """Tracks of a pickle, checked and held in memory.

    Args:
        content: the annotation.
        split: the split, or None for all tracks.
        num_classes: number of AUs or classes the labels must fit; None: any.

    Raises:
        InputError: if a sample cannot be used, or the samples do not go together.
    """

    def __init__(self, content: AnnotationFile, split: str | None, num_classes: int | None) -> None:
        where = str(content.path)
        self._samples = [check_sample(sample, num_classes, where) for sample in content.tracks(split)]
        self.names = [sample['frame_dir'] for sample in self._samples]
        self.total_frames = np.array([sample['total_frames'] for sample in self._samples], np.int64)
        self.layouts = self._find_layouts(content.metainfo.get('keypoint_layout'), where)
        labels = [np.ndim(sample['label']) for sample in self._samples if 'label' in sample]
        self.label_kind = KINDS[labels[0]] if labels else None
        self.num_classes = None
        self._mark_unlabelled(where)

    def __getitem__(self, number: int) -> dict:
        return self._samples[number]

    def label(self, number: int) -> np.ndarray | int | None:
        return self._samples[number].get('label')

    def _find_layouts(self, stated: str | None, where: str) -> dict[str, str]:
        layouts: dict[str, str] = {}
        for sample in self._samples:
            count = sample['keypoint'].shape[2]
            track = f"{where}: track '{sample['frame_dir']}': keypoint"
            name = sample.get('keypoint_layout') or stated
            try:
                layout = guess_layout(count) if name is None else get_layout(name)
            except InputError as error:
                raise InputError(f'{track}: {error} (config key keypoint_layout)') from None
            if layout.num_keypoints != count:
                raise InputError(f"{track}: has {count} keypoints, but its layout '{layout.name}' has another number")
            sample['keypoint_layout'] = layout.name
            layouts.setdefault(layout.name, sample['frame_dir'])
        return layouts

    def _mark_unlabelled(self, where: str) -> None:
        """Give tracks without a label among labelled ones the label 'unknown', so that batches can hold both."""
        kinds = {np.ndim(sample['label']): sample['frame_dir'] for sample in self._samples if 'label' in sample}
        if len(kinds) > 1:
            one, other = list(kinds.values())[:2]
            raise InputError(
                f"{where}: track '{other}': label: must be of the same kind as that of track '{one}': a class number, "
                f'a label of the track, or a label of every frame'
            )
        if not kinds:
            return
        size = next(np.shape(sample['label'])[-1:] for sample in self._samples if 'label' in sample)
        self.num_classes = size[0] if size else None
        for sample in self._samples:
            if 'label' in sample:
                continue
            if self.label_kind == 'single':
                raise InputError(f"{where}: track '{sample['frame_dir']}': label: is missing; other tracks have one")
            shape = (sample['total_frames'], *size) if self.label_kind == 'frame' else size
            sample['label'] = np.full(shape, -1, dtype=np.int8)


class StoreTracks(Tracks):
    """Tracks of a keypoint store. Nothing is read until a track is asked for, and nothing is copied.

    The store was checked when it was written.

    Args:
        content: the annotation.
        split: the split, or None for all tracks.
        num_classes: number of AUs or classes the labels must fit; None: any.

    Raises:
        InputError: if the labels do not fit ``num_classes``, or a class number is missing.
    """

    def __init__(self, content: AnnotationFile, split: str | None, num_classes: int | None) -> None:
        store = content.samples
        self._store: KeypointStore = store
        self.names = content.names(split)
        self._numbers = np.array([store.number(name) for name in self.names], np.int64)
        self.total_frames = store.total_frames[self._numbers]
        self.label_kind, self.num_classes = store.label_kind, store.num_classes
        self.layouts = {store.layout: self.names[0]}
        if num_classes is not None and self.num_classes not in (None, num_classes):
            raise InputError(f'{store.path}: label: has {self.num_classes} AUs, but the model has {num_classes}')
        if self.label_kind == 'single':
            self._check_classes(num_classes)

    def _check_classes(self, num_classes: int | None) -> None:
        for name, number in zip(self.names, self._numbers.tolist(), strict=True):
            label = self._store.label(number)
            if label is None or label < 0 or (num_classes is not None and label >= num_classes):
                expected = f'0..{num_classes - 1}' if num_classes else 'a class number'
                raise InputError(f"{self._store.path}: track '{name}': label: {label} is not {expected}")

    def __getitem__(self, number: int) -> dict:
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        place = int(self._numbers[number])
        sample = self._store.sample(place)
        sample['frame_reader'] = partial(self._store.read_frames, place)
        if 'label' not in sample and self.label_kind is not None:
            sample['label'] = self._unknown(number)
        sample['keypoint_layout'] = self._store.layout
        return sample

    def label(self, number: int) -> np.ndarray | int | None:
        label = self._store.label(int(self._numbers[number]))
        return self._unknown(number) if label is None and self.label_kind is not None else label

    def _unknown(self, number: int) -> np.ndarray:
        shape: tuple[Any, ...] = (self.num_classes,)
        if self.label_kind == 'frame':
            shape = (int(self.total_frames[number]), *shape)
        return np.full(shape, -1, np.int8)


def load_tracks(content: AnnotationFile, split: str | None, num_classes: int | None) -> Tracks:
    """Return the tracks of a split; see :class:`MemoryTracks` and :class:`StoreTracks`."""
    samples: Mapping[str, dict] = content.samples
    kind = StoreTracks if isinstance(samples, KeypointStore) else MemoryTracks
    return kind(content, split, num_classes)
