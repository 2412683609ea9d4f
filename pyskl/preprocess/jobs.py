"""Making the samples of many videos: each video is a job, and each finished job is a part file of its own.

A part is written in one step and carries a fingerprint of what it was made from, so work that was interrupted, or
shared between machines, goes on where it stopped. Workers are spawned processes that return nothing but a short note:
samples go to the disk, and memory does not grow with their number.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import quote

from pyskl.datasets.checks import check_sample
from pyskl.datasets.safe_pickle import dump_pickle, load_pickle
from pyskl.errors import InputError
from pyskl.workers import begin_worker, ctrl_c_waiting

__all__ = ['COUNTS', 'NAMED', 'Job', 'Mode', 'Outcome', 'Part', 'digest', 'part_path', 'read_part', 'run_jobs']

COUNTS = 'counts'
"""Field of a sample that a job may fill with ``{what: number}``; it is taken out and added up in the summary."""

NAMED = (
    'tracks without any face',
    'tracks whose side of the picture cannot be known: one person is seen, and the picture size was guessed (give '
    '--img-shape)',
)
"""Counts whose tracks are named in the summary's notes."""

Mode = Literal['make', 'remake', 'check', 'fingerprint']

PART_VERSION = 1  # to be raised when the same sources would give other samples


class Job(Protocol):
    """One video (or clip) to be turned into samples; a picklable record.

    Attributes:
        name: unique among the jobs of a run; the part file is named after it.
        splits: id (``frame_dir``) of each track the job makes -> names of the splits it joins.
    """

    name: str
    splits: Mapping[str, tuple[str, ...]]

    def fingerprint(self) -> dict[str, Any]:
        """Return what the samples depend on, in JSON's types: settings, size and time of change of the sources."""

    def build(self) -> list[dict[str, Any]]:
        """Make the samples, in a fixed order; a sample may hold counts for the summary under :data:`COUNTS`.

        Raises:
            InputError: for sources that cannot be used: the job is bad.
        """


@dataclass(frozen=True)
class Part:
    """The content of a part file.

    Attributes:
        fingerprint: what it was made from.
        samples: the samples; none for a bad job.
        counts: one dict per sample: numbers for the summary.
        error: why the job is bad, or None.
    """

    fingerprint: str
    samples: list[dict[str, Any]]
    counts: list[dict[str, int]]
    error: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Attributes:
        number: place of the job in the list.
        state: ``made`` now, ``kept`` from before, ``bad``, or ``missing`` (only looked for).
        fingerprint: what the samples depend on.
        error: for a bad job, what is wrong.
    """

    number: int
    state: Literal['made', 'kept', 'bad', 'missing']
    fingerprint: str
    error: str | None = None


@dataclass(frozen=True)
class _Task:
    number: int
    job: Job
    folder: Path
    recipe: str
    num_classes: int | None
    mode: Mode


def digest(content: Any) -> str:
    """Return the SHA-256 of something in JSON's types, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def part_path(folder: Path, name: str) -> Path:
    """Return the part file of a job.

    The name is escaped, so that it cannot lead out of the folder, and cut. A piece of its hash keeps names apart that
    are cut alike, or that differ only in what some file systems do not tell apart.
    """
    escaped = quote(name.encode('utf-8', 'surrogatepass'), safe='').replace('.', '%2E')[:100]
    return folder / f'{escaped}-{hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]}.part'


def read_part(path: Path) -> Part | None:
    """Read a part; None when there is none, or it is damaged."""
    try:
        return Part(**load_pickle(path))
    except (InputError, TypeError):
        return None


