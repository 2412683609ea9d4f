"""Written videos, read back with OpenCV and PyAV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.video import VideoWriter, check_video, iter_frames


def pictures(count: int, height: int, width: int) -> list[np.ndarray]:
    """Smooth colour ramps that differ from frame to frame."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = np.stack([255 * rows / height, 255 * columns / width, 0 * rows], axis=-1)
    return [(ramp * (0.4 + 0.6 * index / count)).astype(np.uint8) for index in range(count)]


@pytest.mark.parametrize('size', [(48, 64), (49, 65), (144, 176)])
def test_round_trip_keeps_count_size_and_pictures(tmp_path, size):
    path, images = tmp_path / 'out.mp4', pictures(12, *size)
    with VideoWriter(path, fps=25) as writer:
        for image in images:
            writer.write(image)
    height, width = size[0] // 2 * 2, size[1] // 2 * 2
    info = check_video(path)
    assert (info.num_frames, info.height, info.width) == (12, height, width)
    assert info.fps == pytest.approx(25)
    capture = cv2.VideoCapture(str(path))
    for image in images:
        found, read = capture.read()
        assert found
        assert np.abs(read[..., ::-1].astype(int) - image[:height, :width]).mean() < 6
    assert not capture.read()[0]


def test_file_is_what_browsers_play(tmp_path):
    import av

    path = tmp_path / 'out.mp4'
    with VideoWriter(path, fps=24000 / 1001) as writer:
        for image in pictures(5, 48, 64):
            writer.write(image)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.pix_fmt == 'yuv420p'
        assert context.name == ('h264' if 'libx264' in av.codecs_available else 'mpeg4')
    content = path.read_bytes()
    assert content.index(b'moov') < content.index(b'mdat')  # playback starts before the file is read whole


def test_given_timestamps_are_kept(tmp_path):
    path, times = tmp_path / 'out.mp4', [0.0, 0.04, 0.05, 0.2, 1.0]
    with VideoWriter(path, fps=25) as writer:
        for image, time in zip(pictures(5, 48, 64), times, strict=True):
            writer.write(image, time)
    assert [frame.timestamp for frame in iter_frames(path)] == pytest.approx(times, abs=1e-3)


def test_timestamps_that_stand_still_are_moved_on(tmp_path):
    path = tmp_path / 'out.mp4'
    with VideoWriter(path, fps=25) as writer:
        for image in pictures(4, 48, 64):
            writer.write(image, 0.0)
    assert sum(1 for _ in iter_frames(path)) == 4


@pytest.mark.parametrize('num_written', [0, 3])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, num_written):
    path = tmp_path / 'out.mp4'
    path.write_bytes(b'old')
    with pytest.raises(RuntimeError, match='interrupted'), VideoWriter(path, fps=25) as writer:
        for image in pictures(num_written, 48, 64):
            writer.write(image)
        raise RuntimeError('interrupted')
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]


def test_video_without_frames_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match='not a single frame'), VideoWriter(tmp_path / 'out.mp4', fps=25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_refused(tmp_path):
    image = pictures(1, 48, 64)[0]
    with pytest.raises(ValueError, match="'with'"):
        VideoWriter(tmp_path / 'out.mp4', fps=25).write(image)
    with VideoWriter(tmp_path / 'out.mp4', fps=25) as writer:
        writer.write(image)
        for wrong in (image[:40], image.astype(np.float32), image[..., 0], image[:, :, :2]):
            with pytest.raises(ValueError, match='frame'):
                writer.write(wrong)


def test_wrong_targets_are_refused(tmp_path):
    with pytest.raises(InputError, match=r'\.mp4'):
        VideoWriter(tmp_path / 'out.avi', fps=25)
    with pytest.raises(InputError, match='frame rate'):
        VideoWriter(tmp_path / 'out.mp4', fps=0)
    with pytest.raises(InputError, match='does not exist'), VideoWriter(tmp_path / 'absent' / 'out.mp4', fps=25):
        pass
