"""How every command of the project starts and ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pyskl.errors import InputError

__all__ = ['run']


def run(main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None) -> None:
    """Run a command and leave the process with its exit status.

    A mistake of the user (:class:`InputError`) prints one line on stderr and ends with status 1; Ctrl-C ends with
    status 130. Every other exception is a defect of the program and keeps its traceback.

    Args:
        main: takes the arguments (None: those of the process) and returns the exit status (None: 0).
        argv: the arguments, for callers that are not the shell.
    """
    try:
        status = main(argv) or 0
    except InputError as error:
        sys.stdout.flush()
        message = ' '.join(str(error).splitlines())  # a path may hold a line break
        print(f'error: {message}', file=sys.stderr, flush=True)
        status = 1
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr, flush=True)
        status = 130
    raise SystemExit(status)
