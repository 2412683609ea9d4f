"""What every landmark extractor offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from types import TracebackType
from typing import TypeVar

from pyskl.landmarks.cuts import CutDetector
from pyskl.landmarks.tracking import FaceTracker, tracking_points
from pyskl.landmarks.types import Face, FrameFaces
from pyskl.video.reader import Frame

__all__ = ['Detect', 'Face', 'FrameFaces', 'LandmarkExtractor']

Self = TypeVar('Self', bound='LandmarkExtractor')

Detect = Callable[[Sequence[Frame]], list[tuple[Face, ...]]]
"""Finds the faces of a batch of frames."""


class LandmarkExtractor(ABC):
    """Finds the keypoints of faces in pictures and videos.

    A subclass says in :meth:`detect` what it finds in a batch of frames. Tracks through a video come from here. A
    subclass that can use what it saw in the frames before overrides :meth:`video` as well.

    Extractors hold native resources: use them in a ``with`` block, or call :meth:`close`.

    Attributes:
        layout: name of the keypoint layout of the result, see :data:`pyskl.keypoints.LAYOUTS`.
        max_faces: how many faces are looked for in a frame; None: all.
        batch_size: how many frames are handed over together, and held in memory.
    """

    layout: str
    max_faces: int | None = None
    batch_size: int = 8

    @abstractmethod
    def detect(self, frames: Sequence[Frame]) -> list[tuple[Face, ...]]:
        """Find the faces in each of some frames, every frame on its own.

        Args:
            frames: a batch; their sizes may differ.

        Returns:
            For each frame its faces, in no particular order, all with track 0.
        """

    def video(self) -> AbstractContextManager[Detect]:
        """Begin a video; the function given is called with one batch after the other, in order.

        Here it is :meth:`detect`: the frames before do not matter.
        """
        return nullcontext(self.detect)

    def extract(self, frames: Iterable[Frame]) -> Iterator[FrameFaces]:
        """Find the faces of one video and follow them.

        Each call is a video of its own: nothing is carried over from a former one, and several may run at once. No
        more than one batch of frames is held, whatever the length of the video. After a cut in the film everybody
        gets a new track, see :class:`CutDetector`.

        Args:
            frames: the frames in order of their numbers. Numbers may be left out.

        Yields:
            One record for every frame, also for those without a face. Faces are in order of their tracks.
        """
        tracker, cuts, remaining = FaceTracker(tracking_points(self.layout)), CutDetector(), iter(frames)
        with self.video() as detect:
            while batch := list(islice(remaining, self.batch_size)):
                for frame, faces in zip(batch, detect(batch), strict=True):
                    height, width = frame.image.shape[:2]
                    tracked = tracker.update(frame.index, faces, cuts.is_cut(frame))
                    yield FrameFaces(frame.index, frame.timestamp, (height, width), tracked)

    def close(self) -> None:  # noqa: B027 - extractors without native resources need none
        """Release native resources."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
