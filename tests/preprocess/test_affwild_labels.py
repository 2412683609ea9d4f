"""Reading the label files of Aff-Wild2: fast where they are well formed, exact where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.preprocess.affwild_labels import (
    BLOCK,
    label_matrix,
    read_challenge_labels,
    read_image_list,
    read_plain_labels,
)

HEADER = ','.join(AFFWILD_AUS)
ROWS = [[1, 0, -1, 0, 0, 1, 1, 0, 0, 0, 1, -1], [0] * 12, [-1] * 12, [1] * 12]
TEXT = '\n'.join(','.join(map(str, row)) for row in ROWS)


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes):
        path = tmp_path / 'v.txt'
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    'content',
    [
        f'{HEADER}\n{TEXT}\n',
        f'{HEADER}\n{TEXT}',
        f'{HEADER}\n{TEXT}\n\n  \n\n',
        f'{HEADER}\n{TEXT}\n'.replace('\n', '\r\n'),
        b'\xef\xbb\xbf' + f'{HEADER}\n{TEXT}\n'.encode(),
        f'{HEADER}\n{TEXT}'.replace(',', ', '),
        f'{HEADER}\n{TEXT}'.replace('1', '1.0').replace('AU1.0', 'AU1').replace(HEADER.replace('1', '1.0'), HEADER),
        f'{HEADER.lower()}\n{TEXT}',
    ],
    ids=[
        'plain',
        'no last line end',
        'blank lines at the end',
        'Windows',
        'BOM',
        'blanks',
        'decimals',
        'small letters',
    ],
)
def test_every_usual_form_is_read(file, content):
    if isinstance(content, str) and '1.0' in content:
        content = f'{HEADER}\n' + TEXT.replace('1', '1.0').replace('0,', '0.0,').replace('1.0.0', '1.0')
    labels = read_challenge_labels(file(content))
    assert labels.dtype == np.int8
    np.testing.assert_array_equal(labels, ROWS)


@pytest.mark.parametrize('separator', [',', ' ', '  ', '\t', ', '])
def test_the_older_rows_have_blanks_or_commas(file, separator):
    np.testing.assert_array_equal(read_plain_labels(file(TEXT.replace(',', separator))), ROWS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=12, max_size=12), min_size=1, max_size=20), st.booleans()
)
def test_any_rows_come_back(file, rows, spaced):
    text = '\n'.join((', ' if spaced else ',').join(map(str, row)) for row in rows)
    np.testing.assert_array_equal(read_challenge_labels(file(f'{HEADER}\n{text}\n')), rows)


def test_more_than_a_block_of_rows_comes_back(file):
    rows = np.random.default_rng(0).integers(-1, 2, (4 * BLOCK // 24, 12))
    text = '\n'.join(','.join(map(str, row)) for row in rows.tolist())
    assert len(text) > 2 * BLOCK
    np.testing.assert_array_equal(read_challenge_labels(file(f'{HEADER}\n{text}\n')), rows)
    wrong = text[: -len('0')] + '7'
    with pytest.raises(InputError, match=rf"line {len(rows) + 1}: AU26 is '-?7'"):
        read_challenge_labels(file(f'{HEADER}\n{wrong}\n'))


def with_row(row: str) -> str:
    return f'{HEADER}\n{TEXT}\n{row}\n{TEXT}\n'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('', 'the file is empty'),
        (' \n\n', 'the file is empty'),
        (HEADER, 'line 2: there is a header, but no row'),
        (TEXT, 'line 1: the header must be AU1,AU2,'),
        (f'a header\n{TEXT}', r"line 1: the header must be AU1,.*, not 'a header'"),
        (f'{HEADER.replace("AU1,AU2", "AU2,AU1")}\n{TEXT}', 'line 1: .*in another order, AU2 where AU1 belongs'),
        (f'{HEADER.replace("AU26", "AU27")}\n{TEXT}', 'line 1: .*AU26 is missing'),
        (f'{HEADER.removesuffix(",AU26")}\n{TEXT}', 'line 1: .*AU26 is missing'),
        (f'{HEADER},AU27\n{TEXT}', 'line 1: .*does not belong there'),
        (with_row('0,0,0'), 'line 6: 3 values, must hold 12'),
        (with_row(','.join('0' * 13)), 'line 6: 13 values, must hold 12'),
        (with_row('0,0,0,0,0,0,0,0,0,0,0,'), "line 6: AU26 is '', must be"),
        (with_row(',0,0,0,0,0,0,0,0,0,0,0'), "line 6: AU1 is '', must be"),
        (with_row(''), 'line 6: is blank'),
        (with_row('0,0,0,0,0,0,0,0,0,0,0,2'), "line 6: AU26 is '2', must be 1, 0 or -1"),
        (with_row('0,-2,0,0,0,0,0,0,0,0,0,0'), "line 6: AU2 is '-2'"),
        (with_row('0,-0,0,0,0,0,0,0,0,0,0,11'), "line 6: AU26 is '11'"),
        (with_row('0,0,0.5,0,0,0,0,0,0,0,0,0'), "line 6: AU4 is '0.5'"),
        (with_row('0,0,x,0,0,0,0,0,0,0,0,0'), "line 6: AU4 is 'x'"),
        (with_row('0,0,nan,0,0,0,0,0,0,0,0,0'), "line 6: AU4 is 'nan'"),
        (with_row('0,0,--1,0,0,0,0,0,0,0,0,0'), "line 6: AU4 is '--1'"),
        # Twelve separators too few in one line and too many in another must not even out.
        (f'{HEADER}\n0,0,0\n' + ','.join('0' * 21), 'line 2: 3 values'),
        (f'{HEADER}\n'.encode() + b'0,0\xff,0', 'line 2: not a text file in UTF-8'),
        (f'{HEADER}\n{TEXT}'.encode('utf-16'), 'line 1: not a text file in UTF-8'),
        (f'{HEADER}\n'.encode() + b'\0' * 30, 'line 2: 1 values'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_and_line(file, content, message):
    path = file(content)
    with pytest.raises(InputError, match=message) as error:
        read_challenge_labels(path)
    assert str(error.value).startswith(f'{path}: ')
    assert '\n' not in str(error.value)


def test_a_folder_or_missing_file_is_named(tmp_path):
    for path in (tmp_path, tmp_path / 'none.txt'):
        with pytest.raises(InputError, match='cannot be read'):
            read_challenge_labels(path)


def test_a_picture_list_gives_the_frames_of_each_video(file):
    path = file('a/00003.jpg\ncropped_aligned/b_left/00001.jpg\r\na/00001.jpg\nb_left\\10.png\n\n')
    videos, num_lines = read_image_list(path)
    assert num_lines == 4
    assert {name: array.tolist() for name, array in videos.items()} == {
        'a': [[3, 0], [1, 2]],
        'b_left': [[1, 1], [10, 3]],
    }


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('a/00001.jpg\n\na/00002.jpg', 'line 2: must read'),
        ('00001.jpg', 'line 1: must read'),
        ('a/x.jpg', "line 1: must read <video>/00001.jpg, not 'a/x.jpg'"),
        ('a/00000.jpg', 'line 1: must read'),
        ('a/900000000.jpg', 'line 1: must read'),
        ('a/\u0663.jpg', 'line 1: must read'),
        ('../00001.jpg', 'line 1: must read'),
        ('a/00001.jpg\na/00002.jpg\na/1.jpg', "line 3: frame 1 of 'a' is already in line 1"),
    ],
)
def test_a_wrong_picture_list_is_named_with_its_line(file, content, message):
    with pytest.raises(InputError, match=message):
        read_image_list(file(content))


def test_rows_are_laid_out_by_frame():
    rows = np.arange(24, dtype=np.int8).reshape(2, 12)
    np.testing.assert_array_equal(label_matrix(rows, None, 3), [*rows.tolist(), [-1] * 12])
    laid = label_matrix(rows, np.array([4, 2]), 4)
    np.testing.assert_array_equal(laid, [[-1] * 12, rows[1].tolist(), [-1] * 12, rows[0].tolist()])
