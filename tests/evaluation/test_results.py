"""Results files: what goes in comes out, in every format, and what is no results file is refused."""

from __future__ import annotations

import csv
import json
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyskl.errors import InputError
from pyskl.evaluation import RESULT_SUFFIXES, check_results_path, collect_predictions, read_results, write_results
from pyskl.evaluation.results import _shortest

AUS = ('AU1', 'AU2', 'AU25')


def assert_same_tracks(results, samples):
    expected = list(collect_predictions(samples).records())
    assert len(results.tracks) == len(expected)
    for track, record in zip(results.tracks, expected, strict=True):
        assert track['frame_dir'] == record['frame_dir']
        for key in ('frame_inds', 'score', 'face_found'):
            if key in record:
                np.testing.assert_array_equal(track[key], record[key])
        assert ('frame_inds' in track) == ('frame_inds' in record)
        assert (track['label'] is None) == (record['label'] is None)
        if record['label'] is not None:
            np.testing.assert_array_equal(track['label'], record['label'])


@pytest.mark.parametrize('suffix', RESULT_SUFFIXES)
def test_frames_come_back_exactly(windows, tmp_path, suffix):
    samples = windows()
    samples[4]['label'] = samples[5]['label'] = None
    samples[0]['score'][0] = [0, 1, 1e-9]
    path = write_results(tmp_path / f'result{suffix}', samples, AUS, {'dataset': 'faces', 'fps': np.float32(25)})
    results = read_results(path)
    assert_same_tracks(results, samples)
    assert results.aus == AUS
    assert results.metadata == ({} if suffix == '.csv' else {'dataset': 'faces', 'fps': 25.0})
    assert [path.name for path in tmp_path.iterdir()] == [f'result{suffix}']


@pytest.mark.parametrize('suffix', RESULT_SUFFIXES)
def test_clips_come_back_exactly(clips, single, tmp_path, suffix):
    clips[3]['label'] = None
    clips[5]['frame_dir'] = 'a "quoted", name: - [x]\nwith a line break é'
    assert_same_tracks(read_results(write_results(tmp_path / f'clips{suffix}', clips, AUS)), clips)
    classes = ['happy', 'sad', 'angry', 'yes']
    single[2]['label'] = None
    results = read_results(write_results(tmp_path / f'single{suffix}', single, classes))
    assert_same_tracks(results, single)
    assert results.aus == tuple(classes)
    assert results.predictions.level == 'single'


def test_csv_has_a_row_per_frame_and_a_column_per_au(windows, tmp_path):
    samples = windows(num_tracks=1)
    path = write_results(tmp_path / 'result.csv', samples, AUS)
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ['frame_dir', 'frame', 'face_found', 'AU01_p', 'AU02_p', 'AU25_p', 'AU01', 'AU02', 'AU25']
    assert [int(row['frame']) for row in rows] == list(range(10))
    sample = samples[1]
    for i, frame in enumerate(sample['frame_inds']):
        assert np.float32(rows[frame]['AU02_p']) == sample['score'][i, 1]
        assert int(rows[frame]['AU25']) == sample['label'][i, 2]


def test_json_and_yaml_are_read_by_their_own_libraries(windows, tmp_path):
    samples = windows()
    nan = {'f1_official': float('nan')}
    text = write_results(tmp_path / 'r.json', samples, AUS, nan).read_text()
    content = json.loads(text, parse_constant=lambda name: pytest.fail(f'{name} is not JSON'))
    assert content['metadata'] == {'f1_official': None}
    assert len(content['tracks']) == 3
    assert yaml.safe_load(write_results(tmp_path / 'r.yaml', samples, AUS, nan).read_text()) == content


def test_a_pickle_holds_arrays_and_plain_containers_only(windows, tmp_path):
    path = write_results(tmp_path / 'r.pkl', windows(), AUS, {'folder': Path('a'), 'sizes': (1, np.int64(2))})
    strings = [arg for _, arg, _ in pickletools.genops(path.read_bytes()) if isinstance(arg, str)]
    assert {s for s in strings if '.' in s or s == 'numpy'} <= {'numpy', 'numpy._core.multiarray'}
    with path.open('rb') as file:
        content = pickle.load(file)
    assert content['metadata'] == {'folder': 'a', 'sizes': [1, 2]}
    assert content['tracks'][0]['score'].dtype == np.float32
    assert content['tracks'][0]['label'].dtype == np.int8


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)))
def test_written_digits_bring_every_float32_back(score):
    np.testing.assert_array_equal(_shortest(score).astype(np.float32), score)
    ordinary = _shortest(score)[score > 1e-4]
    assert all(len(repr(float(value))) <= 16 for value in ordinary)


