"""Doing the same work for many tracks, in this process or in several, with the results in order."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pyskl.errors import InputError
from pyskl.workers import begin_worker, ctrl_c_waiting

__all__ = ['in_order']

Task = TypeVar('Task')
Result = TypeVar('Result')

AHEAD = 3  # tasks of each worker that may be finished before they are asked for


def in_order(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int = 0) -> Iterator[Result]:
    """Apply a function to tasks and give the results in the order of the tasks.

    Args:
        function: of a module, so that spawned processes find it.
        tasks: picklable.
        workers: number of processes; 0 works in this one.

    Yields:
        One result per task. Few are held at a time. Leaving early stops the workers when their present tasks are done.

    Raises:
        InputError: if ``workers`` is negative, or a worker is killed.
    """
    if workers < 0:
        raise InputError(f'the number of workers must be 0 or more, not {workers}')
    if workers == 0 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    context = multiprocessing.get_context('spawn')
    workers = min(workers, len(tasks))
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=begin_worker)
    running: deque[Future[Result]] = deque()
    waiting = iter(tasks)
    try:
        _submit(executor, function, waiting, running, workers * AHEAD)
        while running:
            yield running.popleft().result()
            _submit(executor, function, waiting, running, workers * AHEAD)
    except BrokenProcessPool:
        raise InputError('a worker process was killed (out of memory?); run again with fewer workers') from None
    finally:
        # Tasks that run are waited for: a worker that is ended while it hands over a result leaves the others waiting
        # for the pipe for ever.
        executor.shutdown(wait=True, cancel_futures=True)


def _submit(
    executor: ProcessPoolExecutor,
    function: Callable[[Task], Result],
    waiting: Iterator[Task],
    running: deque[Future[Result]],
    most: int,
) -> None:
    """Submit tasks until ``most`` run. Processes begun meanwhile never see Ctrl-C, not even while they start."""
    with ctrl_c_waiting():
        for task in waiting:
            running.append(executor.submit(function, task))
            if len(running) >= most:
                break
