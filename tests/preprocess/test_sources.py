"""The four kinds of keypoint sources behind one interface."""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
from preprocess_data import face_points, person, write_json

from pyskl.assets import fetch_asset
from pyskl.errors import InputError
from pyskl.preprocess.sources import add_source_arguments, open_source


def source_of(*words, subsets=()):
    parser = argparse.ArgumentParser()
    add_source_arguments(parser)
    return open_source(parser.parse_args([str(word) for word in words]), subsets)


def write_openface(path, frames):
    """``frames``: (number, face id, success, x, y, size)."""
    names = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    names += [f'{axis}_{i}' for axis in 'xy' for i in range(68)]
    lines = [', '.join(names)]
    for number, face, success, *place in frames:
        points = face_points(*place)
        values = [number, face, f'{(number - 1) / 25:.3f}', 0.97, success, *points[:, 0], *points[:, 1]]
        lines.append(', '.join(map(str, values)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def test_skeletons_are_found_per_subset_and_read_by_frame_number(tmp_path):
    for subset, frames in (('train_set', (1, 2, 9)), ('Validation_Set', (4,))):
        for frame in frames:
            write_json(tmp_path / subset, 'a.b-30', frame, [person(50 + frame, 50, 40)])
    source = source_of('--skeletons', tmp_path, subsets=('Train_Set', 'Validation_Set'))
    assert source.names('Train_Set') == ['a.b-30']
    assert source.find('other', 'Train_Set') is None
    handle = pickle.loads(pickle.dumps(source.find('a.b-30', 'Train_Set')))
    table = handle.gather()
    assert (source.layout, source.kind) == ('ibug68', 'skeletons')
    assert table.frame.tolist() == [0, 1, 8]
    assert table.num_frames == 9
    np.testing.assert_allclose(table.keypoint[0][2], np.round(face_points(59, 50, 40), 2))
    assert source.find('a.b-30', 'Validation_Set').gather().frame.tolist() == [3]


def test_without_subset_folders_all_videos_are_in_one(tmp_path):
    write_json(tmp_path, 'a', 1, [])
    write_json(tmp_path / 'deep', 'b', 1, [])
    source = source_of('--skeletons', tmp_path, subsets=('Train_Set', 'Validation_Set'))
    assert source.names('Train_Set') == source.names('Validation_Set') == ['a', 'b']


def test_the_whole_body_is_kept_on_request_and_the_face_says_who_is_where(tmp_path):
    write_json(tmp_path, 'a', 1, [person(50, 50, 40)])
    table = source_of('--skeletons', tmp_path, '--keypoint-layout', 'coco_wholebody133').find('a').gather()
    assert table.keypoint[0].shape[1:] == (133, 2)
    np.testing.assert_allclose(table.centre[0], face_points(50, 50, 40).mean(0), atol=0.01)
    assert table.keypoint_score[0][0, 91] == 0.5


def test_a_change_of_any_file_shows_in_the_fingerprint(tmp_path):
    paths = [write_json(tmp_path, 'a', frame, []) for frame in (1, 2)]
    prints = [source_of('--skeletons', tmp_path).find('a').fingerprint()]
    assert prints[0]['files'] == 2
    os.utime(paths[0], (1, 1))
    prints.append(source_of('--skeletons', tmp_path).find('a').fingerprint())
    write_json(tmp_path, 'a', 2, [person(50, 50, 40)])
    prints.append(source_of('--skeletons', tmp_path).find('a').fingerprint())
    write_json(tmp_path, 'a', 7, [])
    prints.append(source_of('--skeletons', tmp_path).find('a').fingerprint())
    assert len({str(facts) for facts in prints}) == 4
    assert source_of('--skeletons', tmp_path).find('a').fingerprint() == prints[3]


def test_openface_tables_are_read_with_several_faces(tmp_path):
    rows = [(1, 0, 1, 100, 90, 60), (1, 1, 1, 300, 90, 50), (2, 0, 0, 0, 0, 1), (5, 0, 1, 101, 90, 60)]
    write_openface(tmp_path / 'batch1' / 'v.csv', rows)
    handle = source_of('--openface', tmp_path, '--img-shape', 480, 640).find('v')
    table = handle.gather()
    assert table.frame.tolist() == [0, 0, 4]
    assert (table.num_frames, table.img_shape, table.guessed) == (5, (480, 640), False)
    np.testing.assert_allclose(table.keypoint[0][2], face_points(101, 90, 60), atol=1e-3)
    assert table.timestamps[4] == pytest.approx(0.16)
    assert np.isnan(table.timestamps[2])


def test_files_are_found_by_name_or_with_their_folder_and_doubles_are_named(tmp_path):
    for place in ('x/v.csv', 'y/v.csv', 'y/w.csv', '.hidden/u.csv', 'a/b/c/d/too_deep.csv'):
        write_openface(tmp_path / place, [(1, 0, 1, 50, 50, 40)])
    source = source_of('--openface', tmp_path)
    assert source.names() == ['w', 'x/v', 'y/v']
    assert source.find('x/v').path == tmp_path / 'x' / 'v.csv'
    assert source.find('w').path == tmp_path / 'y' / 'w.csv'
    assert source.find('u') is None
    with pytest.raises(InputError, match=r"two sources for 'v': .*x/v\.csv and .*y/v\.csv"):
        source.find('v')


def test_folders_of_pictures_are_found_at_several_depths(tmp_path):
    for place in ('cropped_aligned/a', 'cropped_aligned_new_50_vids/b', 'c'):
        (tmp_path / place).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / place / '00002.jpg'), np.zeros((112, 112, 3), np.uint8))
    (tmp_path / 'empty').mkdir()
    source = source_of('--images', tmp_path)
    assert source.names() == ['a', 'b', 'c']
    assert source.find('b').path == tmp_path / 'cropped_aligned_new_50_vids' / 'b'
    assert source.find('b').fingerprint()['files'] == 1
    assert source.find('empty') is None


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """A folder with a real video, and twelve of its frames, every other, as pictures."""
    folder = tmp_path_factory.mktemp('clip')
    (folder / 'videos').mkdir()
    (folder / 'images' / 'clip').mkdir(parents=True)
    video = next(fetch_asset('pyfeat_videos').glob('**/single_face.mp4'))
    shutil.copy(video, folder / 'videos' / 'clip.MP4')
    from pyskl.video.reader import iter_frames

    for frame in iter_frames(video):
        if frame.index % 2 == 0:
            path = folder / 'images' / 'clip' / f'{frame.index + 1:05d}.png'
            cv2.imwrite(str(path), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
        if frame.index == 22:
            break
    return folder


def test_pictures_and_videos_give_the_same_face_by_number(clip):
    images = source_of('--images', clip / 'images').find('clip').gather()
    source = source_of('--videos', clip / 'videos')
    video = source.find('clip').gather()
    assert source.names() == ['clip']
    assert images.frame.tolist() == list(range(0, 24, 2))
    assert images.num_frames == 23
    assert video.frame.tolist() == list(range(video.num_frames))
    assert images.img_shape == video.img_shape
    assert np.isfinite(video.timestamps).all()
    width = np.ptp(video.keypoint[0][0, :, 0])
    apart = np.linalg.norm(images.keypoint[0][:12] - video.keypoint[0][:24:2], axis=-1).mean()
    assert apart < 0.05 * width
    recipe = source.recipe()
    assert recipe['extractor']['name'] == 'mediapipe'
    assert len(recipe['extractor']['model']) == 64


def test_a_truncated_video_or_picture_is_named(clip, tmp_path):
    content = (clip / 'videos' / 'clip.MP4').read_bytes()
    (tmp_path / 'v.mp4').write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r'v\.mp4'):
        source_of('--videos', tmp_path).find('v').gather()
    (tmp_path / 'p').mkdir()
    picture = (clip / 'images' / 'clip' / '00001.png').read_bytes()
    (tmp_path / 'p' / '00001.png').write_bytes(picture[: len(picture) // 2])
    with pytest.raises(InputError, match=r'00001\.png: the picture is incomplete'):
        source_of('--images', tmp_path).find('p').gather()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--skeletons', 'missing'), '--skeletons: no such folder: missing'),
        (('--skeletons', '.', '--keypoint-layout', 'ibug86'), "did you mean 'ibug68'"),
        (('--skeletons', '.', '--keypoint-layout', 'mediapipe478'), 'cannot be turned into'),
        (('--openface', '.', '--keypoint-layout', 'coco_wholebody133'), 'cannot be turned into'),
        (('--images', '.', '--extractor', 'mediapip'), "did you mean 'mediapipe'"),
        (('--images', '.', '--img-shape', '480', '640'), '--img-shape: means nothing with --images'),
        (('--skeletons', '.', '--extractor', 'dlib'), '--extractor: means nothing with --skeletons'),
    ],
)
def test_what_cannot_be_is_said_at_once(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        source_of(*words)


@pytest.mark.parametrize('kind', ['skeletons', 'images', 'videos', 'openface'])
def test_an_empty_folder_says_what_is_expected(tmp_path, kind):
    with pytest.raises(InputError, match=str(tmp_path)):
        source_of(f'--{kind}', tmp_path).names()


@pytest.mark.parametrize('kind', ['skeletons', 'images', 'videos', 'openface'])
def test_an_unreadable_folder_gets_one_line(tmp_path, monkeypatch, kind):
    def refuse(folder):
        raise PermissionError(13, 'Permission denied', str(folder))

    monkeypatch.setattr(os, 'scandir', refuse)  # the tests may run as a user whom no permission stops
    with pytest.raises(InputError, match=r'cannot be read \(Permission denied\)'):
        source_of(f'--{kind}', tmp_path).names()


@pytest.mark.parametrize('size', ['65536', '9' * 30, '0', '-1'])
def test_pictures_of_an_absurd_size_are_refused(tmp_path, size, capsys):
    with pytest.raises(SystemExit):
        source_of('--skeletons', tmp_path, '--img-shape', 100, size)
    assert '--img-shape' in capsys.readouterr().err


def test_files_that_share_their_name_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', lambda *_: nullcontext())
    for name in ('a.mp4', 'a.avi', 'b.mp4', 'deep/b.mp4', 'c.mp4'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source = source_of('--videos', tmp_path)
    assert source.names() == ['a.avi', 'a.mp4', 'b.mp4', 'c', 'deep/b']
    assert [source.find(name).path.relative_to(tmp_path).as_posix() for name in source.names()] == [
        'a.avi', 'a.mp4', 'b.mp4', 'c.mp4', 'deep/b.mp4',
    ]  # fmt: skip
    with pytest.raises(InputError, match="two sources for 'a'"):
        source.find('a')