def test_a_failed_write_leaves_the_old_file(windows, tmp_path):
    path = write_results(tmp_path / 'r.csv', windows(), AUS)
    before = path.read_bytes()
    with pytest.raises(InputError, match='names of their own'):
        write_results(path, windows(), ['AU1', 'AU01', 'AU2'])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_frame_twice_is_refused(windows, tmp_path):
    samples = windows()
    with pytest.raises(InputError, match='more than once'):
        write_results(tmp_path / 'r.json', [*samples, {**samples[0], 'sample_idx': 50}], AUS)


@pytest.mark.parametrize(('aus', 'metadata'), [(('AU1',), {}), (AUS, {'model': object()})])
def test_names_and_metadata_that_cannot_be_kept_are_refused(windows, tmp_path, aus, metadata):
    with pytest.raises(InputError):
        write_results(tmp_path / 'r.json', windows(), aus, metadata)
    assert not list(tmp_path.iterdir())


def test_the_place_is_checked_before_the_run_and_nothing_is_made_there(tmp_path):
    path = tmp_path / 'a' / 'b' / 'r.PKL'
    assert check_results_path(path) == path
    (tmp_path / 'file').touch()
    (tmp_path / 'folder.json').mkdir()
    for path in (tmp_path / 'file' / 'r.json', tmp_path / 'folder.json'):
        with pytest.raises(InputError, match=path.name):
            check_results_path(path)
    for name in ('r.xml', 'r', 'r.pkl.gz'):
        with pytest.raises(InputError, match=r'known: \.pkl, \.json, \.yaml, \.yml, \.csv'):
            check_results_path(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file', 'folder.json']


HEAD = '{"format": "pyskl-results", "version": 1, "aus": ["AU1"], "tracks": '
HOSTILE = {
    'empty.json': '',
    'cut.json': HEAD + '[{"frame_dir": "a", ',
    'list.json': '[1, 2]',
    'other.json': '{"tracks": []}',
    'newer.json': '{"format": "pyskl-results", "version": 2}',
    'no_tracks.json': '{"format": "pyskl-results", "version": 1, "aus": []}',
    'number.json': HEAD + '5}',
    'numbers.json': HEAD + '[5]}',
    'nan.json': HEAD + '[{"frame_dir": "a", "score": [NaN]}]}',
    'index.json': HEAD + '[{"frame_dir": "a", "sample_idx": Infinity, "score": [0.5]}]}',
    'width.json': HEAD + '[{"frame_dir": "a", "score": [0.5, 0.5]}]}',
    'ragged.json': HEAD + '[{"frame_dir": "a", "frame_inds": [0, 1], "score": [[0.5], [0.5, 0.1]]}]}',
    'huge.json': HEAD + '[{"frame_dir": "a", "frame_inds": [1e99], "score": [[0.5]]}]}',
    'label.json': HEAD + '[{"frame_dir": "a", "score": [0.5], "label": [7]}]}',
    'code.yaml': '!!python/object/apply:os.system ["true"]',
    'bad.yaml': 'a: [1, 2',
    'empty.csv': '',
    'columns.csv': 'frame_dir,frame,AU01_p\n',
    'cells.csv': 'frame_dir,frame,face_found,AU01_p,AU01\na,0,1,much,1\n',
    'short.csv': 'frame_dir,frame,face_found,AU01_p,AU01\na,0\n',
    'twice.csv': 'frame_dir,frame,face_found,AU01_p,AU01\na,0,1,0.5,1\na,0,1,0.5,1\n',
    'bytes.csv': '\udcff\udcfe',
}


@pytest.mark.parametrize('name', HOSTILE)
def test_what_is_no_results_file_is_refused_in_one_line(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(HOSTILE[name].encode('utf-8', 'surrogateescape'))
    with pytest.raises(InputError, match=name) as caught:
        read_results(path)
    assert '\n' not in str(caught.value)


class Hostile:
    def __reduce__(self):
        return Path.touch, (Path('ran'),)


def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('r.pkl').write_bytes(pickle.dumps({'format': 'pyskl-results', 'version': 1, 'aus': Hostile()}))
    with pytest.raises(InputError, match=r'r\.pkl'):
        read_results('r.pkl')
    assert not Path('ran').exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r'gone\.json: no such file'):
        read_results(tmp_path / 'gone.json')
