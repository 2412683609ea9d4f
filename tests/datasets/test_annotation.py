"""What an annotation file may hold, and how its mistakes are told."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from pyskl.datasets import dump_pickle, read_annotation_file
from pyskl.datasets.checks import check_sample
from pyskl.errors import InputError


def sample(**changes):
    rng = np.random.default_rng(0)
    content = {
        'frame_dir': 'track_1',
        'total_frames': 5,
        'img_shape': (100, 120),
        'original_shape': (100, 120),
        'keypoint': rng.uniform(1, 99, (1, 5, 68, 2)).astype(np.float16),
        'keypoint_score': np.ones((1, 5, 68), np.float16),
        'label': np.ones((5, 12), np.int64),
    }
    return {**content, **changes}


def test_dtypes_become_the_projects_own():
    checked = check_sample(sample(), 12, 'file.pkl')
    assert checked['keypoint'].dtype == np.float32
    assert checked['keypoint_score'].dtype == np.float32
    assert checked['label'].dtype == np.int8


def test_scores_may_be_missing_or_lie_beside_the_coordinates():
    bare = sample()
    bare.pop('keypoint_score')
    assert (check_sample(bare, 12, 'f')['keypoint_score'] == 1).all()
    triple = sample(keypoint=np.concatenate([sample()['keypoint'], np.full((1, 5, 68, 1), 0.5)], axis=-1))
    triple.pop('keypoint_score')
    checked = check_sample(triple, 12, 'f')
    assert checked['keypoint'].shape == (1, 5, 68, 2)
    assert (checked['keypoint_score'] == 0.5).all()


@pytest.mark.parametrize('label', [3, np.int64(3), np.eye(12)[0], [0] * 12, np.full((5, 12), -1), None])
def test_all_forms_of_labels_are_read(label):
    checked = check_sample(sample(label=label), 12, 'f')
    if label is None:
        assert 'label' not in checked
    else:
        np.testing.assert_array_equal(checked['label'], label)


def nan_at(*place):
    keypoint = sample()['keypoint'].astype(np.float32)
    keypoint[place] = np.nan
    return keypoint


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keypoint': np.zeros((5, 68, 2))}, r'keypoint: its shape must be \(persons, frames, keypoints, 2\)'),
        ({'keypoint': np.zeros((1, 0, 68, 2))}, 'keypoint: its shape'),
        ({'keypoint': nan_at(0, 3, 20, 1)}, 'keypoint: NaN or infinite at person 0, frame 3, keypoint 20'),
        ({'keypoint': 'none'}, 'keypoint: must be an array of numbers'),
        ({'keypoint': [[1], [2, 3]]}, 'keypoint: must be an array of numbers'),
        ({'keypoint_score': np.ones((1, 5, 67))}, r'keypoint_score: its shape \(1, 5, 67\) does not fit'),
        ({'keypoint_score': np.full((1, 5, 68), np.inf)}, 'keypoint_score: NaN or infinite'),
        ({'keypoint_score': np.full((1, 5, 68), 1.5)}, r'keypoint_score: values must lie in 0..1'),
        ({'total_frames': 'five'}, 'total_frames: must be an array of numbers'),
        ({'total_frames': None}, 'total_frames: must be an array of numbers'),
        ({'total_frames': [5, 5]}, 'total_frames: must be a number'),
        ({'total_frames': float('nan')}, 'total_frames: says nan'),
        ({'img_shape': (100, float('nan'))}, 'img_shape: must be'),
        ({'img_shape': (0.5, 100)}, 'img_shape: must be'),
        ({'label': float('nan')}, 'label: class nan'),
        ({'label': float('inf')}, 'label: class inf'),
        ({'total_frames': 6}, 'total_frames: says 6, but there are keypoints for 5 frames'),
        ({'img_shape': (0, 100)}, 'img_shape: must be'),
        ({'img_shape': 100}, 'img_shape: must be'),
        ({'label': np.ones((5, 11))}, r'label: its shape \(5, 11\) must be \(12,\)'),
        ({'label': np.ones(8)}, r'label: its shape \(8,\)'),
        ({'label': np.ones((4, 12))}, 'label: has 4 rows for 5 frames'),
        ({'label': np.full((5, 12), 2)}, 'label: values must be 1, 0 or -1'),
        ({'label': np.full((5, 12), 0.5)}, 'label: values must be 1, 0 or -1'),
        ({'label': 12}, r'label: class 12 is not in 0..11'),
        ({'label': -1}, 'label: class -1'),
    ],
)
def test_each_mistake_names_file_track_and_field(changes, message):
    with pytest.raises(InputError, match=message) as error:
        check_sample(sample(**changes), 12, 'data/file.pkl')
    assert str(error.value).startswith("data/file.pkl: track 'track_1': ")
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('field', ['total_frames', 'img_shape', 'keypoint'])
def test_missing_fields_are_named(field):
    broken = sample()
    broken.pop(field)
    with pytest.raises(InputError, match=f"the field '{field}' is missing"):
        check_sample(broken, 12, 'f')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([1, 2], 'must hold a dict'),
        ({'split': {}}, 'must hold a dict'),
        ({'split': {}, 'annotations': {}}, 'annotations: must be a list'),
        ({'split': [], 'annotations': []}, 'split: must be a dict'),
        ({'split': {'train': 5}, 'annotations': []}, "split: 'train' must be a name with a list of ids"),
        ({'split': {'train': [['a']]}, 'annotations': []}, "split: 'train' must be"),
        ({'split': {0: ['a']}, 'annotations': []}, "split: '0' must be"),
        ({'annotations': [], 'metainfo': [1]}, 'metainfo: must be a dict'),
        ({'annotations': [], 'metainfo': {'aus': 12}}, 'metainfo.aus: must be a list of names'),
        ({'annotations': [], 'metainfo': {'aus': [1, 2]}}, 'metainfo.aus: must be a list of names'),
        ({'annotations': [], 'metainfo': {'keypoint_layout': ['ibug68']}}, 'metainfo.keypoint_layout: must be a name'),
        ({'split': {}, 'annotations': [{'frame_dir': 3}]}, r'annotations\[0\]'),
        ({'split': {}, 'annotations': [{'frame_dir': 'a'}, {'frame_dir': 'a'}]}, "'a' stands there twice"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path, content, message):
    path = tmp_path / 'file.pkl'
    dump_pickle(content, path)
    with pytest.raises(InputError, match=message) as error:
        read_annotation_file(path)
    assert str(path) in str(error.value)


def test_splits_are_looked_up(tmp_path, annotation_content):
    path = tmp_path / 'file.pkl'
    content = copy.copy(annotation_content)
    content['split'] = {**content['split'], 'empty': [], 'ghost': ['nobody'], 'twice': content['split']['val'] * 2}
    dump_pickle(content, path)
    file = read_annotation_file(path)
    assert [track['frame_dir'] for track in file.tracks('train')] == list(content['split']['train'])
    assert len(file.tracks(None)) == len(content['annotations'])
    with pytest.raises(InputError, match="there is no split 'trian'; did you mean 'train'"):
        file.tracks('trian')
    with pytest.raises(InputError, match=r"split 'twice' lists .* twice"):
        file.tracks('twice')
    with pytest.raises(InputError, match="split 'empty' is empty"):
        file.tracks('empty')
    with pytest.raises(InputError, match="lists 'nobody', which has no annotation"):
        file.tracks('ghost')


def test_a_missing_file_tells_how_to_set_it(tmp_path):
    with pytest.raises(InputError, match=r'ann_file: .*none.pkl does not exist; set `ann_file`'):
        read_annotation_file(tmp_path / 'none.pkl')
