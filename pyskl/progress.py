"""A progress bar for work that goes frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ['progress_bar']

Item = TypeVar('Item')


@contextmanager
def progress_bar(items: Iterable[Item], title: str, total: int | None, shown: bool = True) -> Iterator[Iterable[Item]]:
    """Pass items through while a bar on stderr counts them; it goes away at the end.

    Args:
        items: what to pass through.
        title: what is being done.
        total: how many items to expect, or None.
        shown: False passes the items through and shows nothing.
    """
    if not shown:
        yield items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress.track(items, description=title, total=total)
