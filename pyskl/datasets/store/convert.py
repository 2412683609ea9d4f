"""Turning a large annotation pickle into a store, once, so that processes share it instead of each holding a copy."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
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

logger = logging.getLogger(__name__)

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
        The store's folder, or None for a pickle that is held in memory: a small one, or one of which no store can be
        made (the disk is full, tracks have different layouts, further fields are no plain values), which is warned of.
    """
    status = path.stat()
    if status.st_size < CONVERT_FROM_BYTES:
        return None
    source = {'name': path.name, 'bytes': status.st_size, 'modified_ns': status.st_mtime_ns}
    places = _places(path)
    for folder in places:
        if _stands_for(folder, source):
            return folder
    folder = places[0] if os.access(path.parent, os.W_OK) else places[1]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f'.{folder.name}.lock')):
            if not _stands_for(folder, source):
                _convert(path, read, folder, source)
    except (OSError, InputError) as error:
        logger.warning('%s is read into memory, by every process: it cannot be converted to a store: %s', path, error)
        return None
    return folder


def _convert(path: Path, read: Callable[[Path], AnnotationFile], folder: Path, source: dict[str, Any]) -> None:
    if folder.exists() and not is_store(folder):
        raise InputError(f'{folder}: stands where the keypoint store of {path.name} belongs; move it away')
    for left in folder.parent.glob(f'.{folder.name}.????????'):  # of a conversion that was killed
        shutil.rmtree(left, ignore_errors=True)
    content = read(path)
    metainfo = {str(key): value for key, value in content.metainfo.items()}
    write_store(folder, _samples(content, path), content.splits, {**metainfo, SOURCE: source})


def _places(path: Path) -> tuple[Path, Path]:
    """Return where the store of a pickle may lie: beside it, or in the cache folder."""
    whole = str(path.resolve())
    name = f'{path.name[:80]}-{hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:16]}'
    return path.with_name(f'{path.name}.store'), cache_dir() / 'stores' / name


def _stands_for(folder: Path, source: dict[str, Any]) -> bool:
    if not is_store(folder):
        return False
    try:
        return open_store(folder).metainfo.get(SOURCE) == source
    except InputError:
        return False


def _samples(content: AnnotationFile, path: Path) -> Iterator[dict]:
    title = f'{path.name} is large: converting it to a keypoint store, once'
    with progress_bar(content.samples.values(), title, len(content.samples)) as samples:
        yield from samples
