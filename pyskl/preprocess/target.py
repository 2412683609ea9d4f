"""Where a result may be written: never over something that is not an earlier result."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pyskl.errors import InputError
from pyskl.files import follow_links

__all__ = ['check_target', 'resolve_target', 'source_paths']

_HEAD = 1 << 22  # bytes searched for the field that every annotation file has
_PROTOCOLS = range(2, 6)


def resolve_target(path: Path) -> Path:
    """Return the absolute path that is written: where ``path`` is a link, that of what it points to.

    Raises:
        InputError: if something is there that is neither file nor folder.
    """
    return follow_links(path).absolute()


def source_paths(arguments: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    """Give the paths among a command's arguments that it reads, with the names of their options."""
    for name, value in arguments.items():
        if name not in ('out', 'store'):
            for item in value if isinstance(value, list | tuple) else [value]:
                if isinstance(item, Path):
                    yield f'--{name.replace("_", "-")}', item


def check_target(target: Path, shown: Path, sources: Iterable[tuple[str, Path]]) -> None:
    """Make sure that an annotation file may be written.

    Args:
        target: the file, links followed.
        shown: what the user called it.
        sources: option and path of what is read.

    Raises:
        InputError: if the target is a folder, one of the sources, or a file that is no annotation.
    """
    if target.is_dir():
        raise InputError(f'--out: {shown} is a folder; give a file, or use --store')
    if not os.path.lexists(target):
        return
    for option, source in sources:
        if source.exists() and target.samefile(source):
            raise InputError(f'--out: {shown} is what {option} reads; give another name')
    if not _is_annotation(target):
        raise InputError(f'--out: {shown} is there and is no annotation file; remove it, or give another name')


def _is_annotation(path: Path) -> bool:
    """Tell whether a file is a pickle with annotations, or empty; nothing in it is executed."""
    try:
        with path.open('rb') as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise InputError(f'--out: {path}: cannot be read ({error.strerror})') from None
    return not head or (head[0] == 0x80 and len(head) > 1 and head[1] in _PROTOCOLS and b'annotations' in head)
