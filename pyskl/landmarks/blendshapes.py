"""MediaPipe's own 52 blendshape scores of a face: a reference to measure with, never a label and never an input.

The scores come from a small network of the face landmarker that reads its 478 mesh points (Grishchenko et al.,
Blendshapes GHUM: Real-time Monocular Facial Blendshape Prediction, 2023). So they know nothing of this project's
networks, and yet share every error of the mesh with keypoints that MediaPipe found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints.mediapipe import NUM_MEDIAPIPE_POINTS
from pyskl.landmarks.mediapipe_native import find_model, import_mediapipe, missing_library, native_stderr_held
from pyskl.video.reader import Frame

__all__ = ['BLENDSHAPES', 'BlendshapeReader', 'average_sides']

_TWO_SIDED = (
    'browDown', 'browOuterUp', 'cheekSquint', 'eyeBlink', 'eyeLookDown', 'eyeLookIn', 'eyeLookOut', 'eyeLookUp',
    'eyeSquint', 'eyeWide', 'mouthDimple', 'mouthFrown', 'mouthLowerDown', 'mouthPress', 'mouthSmile', 'mouthStretch',
    'mouthUpperUp', 'noseSneer',
)  # fmt: skip
_ONE = (
    'browInnerUp', 'cheekPuff', 'jawForward', 'jawLeft', 'jawOpen', 'jawRight', 'mouthClose', 'mouthFunnel',
    'mouthLeft', 'mouthPucker', 'mouthRight', 'mouthRollLower', 'mouthRollUpper', 'mouthShrugLower',
    'mouthShrugUpper',
)  # fmt: skip

BLENDSHAPES: tuple[str, ...] = tuple(
    sorted(['_neutral', *_ONE, *(f'{name}{side}' for name in _TWO_SIDED for side in ('Left', 'Right'))])
)
"""Names of the 52 scores, the model's ``_neutral`` among them, in the order of :class:`BlendshapeReader`."""

_UNTIMED_FPS = 25.0  # for frames without a timestamp
Self = TypeVar('Self', bound='BlendshapeReader')


class BlendshapeReader:
    """Reads the 52 scores of the face in each frame of a video, or in single pictures.

    Args:
        model: a ``face_landmarker.task`` file; chosen as by :class:`pyskl.landmarks.MediaPipeExtractor`.
        max_faces: how many faces are looked for in a frame.
        still: whether every picture stands for itself; otherwise the frames are those of one video, in order.

    Raises:
        InputError: if the model file is missing or none, mediapipe or a system library is missing.
    """

    def __init__(self, model: Path | str | None = None, max_faces: int = 1, still: bool = False) -> None:
        if max_faces < 1:
            raise InputError(f'max_faces must be 1 or more, got {max_faces}')
        self._mediapipe = import_mediapipe()
        self.model = find_model(model)
        self.still = still
        self._is_first, self._milliseconds = True, -1
        self._landmarker: Any = self._open(max_faces)

    def read(self, frame: Frame) -> list[tuple[np.ndarray, np.ndarray]]:
        """Read one frame.

        Returns:
            For each face its mesh points, (478, 2) float32 pixels, and its scores, (52,) float32 in 0..1 in the order
            of :data:`BLENDSHAPES`.

        Raises:
            InputError: if the reader is closed, or the model gives other points or scores.
        """
        if self._landmarker is None:
            raise InputError('the blendshape reader is closed')
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame.image)
        )
        with native_stderr_held() if self._is_first else nullcontext():
            result = self._landmarker.detect(picture) if self.still else self._in_video(picture, frame)
        self._is_first = False
        height, width = frame.image.shape[:2]
        found = []
        for face, categories in zip(result.face_landmarks, result.face_blendshapes, strict=True):
            points = np.array([(point.x * width, point.y * height) for point in face], np.float32)
            if len(points) != NUM_MEDIAPIPE_POINTS:
                raise InputError(f'{self.model}: the model gives {len(points)} points, expected {NUM_MEDIAPIPE_POINTS}')
            found.append((points, self._scores({category.category_name: category.score for category in categories})))
        return found

    def close(self) -> None:
        """Close the native landmarker."""
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _in_video(self, picture: Any, frame: Frame) -> Any:
        time = frame.index / _UNTIMED_FPS if math.isnan(frame.timestamp) else frame.timestamp
        # MediaPipe wants strictly increasing whole milliseconds.
        self._milliseconds = max(self._milliseconds + 1, round(time * 1000))
        return self._landmarker.detect_for_video(picture, self._milliseconds)

    def _scores(self, scores: dict[str, float]) -> np.ndarray:
        missing = sorted(set(BLENDSHAPES) - set(scores))
        if missing:
            raise InputError(f'{self.model}: the model gives no blendshape {missing[0]}; use a face_landmarker.task')
        return np.array([scores[name] for name in BLENDSHAPES], np.float32)

    def _open(self, max_faces: int) -> Any:
        from mediapipe.tasks.python import BaseOptions, vision

        try:
            with native_stderr_held():
                options = vision.FaceLandmarkerOptions(
                    base_options=BaseOptions(model_asset_buffer=self.model.read_bytes()),
                    running_mode=vision.RunningMode.IMAGE if self.still else vision.RunningMode.VIDEO,
                    num_faces=max_faces,
                    output_face_blendshapes=True,
                )
                return vision.FaceLandmarker.create_from_options(options)
        except OSError as error:
            raise missing_library(error) from error
        except (RuntimeError, ValueError) as error:
            raise InputError(f'{self.model}: not a MediaPipe face landmarker model') from error


def average_sides(scores: np.ndarray, names: Sequence[str] = BLENDSHAPES) -> dict[str, np.ndarray]:
    """Join the left and the right half of each two-sided blendshape.

    Args:
        scores: (..., 52) in the order of ``names``.
        names: names of the columns; ``_neutral`` is left out.

    Returns:
        (...) by name: ``'mouthSmile'`` is the mean of ``mouthSmileLeft`` and ``mouthSmileRight``. Names that have one
        side only (``jawLeft`` and ``jawRight`` are two movements) stay as they are.

    Raises:
        InputError: if a name or its other side is missing.
    """
    if scores.shape[-1] != len(names):
        raise InputError(f'blendshapes: {scores.shape[-1]} scores for {len(names)} names')
    column = {name: scores[..., number] for number, name in enumerate(names)}
    _check(column, [*_ONE, *(f'{name}{side}' for name in _TWO_SIDED for side in ('Left', 'Right'))])
    joined = {name: (column[f'{name}Left'] + column[f'{name}Right']) / 2 for name in _TWO_SIDED}
    return dict(sorted((joined | {name: column[name] for name in _ONE}).items()))


def _check(found: Iterable[str], wanted: Iterable[str]) -> None:
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise InputError(f'blendshapes: no column {missing[0]}')
