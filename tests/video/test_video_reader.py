"""Reading, compared with OpenCV's decoder, and files that are not what they should be."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.video import check_video, frames_at, iter_frames, open_video

CLIPS = ['WolfgangLanger_Pexels.mp4', 'single_face.mp4', 'face_noface.mov', 'noface_face.mov', 'no_face.mp4']


def opencv_frames(path: Path) -> list[tuple[float, np.ndarray]]:
    """(milliseconds, RGB) of every frame OpenCV decodes."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        found, image = capture.read()
        if not found:
            return frames
        frames.append((capture.get(cv2.CAP_PROP_POS_MSEC), image[..., ::-1]))


@pytest.mark.parametrize('name', CLIPS)
def test_count_size_times_and_pixels_agree_with_opencv(clips, name):
    expected = opencv_frames(clips / name)
    info, count = check_video(clips / name), 0
    for (milliseconds, image), frame in zip(expected, iter_frames(clips / name), strict=True):
        assert frame.index == count
        assert frame.timestamp * 1000 == pytest.approx(milliseconds, abs=1.0)
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == image.shape == (info.height, info.width, 3)
        if count % 40 == 0:
            assert np.abs(frame.image.astype(int) - image).mean() < 5  # colour matrices differ a little
        count += 1
    assert count == len(expected)


def test_facts_of_the_longest_clip(clips):
    info = open_video(clips / 'WolfgangLanger_Pexels.mp4')
    assert (info.num_frames, info.width, info.height) == (472, 640, 360)
    assert info.fps == pytest.approx(24000 / 1001)
    assert info.duration == pytest.approx(472 * 1001 / 24000, abs=0.01)


def test_frames_that_cannot_be_decoded_are_no_truncation(clips):
    assert check_video(clips / 'no_face.mp4').num_frames == 98
    assert sum(1 for _ in iter_frames(clips / 'no_face.mp4')) == 95


@pytest.mark.parametrize('fraction', [0.001, 0.2, 0.5, 0.9, 0.97])
@pytest.mark.parametrize('name', [*CLIPS, 'carphone'])
def test_truncated_file_is_refused_by_name(clips, carphone, tmp_path, name, fraction):
    source = carphone if name == 'carphone' else clips / name
    path = tmp_path / f'cut{source.suffix}'
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(InputError, match='incomplete') as error:
        check_video(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)


def test_cut_at_any_byte_is_refused_or_costs_no_frame(corner_video, tmp_path):
    content, path = corner_video.read_bytes(), tmp_path / 'cut.mp4'
    whole = [frame.image for frame in iter_frames(corner_video)]
    passed = 0
    for size in range(1, len(content), max(1, len(content) // 60)):
        path.write_bytes(content[:size])
        try:
            check_video(path)
        except InputError:
            continue
        passed += 1
        assert all(np.array_equal(a, frame.image) for a, frame in zip(whole, iter_frames(path), strict=True))
    assert passed < 30


@pytest.mark.parametrize('suffix', ['.mkv', '.avi'])
def test_truncated_file_of_other_formats_is_refused(corner_video, tmp_path, suffix):
    import av

    path = tmp_path / f'copy{suffix}'
    with av.open(str(path), 'w') as sink:
        stream = sink.add_stream('mpeg4', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for frame in iter_frames(corner_video):
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format='rgb24')))
        sink.mux(stream.encode(None))
    check_video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(InputError, match='incomplete'):
        check_video(path)


def test_decoding_that_fails_in_the_middle_is_an_input_error(clips, tmp_path):
    content = (clips / 'WolfgangLanger_Pexels.mp4').read_bytes()
    path = tmp_path / 'cut.mp4'
    path.write_bytes(content[: int(len(content) * 0.9)])
    with pytest.raises(InputError, match='incomplete') as error:
        for _ in iter_frames(path):
            pass
    assert str(path) in str(error.value)


