"""Writing files so that nothing half-written is ever found under its final name."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyskl.errors import InputError

__all__ = ['check_writable', 'replacing']


@contextmanager
def replacing(path: Path | str, make_folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; it takes the place of ``path`` when the block succeeds.

    If the block raises, the temporary file is removed and whatever was at ``path`` before is untouched. The temporary
    name keeps the suffix, because writers choose the format by it.

    Args:
        path: the final name.
        make_folder: make the folder of ``path`` if it does not exist.

    Raises:
        InputError: if the folder of ``path`` does not exist, ``path`` is a folder, or the file cannot be written (no
            permission, disk full).
    """
    path = Path(path)
    if make_folder:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'{path}: cannot be written ({error.strerror})') from None
    if not path.parent.is_dir():
        raise InputError(f'cannot write {path}: the folder {path.parent} does not exist')
    if path.is_dir():
        raise InputError(f'cannot write {path}: it is a folder')
    temporary = path.with_name(f'.{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}')
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise InputError(f'{path}: cannot be written ({error.strerror or error})') from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path | str, where: str) -> None:
    """Make sure that a file or folder can be made at a path, by trying a file in the nearest folder that exists.

    Nothing stays behind.

    Args:
        path: what is to be made.
        where: what asks for it, for the message.

    Raises:
        InputError: if it cannot.
    """
    path = Path(path).absolute()
    folder = path if path.is_dir() else next(parent for parent in path.parents if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix='.pyskl-'):
            pass
    except OSError as error:
        raise InputError(f'{where}: {path} cannot be written: {folder}: {error.strerror}') from None
