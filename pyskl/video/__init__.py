"""Reading and writing videos."""

from __future__ import annotations

from pyskl.video.frames import frames_at
from pyskl.video.reader import Frame, VideoInfo, check_video, iter_frames, open_video
from pyskl.video.writer import VideoWriter

__all__ = ['Frame', 'VideoInfo', 'VideoWriter', 'check_video', 'frames_at', 'iter_frames', 'open_video']
