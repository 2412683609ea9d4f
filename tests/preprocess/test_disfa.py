"""DISFA: intensities by frame number, occurrence from a threshold, its folds."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.preprocess.disfa import (
    DISFA_AUS,
    DISFA_CODED_AUS,
    DISFA_FOLDS,
    find_subjects,
    occurrences_of,
    read_intensities,
)


def write_subject(folder, subject='SN001', frames=range(1, 31), aus=DISFA_CODED_AUS):
    place = folder / 'ActionUnit_Labels' / subject
    place.mkdir(parents=True, exist_ok=True)
    for au in aus:
        number = int(au[2:])
        text = ''.join(f'{frame},{(frame * number) % 6}\n' for frame in frames)
        (place / f'{subject}_au{number}.txt').write_text(text)
    return place


def refusal(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert '\n' not in message
    return message


def test_the_folds_hold_27_subjects_once():
    subjects = [subject for fold in DISFA_FOLDS.folds for subject in fold]
    assert len(set(subjects)) == len(subjects) == 27
    absent = {14, 15, 19, 20, 22}
    assert set(subjects) == {f'SN{number:03d}' for number in range(1, 33) if number not in absent}


def test_no_subject_is_trained_and_tested_in_the_same_fold():
    for fold in DISFA_FOLDS.folds:
        for subject in fold:
            splits = DISFA_FOLDS.splits(subject)
            assert len(splits) == 3
            assert sum(name.startswith('test') for name in splits) == 1
            assert {name[-1] for name in splits} == {'1', '2', '3'}


def test_intensities_of_every_au_by_frame_number(tmp_path):
    place = write_subject(tmp_path, frames=[*range(20, 31), *range(1, 11)])
    matrix = read_intensities(place, DISFA_CODED_AUS).placed(32)
    for row in range(32):
        for column, au in enumerate(DISFA_CODED_AUS):
            coded = 1 <= row + 1 <= 10 or 20 <= row + 1 <= 30
            assert matrix[row, column] == (((row + 1) * int(au[2:])) % 6 if coded else -1)


def test_files_that_differ_in_their_frames_leave_gaps_of_their_own(tmp_path):
    place = write_subject(tmp_path)
    (place / 'SN001_au2.txt').write_text('40,3\n5,1\n')
    table = read_intensities(place, ['AU1', 'AU2'])
    assert table.last_frame == 40
    matrix = table.placed(40)
    assert matrix[:30, 0].min() >= 0
    assert (matrix[30:, 0] == -1).all()
    assert np.flatnonzero(matrix[:, 1] >= 0).tolist() == [4, 39]


@pytest.mark.parametrize('threshold', [1, 2, 3])
def test_occurrence_from_intensity(threshold):
    intensities = np.array([[-1, 0, 1], [2, 3, 5]], np.int8)
    expected = [[-1 if i < 0 else int(i >= threshold) for i in row] for row in intensities.tolist()]
    assert occurrences_of(intensities, threshold).tolist() == expected


def test_two_is_positive_by_default():
    assert occurrences_of(np.arange(-1, 6)).tolist() == [-1, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('1,0\n2,7\n', "line 2: '7' is no valid value, these are: 0, 1, 2, 3, 4, 5"),
        ('1,0\n2,9\n', "line 2: '9' is no valid value"),
        ('1,0\n2\n', 'line 2: must be a frame number and a value, but has 1 cells'),
        ('1,0\n2,-1\n', "line 2: '-1' is no valid value"),
        ('1,0\n1,0\n', 'line 2: frame 1 stands there twice'),
        ('frame,intensity\n1,0\n', "line 1: 'frame' is no frame number"),
        ('1,0\n\n2,0.5\n', "line 3: '0.5' is no valid value"),
        ('', 'the file is empty'),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path, text, message):
    place = write_subject(tmp_path)
    path = place / 'SN001_au9.txt'
    path.write_text(text)
    assert refusal(read_intensities, place).startswith(f'{path}: {message}')


def test_a_missing_file_is_named(tmp_path):
    place = write_subject(tmp_path, aus=DISFA_CODED_AUS[:-1])
    assert read_intensities(place, DISFA_AUS[:-1]).values.shape == (30, 7)
    assert refusal(read_intensities, place) == f'{place}/SN001_au26.txt: cannot be read (No such file or directory)'


def test_the_subjects_of_a_release(tmp_path):
    for subject in ('SN010', 'SN002'):
        write_subject(tmp_path, subject, aus=['AU1'])
    (tmp_path / 'ActionUnit_Labels' / 'notes.txt').touch()
    place = tmp_path / 'ActionUnit_Labels'
    expected = [('SN002', place / 'SN002'), ('SN010', place / 'SN010')]
    assert find_subjects(tmp_path) == find_subjects(place) == expected


def test_folders_that_are_none_or_empty(tmp_path):
    (tmp_path / 'file').touch()
    assert 'cannot be read' in refusal(find_subjects, tmp_path / 'file')
    assert 'expected folders such as ActionUnit_Labels/SN001' in refusal(find_subjects, tmp_path)
