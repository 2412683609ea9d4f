"""Compiling the kernels of this folder with the machine's own C++ compiler, once."""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pyskl.assets import cache_dir
from pyskl.errors import InputError
from pyskl.files import replacing

__all__ = ['SWITCH', 'load_kernels']

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
SWITCH = 'PYSKL_KERNELS'
COMPILERS = ('c++', 'g++', 'clang++')
COMMON = ('-O3', '-std=c++17', '-shared', '-fPIC', '-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast')
TRIES = (
    ('-march=native', '-mprefer-vector-width=512', '-fopenmp'),
    ('-march=native', '-fopenmp'),
    ('-mcpu=native', '-fopenmp'),
    ('-march=native',),
    ('-mcpu=native',),
    (),
)
"""Options, from the best on; the first that the compiler takes is used. Without OpenMP the kernels use one thread."""
TIMEOUT = 300  # seconds
SYMBOLS = (
    *('blob_stem_statistics', 'blob_stem_forward', 'blob_stem_backward'),
    *(
        f'norm_{step}_{kind}'
        for step in ('sums', 'apply', 'gradient_sums', 'backward')
        for kind in ('float32', 'bfloat16')
    ),
)


@functools.lru_cache(maxsize=1)
def load_kernels() -> ctypes.CDLL | None:
    """Return the compiled kernels; None where there are none, and plain PyTorch does the work.

    The library lies in the cache folder (``pyskl.assets.cache_dir``), under a name made of the sources, the compiler
    and the processor, so a change of any of them compiles anew. With the environment variable ``PYSKL_KERNELS=0``
    nothing is compiled or loaded.
    """
    if os.environ.get(SWITCH, '1') == '0' or sys.platform == 'win32':
        return None
    compiler = next((path for name in COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        logger.info('no C++ compiler was found: the stem of the network is computed in plain PyTorch, which is slower')
        return None
    try:
        library = ctypes.CDLL(str(_library(compiler)))
        for symbol in SYMBOLS:
            getattr(library, symbol)
        return library
    except (OSError, InputError, AttributeError, subprocess.SubprocessError) as error:
        logger.warning(
            'the kernels could not be compiled or loaded (%s); plain PyTorch is used, which is slower', error
        )
        return None


def _library(compiler: str) -> Path:
    sources = sorted(FOLDER.glob('*.cpp'))
    version = subprocess.run(
        [compiler, '--version'], capture_output=True, text=True, check=True, timeout=TIMEOUT
    ).stdout
    digest = hashlib.sha256(repr((version, _processor(), COMMON, TRIES)).encode())
    for path in [*sources, *sorted(FOLDER.glob('*.h'))]:
        digest.update(path.read_bytes())
    library = _folder() / f'{digest.hexdigest()[:24]}.so'
    record = library.with_suffix('.sha256')
    if not _is_whole(library, record):
        logger.info('compiling the kernels for this processor, once, into %s', library)
        with replacing(library) as temporary:
            _compile(compiler, sources, temporary)
            content = hashlib.sha256(temporary.read_bytes()).hexdigest()
        with replacing(record) as temporary:
            temporary.write_text(content, encoding='ascii')
    return library


def _folder() -> Path:
    """Return a folder that nobody else can write to: what lies there is loaded and run."""
    folder = cache_dir() / 'kernels'
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _is_private(folder):
        return folder
    private = Path(tempfile.mkdtemp(prefix='pyskl-kernels-'))
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    logger.warning(
        '%s can be written to by others: the kernels are compiled for this run alone, in %s', folder, private
    )
    return private


def _is_private(path: Path) -> bool:
    status = path.stat()
    return status.st_uid in (0, os.getuid()) and not status.st_mode & 0o022


def _is_whole(library: Path, record: Path) -> bool:
    try:
        wanted = record.read_text(encoding='ascii')
        return _is_private(library) and hashlib.sha256(library.read_bytes()).hexdigest() == wanted
    except (OSError, UnicodeDecodeError):
        return False


def _compile(compiler: str, sources: list[Path], target: Path) -> None:
    message = ''
    for options in TRIES:
        command = [compiler, *COMMON, *options, *map(str, sources), '-o', str(target)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        if done.returncode == 0:
            return
        message = done.stderr.strip().splitlines()[0] if done.stderr.strip() else f'{compiler} failed'
    raise InputError(message)


def _processor() -> str:
    """Return what the compiler's ``native`` depends on."""
    try:
        text = Path('/proc/cpuinfo').read_text(encoding='ascii', errors='replace')
        wanted = ('flags', 'Features', 'model name', 'model\t', 'cpu family', 'CPU part')
        lines = [line for line in text.split('\n\n')[0].splitlines() if line.startswith(wanted)]
    except OSError:
        lines = []
    return '\n'.join([platform.machine(), platform.processor(), *lines])
