"""Turning a large annotation pickle into a store, once, so that processes share it instead of each holding a copy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pyskl.assets import cache_dir
from pyskl.datasets.store.reader import is_store, open_store
from pyskl.datasets.store.writer import write_store
from pyskl.errors import InputError
from pyskl.progress import progress_bar

if TYPE_CHECKING:
    from pyskl.datasets.annotation import AnnotationFile

__all__ = ['CONVERT_FROM_BYTES', 'converted_pickle']

CONVERT_FROM_BYTES = 256 << 20
"""Pickles of at least this size are converted."""

SOURCE = 'converted_from'
"""Key of a store's ``metainfo`` that says which pickle it was made of."""


def converted_pickle(path: Path, read: Callable[[Path], AnnotationFile]) -> Path | None:
    """Return the store that stands for a large pickle, making it when it is missing or out of date.

    It lies beside the pickle as ``<name>.store``, or in the cache folder where that place cannot be written. Processes
    that start at the same time wait for the first one.

    Args:
        path: the pickle.
        read: reads it.

    Returns:
        The store's folder, or None for a pickle that is small enough to be held in memory.

    Raises:
        InputError: if the pickle is unusable or the store cannot be written.
    """
    status = path.stat()
    if status.st_size < CONVERT_FROM_BYTES:
        return None
    source = {'name': path.name, 'bytes': status.st_size, 'modified_ns': status.st_mtime_ns}
    folder = _place(path)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f'.{folder.name}.lock')):
            if not _stands_for(folder, source):
                content = read(path)
                if folder.exists() and not is_store(folder):
                    raise InputError(f'{folder}: stands where the keypoint store of {path.name} belongs; move it away')
                write_store(
                    folder, _samples(content, path), content.splits, {**_plain(content.metainfo), SOURCE: source}
                )
    except OSError as error:
        raise InputError(f'{folder}: cannot be written ({error.strerror or error})') from error
    return folder


def _place(path: Path) -> Path:
    beside = path.with_name(f'{path.name}.store')
    if beside.exists() or os.access(path.parent, os.W_OK):
        return beside
    return cache_dir() / 'stores' / str(path.absolute()).strip(os.sep).replace(os.sep, '_')


def _stands_for(folder: Path, source: dict[str, Any]) -> bool:
    if not is_store(folder):
        return False
    try:
        return open_store(folder).metainfo.get(SOURCE) == source
    except InputError:
        return False


def _plain(metainfo: Any) -> dict[str, Any]:
    return {str(key): value.item() if hasattr(value, 'item') else value for key, value in metainfo.items()}


def _samples(content: AnnotationFile, path: Path) -> Iterator[dict]:
    title = f'{path.name} is large: converting it to a keypoint store, once'
    with progress_bar(content.samples.values(), title, len(content.samples)) as samples:
        yield from samples
