"""Bringing names of labels and videos together, and telling what was passed over."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

from pyskl.errors import InputError
from pyskl.preprocess.sources import KeypointSource, SourceHandle
from pyskl.preprocess.summary import listed

__all__ = ['find_handle', 'listing_notes', 'unused_note', 'unused_videos']


def find_handle(source: KeypointSource, names: Sequence[str], any_case: bool = False) -> SourceHandle:
    """Return the first of some names under which a source has a video.

    Args:
        source: the keypoints.
        names: names to try.
        any_case: whether capitals do not matter, where no name fits as it is.

    Raises:
        InputError: if it has none, or several files of that name.
    """
    for name in names:
        handle = source.find(name)
        if handle is not None:
            return handle
    if any_case:
        folded = {name.casefold() for name in names}
        alike = [name for name in source.names() if name.casefold() in folded]
        if len(alike) > 1:
            raise InputError(f'{source.root}: {alike[0]} and {alike[1]} differ in capitals alone; keep one')
        if alike:
            return find_handle(source, alike)
    raise InputError(f'{source.root}: there is no {" or ".join(names)} for --{source.kind}')


def unused_videos(source: KeypointSource, used: Container[Path], subset: str | None = None) -> list[str]:
    """Return the videos of a source that nothing was made of.

    Args:
        source: the keypoints.
        used: the paths of the handles that were used.
        subset: the part of the data set.
    """
    names = []
    for name in source.names(subset):
        try:
            handle = source.find(name, subset)
        except InputError:
            continue
        if handle is not None and handle.path not in used:
            names.append(name)
    return names


def listing_notes(
    misnamed: Sequence[str], example: str, source: KeypointSource, used: Container[Path], others: Container[str] = ()
) -> list[str]:
    """Return lines about what was passed over: labels that are named otherwise, and videos without labels.

    Args:
        misnamed: the names of the labels.
        example: how they should be named.
        source: the keypoints.
        used: the paths of the handles that were used.
        others: videos that were left out on purpose.
    """
    notes = []
    if misnamed:
        what = '1 is' if len(misnamed) == 1 else f'{len(misnamed)} are'
        notes.append(f'of the labels {what} not named like {example}, and not read: {listed(misnamed)}')
    return notes + unused_note([name for name in unused_videos(source, used) if name not in others])


def unused_note(names: Sequence[str]) -> list[str]:
    """Return a line about videos without labels, if there are some."""
    what = '1 video has' if len(names) == 1 else f'{len(names)} videos have'
    return [f'{what} keypoints and no labels: {listed(names)}'] if names else []
