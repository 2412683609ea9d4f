"""Cuts in a film, told by how much a picture has changed."""

from __future__ import annotations

from collections import deque

import numpy as np

from pyskl.video.reader import Frame

__all__ = ['CutDetector']

_SIDE = 32
_SAMPLED = 128  # pixels a side that are looked at: enough for the thumbnail, and quick for large pictures
_FLAT = 2.0  # grey levels: a thumbnail that varies less (black, white, a flash) tells nothing


class CutDetector:
    """Tells whether a frame begins a new scene.

    Two successive pictures are compared as grey thumbnails of 32 x 32, by 1 minus their correlation: brightness and
    contrast do not matter. A cut is a difference above ``least`` that is also ``times`` the median of the last
    ``memory`` differences, so that a camera that shakes or turns makes none. Pictures of one colour are passed over:
    the picture after them is compared with the one before. Fades and dissolves are not seen.

    In clips of talking heads at 25 to 30 frames a second successive frames differ by 0.001 at the median and 0.06 at
    most, at a tenth of the frames by 0.39 at most; unrelated clips by 0.6 to 1.4.

    Args:
        least: differences up to this are no cut, from 0 to 2.
        times: how many times the usual difference a cut is.
        memory: number of differences that say what is usual.
    """

    def __init__(self, least: float = 0.3, times: float = 8.0, memory: int = 25) -> None:
        self.least = least
        self.times = times
        self._recent: deque[float] = deque(maxlen=memory)
        self._last: np.ndarray | None = None
        self._index = -1

    def is_cut(self, frame: Frame) -> bool:
        """Compare a frame with the one before. After numbers that are left out, nothing is said."""
        follows, self._index = frame.index == self._index + 1, frame.index
        thumbnail = _thumbnail(frame.image)
        if thumbnail is None:
            return False
        last, self._last = self._last, thumbnail
        if last is None or not follows:
            return False
        difference = 1 - float(last @ thumbnail)
        cut = difference > max(self.least, self.times * float(np.median(self._recent)) if self._recent else 0)
        if cut:
            self._recent.clear()
        else:
            self._recent.append(difference)
        return cut


def _thumbnail(image: np.ndarray) -> np.ndarray | None:
    """(1024,) float32 of mean 0 and length 1; None for a picture of one colour."""
    import cv2

    step = max(1, min(image.shape[:2]) // _SAMPLED)
    small = cv2.resize(np.ascontiguousarray(image[::step, ::step]), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    grey = small.astype(np.float32).mean(axis=2).ravel()
    grey -= grey.mean()
    length = float(np.linalg.norm(grey))
    return grey / length if length > _FLAT * _SIDE else None
