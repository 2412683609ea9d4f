"""How the process gets its memory from the system."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ['keep_freed_memory']

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of glibc's mallopt, from malloc.h
_SETTINGS = ('MALLOC_MMAP_MAX_', 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_', 'GLIBC_TUNABLES', 'LD_PRELOAD')


def keep_freed_memory() -> bool:
    """Make the C library keep freed memory for the next allocation instead of giving it back to the system.

    A training step on a CPU allocates and frees the same few dozen tensors again and again. Those above 32 MiB are
    given back each time they are freed, and the system has to clear every page of the next one: up to a third of a step
    in float32. The process then holds what it needed at its peak until it ends.

    Nothing is done where the C library is not glibc, or where the user has chosen how it allocates (``MALLOC_...``,
    ``GLIBC_TUNABLES``, ``LD_PRELOAD``).

    Returns:
        Whether it was done.
    """
    if not sys.platform.startswith('linux') or any(name in os.environ for name in _SETTINGS):
        return False
    try:
        library = ctypes.CDLL('libc.so.6')
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
