"""Checking what annotation files and stores say, before anything is computed from it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.errors import InputError

__all__ = ['check_metainfo', 'check_sample', 'check_shape', 'check_splits']

REQUIRED_FIELDS = ('frame_dir', 'total_frames', 'img_shape', 'keypoint')


def check_splits(splits: Any, path: Path) -> None:
    """Check the form of the splits: a dict from name to list of ids.

    Raises:
        InputError: if it is another.
    """
    if not isinstance(splits, Mapping):
        raise InputError(f'{path}: split: must be a dict of lists of ids, not {type(splits).__name__}')
    for name, ids in splits.items():
        if not isinstance(name, str) or not isinstance(ids, list | tuple) or not all(isinstance(i, str) for i in ids):
            raise InputError(f"{path}: split: '{name}' must be a name with a list of ids (the samples' frame_dir)")


def check_metainfo(metainfo: Any, path: Path) -> None:
    """Check what a file says of itself.

    Raises:
        InputError: if ``aus`` or ``keypoint_layout`` are no names.
    """
    if not isinstance(metainfo, dict):
        raise InputError(f'{path}: metainfo: must be a dict, not {type(metainfo).__name__}')
    aus, layout = metainfo.get('aus'), metainfo.get('keypoint_layout')
    if aus is not None and (not isinstance(aus, list | tuple) or not all(isinstance(au, str) for au in aus)):
        raise InputError(f"{path}: metainfo.aus: must be a list of names such as 'AU1'")
    if layout is not None and not isinstance(layout, str):
        raise InputError(f"{path}: metainfo.keypoint_layout: must be a name such as 'ibug68'")


def check_sample(sample: dict, num_classes: int | None, where: str) -> dict:
    """Check one sample and return it in the project's own dtypes.

    Args:
        sample: a sample of an annotation file.
        num_classes: number of AUs (or classes) its label must fit; None: any.
        where: the file's name, for messages.

    Returns:
        A new dict with ``keypoint`` (M, T, V, 2) float32 in pixels, ``keypoint_score`` (M, T, V) float32 in 0..1,
        ``label`` (int, (A,) int8, (T, A) int8, or absent), and the other fields as they were.

    Raises:
        InputError: one line that names the file, the track and the field.
    """
    track = f"{where}: track '{sample.get('frame_dir')}'"
    for name in REQUIRED_FIELDS:
        if name not in sample:
            raise InputError(f"{track}: the field '{name}' is missing")
    keypoint, score = _check_keypoints(sample, track)
    checked = {
        **sample,
        'total_frames': keypoint.shape[1],
        'img_shape': check_shape(sample['img_shape'], 'img_shape', track),
        'keypoint': keypoint,
        'keypoint_score': score,
    }
    if sample.get('label') is None:
        checked.pop('label', None)
    else:
        checked['label'] = _check_label(sample['label'], keypoint.shape[1], num_classes, track)
    return checked


def _numbers(value: Any, name: str, track: str) -> np.ndarray:
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind not in 'fiub':
            raise ValueError
    except ValueError:
        raise InputError(f'{track}: {name}: must be an array of numbers') from None
    return array


def check_shape(value: Any, name: str, track: str) -> tuple[int, int]:
    """Return the size of a picture as two ints.

    Raises:
        InputError: if it is no (height, width).
    """
    size = _numbers(value, name, track)
    if size.shape != (2,) or not (np.isfinite(size) & (size >= 1) & (size < 2**31)).all():
        raise InputError(f'{track}: {name}: must be (height, width) in pixels, both positive, not {value!r}')
    return int(size[0]), int(size[1])


def _check_keypoints(sample: dict, track: str) -> tuple[np.ndarray, np.ndarray]:
    keypoint = _numbers(sample['keypoint'], 'keypoint', track)
    if keypoint.ndim != 4 or keypoint.shape[3] not in (2, 3) or 0 in keypoint.shape:
        raise InputError(f'{track}: keypoint: its shape must be (persons, frames, keypoints, 2), not {keypoint.shape}')
    if 'keypoint_score' in sample and sample['keypoint_score'] is not None:
        score = _numbers(sample['keypoint_score'], 'keypoint_score', track)
    elif keypoint.shape[3] == 3:
        score = keypoint[..., 2]
    else:
        score = np.ones(keypoint.shape[:3], dtype=np.float32)
    keypoint = keypoint[..., :2]
    if score.shape != keypoint.shape[:3]:
        raise InputError(
            f'{track}: keypoint_score: its shape {score.shape} does not fit the keypoints, which need '
            f'{keypoint.shape[:3]}'
        )
    if _numbers(sample['total_frames'], 'total_frames', track).ndim:
        raise InputError(f'{track}: total_frames: must be a number')
    if sample['total_frames'] != keypoint.shape[1]:
        raise InputError(
            f'{track}: total_frames: says {sample["total_frames"]}, but there are keypoints for {keypoint.shape[1]} '
            f'frames'
        )
    keypoint = np.ascontiguousarray(keypoint, dtype=np.float32)
    score = np.ascontiguousarray(score, dtype=np.float32)
    for name, array in (('keypoint', keypoint), ('keypoint_score', score)):
        if not np.isfinite(array).all():
            person, frame, point = np.argwhere(~np.isfinite(array))[0][:3]
            raise InputError(
                f'{track}: {name}: NaN or infinite at person {person}, frame {frame}, keypoint {point}; a keypoint '
                f'that was not found has coordinates 0 and score 0'
            )
    if score.min() < 0 or score.max() > 1:
        raise InputError(
            f'{track}: keypoint_score: values must lie in 0..1, but they go from {score.min():g} to {score.max():g}'
        )
    return keypoint, score


def _check_label(label: Any, total_frames: int, num_classes: int | None, track: str) -> int | np.ndarray:
    array = _numbers(label, 'label', track)
    if array.ndim == 0:
        if (
            not np.isfinite(array)
            or array != int(array)
            or array < 0
            or (num_classes is not None and array >= num_classes)
        ):
            expected = f'0..{num_classes - 1}' if num_classes else 'a class number'
            raise InputError(f'{track}: label: class {array} is not in {expected}')
        return int(array)
    if array.ndim == 2 and array.shape[0] != total_frames:
        raise InputError(f'{track}: label: has {array.shape[0]} rows for {total_frames} frames')
    if array.ndim > 2 or array.shape[-1] == 0 or (num_classes is not None and array.shape[-1] != num_classes):
        wanted = num_classes if num_classes is not None else 'A'
        raise InputError(
            f'{track}: label: its shape {array.shape} must be ({wanted},) for the track or ({total_frames}, {wanted}) '
            f'for every frame'
        )
    if not np.isin(array, (-1, 0, 1)).all():
        value = array[~np.isin(array, (-1, 0, 1))].flat[0]
        raise InputError(f'{track}: label: values must be 1, 0 or -1 (unknown), but {value} was found')
    return array.astype(np.int8)
