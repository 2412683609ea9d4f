"""Keypoints from MediaPipe's face landmarker (Kartynnik et al., Real-time Facial Surface Geometry, 2019)."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyskl.assets import fetch_asset
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints
from pyskl.keypoints.mediapipe import IBUG68_IN_MEDIAPIPE478, NUM_MEDIAPIPE_POINTS
from pyskl.landmarks.base import Face, FrameFaces, LandmarkExtractor
from pyskl.video.reader import Frame

if TYPE_CHECKING:
    from mediapipe.tasks.python.vision import FaceLandmarker

__all__ = ['MediaPipeExtractor']

MODEL_VARIABLE = 'PYSKL_FACE_LANDMARKER'


class MediaPipeExtractor(LandmarkExtractor):
    """One face per frame with MediaPipe, on the CPU.

    MediaPipe follows the face from frame to frame and gives no confidence: the score of every keypoint is 1 where a
    face is found. It does not run on Python versions without a wheel of mediapipe 0.10.

    Args:
        model: a ``face_landmarker.task`` file; by default the file named by the environment variable
            ``PYSKL_FACE_LANDMARKER``, else the asset ``face_landmarker``, fetched once.
        layout: a layout that iBUG 68 can be turned into: ``ibug68`` or ``ibug51``.

    Raises:
        InputError: if the model file is missing or the layout cannot be given. That mediapipe or a system library is
            missing shows here too.
    """

    def __init__(self, model: Path | str | None = None, layout: str = 'ibug68') -> None:
        self._points = IBUG68_IN_MEDIAPIPE478[convert_keypoints('ibug68', layout)]
        self.layout = layout
        self._mediapipe = _import_mediapipe()
        self.model = _find_model(model)
        self._landmarkers: list[FaceLandmarker] = []

    def extract(self, frames: Iterable[Frame]) -> Iterator[FrameFaces]:
        """Find the face of each frame; see :meth:`LandmarkExtractor.extract`.

        Raises:
            InputError: if the model file is none, or a system library is missing.
        """
        landmarker = self._open()
        try:
            milliseconds = -1
            for number, frame in enumerate(frames):
                # MediaPipe wants strictly increasing whole milliseconds.
                milliseconds = max(milliseconds + 1, round(frame.timestamp * 1000))
                if number == 0:
                    with _native_stderr_held():
                        face = self._find(landmarker, frame, milliseconds)
                else:
                    face = self._find(landmarker, frame, milliseconds)
                height, width = frame.image.shape[:2]
                yield FrameFaces(frame.index, frame.timestamp, (height, width), () if face is None else (face,))
        finally:
            self._release(landmarker)

    def close(self) -> None:
        """Close the native landmarkers of all unfinished extractions."""
        while self._landmarkers:
            self._release(self._landmarkers[-1])

    def _find(self, landmarker: FaceLandmarker, frame: Frame, milliseconds: int) -> Face | None:
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame.image)
        )
        faces = landmarker.detect_for_video(image, milliseconds).face_landmarks
        if not faces:
            return None
        if len(faces[0]) != NUM_MEDIAPIPE_POINTS:
            raise InputError(
                f'{self.model}: the model gives {len(faces[0])} points, expected {NUM_MEDIAPIPE_POINTS}; '
                'use a face_landmarker.task with irises'
            )
        height, width = frame.image.shape[:2]
        points = [(faces[0][index].x * width, faces[0][index].y * height) for index in self._points]
        return Face(np.array(points, np.float32), np.ones(len(points), np.float32))

    def _open(self) -> FaceLandmarker:
        from mediapipe.tasks.python import BaseOptions, vision

        try:
            with _native_stderr_held():
                options = vision.FaceLandmarkerOptions(
                    # As bytes: with a path, MediaPipe cannot open names outside ASCII on every system.
                    base_options=BaseOptions(model_asset_buffer=self.model.read_bytes()),
                    running_mode=vision.RunningMode.VIDEO,
                    num_faces=1,
                )
                landmarker = vision.FaceLandmarker.create_from_options(options)
        except OSError as error:
            raise _missing_library(error) from error
        except (RuntimeError, ValueError) as error:
            raise InputError(f'{self.model}: not a MediaPipe face landmarker model') from error
        self._landmarkers.append(landmarker)
        return landmarker

    def _release(self, landmarker: FaceLandmarker) -> None:
        if landmarker in self._landmarkers:
            self._landmarkers.remove(landmarker)
            landmarker.close()


def _import_mediapipe() -> Any:
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
        raise _missing_library(error) from error
    version = getattr(mediapipe, '__version__', '')
    if not version.startswith('0.10'):
        raise InputError(f'mediapipe {version} is not supported, 0.10 is: pip install -e ".[landmarks]"')
    return mediapipe


def _missing_library(error: Exception) -> InputError:
    return InputError(
        f'mediapipe cannot start ({error}); on Debian and Ubuntu it needs: '
        'sudo apt-get install libegl1 libgles2 libgl1 libglib2.0-0'
    )


def _find_model(model: Path | str | None) -> Path:
    source = 'the argument' if model is not None else f'the environment variable {MODEL_VARIABLE}'
    chosen = model if model is not None else os.environ.get(MODEL_VARIABLE)
    if not chosen:
        return fetch_asset('face_landmarker')
    path = Path(chosen).expanduser()
    if not path.is_file():
        raise InputError(f'no such face landmarker model: {path} (named by {source})')
    return path


@contextmanager
def _native_stderr_held() -> Iterator[None]:
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
