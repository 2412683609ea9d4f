"""Reading pickles that come from strangers.

A pickle is a program: loading one with :func:`pickle.load` runs whatever its author wrote. Annotation files only need
arrays, numbers, strings and plain containers, so the reader here admits exactly those and refuses the rest.

Arrays need a second look: the state of a dtype holds flags which NumPy believes, and with forged ones the bytes of an
array are taken for addresses of objects. So a dtype is only admitted as NumPy itself would have written it.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pyskl.errors import InputError
from pyskl.files import replacing

__all__ = ['dump_pickle', 'load_pickle']

_ADMITTED = {
    ('collections', 'OrderedDict'),
    ('_codecs', 'encode'),  # how protocol 2 writes bytes
    ('numpy', 'ndarray'),
    ('numpy', 'dtype'),
    *((f'numpy.{core}.multiarray', name) for core in ('core', '_core') for name in ('_reconstruct', 'scalar')),
    *((f'numpy.{core}.numeric', '_frombuffer') for core in ('core', '_core')),
    *(('builtins', name) for name in ('set', 'frozenset', 'bytes', 'bytearray', 'complex', 'slice', 'range')),
}


class _DataUnpickler(pickle._Unpickler):  # the C class does not let its steps be overridden
    """An unpickler that builds arrays and plain containers only."""

    dispatch: ClassVar = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        if module == '__builtin__':  # the name in protocol 2
            module, name = 'builtins', {'xrange': 'range'}.get(name, name)
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(
                f"it asks for '{module}.{name}'; only arrays, numbers, strings and plain containers are read"
            )
        if module.startswith('numpy.core.'):  # the name before NumPy 2
            module = module.replace('numpy.core.', 'numpy._core.')
        return super().find_class(module, name)

    def load_build(self) -> None:
        target, state = self.stack[-2:]
        if isinstance(target, np.dtype):
            if state != np.dtype(target.str).newbyteorder(state[1]).__reduce__()[2]:
                raise pickle.UnpicklingError(f"it holds an array of the unusual type '{target.str}'")
        elif not isinstance(target, np.ndarray):
            raise pickle.UnpicklingError(f"it sets the attributes of a '{type(target).__name__}'")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


def load_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle without running any code that it may hold.

    Args:
        path: the file.

    Returns:
        Arrays, numbers, strings, None, and lists, tuples, sets and dicts of them.

    Raises:
        InputError: if the file is missing, cut short or no pickle, or if it asks for anything else. One line that
            names the file.
    """
    path = Path(path)
    try:
        with path.open('rb') as file:
            return _DataUnpickler(file).load()
    except FileNotFoundError:
        raise InputError(f'{path}: no such file') from None
    except IsADirectoryError:
        raise InputError(f'{path}: is a folder, not a pickle file') from None
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except Exception as error:  # a damaged pickle raises nearly anything
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise InputError(f'{path}: not a readable annotation pickle: {reason}') from None


def dump_pickle(content: Any, path: str | os.PathLike[str]) -> None:
    """Write a pickle in one step: the file is whole or, when writing fails, as it was before.

    Raises:
        InputError: if the file cannot be written (no permission, disk full).
    """
    with replacing(path, make_folder=True) as temporary, temporary.open('xb') as file:
        pickle.dump(content, file, protocol=4)
