"""Writing files so that nothing half-written is ever found under its final name."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyskl.errors import InputError

__all__ = ['check_writable', 'follow_links', 'replacing']


def follow_links(path: Path | str) -> Path:
    """Return the path of the file that is to be written: where ``path`` is a link, what it points to.

    Raises:
        InputError: if something is there that is no regular file (a device, a pipe), or links go around in a circle.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise InputError(f'cannot write {path}: it is no regular file')
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:
        reason = getattr(error, 'strerror', None) or 'its links go around in a circle'
        raise InputError(f'cannot write {path}: {reason}') from None


@contextmanager
def replacing(path: Path | str, make_folder: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; it takes the place of ``path`` when the block succeeds.

    If the block raises, the temporary file is removed and whatever was at ``path`` before is untouched. The temporary
    name keeps the suffix, because writers choose the format by it. Where ``path`` is a link, the file it points to is
    replaced, and the link stays.

    Args:
        path: the final name.
        make_folder: make the folder of ``path`` if it does not exist.

    Raises:
        InputError: if the folder of ``path`` does not exist, ``path`` is a folder, a device or a pipe, or the file
            cannot be written (no permission, disk full).
    """
    path = follow_links(path)
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
