"""Messages that name the closest right word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.errors import InputError, closest, did_you_mean

KNOWN = ('backbone', 'cls_head', 'data_preprocessor', 'AUMetric')


def test_an_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize(
    ('name', 'match'),
    [
        ('bakbone', 'backbone'),
        ('BACKBONE', 'backbone'),
        ('aumetric', 'AUMetric'),
        ('cls-head', 'cls_head'),
        ('preprocessor', 'data_preprocessor'),
        ('zzz', None),
        ('', None),
    ],
)
def test_the_closest_name(name, match):
    assert closest(name, KNOWN) == match


@given(st.sampled_from(KNOWN), st.data())
def test_a_dropped_letter_is_seen_through(name, data):
    place = data.draw(st.integers(0, len(name) - 1))
    assert closest(name[:place] + name[place + 1 :], KNOWN) == name


def test_the_tail_of_a_message():
    assert did_you_mean('bakbone', KNOWN) == "did you mean 'backbone'?"
    assert did_you_mean('zzz', KNOWN) == 'known: AUMetric, backbone, cls_head, data_preprocessor'
    assert did_you_mean('x', {'b': 1, 'a': 2}) == 'known: a, b'
    assert did_you_mean('x', ()) == 'none are known'
    assert did_you_mean('b', iter(('bb', 'cc'))) == "did you mean 'bb'?"
