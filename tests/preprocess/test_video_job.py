"""What the jobs of single-person data sets share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.preprocess.csv_labels import FrameTable, choose_aus, frame_number, stack_columns
from pyskl.preprocess.video_job import TableLabels, file_facts, frame_times


def test_nothing_heavy_is_imported_by_a_worker(root):
    modules = ['bp4d', 'csv_labels', 'custom', 'custom_jobs', 'disfa', 'folds', 'segments', 'video_job']
    code = f'import sys; import {", ".join(f"pyskl.preprocess.{name}" for name in modules)}; '
    code += 'sys.exit(" ".join({"torch", "mmengine", "mmcv", "mediapipe"} & set(sys.modules)) or 0)'
    result = subprocess.run([sys.executable, '-c', code], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@given(fps=st.floats(1, 120), present=st.lists(st.booleans(), min_size=2, max_size=40), beyond=st.integers(0, 9))
def test_times_of_frames_left_out_are_those_of_a_steady_camera(fps, present, beyond):
    times = np.arange(len(present)) / fps
    given_times = np.where(present, times, np.nan)
    total = len(present) + beyond
    found, rate = frame_times(given_times, total, None)
    if sum(present) < 2:
        assert rate is None
        assert np.isnan(found).all()
    else:
        assert rate == pytest.approx(fps, rel=1e-6)
        assert found == pytest.approx(np.arange(total) / fps, abs=1e-9)


def test_times_of_an_unsteady_camera_are_kept():
    times = np.array([0, 0.04, 0.2, np.nan, 0.3])
    found, rate = frame_times(times, 6, None)
    assert found == pytest.approx([0, 0.04, 0.2, 0.25, 0.3, 0.375])
    assert rate == pytest.approx(4 / 0.3)
    assert (np.diff(found) > 0).all()


def test_times_that_stand_still_are_none_and_a_frame_rate_goes_before_them():
    assert frame_times(np.zeros(4), 4, None)[1] is None
    found, rate = frame_times(np.full(3, np.nan), 4, 20.0)
    assert (found.tolist(), rate) == ([0, 0.05, 0.1, 0.15], 20.0)


@given(st.lists(st.dictionaries(st.integers(1, 30), st.integers(-1, 5), max_size=10), min_size=1, max_size=5))
def test_columns_are_matched_by_frame(columns):
    tables = []
    for column in columns:
        values = np.array([column[frame] for frame in sorted(column)], np.int8)
        tables.append(FrameTable(np.array(sorted(column), np.int64), values[:, None]))
    stacked = stack_columns(tables)
    matrix = stacked.placed(30)
    for row in range(30):
        assert matrix[row].tolist() == [column.get(row + 1, -1) for column in columns]
    assert stacked.last_frame == max((key for column in columns for key in column), default=0)


def test_frames_beyond_the_wanted_total_are_cut():
    table = FrameTable(np.array([1, 5]), np.array([[1], [0]], np.int8))
    assert table.placed(3).tolist() == [[1], [-1], [-1]]
    labels = TableLabels(table, FrameTable(np.array([7]), np.array([[4]], np.int8)))
    assert labels.last_frame == 7
    intensity = labels.placed_intensity(np.zeros(7))
    assert intensity.dtype == np.float32
    assert intensity[:, 0].tolist() == [-1] * 6 + [4]


@pytest.mark.parametrize('text', ['0', '-1', '1.5', '1e3', '', ' ', '٣', '²', 'nan', '1' * 30, '1.0.0', '+1', '1_000'])
def test_what_is_no_frame_number(text):
    with pytest.raises(InputError, match=r'f.csv: line 4: .* is no frame number'):
        frame_number(text, 'f.csv', 4)


def test_frame_numbers():
    assert [frame_number(text, 'f.csv', 1) for text in ('1', '007', '12.0')] == [1, 7, 12]


def test_names_of_aus_in_any_spelling():
    coded = ('AU1', 'AU2', 'AU12')
    assert choose_aus(None, ('AU1',), coded) == ('AU1',)
    assert choose_aus(['12', 'au01'], ('AU1',), coded) == ('AU12', 'AU1')
    with pytest.raises(InputError, match='AU4 is not coded'):
        choose_aus(['AU4'], ('AU1',), coded)


def test_facts_of_a_file_change_with_it_and_not_with_its_folder(tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
    (tmp_path / 'a' / 'x.csv').write_text('1')
    before = file_facts([tmp_path / 'a' / 'x.csv', tmp_path / 'a' / 'none.csv'])
    (tmp_path / 'a' / 'x.csv').rename(tmp_path / 'b' / 'x.csv')
    assert file_facts([tmp_path / 'b' / 'x.csv', tmp_path / 'b' / 'none.csv']) == before
    (tmp_path / 'b' / 'x.csv').write_text('12')
    assert file_facts([tmp_path / 'b' / 'x.csv', tmp_path / 'b' / 'none.csv']) != before


@pytest.mark.parametrize('text', ['0' * 5000, '9' * 5000, '0' * 5000 + '1' * 12])
def test_thousands_of_digits_are_one_short_line(text):
    with pytest.raises(InputError, match=r'f.csv: line 4: .* is no frame number') as error:
        frame_number(text, 'f.csv', 4)
    assert len(str(error.value)) < 120
    with pytest.raises(InputError, match='no Action Unit name'):
        choose_aus(['AU' + text], ('AU1',), ('AU1',))


def test_leading_zeros_do_not_count():
    assert frame_number('0' * 5000 + '12', 'f.csv', 1) == 12
