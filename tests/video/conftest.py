"""Real clips, and small videos made here."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from pyskl.assets import fetch_asset
from pyskl.video import VideoWriter


@pytest.fixture(scope='session')
def clips() -> Path:
    return fetch_asset('pyfeat_videos')


@pytest.fixture(scope='session')
def carphone() -> Path:
    return fetch_asset('carphone')


@pytest.fixture(scope='session')
def corner_video(tmp_path_factory) -> Path:
    """20 frames of 64x48 at 10 frames a second: red at the top left, elsewhere a growing grey."""
    path = tmp_path_factory.mktemp('videos') / 'corner.mp4'
    with VideoWriter(path, fps=10, quality=10) as writer:
        for index in range(20):
            image = np.full((48, 64, 3), 10 * index, np.uint8)
            image[:24, :32] = (250, 0, 0)
            writer.write(image)
    return path


@pytest.fixture(scope='session')
def rotated_videos(corner_video) -> dict[int, Path]:
    """The same file with the display matrix a phone writes, by clockwise degrees (ISO 14496-12, track header)."""
    height, width = 48, 64
    matrices = {90: (0, 1, -1, 0, height, 0), 180: (-1, 0, 0, -1, width, height), 270: (0, -1, 1, 0, 0, width)}
    paths = {}
    for degrees, (a, b, c, d, x, y) in matrices.items():
        content = bytearray(corner_video.read_bytes())
        start = content.index(b'tkhd') + 44
        numbers = (a << 16, b << 16, 0, c << 16, d << 16, 0, x << 16, y << 16, 1 << 30)
        content[start : start + 36] = struct.pack('>9i', *numbers)
        paths[degrees] = corner_video.with_name(f'turned_{degrees}.mp4')
        paths[degrees].write_bytes(content)
    return paths
