"""Folds of one's own, and subjects held out for validation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.preprocess.folds import Folds, hold_out, read_folds

SUBJECTS = st.lists(st.text('ABCxyz123', min_size=1, max_size=4), min_size=2, max_size=40, unique=True)


@given(subjects=SUBJECTS, fraction=st.floats(0.01, 0.99), seed=st.integers(0, 99), data=st.data())
def test_held_out_subjects_do_not_depend_on_order_and_never_are_all_or_none(subjects, fraction, seed, data):
    chosen = hold_out(subjects, fraction, seed)
    assert chosen == hold_out([*data.draw(st.permutations(subjects)), subjects[0]], fraction, seed)
    assert 1 <= len(chosen) < len(subjects)
    assert abs(len(chosen) - fraction * len(subjects)) <= 1
    assert chosen <= set(subjects)


def test_another_seed_another_choice():
    names = [f'S{number}' for number in range(100)]
    assert hold_out(names, 0.2, 0) != hold_out(names, 0.2, 1)
    assert len(hold_out(names, 0.2, 0)) == 20


def test_nobody_is_held_out_with_0_and_one_subject_cannot_be_divided():
    assert hold_out(['a', 'b'], 0, 0) == set()
    with pytest.raises(InputError, match='only 1 subject'):
        hold_out(['a', 'a'], 0.2, 0)
    for fraction in (1, -0.1, float('nan')):
        with pytest.raises(InputError, match='--val-fraction must be'):
            hold_out(['a', 'b'], fraction, 0)


def test_both_forms_of_a_file_say_the_same(tmp_path):
    wanted = [['S1', 'S2'], ['S3']]
    (tmp_path / 'folds.json').write_text(json.dumps(wanted))
    (tmp_path / 'folds.csv').write_text('fold;subject\n1;S1\n2;S3\n1;S2\n')
    for name in ('folds.json', 'folds.csv'):
        folds = read_folds(tmp_path / name)
        assert folds.folds == (('S1', 'S2'), ('S3',))
        assert folds.splits('S3') == ('train_fold1', 'test_fold2')
        with pytest.raises(InputError, match=f"subject 'S9' is in no fold of .*{name}.*--folds FILE"):
            folds.splits('S9')


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.json', '[["A"], ["A"]]', "subject 'A' is in fold 1 and in fold 2"),
        ('a.json', '[["A"]]', 'two folds or more'),
        ('a.json', '[["A"], []]', 'fold 2 is empty'),
        ('a.json', '[["A"], [3]]', 'subjects must be text'),
        ('a.json', '{"1": ["A"]}', 'must be a list of folds'),
        ('a.json', '[["A"', 'no valid JSON'),
        ('a.json', '[' * 100_000, 'is nested too deeply|no valid JSON'),
        ('a.csv', 'subject,fold\nA,1\nB,3\n', 'numbered from 1 without a gap'),
        ('a.csv', 'subject,fold\nA,1\nB,x\n', 'line 3: must be a subject and the number'),
        ('a.csv', 'subject,fold\nA,1\n,2\n', 'line 3: must be a subject and the number'),
        ('a.csv', 'subject,fold\nA\n', 'line 2: must be a subject and the number'),
        ('a.csv', 'name,fold\nA,1\n', 'line 1: the columns must be subject and fold'),
        ('a.csv', '', 'the file is empty'),
    ],
)
def test_bad_files_of_folds(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_folds(path)
    assert str(caught.value).startswith(str(path))
    assert '\n' not in str(caught.value)


def test_a_file_of_folds_that_is_not_there(tmp_path):
    for name in ('none.json', 'none.csv'):
        with pytest.raises(InputError, match='cannot be read'):
            read_folds(tmp_path / name)


def test_folds_can_be_given_directly():
    assert Folds([['a'], ['b'], ['c']], 'x').split_names == (
        'train_fold1', 'test_fold1', 'train_fold2', 'test_fold2', 'train_fold3', 'test_fold3',
    )  # fmt: skip


def test_leading_zeros_and_thousands_of_digits(tmp_path):
    path = tmp_path / 'folds.csv'
    path.write_text(f'subject,fold\na,{"0" * 20}1\nb,2\n')
    assert read_folds(path).folds == (('a',), ('b',))
    path.write_text(f'subject,fold\na,{"1" * 5000}\nb,2\n')
    with pytest.raises(InputError, match='line 2: must be a subject and the number of its fold'):
        read_folds(path)
