"""What every landmark extractor offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import numpy as np

from pyskl.video.reader import Frame

__all__ = ['Face', 'FrameFaces', 'LandmarkExtractor']

Self = TypeVar('Self', bound='LandmarkExtractor')


@dataclass(frozen=True)
class Face:
    """The keypoints of one face in one frame.

    Attributes:
        keypoint: (V, 2) float32, (x, y) in pixels of the frame, in the extractor's layout. A keypoint may lie outside
            the picture when the face does.
        score: (V,) float32 in 0..1, the extractor's trust in each keypoint.
        track: number of the person within the video; 0 where one face is followed.
    """

    keypoint: np.ndarray
    score: np.ndarray
    track: int = 0


@dataclass(frozen=True)
class FrameFaces:
    """What was found in one frame.

    Attributes:
        index: number of the frame, from 0.
        timestamp: in seconds from the first frame.
        img_shape: (height, width) of the frame in pixels.
        faces: the faces found, none or more.
    """

    index: int
    timestamp: float
    img_shape: tuple[int, int]
    faces: tuple[Face, ...]


class LandmarkExtractor(ABC):
    """Finds the keypoints of faces in the frames of a video.

    Extractors hold native resources: use them in a ``with`` block, or call :meth:`close`.

    Attributes:
        layout: name of the keypoint layout of the result, see :data:`pyskl.keypoints.LAYOUTS`.
    """

    layout: str

    @abstractmethod
    def extract(self, frames: Iterable[Frame]) -> Iterator[FrameFaces]:
        """Find the faces of one video.

        Each call is a video of its own: nothing is carried over from a former one.

        Args:
            frames: the frames in order.

        Yields:
            One record for every frame, also for those without a face.
        """

    def close(self) -> None:  # noqa: B027 - extractors without native resources need none
        """Release native resources."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
