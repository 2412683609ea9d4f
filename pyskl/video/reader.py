"""Reading a video from its first frame to its last, upright, with timestamps, in constant memory.

PyAV decodes. It is the reader because it tells a truncated file from a whole one, and because it gives the timestamps
and the rotation a phone records instead of turning the picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyskl.errors import InputError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ['Frame', 'VideoInfo', 'check_video', 'iter_frames', 'open_video']


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Attributes:
        path: the file.
        fps: average frames a second.
        num_frames: number of frames the file declares, or None where its format does not; the number that can be
            decoded may be smaller.
        width: in pixels, of the upright picture.
        height: in pixels, of the upright picture.
        duration: in seconds, or None if not declared.
    """

    path: Path
    fps: float
    num_frames: int | None
    width: int
    height: int
    duration: float | None


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: its number, from 0.
        timestamp: when it is shown, in seconds from the first frame.
        image: (H, W, 3) uint8 RGB, upright.
    """

    index: int
    timestamp: float
    image: np.ndarray


def open_video(path: Path | str) -> VideoInfo:
    """Read what a video declares, and the size and rotation of its first frame.

    Raises:
        InputError: if the file is missing, empty, unreadable, or has no video stream or no decodable frame.
    """
    path = Path(path)
    with _container(path) as container:
        stream = container.streams.video[0]
        first = next(container.decode(stream), None)
        if first is None:
            raise InputError(f'{path}: the video has no frame that can be decoded; it may be incomplete')
        height, width = (first.width, first.height) if _quarter_turns(first) % 2 else (first.height, first.width)
        duration = float(stream.duration * stream.time_base) if stream.duration else _seconds(container.duration)
        return VideoInfo(path, _fps(stream), stream.frames or None, width, height, duration)


def check_video(path: Path | str) -> VideoInfo:
    """Refuse a video that is unreadable or incomplete, before anything is computed from it.

    The packets are counted without decoding them, so it takes milliseconds. A file is incomplete when it holds fewer
    frames than it declares (MP4, MOV, AVI), ends earlier than its video track declares (Matroska, WebM), or ends
    within a frame. Formats that declare neither (MPEG-TS, WebM from a browser's recorder) can be cut between two
    frames unnoticed.

    Returns:
        What :func:`open_video` returns.

    Raises:
        InputError: as :func:`open_video`, or if the file is incomplete.
    """
    info = open_video(path)
    num_packets, end, last_is_broken = 0, 0.0, False
    with _container(info.path, with_trimmed=True) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if not packet.size:
                continue
            num_packets += 1
            last_is_broken = packet.is_corrupt
            if packet.pts is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        declared = _declared_end(stream)
    if info.num_frames is not None and num_packets < info.num_frames:
        raise InputError(
            f'{info.path}: the video is incomplete, it declares {info.num_frames} frames and holds {num_packets}; '
            'copy or download it again'
        )
    if declared is not None and declared - end > 1.5 / info.fps:
        raise InputError(
            f'{info.path}: the video is incomplete, it declares {declared:.2f} s and holds {end:.2f} s; '
            'copy or download it again'
        )
    if last_is_broken:
        raise InputError(f'{info.path}: the video is incomplete, its last frame is cut; copy or download it again')
    return info


def iter_frames(path: Path | str) -> Iterator[Frame]:
    """Decode a video frame by frame; only one frame is held at a time.

    Yields:
        Frames in display order, upright, with timestamps that start at 0 and never decrease.

    Raises:
        InputError: as :func:`open_video`, or if decoding fails in the middle.
    """
    path = Path(path)
    with _container(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = 'SLICE'  # decoding whole frames in parallel can swallow the error of a cut last frame
        fps, start, last, size = _fps(stream), None, 0.0, None
        for index, picture in enumerate(container.decode(stream)):
            image = picture.to_ndarray(format='rgb24')
            turns = _quarter_turns(picture)
            if turns:
                image = np.ascontiguousarray(np.rot90(image, turns))
            size = size or image.shape
            if image.shape != size:
                raise InputError(
                    f'{path}: the picture size changes from {size[1]}x{size[0]} to {image.shape[1]}x{image.shape[0]} '
                    f'at frame {index + 1}; re-encode the video to one size'
                )
            time = picture.time if picture.time is not None else index / fps + (start or 0.0)
            start = time if start is None else start
            last = max(last, time - start)
            yield Frame(index, last, image)
        if size is None:
            raise InputError(f'{path}: the video has no frame that can be decoded; it may be incomplete')


@contextmanager
def _container(path: Path, with_trimmed: bool = False) -> Iterator[InputContainer]:
    """Open a file that has a video stream; whatever libav finds wrong becomes an InputError naming the file."""
    import av

    if path.is_dir():
        raise InputError(f'{path} is a folder, not a video')
    if not path.is_file():
        raise InputError(f'no such video: {path}')
    if path.stat().st_size == 0:
        raise InputError(f'{path}: the file is empty')
    # With its edit list ignored an MP4 gives every frame it declares, so that a trimmed video does not pass for a
    # truncated one. Other formats do not know the option.
    options = {'ignore_editlist': '1'} if with_trimmed else {}
    try:
        container = av.open(str(path), options=options)
    except (av.error.FFmpegError, IndexError) as error:  # PyAV raises IndexError for some headers cut short
        raise _unreadable(path, error) from error
    with container:
        if not container.streams.video:
            raise InputError(f'{path}: the file has no video stream')
        if container.streams.video[0].codec_context is None:  # decoding it would crash older PyAV
            raise _unreadable(path, ValueError('unknown codec'))
        try:
            yield container
        except av.error.FFmpegError as error:
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = (getattr(error, 'strerror', None) or str(error)).lower()
    return InputError(f'{path}: not a readable video, or an incomplete one ({reason}); copy or download it again')


def _fps(stream: av.VideoStream) -> float:
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    return float(rate) if rate else 25.0


def _seconds(microseconds: int | None) -> float | None:
    return microseconds / 1e6 if microseconds else None


def _quarter_turns(picture: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that bring the picture upright."""
    return round(getattr(picture, 'rotation', 0) / 90) % 4


def _declared_end(stream: av.VideoStream) -> float | None:
    """End of a Matroska track in seconds, from the tag its writers leave for each track."""
    match = re.fullmatch(r'(\d+):(\d\d):(\d\d(?:\.\d+)?)', stream.metadata.get('DURATION', '').strip('\0 '))
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
