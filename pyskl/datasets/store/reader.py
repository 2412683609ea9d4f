"""Reading a keypoint store through memory maps."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.datasets.checks import check_metainfo, check_splits
from pyskl.datasets.store.columns import Column, map_column
from pyskl.datasets.store.layout import FORMAT, INDEX, LABEL_KINDS, META, RESERVED, VERSION, column_file, is_column_name
from pyskl.errors import InputError
from pyskl.keypoints import get_layout

__all__ = ['KeypointStore', 'is_store', 'open_store']

_FIXED_DTYPES = {'keypoint': '<f4', 'keypoint_score': '<f4'}
RELEASE_EVERY = 64
"""After so many samples the pages they touched are given back; they stay in the system's page cache."""

KEPT_SAMPLES = 1024
"""So many samples (dicts of views, a few hundred bytes each) are kept for the next time."""


def is_store(path: str | os.PathLike[str]) -> bool:
    """Tell whether a folder looks like a keypoint store."""
    return (Path(path) / META).is_file()


class KeypointStore(Mapping[str, dict]):
    """Tracks of a keypoint store: a mapping from id (``frame_dir``) to sample, made when it is asked for.

    The arrays of a sample are read-only views into memory maps: taking a sample reads nothing, and all processes of a
    machine share the pages. It can be sent to other processes, which open it again.

    Attributes:
        path: the folder.
        splits: split name -> ids of its tracks.
        metainfo: what the store says of itself.
        names: ids in the order of the store.
        total_frames: (N,) int64: length of each track in frames.
        label_kind: 'frame', 'clip', 'single', or None without labels.
        num_classes: length of a label vector, or None.
        layout: the keypoint layout.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._identity = _identity(self.path)
        meta = _read_meta(self.path)
        self.metainfo: dict[str, Any] = meta['metainfo']
        self.names: list[str] = meta['names']
        count = len(self.names)
        self.label_kind: str | None = meta['label']['kind']
        self.num_classes: int | None = meta['label']['num_classes']
        self.splits: dict[str, list[str]] = _split_names(meta, self.path)
        self.layout: str | None = self.metainfo.get('keypoint_layout')
        self._extras: list[dict[str, Any]] = meta['extras']
        self._number = {name: number for number, name in enumerate(self.names)}
        if len(self._number) != count:
            raise InputError(f'{self.path / META}: names: an id stands there twice')
        index = self._map('index', INDEX, (count,)).values
        self.total_frames = index['num_frames'].astype(np.int64)
        self._persons = index['num_persons'].astype(np.int64)
        if count and min(self.total_frames.min(), self._persons.min()) < 1:
            raise InputError(f'{self.path / column_file("index")}: holds a track without frames')
        if count and (index['img_shape'].min() < 1 or index['original_shape'].min() < 0):
            raise InputError(f'{self.path / column_file("index")}: holds an impossible size of a picture')
        self._img_shapes, self._original_shapes = index['img_shape'].copy(), index['original_shape'].copy()
        self._columns: dict[str, Column] = {}
        self._fields: list[tuple[str, str]] = []
        self._ends: dict[str, np.ndarray] = {}
        self._open_columns(meta, count)
        self._taken = 0
        self._samples: dict[int, dict[str, Any]] = {}

    def _map(self, name: str, dtype: np.dtype | str, shape: tuple[int, ...]) -> Column:
        return map_column(self.path / column_file(name), dtype, shape)

    def _open_columns(self, meta: Mapping[str, Any], count: int) -> None:
        columns: Mapping[str, Any] = meta['columns']
        if not columns:
            return
        rows = self._map('rows', '<i8', (count, len(columns))).values
        file = self.path / column_file('rows')
        if rows.size and (rows.min() < 0 or rows.max() > 2**40):
            raise InputError(f'{file}: holds impossible numbers of rows')
        pixels = self._persons * self.total_frames
        for number, (name, column) in enumerate(sorted(columns.items())):
            mine = rows[:, number].copy()
            wanted = {'keypoint': pixels, 'keypoint_score': pixels, 'label': mine}.get(name, mine)
            if name == 'label':
                wanted = np.where(mine > 0, self.total_frames if self.label_kind == 'frame' else 1, 0)
            if (mine != wanted).any():
                raise InputError(f'{file}: the rows of {name} do not fit the tracks')
            ends = np.cumsum(mine)
            self._columns[name] = self._map(name, column['dtype'], (int(ends[-1]) if count else 0, *column['row']))
            self._ends[name] = ends
            if name not in ('keypoint', 'keypoint_score', 'label'):
                self._fields.append((column['field'], name))
        labels = self._columns['label'].values if 'label' in columns else None
        if labels is not None and self.label_kind != 'single' and labels.size:
            low, high = int(labels.min()), int(labels.max())
            if low < -1 or high > 1:
                raise InputError(
                    f'{self.path / column_file("label")}: values must be 1, 0 or -1 (unknown), but they go from {low} '
                    f'to {high}'
                )

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._number

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self.sample(self._number[name])

    def number(self, name: str) -> int:
        """Return the number of a track."""
        return self._number[name]

    def rows(self, column: str, number: int) -> np.ndarray | None:
        """Return a track's rows of a column, without a copy; None where the track has none."""
        if column not in self._ends:
            return None
        ends = self._ends[column]
        start, stop = (int(ends[number - 1]) if number else 0), int(ends[number])
        return self._columns[column].values[start:stop] if stop > start else None

    def label(self, number: int) -> np.ndarray | int | None:
        """Return a track's label: (T, A) or (A,) int8, a class number, or None."""
        rows = self.rows('label', number)
        if rows is None or self.label_kind == 'frame':
            return rows
        return rows[0].copy() if self.label_kind == 'clip' else int(rows[0])

    def sample(self, number: int) -> dict[str, Any]:
        """Return a sample, in the form annotation files have it."""
        self._taken += 1
        if self._taken % RELEASE_EVERY == 0:
            self.release()
        known = self._samples.get(number)
        if known is None:
            if len(self._samples) >= KEPT_SAMPLES:
                self._samples.clear()
            known = self._samples[number] = self._make_sample(number)
        return dict(known)

    def _make_sample(self, number: int) -> dict[str, Any]:
        persons, frames = int(self._persons[number]), int(self.total_frames[number])
        keypoint, score = self.rows('keypoint', number), self.rows('keypoint_score', number)
        height, width = self._img_shapes[number].tolist()
        sample = {
            'frame_dir': self.names[number],
            'total_frames': frames,
            'img_shape': (height, width),
            'keypoint': keypoint.reshape(persons, frames, *keypoint.shape[1:]),
            'keypoint_score': score.reshape(persons, frames, *score.shape[1:]),
        }
        original = tuple(self._original_shapes[number].tolist())
        if original != (0, 0):
            sample['original_shape'] = original
        label = self.label(number)
        if label is not None:
            sample['label'] = label
        for field, column in self._fields:
            rows = self.rows(column, number)
            if rows is not None:
                sample[field] = rows
        if self._extras:
            sample.update(self._extras[number])
        return sample

    def read_frames(self, number: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return keypoints (M, n, V, 2) and scores (M, n, V) of the frames [start, stop) of a track, as copies."""
        persons, frames = int(self._persons[number]), int(self.total_frames[number])
        read = []
        for name in ('keypoint', 'keypoint_score'):
            ends, column = self._ends[name], self._columns[name]
            first = int(ends[number - 1]) if number else 0
            rows = [column.read(first + m * frames + start, first + m * frames + stop) for m in range(persons)]
            read.append(rows[0][None] if persons == 1 else np.stack(rows))
        return read[0], read[1]

    def release(self) -> None:
        """Give pages back that this process has touched. Arrays stay valid: pages come back when they are read."""
        for column in self._columns.values():
            column.release()

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (str(self.path.absolute()), self._identity)


def open_store(path: str | os.PathLike[str]) -> KeypointStore:
    """Open a keypoint store. Only the index is read; the arrays are mapped.

    Raises:
        InputError: if the folder is missing or no store, or one of its files is missing, damaged or cut short; the
            message names the file.
    """
    return KeypointStore(path)


def _identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells a store from one that has taken its place."""
    try:
        status = (path / META).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _open_again(path: str, identity: tuple[int, int, int]) -> KeypointStore:
    if _identity(Path(path)) != identity:
        raise InputError(f'{path}: another keypoint store has taken its place while this one was in use; start again')
    return KeypointStore(path)


def _read_meta(path: Path) -> dict[str, Any]:
    file = path / META
    if not path.is_dir():
        raise InputError(f'{path}: no such folder')
    try:
        meta = json.loads(file.read_text(encoding='utf-8'))
    except FileNotFoundError:
        raise InputError(f'{path}: is no keypoint store: {META} is missing') from None
    except OSError as error:
        raise InputError(f'{file}: cannot be read ({error.strerror})') from None
    except (ValueError, RecursionError) as error:
        raise InputError(f'{file}: is damaged: {" ".join(str(error).split())}') from None
    if not isinstance(meta, dict) or meta.get('format') != FORMAT:
        raise InputError(f'{file}: does not belong to a keypoint store')
    if meta.get('version') != VERSION:
        raise InputError(f'{file}: is of version {meta.get("version")}; this release reads version {VERSION}')
    try:
        _check_meta(meta)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f'{file}: is damaged: {type(error).__name__}: {" ".join(str(error).split())}') from None
    check_metainfo(meta['metainfo'], path)
    return meta


