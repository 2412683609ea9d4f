"""Keypoints from dlib's shape predictor (Kazemi and Sullivan, One Millisecond Face Alignment, 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.assets import fetch_asset
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints
from pyskl.landmarks.base import Face, LandmarkExtractor
from pyskl.video.reader import Frame

__all__ = ['DlibExtractor']

_CERTAIN = 1.0  # detection score from which a face counts as certain


class DlibExtractor(LandmarkExtractor):
    """Faces with dlib's HOG detector, every frame on its own, on the CPU.

    Its detector finds upright, near-frontal faces from about 60 pixels; each doubling of the frame (``upsample``)
    halves that. The score of a face is its detection score, cut to 0..1, the same for all its keypoints; dlib calls
    faces from a score of 0, and clear ones have 1 or more.

    The shape predictor was trained on the iBUG 300-W photographs, which may not be used commercially; whether that
    holds for the predictor is disputed. So this extractor is never the default.

    Args:
        model: a ``shape_predictor_68_face_landmarks.dat`` file; by default the asset ``dlib_landmarks`` (100 MB),
            fetched once.
        layout: a layout that the 68 points can be turned into: ``ibug68``, ``ibug51``, ``openface68`` or a selection of
            one of them.
        max_faces: how many faces are taken in a frame, the surest first; None: all.
        upsample: how often the frame is doubled before the search, 0 to 3. Each time takes four times as long and finds
            faces half as large.

    Raises:
        InputError: if dlib is not installed, the model file is missing or is none, or the layout cannot be given.
    """

    batch_size = 1  # dlib takes pictures one by one

    def __init__(
        self,
        model: Path | str | None = None,
        layout: str = 'ibug68',
        max_faces: int | None = 1,
        upsample: int = 1,
    ) -> None:
        if max_faces is not None and max_faces < 1:
            raise InputError(f'max_faces must be 1 or more, got {max_faces}')
        if not 0 <= upsample <= 3:
            raise InputError(f'upsample must be 0 to 3, got {upsample}')
        self._points = convert_keypoints('ibug68', layout)
        self.layout = layout
        self.max_faces = max_faces
        self.upsample = upsample
        self._dlib = _import_dlib()
        self.model = _find_model(model)
        self._detector = self._dlib.get_frontal_face_detector()
        try:
            self._predictor = self._dlib.shape_predictor(str(self.model))
        except RuntimeError as error:
            raise InputError(f'{self.model}: not a shape predictor of dlib') from error

    def detect(self, frames: Sequence[Frame]) -> list[tuple[Face, ...]]:
        """Find the faces in each of some frames; see :meth:`LandmarkExtractor.detect`."""
        return [self._faces(np.ascontiguousarray(frame.image)) for frame in frames]

    def _faces(self, image: np.ndarray) -> tuple[Face, ...]:
        boxes, scores, _ = self._detector.run(image, self.upsample, 0.0)
        order = sorted(range(len(boxes)), key=lambda number: -scores[number])[: self.max_faces]
        return tuple(self._face(image, boxes[number], scores[number]) for number in order)

    def _face(self, image: np.ndarray, box: Any, score: float) -> Face:
        shape = self._predictor(image, box)
        if shape.num_parts != 68:
            raise InputError(f'{self.model}: the model gives {shape.num_parts} points, expected 68')
        points = np.array([(part.x, part.y) for part in shape.parts()], np.float32)[self._points]
        trust = min(max(float(score), 0.01), _CERTAIN)
        return Face(points, np.full(len(points), trust, np.float32))


def _import_dlib() -> Any:
    try:
        import dlib
    except ImportError as error:
        raise InputError(
            f'the dlib extractor needs dlib, which cannot be imported ({error}): pip install -e ".[dlib]"'
        ) from error
    return dlib


def _find_model(model: Path | str | None) -> Path:
    if model is None:
        return fetch_asset('dlib_landmarks')
    path = Path(model).expanduser()
    if not path.is_file():
        raise InputError(f'no such shape predictor: {path}')
    return path
