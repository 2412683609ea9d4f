"""The AU table, read back with an independent reader and with its own."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.apis.results import AUResult
from pyskl.errors import InputError

AUS = ('AU1', 'AU12')


def make(probability, success=None, thresholds=(0.5, 0.5)) -> AUResult:
    probability = np.asarray(probability, np.float32).reshape(-1, 2)
    count = len(probability)
    success = np.ones(count, bool) if success is None else np.asarray(success, bool)
    occurrence = np.where(success[:, None], probability >= np.float32(thresholds), -1)
    probability = np.where(success[:, None], probability, np.nan)
    return AUResult(
        np.arange(1, count + 1),
        np.arange(count) / 30,
        success * 0.75,
        success,
        probability,
        occurrence,
        AUS,
        thresholds,
    )


def test_columns_and_cells_of_the_table(tmp_path):
    path = tmp_path / 'aus.csv'
    make([(0.25, 0.75), (0, 0), (1, 1e-7)], success=[1, 0, 1]).to_csv(path)
    assert path.read_text().splitlines() == [
        'frame,timestamp,confidence,success,AU01_p,AU12_p,AU01_c,AU12_c',
        '1,0.000000,0.75,1,0.25,0.75,0,1',
        '2,0.033333,0,0,,,,',
        '3,0.066667,0.75,1,1,0.0000001,1,0',
    ]


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=9))
def test_round_trip_is_exact_and_columns_never_contradict(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp('table') / 'aus.csv'
    result = make([row[:2] for row in rows], [row[2] for row in rows])
    result.to_csv(path)
    back = AUResult.from_csv(path)
    assert back.aus == AUS and back.thresholds is None
    for name in ('frame', 'confidence', 'success', 'probability', 'occurrence'):
        assert np.array_equal(getattr(back, name), getattr(result, name), equal_nan=name == 'probability')
    assert back.timestamp == pytest.approx(result.timestamp, abs=1e-6)
    with path.open(newline='') as source:
        for row in csv.DictReader(source):
            if row['success'] == '1':
                assert (np.float32(row['AU12_p']) >= 0.5) == (row['AU12_c'] == '1')


def test_summary_counts_frames_with_a_face_only():
    rows = make([(0.9, 0.1), (0.8, 0.2), (0.9, 0.9), (0.1, 0.6)], success=[1, 1, 0, 1]).summary()
    assert [row.au for row in rows] == list(AUS)
    assert [row.active for row in rows] == pytest.approx([2 / 3, 1 / 3])
    assert [row.probability for row in rows] == pytest.approx([0.6, 0.3])


def test_summary_without_a_face_is_unknown():
    assert all(math.isnan(row.active) for row in make([(0, 0)], success=[0]).summary())


def test_failed_write_keeps_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / 'aus.csv'
    path.write_text('old')
    monkeypatch.setattr('pyskl.apis.results._number', lambda value: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make([(0, 0)]).to_csv(path)
    assert path.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [path]


HEADER = 'frame,timestamp,confidence,success,AU01_p,AU12_p,AU01_c,AU12_c\n'


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        ('', 'line 1'),
        ('a,b\n1,2\n', 'line 1'),
        ('frame,timestamp,confidence,success,AU01_r,AU01_c\n', 'line 1'),
        ('frame,timestamp,confidence,success,AU01_p,AU12_p,AU12_c,AU01_c\n', 'line 1'),
        (HEADER + '1,0,1,1,0.5,0.5,1\n', 'line 2 has 7 cells, expected 8'),
        (HEADER + '1,0,1,1,0.5,0.5,1,1\n2,0,1,1,x,0.5,1,1\n', 'line 3'),
        (HEADER + '1,0,1,1,,0.5,1,1\n', 'line 2 has an empty cell'),
        (HEADER + ',0,1,0,,,,\n', 'line 2 has an empty cell'),
    ],
)
def test_what_is_no_table_is_refused_with_file_and_line(tmp_path, content, reason):
    path = tmp_path / 'wrong.csv'
    path.write_text(content)
    with pytest.raises(InputError, match=reason) as error:
        AUResult.from_csv(path)
    assert str(path) in str(error.value)


def test_missing_table_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r'absent\.csv'):
        AUResult.from_csv(tmp_path / 'absent.csv')


def test_arrays_that_do_not_fit_are_refused():
    good = make([(0.1, 0.2)])
    with pytest.raises(ValueError, match='timestamp has shape'):
        AUResult(good.frame, [0, 1], good.confidence, good.success, good.probability, good.occurrence, AUS)
    with pytest.raises(ValueError, match='probability has shape'):
        AUResult(good.frame, good.timestamp, good.confidence, good.success, [[0.1]], good.occurrence, AUS)
    with pytest.raises(ValueError, match='1 thresholds for 2 AUs'):
        make([(0.1, 0.2)], thresholds=(0.5,))
    with pytest.raises(ValueError, match='has no probability'):
        AUResult(good.frame, good.timestamp, good.confidence, [1], [[np.nan, 0]], good.occurrence, AUS)