def test_trimmed_video_is_no_truncated_one(corner_video, tmp_path):
    """An edit list, as a phone leaves it after trimming, shows part of the frames the file holds."""
    content = bytearray(corner_video.read_bytes())
    place = content.index(b'elst') + 12  # version and flags, number of entries, then the first duration
    (duration,) = struct.unpack('>I', content[place : place + 4])
    content[place : place + 4] = struct.pack('>I', duration // 2)
    path = tmp_path / 'trimmed.mp4'
    path.write_bytes(content)
    assert check_video(path).num_frames == 20
    assert 10 <= sum(1 for _ in iter_frames(path)) < 20


@pytest.mark.parametrize('degrees', [90, 180, 270])
def test_rotated_video_comes_upright(rotated_videos, degrees):
    frames = list(iter_frames(rotated_videos[degrees]))
    info = open_video(rotated_videos[degrees])
    shape = (64, 48, 3) if degrees % 180 else (48, 64, 3)
    assert frames[0].image.shape == shape == (info.height, info.width, 3)
    corners = {90: (0, -1), 180: (-1, -1), 270: (-1, 0)}  # where the red top left corner goes, turned clockwise
    row, column = corners[degrees]
    assert frames[3].image[row, column, 0] > 200
    others = [(r, c) for r in (0, -1) for c in (0, -1) if (r, c) != (row, column)]
    assert all(frames[3].image[place][0] < 80 for place in others)
    seen = opencv_frames(rotated_videos[degrees])
    assert np.abs(frames[3].image.astype(int) - seen[3][1]).mean() < 3


def test_timestamps_start_at_zero_and_never_decrease(clips):
    for name in CLIPS:
        times = [frame.timestamp for frame in iter_frames(clips / name)]
        assert times[0] == 0
        assert np.all(np.diff(times) > 0)


@pytest.mark.parametrize(
    'call', [open_video, check_video, lambda path: next(iter_frames(path)), lambda p: frames_at(p, [0])]
)
def test_what_is_no_video_is_refused_by_name(tmp_path, call):
    empty, text, folder = tmp_path / 'empty.mp4', tmp_path / 'text.mp4', tmp_path / 'folder.mp4'
    empty.touch()
    text.write_text('not a video')
    folder.mkdir()
    for path, reason in [
        (empty, 'empty'),
        (text, 'not a readable video'),
        (folder, 'folder'),
        (tmp_path / 'absent.mp4', 'no such video'),
    ]:
        with pytest.raises(InputError, match=reason) as error:
            call(path)
        assert str(path) in str(error.value)


def test_sound_file_has_no_video_stream(tmp_path):
    import wave

    path = tmp_path / 'sound.wav'
    with wave.open(str(path), 'wb') as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match='no video stream'):
        check_video(path)


@pytest.mark.parametrize('name', ['WolfgangLanger_Pexels.mp4', 'no_face.mp4'])
def test_single_frames_are_those_of_the_sequence(clips, name):
    wanted = [90, 3, 47, 3]
    expected = {frame.index: frame.image for frame in iter_frames(clips / name) if frame.index in wanted}
    for index, image in zip(wanted, frames_at(clips / name, wanted), strict=True):
        assert np.abs(image.astype(int) - expected[index]).mean() < 2


def test_single_frames_of_a_rotated_video_are_upright(rotated_videos):
    expected = {frame.index: frame.image for frame in iter_frames(rotated_videos[90])}
    for index, image in zip([12, 5], frames_at(rotated_videos[90], [12, 5]), strict=True):
        assert np.array_equal(image, expected[index])


def test_single_frames_without_decord(corner_video, monkeypatch):
    import sys

    expected = frames_at(corner_video, [7])[0]
    monkeypatch.setitem(sys.modules, 'decord', None)
    assert np.abs(frames_at(corner_video, [7])[0].astype(int) - expected).mean() < 3


@pytest.mark.parametrize('indices', [[20], [0, 500], [-1]])
def test_frame_number_that_does_not_exist_is_refused(corner_video, indices):
    with pytest.raises(InputError, match=r'corner\.mp4'):
        frames_at(corner_video, indices)
