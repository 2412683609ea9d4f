"""Writing a keypoint store, track by track, in constant memory."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pyskl.datasets.checks import check_metainfo, check_sample, check_shape, check_splits
from pyskl.datasets.store.columns import ColumnWriter
from pyskl.datasets.store.layout import (
    FORMAT,
    INDEX,
    LABEL_KINDS,
    META,
    RESERVED,
    VERSION,
    column_file,
    is_column_name,
)
from pyskl.datasets.store.reader import is_store
from pyskl.errors import InputError
from pyskl.keypoints import get_layout, guess_layout

__all__ = ['StoreWriter', 'write_store']


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back; raise TypeError where that is not possible."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise TypeError


class StoreWriter:
    """Writes tracks one after the other; the store appears under its name when it is complete.

    Use it in a ``with`` block: leaving it by an exception removes what was written, and a store that stood there
    before stays whole.

    Args:
        path: folder of the store. A store in its place is replaced; any other folder is not touched.
        metainfo: ``dataset``, ``aus``, ``keypoint_layout``, ``fps``...: plain values.

    Raises:
        InputError: if the folder cannot be made, or something else is there.

    Example:
        >>> with StoreWriter('data/my_store', dict(keypoint_layout='ibug68')) as writer:
        ...     for sample in samples:
        ...         writer.add(sample)
        ...     writer.finish(dict(train=['video_1'], val=['video_2']))
    """

    def __init__(self, path: str | os.PathLike[str], metainfo: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path).resolve()  # a link stays a link
        try:
            self.metainfo = _plain(dict(metainfo or {}))
        except TypeError:
            raise InputError(f'{self.path}: metainfo: must hold plain values only') from None
        check_metainfo(self.metainfo, self.path)
        if self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir()) and not is_store(self.path)):
            raise InputError(f'{self.path}: is there and is no keypoint store; give another name')
        self._folder = self.path.with_name(f'.{self.path.name}.{uuid.uuid4().hex[:8]}')
        try:
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise InputError(f'{self.path}: cannot be written ({error.strerror})') from None
        self._columns: dict[str, ColumnWriter] = {}
        self._field_of: dict[str, str] = {}
        self._rows: dict[str, list[int]] = {}
        self._index: list[tuple] = []
        self._names: dict[str, int] = {}
        self._extras: list[dict[str, Any]] = []
        self._layout: str | None = None
        self._label: tuple[str, int | None] | None = None

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Remove what was written, unless the store is finished."""
        for column in self._columns.values():
            column.abandon()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, sample: Mapping[str, Any]) -> None:
        """Check a sample and append it.

        Args:
            sample: a sample as annotation files have it. Further arrays of numbers become columns of their own; other
                fields must be plain values.

        Raises:
            InputError: if the sample is unusable, its id was added before, it does not fit the ones before it, or the
                disk is full.
        """
        sample = check_sample(dict(sample), None, str(self.path))
        name = str(sample['frame_dir'])
        where = f"{self.path}: track '{name}'"
        if name in self._names:
            raise InputError(f'{where}: was added before')
        persons, frames, num_keypoints = sample['keypoint_score'].shape
        self._check_layout(sample, num_keypoints, where)
        columns, extras = self._fields(sample, where)
        columns['keypoint'] = sample['keypoint'].reshape(persons * frames, num_keypoints, 2)
        columns['keypoint_score'] = sample['keypoint_score'].reshape(persons * frames, num_keypoints)
        if 'label' in sample:
            columns['label'] = self._label_rows(sample['label'], where)
        original = sample.get('original_shape')
        original = (0, 0) if original is None else check_shape(original, 'original_shape', where)
        try:
            self._append(columns)
        except OSError as error:
            raise InputError(f'{self.path}: cannot be written ({error.strerror or error})') from error
        self._index.append((persons, frames, sample['img_shape'], original))
        self._names[name] = len(self._names)
        self._extras.append(extras)

    def finish(self, splits: Mapping[str, Sequence[str]]) -> None:
        """Write the index and put the store in its place.

        Args:
            splits: split name -> ids of its tracks.

        Raises:
            InputError: if a split lists an unknown id or one twice, or the disk is full.
        """
        check_splits(splits, self.path)
        numbers = {}
        for split, names in splits.items():
            missing = [name for name in names if name not in self._names]
            if missing:
                raise InputError(f"{self.path}: split '{split}' lists '{missing[0]}', which has no annotation")
            numbers[split] = [self._names[name] for name in names]
            if len(set(names)) < len(names):
                raise InputError(f"{self.path}: split '{split}' lists an id twice")
        kind, classes = self._label or (None, None)
        meta = {
            'format': FORMAT,
            'version': VERSION,
            'metainfo': {**self.metainfo, 'keypoint_layout': self._layout or self.metainfo.get('keypoint_layout')},
            'num_tracks': len(self._index),
            'num_keypoints': self._columns['keypoint'].row[0] if self._index else 0,
            'label': {'kind': kind, 'num_classes': classes},
            'columns': {
                column: {'field': self._field_of[column], 'dtype': writer.dtype.str, 'row': list(writer.row)}
                for column, writer in sorted(self._columns.items())
            },
            'splits': numbers,
            'names': list(self._names),
            'extras': self._extras if any(self._extras) else [],
        }
        try:
            for column in self._columns.values():
                column.close()
            np.save(self._folder / column_file('index'), np.array(self._index, INDEX))
            if self._columns:
                rows = np.stack([np.array(self._rows[column], '<i8') for column in sorted(self._columns)], axis=1)
                np.save(self._folder / column_file('rows'), rows)
            (self._folder / META).write_text(json.dumps(meta, indent=1) + '\n', encoding='utf-8')
            self._put_in_place()
        except OSError as error:
            raise InputError(f'{self.path}: cannot be written ({error.strerror or error})') from error

    def _put_in_place(self) -> None:
        old = self._folder.with_name(f'{self._folder.name}.old')
        if self.path.exists():
            self.path.rename(old)
        try:
            self._folder.rename(self.path)
        except OSError:
            if old.exists():
                old.rename(self.path)
            raise
        shutil.rmtree(old, ignore_errors=True)

    def _check_layout(self, sample: Mapping[str, Any], num_keypoints: int, where: str) -> None:
        stated = sample.get('keypoint_layout') or self.metainfo.get('keypoint_layout')
        try:
            layout = get_layout(stated) if stated else guess_layout(num_keypoints)
        except InputError as error:
            raise InputError(f'{where}: keypoint: {error}') from None
        if layout.num_keypoints != num_keypoints:
            raise InputError(
                f"{where}: has {num_keypoints} keypoints, but its layout '{layout.name}' has {layout.num_keypoints}"
            )
        if self._layout not in (None, layout.name):
            raise InputError(
                f"{where}: its keypoints are in layout '{layout.name}', those before it in '{self._layout}'; a store "
                f'holds one layout'
            )
        self._layout = layout.name

    def _fields(self, sample: Mapping[str, Any], where: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        columns, extras = {}, {}
        for name, value in sample.items():
            if name in RESERVED or name == 'keypoint_layout':
                continue
            numbers = isinstance(value, np.ndarray) and value.dtype.kind in 'fiub' and value.ndim and value.size
            if numbers and is_column_name(name):
                columns[name] = value
                continue
            try:
                extras[name] = _plain(value)
            except TypeError:
                raise InputError(
                    f"{where}: the field '{name}' can't be stored: it is neither a plain value nor an array of numbers"
                ) from None
        return columns, extras

    def _label_rows(self, label: int | np.ndarray, where: str) -> np.ndarray:
        kind = LABEL_KINDS[np.ndim(label)]
        classes = None if kind == 'single' else int(np.shape(label)[-1])
        if self._label not in (None, (kind, classes)):
            raise InputError(f'{where}: label: is of another kind or size than those of the tracks before it')
        self._label = (kind, classes)
        if kind == 'single':
            return np.array([label], np.int64)
        return np.asarray(label)[None] if kind == 'clip' else np.asarray(label)

    def _append(self, columns: Mapping[str, np.ndarray]) -> None:
        written = {}
        for field, values in columns.items():
            name = self._column_for(field, values)
            self._columns[name].append(values)
            written[name] = len(values)
        for name, rows in self._rows.items():
            rows.append(written.get(name, 0))

    def _column_for(self, field: str, values: np.ndarray) -> str:
        """Return the column of a field; one for each type and shape of rows that occurs."""
        dtype, row = values.dtype.newbyteorder('<'), values.shape[1:]
        number = 1
        while True:
            name = field if number == 1 else f'{field}-{number}'
            column = self._columns.get(name)
            if column is None:
                self._columns[name] = ColumnWriter(self._folder / column_file(name), dtype, row)
                self._rows[name] = [0] * len(self._index)
                self._field_of[name] = field
                return name
            if column.row == row and column.dtype == dtype:
                return name
            number += 1


def write_store(
    path: str | os.PathLike[str],
    samples: Iterable[Mapping[str, Any]],
    splits: Mapping[str, Sequence[str]],
    metainfo: Mapping[str, Any] | None = None,
) -> None:
    """Write a keypoint store from samples that are taken one by one; see :class:`StoreWriter`."""
    with StoreWriter(path, metainfo) as writer:
        for sample in samples:
            writer.add(sample)
        writer.finish(splits)
