"""Writing H.264 videos that browsers and desktop players show."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from pyskl.errors import InputError
from pyskl.files import replacing

if TYPE_CHECKING:
    import av

__all__ = ['VideoWriter']

_TICKS = 90_000  # timestamps are kept to 1/90,000 s, the clock of MPEG


class VideoWriter:
    """Write an MP4 file; it appears under its name only when complete.

    Example:
        >>> with VideoWriter('out.mp4', fps=25) as writer:  # doctest: +SKIP
        ...     writer.write(np.zeros((144, 176, 3), np.uint8))

    Args:
        path: the file to write, ending in ``.mp4``.
        fps: frames a second.
        quality: constant rate factor of x264, 0 (lossless) to 51; 20 shows no visible loss.
    """

    def __init__(self, path: Path | str, fps: float, quality: int = 20) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() != '.mp4':
            raise InputError(f'cannot write {self.path}: the name of a video must end in .mp4')
        if not 0 < fps <= 1000:
            raise InputError(f'cannot write {self.path}: frame rate {fps}')
        self.fps = fps
        self.quality = quality
        self.num_frames = 0
        self._stack: ExitStack | None = None
        self._container = None
        self._stream = None
        self._size: tuple[int, int] | None = None
        self._last_tick = -1

    def __enter__(self) -> VideoWriter:
        import av

        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self.path))
            self._container = stack.enter_context(av.open(str(temporary), 'w', options={'movflags': 'faststart'}))
            self._stack = stack.pop_all()
        return self

    def write(self, image: np.ndarray, timestamp: float | None = None) -> None:
        """Append a frame.

        Args:
            image: (H, W, 3) uint8 RGB; the first frame sets the size. A last odd row or column is dropped, because
                the pixel format of H.264 players needs even sizes.
            timestamp: when to show it, in seconds from the first frame; by default at the constant frame rate.

        Raises:
            ValueError: if the picture has another size or type, or the writer is not open.
        """
        import av

        if self._container is None:
            raise ValueError("a VideoWriter must be opened with 'with' before frames are written")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 2:
            raise ValueError(f'a frame must be (H, W, 3) uint8 RGB, got {image.dtype} {image.shape}')
        height, width = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
        if self._stream is None:
            self._stream = self._add_stream(width, height)
            self._size = (height, width)
        if (height, width) != self._size:
            raise ValueError(f'frame of {width}x{height}, the video began with {self._size[1]}x{self._size[0]}')
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format='rgb24')
        seconds = self.num_frames / self.fps if timestamp is None else timestamp
        self._last_tick = frame.pts = max(self._last_tick + 1, round(seconds * _TICKS))
        frame.time_base = Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(frame))
        self.num_frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stack, self._stack = self._stack, None
        try:
            if error is None:
                self._flush()
        except BaseException:
            stack.__exit__(*sys.exc_info())  # removes the file
            raise
        else:
            stack.__exit__(kind, error, traceback)  # closes the container; then renames or, after an error, removes
        finally:
            self._container = self._stream = None

    def _flush(self) -> None:
        if self._stream is None:
            raise InputError(f'cannot write {self.path}: not a single frame was given')
        self._container.mux(self._stream.encode(None))

    def _add_stream(self, width: int, height: int) -> av.VideoStream:
        import av

        rate = Fraction(self.fps).limit_denominator(1001)
        if 'libx264' in av.codecs_available:
            options = {'crf': str(self.quality), 'preset': 'veryfast'}
            stream = self._container.add_stream('libx264', rate=rate, options=options)
        else:
            stream = self._container.add_stream('mpeg4', rate=rate)
            stream.bit_rate = max(500_000, width * height * 4)
        stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        stream.codec_context.time_base = Fraction(1, _TICKS)
        return stream