def run_jobs(
    jobs: Sequence[Job],
    numbers: Sequence[int],
    folder: Path,
    recipe: Mapping[str, Any],
    workers: int,
    mode: Mode = 'make',
    num_classes: int | None = None,
) -> Iterator[Outcome]:
    """Make, or look for, the parts of jobs.

    Args:
        jobs: all jobs.
        numbers: which of them.
        folder: where the parts are; it must exist for making.
        recipe: settings all jobs share, in JSON's types; a part made with others is made again.
        workers: number of processes; 0 works in this one.
        mode: ``make`` what is missing or out of date; ``remake`` everything; ``check`` which parts are there;
            ``fingerprint``: only find out what the parts depend on (their state is then ``missing``).
        num_classes: number of AUs the labels must have.

    Yields:
        One outcome per job, in the order in which they finish. Leaving early stops the workers; finished parts stay.

    Raises:
        InputError: if a part cannot be written or a worker is killed. One line.
    """
    shared = digest({'recipe': recipe, 'version': PART_VERSION})
    tasks = [_Task(number, jobs[number], folder, shared, num_classes, mode) for number in numbers]
    if workers < 1 or not tasks:
        yield from map(_work, tasks)
    else:
        yield from _work_in_processes(tasks, min(workers, len(tasks)))


def _work(task: _Task) -> Outcome:
    """Do one task; in a worker, or in this process."""
    job, path = task.job, part_path(task.folder, task.job.name)
    error = None
    try:
        facts: Any = job.fingerprint()
    except (InputError, OSError) as problem:
        facts = error = _one_line(problem, job.name)
    fingerprint = digest({'recipe': task.recipe, 'job': job.name, 'facts': facts})
    if task.mode == 'fingerprint':
        return Outcome(task.number, 'missing', fingerprint)
    part = read_part(path) if task.mode != 'remake' else None
    if part is not None and part.fingerprint == fingerprint:
        if part.error is None:
            return Outcome(task.number, 'kept', fingerprint)
        if task.mode == 'check':
            return Outcome(task.number, 'bad', fingerprint, part.error)
    if task.mode == 'check':
        return Outcome(task.number, 'missing', fingerprint)
    samples: list[dict[str, Any]] = []
    if error is None:
        try:
            samples = [check_sample(sample, task.num_classes, job.name) for sample in job.build()]
            _check_tracks(job, samples)
        except (InputError, OSError) as problem:
            samples, error = [], _one_line(problem, job.name)
        except MemoryError:
            raise InputError(f"'{job.name}': not enough memory; run again with fewer --workers") from None
    counts = [sample.pop(COUNTS, {}) for sample in samples]
    # Outside of the block above: a disk that is full is no fault of the job.
    dump_pickle({'fingerprint': fingerprint, 'samples': samples, 'counts': counts, 'error': error}, path)
    return Outcome(task.number, 'made' if error is None else 'bad', fingerprint, error)


def _check_tracks(job: Job, samples: Sequence[Mapping[str, Any]]) -> None:
    names = [sample['frame_dir'] for sample in samples]
    if not names:
        raise InputError(f"'{job.name}': it gives no track")
    if len(set(names)) != len(names) or not set(names) <= set(job.splits):
        raise RuntimeError(f"job '{job.name}' announced the tracks {sorted(job.splits)} and made {names}")


def one_line(text: str) -> str:
    """Return a text without line breaks; names of files can hold some."""
    return ' '.join(text.split())


def _one_line(problem: Exception, name: str) -> str:
    if isinstance(problem, OSError):
        return f'{problem.filename or name}: cannot be read ({problem.strerror or problem})'
    return one_line(str(problem))


def _work_in_processes(tasks: Sequence[_Task], workers: int) -> Iterator[Outcome]:
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context('spawn'), initializer=begin_worker)
    running: dict[Future[Outcome], _Task] = {}
    waiting = iter(tasks)
    finished = False
    try:
        while True:
            # No more than the workers can begin with: when one is killed, these are the jobs it can have had.
            while len(running) < workers and (task := next(waiting, None)) is not None:
                with ctrl_c_waiting():
                    running[executor.submit(_work, task)] = task
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                outcome = future.result()
                del running[future]
                yield outcome
        finished = True
    except BrokenProcessPool:
        names = ' or '.join(f"'{task.job.name}'" for task in running.values())
        raise InputError(
            f'a worker process was killed while it made {names} (out of memory?); run again, with fewer --workers: '
            'what is finished is kept'
        ) from None
    finally:
        if not finished:
            _stop([child for child in multiprocessing.active_children() if child not in others])
        executor.shutdown(wait=finished, cancel_futures=True)


def _stop(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()