def _check_meta(meta: dict[str, Any]) -> None:
    names, extras, label, columns = meta['names'], meta['extras'], meta['label'], meta['columns']
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError('names: must be a list of ids')
    if not isinstance(extras, list) or len(extras) not in (0, len(names)):
        raise ValueError('extras: does not fit names')
    if not all(isinstance(extra, dict) and not extra.keys() & RESERVED for extra in extras):
        raise TypeError('extras: must be dicts of further fields')
    if label['kind'] not in (None, *LABEL_KINDS):
        raise ValueError(f'label: kind {label["kind"]!r} is unknown')
    if names and not set(_FIXED_DTYPES).issubset(columns):
        raise ValueError('columns: keypoint and keypoint_score must be there')
    if ('label' in columns) != (label['kind'] is not None):
        raise ValueError('columns: does not fit label')
    points = int(meta['num_keypoints'])
    layout = meta['metainfo'].get('keypoint_layout')
    if names and (layout is None or get_layout(layout).num_keypoints != points):
        raise ValueError(f'num_keypoints: {points} does not fit the layout {layout}')
    rows = {'keypoint': [points, 2], 'keypoint_score': [points]}
    dtypes = dict(_FIXED_DTYPES)
    if label['kind'] is not None:
        single = label['kind'] == 'single'
        rows['label'], dtypes['label'] = ([] if single else [int(label['num_classes'])]), ('<i8' if single else '|i1')
    for name, column in columns.items():
        dtype = np.dtype(column['dtype'])
        field, _, variant = name.partition('-')
        further = is_column_name(field) and column.get('field') == field and (not variant or variant.isdecimal())
        if name not in rows and (not further or dtype.kind not in 'fiub'):
            raise ValueError(f'columns: {name!r} is no column')
        if name in rows and (column['row'] != rows[name] or dtype != np.dtype(dtypes[name])):
            raise ValueError(f'columns: {name} must hold rows of {rows[name]} {dtypes[name]}')
        column['row'] = tuple(int(edge) for edge in column['row'])
        if min(column['row'], default=1) < 1 or math.prod(column['row']) > 2**40:
            raise ValueError(f'columns: {name} has impossible rows')


def _split_names(meta: Mapping[str, Any], path: Path) -> dict[str, list[str]]:
    names, file = meta['names'], path / META
    splits: dict[str, list[str]] = {}
    try:
        for split, numbers in meta['splits'].items():
            if numbers and not (min(numbers) >= 0 and max(numbers) < len(names)):
                raise ValueError
            splits[split] = [names[number] for number in numbers]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(f'{file}: splits: must be lists of numbers of tracks') from None
    check_splits(splits, file)
    return splits
