"""OpenPifPaf's JSON: what it says, what it must not say, and which files belong to which video."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints
from pyskl.landmarks import index_openpifpaf, parse_openpifpaf, read_openpifpaf


def person(x: float = 50, score: float = 0.8) -> dict:
    rng = np.random.default_rng(1)
    points = rng.uniform(-10, 10, (133, 2)) + np.array([x, 40])
    flat = [round(float(value), 3) for point in points for value in (*point, score)]
    return {'keypoints': flat, 'bbox': [0, 0, 9, 9], 'score': 0.7, 'category_id': 1}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_points_and_scores_are_those_of_the_file(tmp_path):
    content = person()
    (face,) = parse_openpifpaf(write(tmp_path / 'a.json', [content]))
    for number in range(133):
        x, y, score = content['keypoints'][3 * number : 3 * number + 3]
        assert face.keypoint[number] == pytest.approx([x, y]) and face.score[number] == pytest.approx(score)
    assert face.keypoint.dtype == face.score.dtype == np.float32
    assert face.keypoint[convert_keypoints('coco_wholebody133', 'ibug68')][0] == pytest.approx(
        content['keypoints'][69:71]
    )


def test_empty_list_and_people_without_a_face_are_no_faces(tmp_path):
    assert parse_openpifpaf(write(tmp_path / 'a.json', [])) == []
    turned = person()
    turned['keypoints'][2::3] = [0.9 if number < 23 or number > 90 else 0 for number in range(133)]
    assert parse_openpifpaf(write(tmp_path / 'b.json', [turned])) == []
    turned['keypoints'][3 * 90 + 2] = 0.1
    (face,) = parse_openpifpaf(write(tmp_path / 'c.json', [turned]))
    assert not face.keypoint[23:90].any() and face.keypoint[90].any()


def test_whole_numbers_and_scores_above_one_are_read(tmp_path):
    content = person()
    content['keypoints'][:3] = [3, 4, 1.5]
    (face,) = parse_openpifpaf(write(tmp_path / 'a.json', [content]))
    assert face.keypoint[0].tolist() == [3, 4] and face.score[0] == 1


def with_value(place: int, text: str) -> str:
    content = person()
    content['keypoints'][place] = 'HERE'
    return json.dumps([content]).replace('"HERE"', text)


HOSTILE = {
    'empty': ('', 'file is empty'),
    'blank': (' \n', 'file is empty'),
    'cut short': (json.dumps([person()])[:-40], r'not valid JSON at line 1, column \d+'),
    'cut in a later line': ('[\n{"keypoints":', 'at line 2, column'),
    'no JSON': ('hello', 'not valid JSON at line 1, column 1'),
    'more after the end': (json.dumps([person()]) + '[]', 'not valid JSON'),
    'a dict': ({'annotations': [person()]}, 'a list of people, holds a dict'),
    'null': ('null', 'holds null'),
    'no dict': ([person(), [1, 2]], 'person 2 which is a list'),
    'no keypoints': ([{'bbox': [0, 0, 1, 1]}], "person 1 without 'keypoints'"),
    '17 points': ([{'keypoints': [1.0] * 51}], '51 values, must be 399'),
    'a dict of points': ([{'keypoints': {}}], 'a dict, must be 399'),
    'NaN': (with_value(5, 'NaN'), 'holds NaN'),
    'Infinity': (with_value(5, '-Infinity'), 'holds -Infinity'),
    'too large': (with_value(5, '1e999'), 'beyond 1,000,000'),
    'a huge whole number': (with_value(5, '1' * 400), 'beyond 1,000,000'),
    'a number without end': (with_value(5, '1' * 5000), r'[Ee]xceeds'),
    'a string': (with_value(5, '"12"'), 'value 6 is a string'),
    'a boolean': (with_value(5, 'true'), 'value 6 is a boolean'),
    'a list': (with_value(5, '[1]'), 'value 6 is a list'),
    'a missing value': (with_value(5, 'null'), 'value 6 is null'),
    'a negative score': (with_value(5, '-0.5'), 'score is below 0'),
    'nested': ('[' * 100_000 + ']' * 100_000, 'nested too deep'),
}


@pytest.mark.parametrize('name', HOSTILE)
def test_wrong_content_is_one_line_that_names_the_file(tmp_path, name):
    content, message = HOSTILE[name]
    path = write(tmp_path / 'clip.00001.predictions.json', content)
    with pytest.raises(InputError, match=message) as error:
        parse_openpifpaf(path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_what_is_no_text_or_cannot_be_read_is_named(tmp_path):
    path = tmp_path / 'a.json'
    path.write_bytes(b'[\xff\xfe]')
    with pytest.raises(InputError, match=r'a\.json: not a text file'):
        parse_openpifpaf(path)
    with pytest.raises(InputError, match=r'absent\.json: cannot be read'):
        parse_openpifpaf(tmp_path / 'absent.json')
    with pytest.raises(InputError, match='cannot be read'):
        parse_openpifpaf(tmp_path)


def test_people_are_followed_and_frames_keep_their_numbers(tmp_path):
    files = []
    for number in (1, 2, 5, 6):
        people = [person(50 + number), person(200 - number)]
        files.append((number, write(tmp_path / f'{number}.json', people[:: 1 if number % 2 else -1])))
    records = list(read_openpifpaf(files))
    assert [record.index for record in records] == [0, 1, 4, 5]
    for record in records:
        assert [face.track for face in record.faces] == [0, 1]
        assert record.faces[0].keypoint[:, 0].mean() < record.faces[1].keypoint[:, 0].mean()
        assert np.isnan(record.timestamp) and record.img_shape == (0, 0)


@pytest.mark.parametrize(('numbers', 'message'), [((1, 1), 'second file'), ((2, 1), 'after frame 2'), ((0,), 'from 1')])
def test_frames_out_of_order_are_refused(tmp_path, numbers, message):
    path = write(tmp_path / 'a.json', [])
    with pytest.raises(InputError, match=message):
        list(read_openpifpaf((number, path) for number in numbers))


NAMES = {
    'flat': ('{video}.{number:05d}.predictions.json', ''),
    'unpadded': ('{video}.{number}.predictions.json', ''),
    'flat with suffix': ('{video}.{number:05d}.jpg.predictions.json', ''),
    'folder': ('{number:05d}.predictions.json', '{video}'),
    'folder with suffix': ('{number:05d}.jpg.predictions.json', '{video}'),
    'folder and name': ('{video}.{number:06d}.predictions.json', '{video}'),
    'subset': ('{video}.{number:05d}.predictions.json', 'Train_Set'),
    'subset and folder': ('{number:05d}.png.predictions.json', 'Train_Set/{video}'),
}


@pytest.mark.parametrize('form', NAMES)
def test_files_of_every_accepted_name_are_found(tmp_path, form):
    name, folder = NAMES[form]
    expected = {}
    for video in ('1-30-1280x720', '7.2 left', '24', 'vidéo'):
        for number in (12, 3, 100):
            path = tmp_path / folder.format(video=video) / name.format(video=video, number=number)
            expected.setdefault(video, {})[number] = write(path, [])
    write(tmp_path / 'readme.txt', 'x')
    write(tmp_path / 'summary.json', '{}')
    found = index_openpifpaf(tmp_path)
    assert list(found) == sorted(expected)
    for video, paths in expected.items():
        assert found[video].numbers.tolist() == [3, 12, 100] and len(found[video]) == 3
        assert list(found[video].files()) == sorted(paths.items())


def test_folder_of_frames_is_one_video_named_after_it(tmp_path):
    write(tmp_path / 'clip' / '00007.predictions.json', [])
    found = index_openpifpaf(tmp_path / 'clip')
    assert list(found) == ['clip'] and found['clip'].numbers.tolist() == [7]


def test_frame_numbers_grow_beyond_their_padding(tmp_path):
    for number in (9, 10, 99999, 100000):
        write(tmp_path / f'v.{number:05d}.predictions.json', [])
    assert [path.name for _, path in index_openpifpaf(tmp_path)['v'].files()] == [
        f'v.{number:05d}.predictions.json' for number in (9, 10, 99999, 100000)
    ]


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['portrait.predictions.json'], r'portrait\.predictions\.json: no frame number'),
        (['other.json'], 'no file of OpenPifPaf'),
    ],
)
def test_foreign_folders_are_refused(tmp_path, names, message):
    for name in names:
        write(tmp_path / name, [])
    with pytest.raises(InputError, match=message) as error:
        index_openpifpaf(tmp_path)
    assert str(tmp_path) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['v.1.predictions.json', 'v.00001.predictions.json'], 'are both frame 1 of v'),
        (['v.00002.predictions.json', 'v.00002.jpg.predictions.json'], 'are both frame 2 of v'),
        (['v/00003.predictions.json', 'v.3.predictions.json'], 'are both frame 3 of v'),
        (['v.00000.predictions.json'], 'numbered from 1'),
        (['v.99999999999999999999999.predictions.json'], 'numbered from 1'),
    ],
)
def test_a_video_that_cannot_be_used_says_so_and_leaves_the_others(tmp_path, names, message):
    for name in [*names, 'w.00001.predictions.json']:
        write(tmp_path / name, [])
    found = index_openpifpaf(tmp_path)
    assert re.search(message, found['v'].problem)
    assert str(tmp_path) in found['v'].problem
    assert found['w'].problem is None
    assert found['w'].numbers.tolist() == [1]


def test_folders_of_one_name_are_told_apart_by_those_above(tmp_path):
    for place in ('F001/T1', 'F002/T1', 'F002/T2'):
        write(tmp_path / place / '0001.predictions.json', [])
    found = index_openpifpaf(tmp_path)
    assert sorted(found) == ['F001/T1', 'F002/T1', 'T2']
    assert [path for _, path in found['F002/T1'].files()] == [tmp_path / 'F002' / 'T1' / '0001.predictions.json']


def test_folder_that_is_not_there_or_not_readable_is_named(tmp_path):
    with pytest.raises(InputError, match='no such folder'):
        index_openpifpaf(tmp_path / 'absent')
    if os.geteuid():
        (tmp_path / 'locked').mkdir(mode=0)
        with pytest.raises(InputError, match=r'locked: cannot be read'):
            index_openpifpaf(tmp_path)


def test_index_holds_numbers_not_paths(tmp_path):
    for number in range(1, 101):
        write(tmp_path / f'v.{number:05d}.predictions.json', [])
    video = index_openpifpaf(tmp_path)['v']
    arrays = (video.numbers, video._form, video._width)
    assert sum(it.nbytes for it in arrays) == 600 and len(video._forms) == 1


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE+-keypoints', max_size=60))
def test_any_content_is_faces_or_an_input_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'any.json'
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        assert parse_openpifpaf(path) == []
    except InputError as error:
        assert str(path) in str(error)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / 'v.1.predictions.json'
    path.write_bytes(b'\xef\xbb\xbf[]')
    assert parse_openpifpaf(path) == []
