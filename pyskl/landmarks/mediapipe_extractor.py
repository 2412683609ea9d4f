"""Keypoints from MediaPipe's face landmarker (Kartynnik et al., Real-time Facial Surface Geometry, 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints
from pyskl.keypoints.mediapipe import NUM_MEDIAPIPE_POINTS
from pyskl.landmarks.base import Detect, Face, LandmarkExtractor
from pyskl.landmarks.mediapipe_native import find_model, import_mediapipe, missing_library, native_stderr_held
from pyskl.landmarks.small_faces import FaceFollower, bounding_box, search_tiles
from pyskl.video.reader import Frame

if TYPE_CHECKING:
    from mediapipe.tasks.python.vision import FaceLandmarker

__all__ = ['MediaPipeExtractor']

_UNTIMED_FPS = 25.0  # for frames without a timestamp


class MediaPipeExtractor(LandmarkExtractor):
    """Faces with MediaPipe, on the CPU.

    In a video MediaPipe follows the faces from frame to frame. It gives no confidence: the score of every keypoint is 1
    where a face is found. It does not run on Python versions without a wheel of mediapipe 0.10.

    Its detector sees the whole picture at 128 x 128 pixels and misses faces narrower than about a tenth of the longer
    side. With ``small_faces`` the frames without a face are searched in tiles now and then, and a face found so is
    followed, see :class:`pyskl.landmarks.small_faces.FaceFollower`.

    Args:
        model: a ``face_landmarker.task`` file; by default the file named by the environment variable
            ``PYSKL_FACE_LANDMARKER``, else the asset ``face_landmarker``, fetched once.
        layout: a layout that the mesh can be turned into: ``ibug68``, ``ibug51``, ``openface68``, ``mediapipe478``, or
            a selection of one of them such as ``ibug68:brows+mouth``.
        max_faces: how many faces are looked for in a frame, from 1.
        small_faces: whether to search for faces the detector misses.

    Raises:
        InputError: if the model file is missing or the layout cannot be given. That mediapipe or a system library is
            missing shows here too.
    """

    batch_size = 1  # MediaPipe takes pictures one by one

    def __init__(
        self,
        model: Path | str | None = None,
        layout: str = 'ibug68',
        max_faces: int = 1,
        small_faces: bool = True,
    ) -> None:
        if max_faces < 1:
            raise InputError(f'max_faces must be 1 or more, got {max_faces}')
        self._points = convert_keypoints('mediapipe478', layout)
        self.layout = layout
        self.max_faces = max_faces
        self.small_faces = small_faces
        self._mediapipe = import_mediapipe()
        self.model = find_model(model)
        self._landmarkers: list[FaceLandmarker] = []
        self._still: FaceLandmarker | None = None

    def detect(self, frames: Sequence[Frame]) -> list[tuple[Face, ...]]:
        """Find the faces in each of some frames, every frame on its own; see :meth:`LandmarkExtractor.detect`.

        With ``small_faces`` every frame with fewer faces than ``max_faces`` is searched in tiles.

        Raises:
            InputError: if the model file is none, or a system library is missing.
        """
        return [self._faces(self._detect_alone(frame.image)) for frame in frames]

    def _detect_alone(self, image: np.ndarray) -> list[np.ndarray]:
        faces = self._look(image)
        if self.small_faces and len(faces) < self.max_faces:
            boxes = [bounding_box(points) for points in faces]
            for points in search_tiles(image, self._look, self.max_faces):
                if not any(bounding_box(points).overlaps(box) for box in boxes):
                    faces.append(points)
        return faces[: self.max_faces]

    @contextmanager
    def video(self) -> Iterator[Detect]:
        """Begin a video; see :meth:`LandmarkExtractor.video`.

        Raises:
            InputError: if the model file is none, or a system library is missing.
        """
        landmarker = self._open('VIDEO')
        follower = FaceFollower(self._look, self.max_faces) if self.small_faces else None
        milliseconds = -1

        def detect(frames: Sequence[Frame]) -> list[tuple[Face, ...]]:
            nonlocal milliseconds
            found = []
            for frame in frames:
                time = frame.index / _UNTIMED_FPS if math.isnan(frame.timestamp) else frame.timestamp
                # MediaPipe wants strictly increasing whole milliseconds.
                is_first, milliseconds = milliseconds < 0, max(milliseconds + 1, round(time * 1000))
                fast = self._in_video(landmarker, frame.image, milliseconds, is_first)
                points = fast() if follower is None else follower.find(frame.image, fast)
                found.append(self._faces(points))
            return found

        try:
            yield detect
        finally:
            self._release(landmarker)

    def close(self) -> None:
        """Close the native landmarkers, also those of unfinished extractions."""
        self._still = None
        while self._landmarkers:
            self._release(self._landmarkers[-1])

    def _in_video(
        self, landmarker: FaceLandmarker, image: np.ndarray, milliseconds: int, is_first: bool
    ) -> Callable[[], list[np.ndarray]]:
        def run() -> list[np.ndarray]:
            with native_stderr_held() if is_first else nullcontext():
                result = landmarker.detect_for_video(self._wrap(image), milliseconds)
            return self._pixels(result, image)

        return run

    def _look(self, image: np.ndarray) -> list[np.ndarray]:
        """Find the faces of a picture that is no part of a video."""
        is_first = self._still is None
        if self._still is None:
            self._still = self._open('IMAGE')
        with native_stderr_held() if is_first else nullcontext():
            result = self._still.detect(self._wrap(image))
        return self._pixels(result, image)

    def _wrap(self, image: np.ndarray) -> Any:
        return self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))

    def _pixels(self, result: Any, image: np.ndarray) -> list[np.ndarray]:
        """(478, 2) float64 pixels of each face."""
        height, width = image.shape[:2]
        for face in result.face_landmarks:
            if len(face) != NUM_MEDIAPIPE_POINTS:
                raise InputError(
                    f'{self.model}: the model gives {len(face)} points, expected {NUM_MEDIAPIPE_POINTS}; '
                    'use a face_landmarker.task with irises'
                )
        return [np.array([(point.x * width, point.y * height) for point in face]) for face in result.face_landmarks]

    def _faces(self, found: list[np.ndarray]) -> tuple[Face, ...]:
        score = np.ones(len(self._points), np.float32)
        return tuple(Face(points[self._points].astype(np.float32), score) for points in found)

    def _open(self, mode: str) -> FaceLandmarker:
        from mediapipe.tasks.python import BaseOptions, vision

        try:
            with native_stderr_held():
                options = vision.FaceLandmarkerOptions(
                    # As bytes: with a path, MediaPipe cannot open names outside ASCII on every system.
                    base_options=BaseOptions(model_asset_buffer=self.model.read_bytes()),
                    running_mode=vision.RunningMode[mode],
                    num_faces=self.max_faces,
                )
                landmarker = vision.FaceLandmarker.create_from_options(options)
        except OSError as error:
            raise missing_library(error) from error
        except (RuntimeError, ValueError) as error:
            raise InputError(f'{self.model}: not a MediaPipe face landmarker model') from error
        self._landmarkers.append(landmarker)
        return landmarker

    def _release(self, landmarker: FaceLandmarker) -> None:
        if landmarker in self._landmarkers:
            self._landmarkers.remove(landmarker)
            landmarker.close()
