"""From part files to one annotation file or keypoint store, a video at a time."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Protocol

from pyskl.errors import InputError
from pyskl.files import replacing
from pyskl.preprocess.jobs import NAMED, Job, Outcome, part_path, read_part
from pyskl.preprocess.summary import Problem, Summary, listed

__all__ = ['PickleWriter', 'assemble', 'open_pickle', 'open_store_writer', 'remove_parts', 'restore']

PROTOCOL = 4


class SampleWriter(Protocol):
    """Takes samples one by one."""

    def add(self, sample: Mapping[str, Any]) -> None:
        """Write a sample."""

    def finish(self, splits: Mapping[str, Sequence[str]]) -> None:
        """Write what is known at the end only."""


class PickleWriter:
    """Writes an annotation file one sample at a time, so that memory does not grow with their number.

    The file is an ordinary pickle of ``dict(metainfo=..., annotations=[...], split=...)``: the steps that
    :mod:`pickle` would take for the dict and its list are taken here, and the samples in between are left to it.
    Nothing is memoized, so the bytes depend on the content alone, not on which objects happen to be shared.

    Args:
        file: open for writing.
        metainfo: what the file says of itself.
    """

    def __init__(self, file: IO[bytes], metainfo: Mapping[str, Any]) -> None:
        self._pickler = pickler = pickle._Pickler(file, PROTOCOL)  # the C class does not give its steps away
        pickler.fast = True
        pickler.write(pickle.PROTO + bytes([PROTOCOL]))
        pickler.framer.start_framing()
        pickler.write(pickle.EMPTY_DICT)
        self._set('metainfo', dict(metainfo))
        pickler.save('annotations')
        pickler.write(pickle.EMPTY_LIST)

    def add(self, sample: Mapping[str, Any]) -> None:
        """Write a sample."""
        self._pickler.save(dict(sample))
        self._pickler.write(pickle.APPEND)

    def finish(self, splits: Mapping[str, Sequence[str]]) -> None:
        """Write the splits and the end of the file."""
        self._pickler.write(pickle.SETITEM)
        self._set('split', {name: list(ids) for name, ids in splits.items()})
        self._pickler.write(pickle.STOP)
        self._pickler.framer.end_framing()

    def _set(self, key: str, value: Any) -> None:
        self._pickler.save(key)
        self._pickler.save(value)
        self._pickler.write(pickle.SETITEM)


@contextmanager
def open_pickle(path: Path, folder: Path, metainfo: Mapping[str, Any]) -> Iterator[PickleWriter]:
    """Give a writer whose file takes the place of ``path`` when the block succeeds.

    Args:
        path: the annotation file.
        folder: where the file is made. When the process is killed its remains lie there, and go with that folder.
        metainfo: what the file says of itself.

    Raises:
        InputError: if the file cannot be written (no permission, disk full); the old one is then untouched.
    """
    made = folder / 'assembled'
    with replacing(made) as temporary, temporary.open('xb') as file:
        yield PickleWriter(file, metainfo)
    try:
        made.replace(path)
    except OSError as error:
        raise InputError(f'{path}: cannot be written ({error.strerror})') from error


@contextmanager
def open_store_writer(path: Path, folder: Path, metainfo: Mapping[str, Any]) -> Iterator[SampleWriter]:
    """Give a writer of a keypoint store; like :func:`open_pickle`."""
    from pyskl.datasets.store import StoreWriter

    made, old = folder / 'assembled', folder / 'replaced'
    with StoreWriter(made, metainfo) as writer:
        yield writer
    try:
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
            path.rename(old)
        try:
            made.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError(f'{path}: cannot be written ({error.strerror})') from error


def restore(path: Path, folder: Path) -> None:
    """Put the old store back if a run was killed just between moving it away and moving the new one there.

    Two folders cannot change places in one step. For that moment the old store lies in the folder of the parts.

    Args:
        path: the store.
        folder: of the parts.

    Raises:
        InputError: if it cannot be moved.
    """
    old = folder / 'replaced'
    if old.is_dir() and not os.path.lexists(path):
        try:
            old.rename(path)
        except OSError as error:
            raise InputError(f'{old}: cannot be moved back to {path} ({error.strerror})') from error


def remove_parts(folder: Path) -> None:
    """Remove a folder of parts; a file in it that is none of ours stays, and the folder with it."""
    for pattern in ('*.part', '.*.part'):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    for path in (*folder.glob('assembled'), *folder.glob('.assembled.*'), *folder.glob('replaced')):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


FORMATS = MappingProxyType({'pickle': open_pickle, 'store': open_store_writer})


def _split_order(name: str) -> tuple[int, int, str]:
    """Training before validation before test, fold by fold."""
    fold = re.search(r'\d+$', name)
    kinds = [number for number, kind in enumerate(('train', 'val', 'test')) if name.startswith(kind)]
    return int(fold[0]) if fold else 0, kinds[0] if kinds else 3, name


def assemble(
    jobs: Sequence[Job],
    outcomes: Sequence[Outcome],
    folder: Path,
    target: Path,
    form: str,
    metainfo: Mapping[str, Any],
    summary: Summary,
) -> None:
    """Write the result from the parts, in the order of the jobs.

    Args:
        jobs: all jobs.
        outcomes: what became of each, in the same order.
        folder: where the parts are.
        target: the annotation file or store to write.
        form: ``pickle`` or ``store``.
        metainfo: what the result says of itself.
        summary: filled with what is written, and with the bad jobs.

    Raises:
        InputError: if no sample is left, a part has vanished, or the result cannot be written.
    """
    names = {name for job in jobs for names in job.splits.values() for name in names}
    splits: dict[str, list[str]] = {name: [] for name in sorted(names, key=_split_order)}
    for name in splits:
        summary.split(name)
    if all(outcome.state == 'bad' for outcome in outcomes):
        count = 'the only video is bad' if len(jobs) == 1 else f'all {len(jobs)} videos are bad, the first'
        raise InputError(f'{target}: nothing is left to write: {count}: {outcomes[0].error}')
    named: dict[str, list[str]] = {what: [] for what in NAMED}
    with FORMATS[form](target, folder, metainfo) as writer:
        for job, outcome in zip(jobs, outcomes, strict=True):
            if outcome.state == 'bad':
                summary.bad.append(Problem(job.name, outcome.error or ''))
                continue
            part = read_part(part_path(folder, job.name))
            if part is None or part.fingerprint != outcome.fingerprint:
                raise InputError(f"{folder}: the part of '{job.name}' has changed; does another run write here?")
            summary.add(job.splits, part.samples, part.counts)
            for sample, counts in zip(part.samples, part.counts, strict=True):
                for what in NAMED:
                    if counts.get(what):
                        named[what].append(sample['frame_dir'])
            for sample in part.samples:
                writer.add(sample)
                for name in job.splits[sample['frame_dir']]:
                    splits[name].append(sample['frame_dir'])
        writer.finish(splits)
    summary.notes += [f'{what}: {listed(names)}' for what, names in named.items() if names]
