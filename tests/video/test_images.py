"""Folders of numbered pictures, against OpenCV."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.video import has_images, iter_images, list_images


def save(path, seed: int = 0, size: tuple[int, int] = (20, 30)) -> np.ndarray:
    image = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return image


def test_pictures_come_by_number_with_gaps_as_rgb(tmp_path):
    images = {number: save(tmp_path / f'{number}.png', number) for number in (10, 9, 2, 100)}
    (tmp_path / 'notes.txt').write_text('x')
    (tmp_path / '.00001.png').write_text('hidden')
    (tmp_path / '00005.jpg').mkdir()
    frames = list(iter_images(tmp_path))
    assert [frame.index for frame in frames] == [1, 8, 9, 99]
    for frame in frames:
        assert np.array_equal(frame.image, images[frame.index + 1][..., ::-1])
        assert np.isnan(frame.timestamp)


@pytest.mark.parametrize('suffix', ['.jpg', '.JPEG', '.png', '.bmp', '.webp'])
def test_every_kind_of_picture_is_read(tmp_path, suffix):
    save(tmp_path / f'frame_0012{suffix}')
    (frame,) = iter_images(tmp_path)
    assert frame.index == 11 and frame.image.shape == (20, 30, 3) and frame.image.dtype == np.uint8


def test_grey_pictures_and_alpha_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / '1.png'), np.full((8, 9), 77, np.uint8))
    cv2.imwrite(str(tmp_path / '2.png'), np.full((8, 9, 4), 77, np.uint8))
    assert [frame.image.shape for frame in iter_images(tmp_path)] == [(8, 9, 3)] * 2


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.webp'])
@pytest.mark.parametrize('share', [0, 0.02, 0.3, 0.9])
def test_picture_cut_short_is_named(tmp_path, suffix, share):
    path = tmp_path / f'00002{suffix}'
    save(tmp_path / f'00001{suffix}')
    save(path, size=(200, 300))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    frames = iter_images(tmp_path)
    next(frames)
    with pytest.raises(InputError, match=r'00002\.') as error:
        next(frames)
    assert '\n' not in str(error.value)


def test_what_is_no_picture_is_named(tmp_path):
    (tmp_path / '00001.jpg').write_text('not a picture')
    with pytest.raises(InputError, match=r'00001\.jpg: not a readable picture'):
        list(iter_images(tmp_path))


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['00001.jpg', '1.png'], 'are both frame 1'),
        (['portrait.jpg'], r'portrait\.jpg: a picture needs its frame number'),
        (['00000.jpg'], 'from 1'),
        (['99999999999999999999.jpg'], 'from 1'),
        (['readme.txt'], 'no picture in it'),
        ([], 'no picture in it'),
    ],
)
def test_wrong_folders_are_refused(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        list_images(tmp_path)


def test_dates_are_no_frame_numbers(tmp_path):
    (tmp_path / 'IMG_20240301.jpg').touch()
    (tmp_path / 'IMG_20240302.jpg').touch()
    with pytest.raises(InputError, match=r'IMG_20240302\.jpg would be frame 20,240,302, but there are only 2 pictures'):
        list_images(tmp_path)


def test_sparse_numbers_are_frames_up_to_a_limit(tmp_path):
    (tmp_path / '100000.jpg').touch()
    assert list_images(tmp_path) == [(100_000, '100000.jpg')]
    (tmp_path / '100001.jpg').touch()
    with pytest.raises(InputError, match='only 2 pictures'):
        list_images(tmp_path)
    for number in range(1, 1001):
        (tmp_path / f'{number}.jpg').touch()
    assert len(list_images(tmp_path)) == 1002


def test_number_is_the_last_one_in_the_name(tmp_path):
    for name in ('2024_cam1_00007.jpg', 'x3 (8).jpg'):
        (tmp_path / name).touch()
    assert list_images(tmp_path) == [(7, '2024_cam1_00007.jpg'), (8, 'x3 (8).jpg')]


def test_folder_with_pictures_is_known_by_their_suffixes(tmp_path):
    assert not has_images(tmp_path)
    (tmp_path / 'a.PNG').touch()
    assert has_images(tmp_path)
    with pytest.raises(InputError, match='cannot be read'):
        has_images(tmp_path / 'absent')
    with pytest.raises(InputError, match='no such folder'):
        list_images(tmp_path / 'absent')


def test_pictures_are_held_one_at_a_time(tmp_path):
    for number in range(1, 31):
        save(tmp_path / f'{number}.bmp', size=(300, 400))
    tracemalloc.start()
    for _ in iter_images(tmp_path):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 300 * 400 * 3
