"""Choosing windows of a data set to look at, and what there is to see of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyskl.datasets.pose_dataset import PoseDataset
from pyskl.datasets.samplers import window_counts
from pyskl.errors import InputError, did_you_mean
from pyskl.keypoints import get_layout, guess_layout

__all__ = ['WindowView', 'choose_windows', 'find_au', 'view_window']


@dataclass(frozen=True)
class WindowView:
    """One window of a track, and the frame of it that stands for the whole.

    Attributes:
        index: its number in the data set.
        track: the track's sample.
        start: its first frame, counted from 0.
        stop: the frame after its last one.
        frame: the frame shown.
        limbs: keypoint pairs joined by a line.
        aus: names of the AUs; empty for data without AU labels.
        fps: frame rate of the track; 25 where none is stated that can be used.
    """

    index: int
    track: dict
    start: int
    stop: int
    frame: int
    limbs: tuple[tuple[int, int], ...]
    aus: tuple[str, ...]
    fps: float = 25.0

    @property
    def name(self) -> str:
        """The track's id, fit to be shown: characters that cannot be printed are replaced."""
        return ''.join(letter if letter.isprintable() else '?' for letter in str(self.track['frame_dir']))

    def keypoint(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (M, V, 2) pixels and (M, V) scores of a frame."""
        return np.asarray(self.track['keypoint'][:, frame]), np.asarray(self.track['keypoint_score'][:, frame])

    def label(self, frame: int) -> np.ndarray | int | None:
        """Return (A,) labels of a frame, those of the whole track, its class number, or None."""
        label = self.track.get('label')
        return label[frame] if np.ndim(label) == 2 else label

    def describe(self, frame: int) -> list[str]:
        """Return what is active in a frame, as short texts; an unknown AU has a question mark."""
        label = self.label(frame)
        if label is None:
            return ['no label']
        if np.ndim(label) == 0:
            return [f'class {int(label)}']
        active = [au for au, value in zip(self.aus, label, strict=True) if value == 1]
        unknown = int((np.asarray(label) == -1).sum())
        if unknown == len(label):
            return ['label unknown']
        return (active or ['none active']) + ([f'{unknown} unknown'] if unknown else [])


def choose_windows(
    dataset: PoseDataset,
    number: int,
    seed: int = 0,
    index: Sequence[int] | None = None,
    au: str | None = None,
) -> list[int]:
    """Choose windows, in the order of the data set.

    Args:
        dataset: the data set.
        number: how many, at most.
        seed: of the choice.
        index: these and no others.
        au: only windows in which this AU is active; its exact name.

    Raises:
        InputError: if an index or AU does not exist, or the AU is never active.
    """
    if number < 1:
        raise InputError(f'--number: must be at least 1, but is {number}')
    if index is not None:
        for value in index:
            if not 0 <= value < len(dataset):
                raise InputError(f'--index {value}: there are windows 0 to {len(dataset) - 1}')
        return list(dict.fromkeys(index))
    candidates = np.arange(len(dataset))
    if au is not None:
        au, aus = find_au(dataset, au), _aus(dataset)
        positive, _ = window_counts(dataset)
        candidates = np.flatnonzero(positive[:, aus.index(au)])
        if not len(candidates):
            raise InputError(f"--au {au}: it is active in no window of split '{dataset.split or 'all'}'")
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(candidates, min(number, len(candidates)), replace=False)).tolist()


def find_au(dataset: PoseDataset, text: str) -> str:
    """Return the name of an AU of the labels; ``AU12`` can also be given as ``au12``, ``AU 12`` or ``12``.

    Raises:
        InputError: if the labels have no such AU.
    """
    aus = _aus(dataset)
    if text in aus:
        return text
    wanted = _plain(text)
    found = [name for name in aus if wanted and _plain(name) == wanted]
    if len(found) != 1:
        raise InputError(f'--au {text}: the labels have no such AU; {did_you_mean(text, aus)}')
    return found[0]


def _aus(dataset: PoseDataset) -> list[str]:
    return [str(name) for name in dataset.metainfo.get('aus') or ()]


def _plain(name: str) -> str:
    return re.sub(r'[\s_-]', '', name).lower().removeprefix('au').lstrip('0')


def view_window(dataset: PoseDataset, index: int, au: str | None = None) -> WindowView:
    """Return a window and the frame that stands for it: its middle, or next to it where ``au`` is active."""
    number, window = dataset.windows[index]
    track = dataset.tracks[number]
    start, first, end = dataset.windows.span(number, window)
    total = track['total_frames']
    length = dataset.windows.clip_len or total
    frame = (first + end) // 2
    aus = tuple(_aus(dataset))
    label = track.get('label')
    if label is not None and not np.ndim(label):
        aus = ()
    elif label is not None and not aus:
        aus = tuple(f'label {column}' for column in range(np.shape(label)[-1]))
    if au in aus and np.ndim(label) == 2:
        active = first + np.flatnonzero(label[first:end, aus.index(au)] == 1)
        frame = int(active[np.abs(active - frame).argmin()]) if len(active) else frame
    count = track['keypoint'].shape[2]
    layout = track.get('keypoint_layout') or dataset.metainfo.get('keypoint_layout')
    if layout is None or get_layout(layout).num_keypoints != count:
        layout = guess_layout(count).name
    limbs = get_layout(layout).limbs
    rate = float(track.get('fps') or dataset.metainfo.get('fps') or 0)
    fps = rate if 0 < rate <= 1000 else 25.0
    return WindowView(index, track, max(0, start), min(start + length, total), frame, limbs, aus, fps)
