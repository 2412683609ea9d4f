"""Reading and writing videos."""

from __future__ import annotations

from pyskl.video.frames import frames_at
from pyskl.video.images import has_images, iter_images, list_images
from pyskl.video.reader import Frame, VideoInfo, check_video, iter_frames, open_video
from pyskl.video.writer import VideoWriter

__all__ = [
    'Frame',
    'VideoInfo',
    'VideoWriter',
    'check_video',
    'frames_at',
    'has_images',
    'iter_frames',
    'iter_images',
    'list_images',
    'open_video',
]
