"""One table of labels for one's own videos: three forms, and everything that can be wrong with one."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.preprocess.custom import read_custom_table, video_name


@pytest.fixture
def table(tmp_path):
    """Write a table and read it."""

    def read(text, **settings):
        path = tmp_path / 'labels.csv'
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_custom_table(path, **settings)

    return read


def times(count, fps=10.0):
    return np.arange(count) / fps


# A row per frame.


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rows_are_matched_by_video_and_frame_whatever_their_order(tmp_path_factory, seed):
    generator = random.Random(seed)
    truth = {
        (video, frame): [generator.choice(['1', '0', '-1', '']) for _ in range(3)]
        for video in ('a', 'b/c')
        for frame in generator.sample(range(1, 20), generator.randint(1, 10))
    }
    rows = [[video, str(frame), *values] for (video, frame), values in truth.items()]
    generator.shuffle(rows)
    delimiter = generator.choice([',', ';', '\t'])
    path = tmp_path_factory.mktemp('table') / 'labels.csv'
    header = ['video', 'frame', 'AU1', 'AU02', 'AU12_c']
    path.write_text('\n'.join(delimiter.join(row) for row in [header, *rows]))
    content = read_custom_table(path)
    assert content.form == 'frame'
    assert content.label_names == ('AU1', 'AU2', 'AU12')
    assert set(content.videos) == {video for video, _ in truth}
    for name, video in content.videos.items():
        matrix = video.placed(times(25))
        assert matrix.dtype == np.int8
        for row in range(25):
            expected = truth.get((name, row + 1), [''] * 3)
            assert matrix[row].tolist() == [int(value or -1) for value in expected]
        assert video.last_frame == max(frame for other, frame in truth if other == name)


def test_frames_counted_from_0(table):
    text = 'video,frame,AU1\na,0,1\na,2,0\n'
    assert table(text, first_frame=0).videos['a'].placed(times(4))[:, 0].tolist() == [1, -1, 0, -1]
    with pytest.raises(InputError, match=r'line 2: frame 0; frames are counted from 1, or give --first-frame 0'):
        table(text)


def test_numbers_as_a_spreadsheet_or_pandas_writes_them(table):
    content = table('\ufeffVideo,Frame,AU1,AU2\r\na.MP4,1.0,1.0,nan\r\n"a.mp4",2.0,0.0,-1.0\r\n')
    assert content.videos['a'].placed(times(2)).tolist() == [[1, -1], [0, -1]]


def test_commas_at_the_end_of_every_line_and_rows_of_commas(table):
    content = table('video,frame,AU1,,\na,1,1,,\n,,,,\na,2,0,,\n')
    assert content.unused == ()
    assert content.videos['a'].placed(times(2))[:, 0].tolist() == [1, 0]


def test_a_video_may_be_named_with_or_without_its_suffix(table):
    content = table('video,frame,AU1\na.mp4,1,1\na,2,0\n./sub/P1.session2,1,1\nsub\\x.avi,1,1\n')
    assert list(content.videos) == ['a', 'sub/P1.session2', 'sub/x']
    assert content.videos['a'].placed(times(2))[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize('name', ['', '../x', '/x', 'a/../b', 'C:x', 'a//b', '.mp4', '..', 'a/'])
def test_names_that_leave_the_folder(name):
    with pytest.raises(InputError, match='is no name of a video within the folder'):
        video_name(name)


# A row per segment, a row per clip.


def test_segments_in_frames_hold_their_last_frame(table):
    content = table('video,start_frame,end_frame,AU1,AU2\na,2,4,1,\na,4,5,,0\na,7,7,0,1\n')
    assert content.form == 'segment in frames'
    matrix = content.videos['a'].placed(times(8))
    assert matrix[:, 0].tolist() == [-1, 1, 1, 1, -1, -1, 0, -1]
    assert matrix[:, 1].tolist() == [-1, -1, -1, 0, 0, -1, 1, -1]
    assert content.videos['a'].last_frame == 7


def test_segments_in_seconds_end_before_their_end(table):
    content = table('video;start_s;end_s;AU1\na;0,2;0,5;1\na;0,5;0,7;0\n')
    assert content.videos['a'].placed(times(9, fps=10))[:, 0].tolist() == [-1, -1, 1, 1, 1, 0, 0, -1, -1]
    with pytest.raises(InputError, match=r"video 'a': its segments are in seconds.*--fps"):
        content.videos['a'].placed(np.full(9, np.nan))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_segments_equal_a_literal_loop_and_contradictions_are_found(tmp_path_factory, data):
    bounds = st.tuples(st.integers(1, 12), st.integers(0, 5), st.sampled_from(['1', '0', '-1', '']))
    segments = data.draw(st.lists(bounds, min_size=1, max_size=6))
    outside = data.draw(st.sampled_from([-1, 0]))
    path = tmp_path_factory.mktemp('table') / 'labels.csv'
    rows = [f'v,{start},{start + length},{value}' for start, length, value in segments]
    path.write_text('\n'.join(['video,start_frame,end_frame,AU1', *rows]))
    expected, contradiction = [], False
    for frame in range(1, 20):
        said = [value for start, length, value in segments if start <= frame <= start + length]
        known = {int(value or -1) for value in said} - {-1}
        contradiction |= len(known) > 1
        expected.append(known.pop() if known else -1 if said else outside)
    if contradiction:
        with pytest.raises(InputError, match=r'line \d: AU1 contradicts line \d, whose segment overlaps'):
            read_custom_table(path, outside=outside)
    else:
        video = read_custom_table(path, outside=outside).videos['v']
        assert video.placed(times(19))[:, 0].tolist() == expected


@pytest.mark.parametrize('bounds', ['9.5,9.9', '0.31,0.39', '0.91,2'])
def test_a_segment_without_a_frame_is_no_silent_loss(table, bounds):
    content = table(f'video,start_s,end_s,AU1\na,0,0.3,1\na,{bounds},1\n')
    with pytest.raises(InputError, match=r"video 'a': its segment from .* holds no frame; the last one is at 0.9"):
        content.videos['a'].placed(times(10))


def test_the_label_of_a_clip_is_that_of_all_its_frames(table):
    content = table('video,AU1,AU2\na,1,\nb,0,1\n')
    assert content.form == 'clip'
    assert content.videos['a'].placed(times(3)).tolist() == [[1, -1]] * 3
    assert content.videos['b'].last_frame == 0


# Columns.


def test_labels_of_another_kind_are_named_by_the_user(table):
    text = 'video,frame,smile,AU01,note\na,1,1,0,x\n'
    content = table(text, label_columns=['smile'])
    assert content.label_names == ('smile',)
    assert content.unused == ('AU01', 'note')
    assert table(text, label_columns=['AU01', 'smile']).label_names == ('AU1', 'smile')
    assert table(text).unused == ('smile', 'note')
    with pytest.raises(InputError, match=r"line 1: there is no label column 'smil'; did you mean 'smile'\?"):
        table(text, label_columns=['smil'])
    with pytest.raises(InputError, match='no label column'):
        table(text, label_columns=['frame'])


def test_subject_and_splits(table):
    content = table('video,subject,split,AU1\na,S1,train,1\nb,S2,val  test,1\n')
    assert [(video.subject, video.splits) for video in content.videos.values()] == [
        ('S1', ('train',)),
        ('S2', ('val', 'test')),
    ]
    assert table('video,AU1\na,1\n').videos['a'].splits is None


BAD_TABLES = {
    'no video column': ('clip,frame,AU1\na,1,1\n', "line 1: there is no column 'video'; the columns are clip, frame"),
    'no label column': ('video,frame,happy\na,1,1\n', 'line 1: no column is named like an Action Unit'),
    'no header': ('a,1,1,0\na,2,1,0\n', "line 1: there is no column 'video'"),
    'one au twice': ('video,AU1,AU01\na,1,1\n', "line 1: the columns 'AU1' and 'AU01' both are AU1"),
    'a column twice': ('video,AU1,au1\na,1,1\n', "line 1: the column 'au1' stands there twice"),
    'two forms': ('video,frame,start_s,end_s,AU1\na,1,0,1,1\n', 'line 1: the columns must be those of one form'),
    'half a form': ('video,start_s,AU1\na,0,1\n', "line 1: there is no column 'end_s'"),
    'ambiguous': ('video,start,end,AU1\na,1,2,1\n', "line 1: is 'start' a frame or a time"),
    'value': ('video,frame,AU1,AU2\na,1,1,0\na,2,0,2\n', "line 3: AU2 is '2', it must be 1, 0, -1 or empty"),
    'text': ('video,frame,AU1\na,1,yes\n', "line 2: AU1 is 'yes'"),
    'intensity': ('video,frame,AU1\na,1,0.5\n', "line 2: AU1 is '0.5'"),
    'frame text': ('video,frame,AU1\na,one,1\n', "line 2: 'one' is no frame number"),
    'frame fraction': ('video,frame,AU1\na,1.5,1\n', "line 2: '1.5' is no frame number"),
    'frame negative': ('video,frame,AU1\na,-3,1\n', "line 2: '-3' is no frame number"),
    'frame huge': ('video,frame,AU1\na,1000000000000,1\n', 'line 2: .* is no frame number'),
    'frame twice': (
        'video,frame,AU1\na,1,1\nb,1,1\na,3,0\na.mp4,1,0\n',
        'line 5: this frame of the video stands on line 2 already',
    ),
    'clip twice': ('video,AU1\na,1\na.avi,1\n', 'line 3: the video stands on line 2 already'),
    'short row': ('video,frame,AU1\na,1\n', 'line 2: has 2 cells, but the first row has 3'),
    'long row': ('video,frame,AU1\na,1,1,1\n', 'line 2: has 4 cells'),
    'two subjects': ('video,frame,subject,AU1\na,1,S1,1\na,2,S2,1\n', "line 3: .*subject is 'S2' here and 'S1' on"),
    'no subject': ('video,frame,subject,AU1\na,1,S1,1\nb,1,,1\n', "line 3: video 'b': its subject is empty"),
    'two splits': ('video,frame,split,AU1\na,1,train,1\na,2,val,1\n', "line 3: .*split is 'val' here and 'train' on"),
    'no split': ('video,split,AU1\na,,1\n', "line 2: video 'a': its split is empty"),
    'segment backwards': ('video,start_frame,end_frame,AU1\na,5,4,1\n', 'line 2: the segment ends before it starts'),
    'segment empty': ('video,start_s,end_s,AU1\na,5,5,1\n', 'line 2: the segment must end after it starts'),
    'segment text': ('video,start_s,end_s,AU1\na,0:05,5,1\n', "line 2: '0:05' is no time in seconds"),
    'segment infinite': ('video,start_s,end_s,AU1\na,0,inf,1\n', "line 2: 'inf' is no time"),
    'segment negative': ('video,start_s,end_s,AU1\na,-1,1,1\n', "line 2: '-1' is no time"),
    'outside': ('video,AU1\n../../etc,1\n', "line 2: '../../etc' is no name of a video within the folder"),
    'no rows': ('video,AU1\n', 'has no row of labels below its first row'),
    'empty': ('', 'the file is empty'),
    'utf-16': ('video,AU1\na,1\n'.encode('utf-16'), 'is no UTF-8 text'),
    'open quote': ('video,AU1\n"a,1\n', 'line 2: no row of a table'),
}  # fmt: skip


@pytest.mark.parametrize('case', BAD_TABLES)
def test_a_bad_table_is_refused_with_its_line(table, tmp_path, case):
    import re

    text, message = BAD_TABLES[case]
    with pytest.raises(InputError) as caught:
        table(text)
    assert str(caught.value).startswith(f'{tmp_path / "labels.csv"}: ')
    assert re.search(message, str(caught.value))
    assert '\n' not in str(caught.value)


def test_a_folder_in_place_of_the_table(tmp_path):
    with pytest.raises(InputError, match='cannot be read'):
        read_custom_table(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=80), header=st.sampled_from([b'', b'video,frame,AU1\n', b'video;start_s;end_s;AU1\n'])
)
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, content, header):
    path = tmp_path_factory.mktemp('table') / 'labels.csv'
    path.write_bytes(header + content)
    try:
        read_custom_table(path)
    except InputError as error:
        assert str(error).startswith(str(path))
