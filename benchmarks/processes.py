"""Processes that are measured: which belong together, what memory they have, and letting only one work at a time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def process_tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        for file in Path(f'/proc/{found[-1]}/task').glob('*/children'):
            pending += [int(child) for child in file.read_text(encoding='utf-8').split()]
    return found


def memory_of(pids: Iterable[int]) -> float:
    """Return the memory of processes in MiB.

    A page that n processes share counts 1/n in each (the proportional set size). Shared memory, in which loader
    workers hand their batches over, counts as a whole and once, also while it waits in a queue and no process maps it.
    """
    total, shared = 0.0, {}
    for pid in pids:
        lines = Path(f'/proc/{pid}/smaps_rollup').read_text(encoding='utf-8').splitlines()[1:]
        kib = {line.split(':')[0]: int(line.split()[1]) for line in lines}
        total += kib['Pss'] - kib['Pss_Shmem']
        for file in Path(f'/proc/{pid}/fd').iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if str(file.readlink()).startswith('/dev/shm/'):
                    status = file.stat()
                    shared[status.st_dev, status.st_ino] = status.st_blocks / 2
    return (total + sum(shared.values())) / 1024


class Worker:
    """A process that answers requests (:func:`posec3d_jobs.serve`) and stands still between them.

    Between two requests the process and all its children are stopped: nothing that they do ahead, such as loading the
    next batches, takes time from whoever is measured then, and they go on where they were.

    Args:
        script: a Python file that serves jobs.
        environment: variables to add.
    """

    def __init__(self, script: Path, environment: Mapping[str, str] | None = None) -> None:
        paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
        self._errors = tempfile.TemporaryFile(mode='w+', encoding='utf-8', errors='replace')  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths), **(environment or {})},
            start_new_session=True,
        )
        self.name = script.name

    @property
    def pid(self) -> int:
        """The process, which is also the number of its group."""
        return self._process.pid

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Send a request, wait for the answer, and stop the process again.

        Raises:
            RuntimeError: with the end of what the process has printed, if it fails.
        """
        self._signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps({'call': name, **arguments}) + '\n')
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; what it has printed tells why
        answer = self._process.stdout.readline()
        if not answer:
            self._process.wait()
            self._errors.seek(0)
            raise RuntimeError(f'{self.name}: {name} failed: ...{self._errors.read()[-3000:]}')
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return json.loads(answer)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def close(self) -> None:
        """End the process and its children."""
        self._signal(signal.SIGKILL)
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def peak_memory(pid: int, interval: float = 0.05) -> Iterator[dict[str, float]]:
    """Watch the memory of a process and its children in the block; ``['peak']`` is the largest sum, in MiB."""
    found = {'peak': 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError, ValueError):  # a process has ended while it was looked at
                found['peak'] = max(found['peak'], memory_of(process_tree(pid)))
            done.wait(interval)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()
