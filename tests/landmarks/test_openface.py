"""OpenFace's tables against Python's csv module, and tables that are none."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.landmarks import OPENFACE_LAYOUT, read_openface_csv

POINTS = [f'{axis}_{index}' for axis in 'xy' for index in range(68)]
HEADER = ['frame', 'face_id', 'timestamp', 'confidence', 'success', *POINTS]


def row(frame: object, face: object = 0, x: float = 100, success: object = 1, confidence: object = 0.9) -> list:
    rng = np.random.default_rng(2)
    points = np.stack([rng.uniform(x - 20, x + 20, 68), rng.uniform(80, 120, 68)])
    return [frame, face, f'{(float(frame) - 1) / 25:.3f}', confidence, success, *np.round(points.ravel(), 2).tolist()]


def table(path: Path, rows: list[list], header: list[str] = HEADER) -> Path:
    path.write_text('\n'.join(', '.join(map(str, cells)) for cells in [header, *rows]) + '\n')
    return path


def test_real_table_is_read_as_the_csv_module_reads_it(clips):
    records = list(read_openface_csv(clips / 'OpenFace_Test.csv'))
    with (clips / 'OpenFace_Test.csv').open(newline='') as source:
        rows = [{key.strip(): value for key, value in cells.items()} for cells in csv.DictReader(source)]
    assert len(records) == len(rows) == 100
    for record, cells in zip(records, rows, strict=True):
        assert record.index == int(cells['frame']) - 1
        assert record.timestamp == pytest.approx(float(cells['timestamp']))
        (face,) = record.faces
        expected = [(float(cells[f'x_{index}']), float(cells[f'y_{index}'])) for index in range(68)]
        assert face.keypoint == pytest.approx(np.array(expected), abs=1e-3)
        assert face.score == pytest.approx(np.full(68, float(cells['confidence'])))
        assert face.track == 0


def test_layout_has_as_many_points():
    from pyskl.keypoints import get_layout

    assert get_layout(OPENFACE_LAYOUT).num_keypoints == 68


def test_several_faces_a_frame_are_followed_whatever_slot_they_have(tmp_path):
    rows = [row(1, 0, 100), row(1, 1, 400), row(2, 0, 401), row(2, 1, 101), row(7, 1, 103)]
    records = list(read_openface_csv(table(tmp_path / 'a.csv', rows)))
    assert [record.index for record in records] == [0, 1, 6]
    tracks = [[(face.track, round(face.keypoint[:, 0].mean(), -2)) for face in record.faces] for record in records]
    assert tracks == [[(0, 100), (1, 400)], [(0, 100), (1, 400)], [(0, 100)]]


def test_rows_without_success_are_frames_without_a_face_whatever_else_they_hold(tmp_path):
    broken = [2, 0, 0.04, 0.1, 0, *['-nan(ind)'] * 136]
    rows = [row(1), broken, row(3, success=0), row(4, confidence=0), row(5, success='1.0')]
    records = list(read_openface_csv(table(tmp_path / 'a.csv', rows)))
    assert [len(record.faces) for record in records] == [1, 0, 0, 0, 1]


def test_timestamp_and_face_id_may_be_missing_and_columns_stand_anywhere(tmp_path):
    header = ['AU01_r', *POINTS[68:], 'success', 'confidence', *POINTS[:68], 'frame']
    whole = dict(zip(HEADER, row(3), strict=True)) | {'AU01_r': 0.5}
    (record,) = read_openface_csv(table(tmp_path / 'a.csv', [[whole[name] for name in header]], header))
    assert record.index == 2 and np.isnan(record.timestamp)
    assert record.faces[0].keypoint[5] == pytest.approx([whole['x_5'], whole['y_5']])


def test_table_without_rows_has_no_frames(tmp_path):
    assert list(read_openface_csv(table(tmp_path / 'a.csv', []))) == []


def changed(place: int, value: object) -> list:
    cells = row(2)
    cells[place] = value
    return cells


WRONG = {
    'short row': ([row(1), row(2)[:-3]], 'line 3: 138 cells, the header has 141'),
    'long row': ([row(1), [*row(2), 1]], 'line 3: 142 cells'),
    'text for x': ([row(1), changed(7, 'left')], "line 3: x_2 is 'left'"),
    'empty cell': ([row(1), changed(100, '')], "line 3: y_27 is ''"),
    'NaN': ([row(1), changed(7, 'nan')], 'line 3: a keypoint is not finite'),
    'Infinity': ([row(1), changed(7, '-inf')], 'line 3: a keypoint is not finite'),
    'text for the frame': ([row(1), changed(0, 'two')], "line 3: frame is 'two'"),
    'frame 0': ([row(1), changed(0, 0)], "line 3: frame '0'"),
    'half a frame': ([row(1), changed(0, 2.5)], "line 3: frame '2.5'"),
    'frame NaN': ([row(1), changed(0, 'nan')], "line 3: frame 'nan'"),
    'success 2': ([row(1), changed(4, 2)], "line 3: success '2'"),
    'confidence 1.5': ([row(1), changed(3, 1.5)], "confidence '1.5'"),
    'confidence NaN': ([row(1), changed(3, 'nan')], "confidence 'nan'"),
    'backwards': ([row(5), row(4)], 'line 3: frame 4 comes after frame 5'),
    'twice': ([row(1), row(2), row(2)], 'line 4: frame 2 has face 0 already in line 3'),
}


@pytest.mark.parametrize('name', WRONG)
def test_wrong_rows_are_refused_with_file_and_line(tmp_path, name):
    rows, message = WRONG[name]
    path = table(tmp_path / 'clip.csv', rows)
    with pytest.raises(InputError, match=message) as error:
        list(read_openface_csv(path))
    assert str(path) in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('missing', ['frame', 'confidence', 'success', 'x_0', 'y_67'])
def test_missing_column_is_named(tmp_path, missing):
    place = HEADER.index(missing)
    rows = [cells[:place] + cells[place + 1 :] for cells in [row(1)]]
    path = table(tmp_path / 'a.csv', rows, HEADER[:place] + HEADER[place + 1 :])
    with pytest.raises(InputError, match=rf"line 1: no column '{missing}'"):
        list(read_openface_csv(path))


def test_scattered_columns_are_refused(tmp_path):
    header = [*HEADER[:5], *reversed(POINTS)]
    with pytest.raises(InputError, match='side by side'):
        list(read_openface_csv(table(tmp_path / 'a.csv', [], header)))


@pytest.mark.parametrize(
    ('content', 'message'),
    [(b'', 'is empty'), (b'\xff\xfe\x00', 'not a text file'), (b'{"a": 1}', "no column 'frame'")],
)
def test_what_is_no_table_is_refused(tmp_path, content, message):
    path = tmp_path / 'a.csv'
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_openface_csv(path))
    with pytest.raises(InputError, match=r'absent\.csv: cannot be read'):
        list(read_openface_csv(tmp_path / 'absent.csv'))


def test_rows_are_read_one_by_one(tmp_path):
    path = table(tmp_path / 'a.csv', [row(1), row(2), row(3)[:9]])
    records = read_openface_csv(path)
    assert next(records).index == 0
    with pytest.raises(InputError, match='line 4'):
        list(records)
