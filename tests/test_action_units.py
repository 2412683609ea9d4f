"""Names of Action Units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.action_units import AFFWILD_AUS, AU_NAMES, au_column, au_number
from pyskl.errors import InputError


def test_the_aus_of_affwild_are_twelve_known_ones_in_rising_order():
    numbers = [au_number(au) for au in AFFWILD_AUS]
    assert numbers == [1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26]
    assert set(AFFWILD_AUS) <= AU_NAMES.keys()


def test_every_au_has_a_name_of_its_own():
    assert len(set(AU_NAMES.values())) == len(AU_NAMES)
    assert [au_number(au) for au in AU_NAMES] == sorted(au_number(au) for au in AU_NAMES)
    assert AU_NAMES['AU12'] == 'lip corner puller'


@given(st.integers(0, 999))
def test_number_and_column_of_an_au(number):
    assert au_number(f'AU{number}') == au_number(f'AU0{number}') == number
    assert au_column(f'AU{number}') == 'AU' + str(number).rjust(2, '0')


@pytest.mark.parametrize('name', ['', 'AU', '12', 'au12', 'AU12_c', 'AU-1', ' AU1', 'AU1\n', 'AU1.5', 'AU?0'])
def test_what_is_no_au_is_refused(name):
    with pytest.raises(InputError, match='is no Action Unit name'):
        au_number(name)
