"""Starting MediaPipe: the import, the model file and the noise it makes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyskl.assets import fetch_asset
from pyskl.errors import InputError

__all__ = ['MODEL_VARIABLE', 'find_model', 'import_mediapipe', 'missing_library', 'native_stderr_held']

MODEL_VARIABLE = 'PYSKL_FACE_LANDMARKER'


def import_mediapipe() -> Any:
    """Import mediapipe 0.10.

    Raises:
        InputError: if it, one of its modules or a system library is missing, or it has another version.
    """
    os.environ.setdefault('GLOG_minloglevel', '2')
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    try:
        import mediapipe
        from mediapipe.tasks.python import vision  # noqa: F401 - shows missing libraries now
    except ModuleNotFoundError as error:
        missing = '' if error.name == 'mediapipe' else f' (it lacks the module {error.name})'
        raise InputError(
            f'face landmarks need mediapipe 0.10, which is not installed{missing}: pip install -e ".[landmarks]"'
        ) from error
    except (ImportError, OSError) as error:
        raise missing_library(error) from error
    version = getattr(mediapipe, '__version__', '')
    if not version.startswith('0.10'):
        raise InputError(f'mediapipe {version} is not supported, 0.10 is: pip install -e ".[landmarks]"')
    return mediapipe


def missing_library(error: Exception) -> InputError:
    """Say which system packages MediaPipe needs."""
    return InputError(
        f'mediapipe cannot start ({error}); on Debian and Ubuntu it needs: '
        'sudo apt-get install libegl1 libgles2 libgl1 libglib2.0-0'
    )


def find_model(model: Path | str | None) -> Path:
    """Return the model file: the one named, else that of the environment variable, else the asset.

    Raises:
        InputError: if the file named is not there, or the asset cannot be fetched.
    """
    source = 'the argument' if model is not None else f'the environment variable {MODEL_VARIABLE}'
    chosen = model if model is not None else os.environ.get(MODEL_VARIABLE)
    if not chosen:
        return fetch_asset('face_landmarker')
    path = Path(chosen).expanduser()
    if not path.is_file():
        raise InputError(f'no such face landmarker model: {path} (named by {source})')
    return path


@contextmanager
def native_stderr_held() -> Iterator[None]:
    """Keep back what native code writes to stderr, and show it only if the block raises.

    MediaPipe's start prints warnings past Python's logging that no setting silences and no user can act on.
    """
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
    try:
        original = os.dup(2)
    except OSError:  # a process without stderr
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(original, 2)
            held.seek(0)
            with suppress(OSError):
                os.write(2, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
