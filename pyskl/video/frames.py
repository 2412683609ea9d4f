"""Single frames of a video by their number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pyskl.errors import InputError
from pyskl.video.reader import VideoInfo, iter_frames, open_video

__all__ = ['frames_at']


def frames_at(path: Path | str, indices: Sequence[int]) -> list[np.ndarray]:
    """Return some frames of a video.

    decord seeks to them. Where it is not installed, or cannot be trusted with the file (rotated pictures, a count of
    frames other than declared), the video is decoded from its start instead: slower, same frames.

    Args:
        path: the video.
        indices: numbers of the frames wanted, from 0, in any order.

    Returns:
        One (H, W, 3) uint8 RGB picture for each index.

    Raises:
        InputError: if the video is unreadable or has no frame of such a number.
    """
    info = open_video(path)
    wanted = [int(index) for index in indices]
    if any(index < 0 for index in wanted):
        raise InputError(f'{path}: frames are numbered from 0, asked for {min(wanted)}')
    if not wanted:
        return []
    images = _seek(info, wanted)
    return _scan(info, wanted) if images is None else images


def _seek(info: VideoInfo, indices: list[int]) -> list[np.ndarray] | None:
    """Frames by decord2 (imported as decord), or None where decord is no help."""
    try:
        import decord
    except (ImportError, OSError):
        return None
    try:
        reader = decord.VideoReader(str(info.path), num_threads=1)
        first = reader[0].asnumpy()
        # decord mixes up the channels of rotated pictures, and counts what it cannot decode.
        if len(reader) != info.num_frames or first.shape != (info.height, info.width, 3) or _is_turned(info):
            return None
        if max(indices) >= len(reader):
            return None
        return list(reader.get_batch(indices).asnumpy())
    except (decord.DECORDError, RuntimeError, IndexError):
        return None


def _is_turned(info: VideoInfo) -> bool:
    import av

    with av.open(str(info.path)) as container:
        return bool(getattr(next(container.decode(video=0)), 'rotation', 0))


def _scan(info: VideoInfo, indices: list[int]) -> list[np.ndarray]:
    """Frames by decoding up to the last one wanted."""
    found: dict[int, np.ndarray] = {}
    frame = None
    for frame in iter_frames(info.path):
        if frame.index in indices:
            found[frame.index] = frame.image
        if frame.index == max(indices):
            break
    missing = sorted(set(indices) - set(found))
    if missing:
        count = frame.index + 1 if frame is not None else 0
        raise InputError(f'{info.path}: the video has {count} frames, asked for number {missing[0]} counted from 0')
    return [found[index] for index in indices]
