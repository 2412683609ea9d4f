"""A large pickle becomes a keypoint store, once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stores import assert_same, sample

from pyskl.datasets import AnnotationFile, PoseDataset, dump_pickle
from pyskl.datasets.annotation import open_annotations
from pyskl.datasets.checks import check_sample
from pyskl.datasets.store import convert
from pyskl.errors import InputError


class TestConversion:
    @pytest.fixture(autouse=True)
    def _small_limit(self, monkeypatch):
        monkeypatch.setattr(convert, 'CONVERT_FROM_BYTES', 1000)

    @pytest.fixture
    def path(self, tmp_path) -> Path:
        path = tmp_path / 'large.pkl'
        self.dump(path, sample('a'), sample('b'))
        return path

    @staticmethod
    def dump(path: Path, *samples: dict) -> None:
        dump_pickle({'split': {'all': [made['frame_dir'] for made in samples]}, 'annotations': list(samples)}, path)

    def test_a_large_pickle_is_converted_once(self, path, monkeypatch):
        content = open_annotations(path)
        assert isinstance(content, AnnotationFile)
        assert content.path == path
        assert (path.parent / 'large.pkl.store' / 'meta.json').is_file()
        monkeypatch.setattr('pyskl.datasets.annotation.read_annotation_file', None)
        again = open_annotations(path)
        assert list(again.samples) == ['a', 'b']
        assert_same(again.samples['a'], check_sample(sample('a'), None, 'x'))
        assert again.splits == {'all': ['a', 'b']}

    def test_a_changed_pickle_is_converted_again(self, path):
        open_annotations(path)
        self.dump(path, sample('c', 9))
        assert list(open_annotations(path).samples) == ['c']

    def test_a_damaged_store_is_made_again(self, path):
        open_annotations(path)
        (path.parent / 'large.pkl.store' / 'keypoint.npy').unlink()
        assert list(open_annotations(path).samples) == ['a', 'b']

    def test_a_folder_of_somebody_else_is_left_alone(self, path, caplog):
        (path.parent / 'large.pkl.store').mkdir()
        assert list(open_annotations(path).samples) == ['a', 'b']
        assert 'move it away' in caplog.text
        assert list((path.parent / 'large.pkl.store').iterdir()) == []

    def test_a_pickle_that_no_store_can_hold_is_read_into_memory(self, path, caplog):
        wide = sample('b', keypoint=np.ones((1, 5, 133, 2)), keypoint_score=None)
        self.dump(path, sample('a'), wide)
        dataset = PoseDataset(path, [], keypoint_layout='ibug68')
        assert [track['frame_dir'] for track in dataset.tracks] == ['a', 'b']
        assert 'is read into memory' in caplog.text

    def test_what_a_killed_conversion_left_is_removed(self, path):
        left = path.parent / '.large.pkl.store.0a1b2c3d'
        left.mkdir()
        (left / 'keypoint.npy').write_bytes(b'x')
        open_annotations(path)
        assert not left.exists()

    def test_a_finished_store_needs_no_right_to_write(self, path, monkeypatch):
        open_annotations(path)
        monkeypatch.setattr(convert, 'FileLock', None)
        assert list(open_annotations(path).samples) == ['a', 'b']

    def test_pickles_of_like_paths_have_stores_of_their_own(self, tmp_path, monkeypatch):
        monkeypatch.setattr(convert.os, 'access', lambda *_: False)
        monkeypatch.setenv('PYSKL_CACHE', str(tmp_path / 'cache'))
        deep = tmp_path / ('long' * 50) / ('long' * 50)
        for number, folder in enumerate((tmp_path / 'fold_1', tmp_path / 'fold' / '1', deep)):
            folder.mkdir(parents=True)
            self.dump(folder / 'a.pkl', sample(f'track{number}'))
        for number, folder in enumerate((tmp_path / 'fold_1', tmp_path / 'fold' / '1', deep)):
            assert list(open_annotations(folder / 'a.pkl').samples) == [f'track{number}']
        assert len(list((tmp_path / 'cache' / 'stores').glob('a.pkl-*'))) == 3

    def test_a_place_that_cannot_be_written_is_not_needed(self, path, monkeypatch, tmp_path):
        monkeypatch.setattr(convert.os, 'access', lambda *_: False)
        monkeypatch.setenv('PYSKL_CACHE', str(tmp_path / 'cache'))
        assert list(open_annotations(path).samples) == ['a', 'b']
        assert list((tmp_path / 'cache' / 'stores').glob('large.pkl-*'))
        assert not (tmp_path / 'large.pkl.store').exists()

    def test_a_pickle_with_code_is_refused(self, path):
        path.write_bytes(b'cos\nsystem\n(S"echo ' + b'x' * 2000 + b'"\ntR.')
        with pytest.raises(InputError, match=r"asks for 'os\.system'"):
            open_annotations(path)
