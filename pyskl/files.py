"""Writing files so that nothing half-written is ever found under its final name."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyskl.errors import InputError

__all__ = ['replacing']


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; it takes the place of ``path`` when the block succeeds.

    If the block raises, the temporary file is removed and whatever was at ``path`` before is untouched. The temporary
    name keeps the suffix, because writers choose the format by it.

    Raises:
        InputError: if the folder of ``path`` does not exist, or ``path`` is a folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(f'cannot write {path}: the folder {path.parent} does not exist')
    if path.is_dir():
        raise InputError(f'cannot write {path}: it is a folder')
    temporary = path.with_name(f'.{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}')
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
