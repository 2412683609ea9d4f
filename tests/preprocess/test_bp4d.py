"""BP4D: its codes read by frame number, its folds, and what is wrong with a file in one line."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.preprocess.bp4d import (
    BP4D_AUS,
    BP4D_FOLDS,
    BP4D_INTENSITY_AUS,
    find_codes,
    read_intensities,
    read_occurrences,
)


def write_occurrences(path, rows, header=None):
    """Write a file as the release has it: 99 AU columns, 9 where nothing was coded."""
    lines = [','.join(str(number) for number in range(100)) if header is None else header]
    for frame, values in rows:
        cells = ['9'] * 99
        for au, value in values.items():
            cells[int(au[2:]) - 1] = str(value)
        lines.append(','.join([str(frame), *cells]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
    return path


def refusal(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert '\n' not in message
    return message


def test_the_folds_hold_all_41_subjects_once():
    subjects = [subject for fold in BP4D_FOLDS.folds for subject in fold]
    expected = {f'F{number:03d}' for number in range(1, 24)} | {f'M{number:03d}' for number in range(1, 19)}
    assert len(subjects) == 41
    assert set(subjects) == expected
    assert [len(fold) for fold in BP4D_FOLDS.folds] == [14, 14, 13]


def test_no_subject_is_trained_and_tested_in_the_same_fold():
    members = {name: set() for name in BP4D_FOLDS.split_names}
    for fold in BP4D_FOLDS.folds:
        for subject in fold:
            for name in BP4D_FOLDS.splits(subject):
                members[name].add(subject)
    everybody = set.union(*members.values())
    for number in (1, 2, 3):
        train, test = members[f'train_fold{number}'], members[f'test_fold{number}']
        assert not train & test
        assert train | test == everybody
        assert test == set(BP4D_FOLDS.folds[number - 1])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), first=st.integers(1, 3000), count=st.integers(1, 30))
def test_codes_are_matched_by_frame_number_whatever_the_order(tmp_path_factory, seed, first, count):
    generator = random.Random(seed)
    frames = generator.sample(range(first, first + 2 * count), count)
    truth = {frame: {au: generator.choice([0, 1, 9]) for au in BP4D_AUS} for frame in frames}
    path = write_occurrences(tmp_path_factory.mktemp('occ') / 'F001_T1.csv', truth.items())
    total = first + 2 * count
    matrix = read_occurrences(path).placed(total)
    for row in range(total):
        for column, au in enumerate(BP4D_AUS):
            value = truth.get(row + 1, {}).get(au, 9)
            assert matrix[row, column] == (-1 if value == 9 else value)


def test_aus_come_in_the_order_asked_for(tmp_path):
    path = write_occurrences(tmp_path / 'F001_T1.csv', [(7, {'AU2': 1, 'AU12': 0, 'AU99': 1})])
    table = read_occurrences(path, ['AU12', 'AU99', 'AU2', 'AU5'])
    assert table.frames.tolist() == [7]
    assert table.values.tolist() == [[0, 1, 1, -1]]


def test_windows_line_ends_a_byte_order_mark_and_named_columns_are_read(tmp_path):
    path = tmp_path / 'F001_T1.csv'
    path.write_bytes('\ufeffframe; AU01; AU2\r\n3; 1; 9\r\n\r\n2; 0; 1\r\n'.encode())
    table = read_occurrences(path, ['AU1', 'AU2'])
    assert table.frames.tolist() == [2, 3]
    assert table.values.tolist() == [[0, 1], [1, -1]]


def test_a_comma_at_the_end_of_every_line_is_no_column(tmp_path):
    path = tmp_path / 'F001_T1.csv'
    path.write_text('0,1,2,\n4,1,0,\n')
    assert read_occurrences(path, ['AU1', 'AU2']).values.tolist() == [[1, 0]]


def test_a_file_with_no_coded_frame_is_refused(tmp_path):
    path = write_occurrences(tmp_path / 'F001_T1.csv', [])
    assert refusal(read_occurrences, path) == f'{path}: line 2: there is a first row, but no row of a frame'


BAD_FILES = {
    'no header': ('20,0,1,0\n21,0,1,0\n', "line 1: must name the columns.*the cell '20' does not"),
    'other header': ('frame,happy,sad\n1,0,1\n', "line 1: must name the columns.*'happy'"),
    'doubled column': ('0,1,2,1\n5,0,0,0\n', "line 1: must name the columns.*'1'"),
    'missing column': ('0,1\n5,0\n', 'line 1: there is no column for AU2'),
    'value': ('0,1,2\n5,0,1\n6,0,2\n', r"line 3: AU2 is '2', it must be 0, 1 or 9 \(not codable\)"),
    'text': ('0,1,2\n5,yes,1\n', "line 2: AU1 is 'yes'"),
    'twice': ('0,1,2\n5,0,1\n6,0,1\n5,1,1\n', 'line 4: frame 5 stands there twice'),
    'short row': ('0,1,2\n5,0\n', 'line 2: has 2 cells, but the first row has 3'),
    'long row': ('0,1,2\n5,0,1,1\n', 'line 2: has 4 cells'),
    'frame 0': ('0,1,2\n0,0,1\n', "line 2: '0' is no frame number; frames are counted from 1"),
    'frame text': ('0,1,2\nfive,0,1\n', "line 2: 'five' is no frame number"),
    'huge frame': ('0,1,2\n99999999999999999999,0,1\n', 'line 2: .* is no frame number'),
    'other digits': ('0,1,2\n\u0663,0,1\n', 'line 2: .* is no frame number'),
    'empty': ('', 'the file is empty'),
    'blank': ('\n\n  \n', 'the file is empty'),
    'open quote': ('0,1,2\n"5,0,1\n', 'line 2: no row of a table'),
}


@pytest.mark.parametrize('case', BAD_FILES)
def test_a_bad_file_is_refused_with_its_line(tmp_path, case):
    import re

    text, message = BAD_FILES[case]
    path = tmp_path / 'F001_T1.csv'
    path.write_text(text)
    error = refusal(read_occurrences, path, ['AU1', 'AU2'])
    assert error.startswith(str(path))
    assert re.search(message, error)


def test_a_picture_in_place_of_a_table(tmp_path):
    path = tmp_path / 'F001_T1.csv'
    path.write_bytes(b'\xff\xd8\xff\xe0\x00\x10JFIF')
    assert refusal(read_occurrences, path) == f'{path}: line 1: is no UTF-8 text; save the table as "CSV UTF-8"'


def test_a_folder_in_place_of_a_table(tmp_path):
    assert 'cannot be read' in refusal(read_occurrences, tmp_path)


def write_release(folder, sequences=('F001_T1', 'M003_T2')):
    for name in sequences:
        occurrences = [(frame, {au: (frame + int(au[2:])) % 2 for au in BP4D_AUS}) for frame in range(10, 20)]
        write_occurrences(folder / 'AU_OCC' / f'{name}.csv', occurrences)
        for au in BP4D_INTENSITY_AUS:
            path = folder / 'AU_INT' / f'AU{int(au[2:]):02d}' / f'{name}_AU{int(au[2:]):02d}.csv'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(''.join(f'{frame},{(frame + int(au[2:])) % 6}\n' for frame in range(10, 19)) + '19,9\n')


def test_the_sequences_of_a_release(tmp_path):
    write_release(tmp_path)
    (tmp_path / 'AU_OCC' / 'notes.csv').touch()
    expected = [('F001', 'T1', tmp_path / 'AU_OCC/F001_T1.csv'), ('M003', 'T2', tmp_path / 'AU_OCC/M003_T2.csv')]
    assert find_codes(tmp_path) == expected
    assert find_codes(tmp_path / 'AU_OCC') == expected


def test_intensities_stand_beside_the_occurrences(tmp_path):
    write_release(tmp_path)
    matrix = read_intensities(tmp_path / 'AU_OCC' / 'F001_T1.csv').placed(20)
    for row in range(20):
        for column, au in enumerate(BP4D_AUS):
            coded = au in BP4D_INTENSITY_AUS and 10 <= row + 1 <= 18
            assert matrix[row, column] == ((row + 1 + int(au[2:])) % 6 if coded else -1)


def test_intensities_of_aus_that_were_not_coded_are_unknown(tmp_path):
    write_release(tmp_path)
    matrix = read_intensities(tmp_path / 'AU_OCC' / 'F001_T1.csv', ['AU1', 'AU2']).placed(20)
    assert np.array_equal(matrix, np.full((20, 2), -1))


def test_a_missing_or_bad_intensity_file_is_named(tmp_path):
    write_release(tmp_path)
    path = tmp_path / 'AU_INT' / 'AU12' / 'F001_T1_AU12.csv'
    for text, message in [('10,6\n', "line 1: '6' is no valid value"), ('10,1\n10,1\n', 'line 2: frame 10'),
                          ('10,1,1\n', 'line 1: must be a frame number and a value')]:  # fmt: skip
        path.write_text(text)
        assert f'{path}: {message}' in refusal(read_intensities, tmp_path / 'AU_OCC' / 'F001_T1.csv')
    path.unlink()
    error = refusal(read_intensities, tmp_path / 'AU_OCC' / 'F001_T1.csv')
    assert error == f'{path}: cannot be read (No such file or directory)'


def test_folders_that_are_none_or_empty(tmp_path):
    (tmp_path / 'file').touch()
    assert 'cannot be read' in refusal(find_codes, tmp_path / 'file')
    assert 'cannot be read' in refusal(find_codes, tmp_path / 'nowhere')
    assert 'expected files such as AU_OCC/F001_T1.csv' in refusal(find_codes, tmp_path)
