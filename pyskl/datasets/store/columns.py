"""One column of the keypoint store: a flat ``.npy`` file that is written row by row and read through a memory map.

The rows of all tracks follow each other; which belong to which track is arithmetic on the tracks' lengths. A column is
a plain NumPy file, so any program that knows the format can read it.
"""

from __future__ import annotations

import io
import math
import mmap
import os
import stat
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from pyskl.errors import InputError

__all__ = ['Column', 'ColumnWriter', 'map_column']

READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def _header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {'descr': npy.dtype_to_descr(dtype), 'fortran_order': False, 'shape': shape})
    return buffer.getvalue()


class ColumnWriter:
    """Writes a ``.npy`` file whose number of rows is known only at the end.

    NumPy leaves room in the header for a growing first axis, so the header is written again in place.

    Args:
        path: the file; made anew.
        dtype: of the values.
        row: shape of one row.
    """

    def __init__(self, path: Path, dtype: np.dtype | type, row: tuple[int, ...]) -> None:
        self.dtype = np.dtype(dtype).newbyteorder('<')
        self.row = row
        self.rows = 0
        self._file = path.open('xb')
        self._header_size = self._file.write(_header(self.dtype, (0, *row)))

    def append(self, rows: np.ndarray) -> None:
        """Append (n, *row) values."""
        self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).data)
        self.rows += len(rows)

    def close(self) -> None:
        """Write the final number of rows and close the file."""
        header = _header(self.dtype, (self.rows, *self.row))
        if len(header) != self._header_size:
            raise RuntimeError('NumPy has changed the size of its headers')
        self._file.seek(0)
        self._file.write(header)
        self._file.close()

    def abandon(self) -> None:
        """Close the file as it is; what could not be written is given up."""
        with suppress(OSError):  # a full disk makes closing fail too
            self._file.close()


class Column:
    """A column that is mapped into memory, read only.

    Pages are read when they are touched and shared between processes.

    Args:
        path: the file.
        file: its descriptor; the column closes it.
        memory: its map.
        offset: where the values begin, in bytes.
        dtype: of the values.
        shape: (rows, ...).

    Attributes:
        values: the whole column; a view.
    """

    def __init__(
        self, path: Path, file: int, memory: mmap.mmap, offset: int, dtype: np.dtype, shape: tuple[int, ...]
    ) -> None:
        self.values = np.frombuffer(memory, dtype, math.prod(shape), offset).reshape(shape)
        self.memory = memory
        self._path = path
        self._offset = offset
        self._file = file  # the file that is mapped, whatever stands under its name by now
        weakref.finalize(self, os.close, file)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return a copy of some rows. A read of the file costs less than touching the pages of a map one by one."""
        if not hasattr(os, 'preadv'):
            return self.values[start:stop].copy()
        rows = np.empty((stop - start, *self.values.shape[1:]), self.values.dtype)
        done = os.preadv(self._file, [rows], self._offset + start * self.values.strides[0])
        if done < rows.nbytes:
            raise InputError(f'{self._path}: is cut short while it is being read; make the store again')
        return rows

    def release(self) -> None:
        """Give the pages back that this process has touched. Arrays stay valid: pages come back when they are read."""
        if hasattr(mmap, 'MADV_DONTNEED'):
            self.memory.madvise(mmap.MADV_DONTNEED)


def map_column(path: Path, dtype: np.dtype | type, shape: tuple[int, ...]) -> Column:
    """Map a column into memory.

    Args:
        path: the file.
        dtype: what it must hold.
        shape: the shape it must have.

    Raises:
        InputError: if the file is missing, is no such array, or is cut short.
    """
    wanted = np.dtype(dtype).newbyteorder('<')
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f'{path}: is no regular file')
        with path.open('rb') as file:
            version = npy.read_magic(file)
            if version not in READERS:
                raise ValueError(f'unknown version {version} of the .npy format')
            stated, fortran, stored = READERS[version](file)
            offset = file.tell()
            if stored != wanted or stated != shape or (fortran and len(shape) > 1):
                raise ValueError(f'holds {stated} values of {stored}, expected {shape} of {wanted}')
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if len(memory) < offset + math.prod(shape) * wanted.itemsize:
                raise InputError(
                    f'{path}: is cut short: {len(memory)} bytes of {offset + math.prod(shape) * wanted.itemsize}; make '
                    f'the store again'
                )
            return Column(path, os.dup(file.fileno()), memory, offset, wanted, shape)
    except FileNotFoundError:
        raise InputError(f'{path}: is missing; the keypoint store is incomplete') from None
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f'{path}: not a column of this keypoint store: {" ".join(str(error).split())}') from None
