"""A folder in which a command keeps what it made: new files take the place of its old ones, and of nobody else's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pyskl.errors import InputError
from pyskl.files import replacing

__all__ = ['PICTURES', 'SUMMARY', 'check_free', 'place', 'read_summary', 'staging']

SUMMARY = 'summary.json'
PICTURES = ('preview.png', 'preview.gif')
STAGING = '.synthetic.partial'
LOCK = '.synthetic.lock'


def read_summary(out: Path) -> dict[str, object] | None:
    """Return the summary in a folder, or None if there is none of ours."""
    try:
        summary = json.loads((out / SUMMARY).read_text(encoding='utf-8'))
        return summary if summary['synthetic'] is True and isinstance(summary['files'], list) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _owned(out: Path) -> set[str]:
    """Names of what the command made in a folder, itself included."""
    summary = read_summary(out)
    if summary is None:
        return set()
    return {*summary['files'], *summary.get('pictures', PICTURES), SUMMARY}  # before version 4, pictures went unlisted


def check_free(out: Path, names: Sequence[str]) -> None:
    """Make sure that nothing in a folder would be replaced but what the command made itself.

    Raises:
        InputError: if one of the names, or a summary, is there, and no summary says that it is ours.
    """
    owned = _owned(out)
    for name in (*names, SUMMARY):
        if name not in owned and os.path.lexists(out / name):
            raise InputError(
                f'{out / name}: is already there and was not made by this command; move it away or give another folder '
                '(--force makes only synthetic data anew)'
            )


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Give an empty folder inside ``out`` to one process at a time; it is gone afterwards.

    What a killed process left there is removed first.

    Args:
        out: made if it does not exist.

    Raises:
        InputError: if another process is at work there, or something cannot be written.
    """
    folder = out / STAGING
    try:
        out.mkdir(parents=True, exist_ok=True)
        with FileLock(out / LOCK, timeout=0):
            try:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                (out / LOCK).unlink(missing_ok=True)
    except Timeout:
        raise InputError(f'{out}: another process is making synthetic data there; wait for it to end') from None
    except OSError as error:
        raise InputError(f'{out}: cannot be written ({error.strerror or error})') from error


def place(out: Path, folder: Path, names: Sequence[str], summary: dict[str, object]) -> None:
    """Move new files to where they belong. What is ours and no longer in the summary goes.

    The summary comes first, so that whatever a killed process leaves is known to be ours.

    Args:
        out: the folder of the command.
        folder: the folder of :func:`staging`, with the new files.
        names: of the new files.
        summary: lists under ``files`` and ``pictures`` what is in ``out`` afterwards.
    """
    stay = {*summary['files'], *summary['pictures'], SUMMARY} - set(names)
    old = folder / 'old'
    old.mkdir()
    for name in sorted(_owned(out) - stay):
        if os.path.lexists(out / name):
            (out / name).rename(old / name)
    with replacing(out / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + '\n', encoding='utf-8')
    for name in names:
        (folder / name).rename(out / name)
