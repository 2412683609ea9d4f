"""The synthetic data set: format, reproducibility, labels, splits, summary."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from sklearn.metrics import f1_score

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.synth import PRESETS, make_dataset, simulate_track
from pyskl.synth.dataset import OCCURRENCE_INTENSITY
from pyskl.synth.summary import all_positive_f1, summarize


@pytest.fixture(scope='module')
def tiny():
    return make_dataset('tiny', seed=0)


def assert_same(first, second):
    assert first.keys() == second.keys()
    for key, value in first.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, second[key])
        else:
            assert value == second[key]


def test_annotations_have_the_promised_form(tiny):
    for track in tiny['annotations']:
        frames = track['total_frames']
        assert track['img_shape'] == track['original_shape'] == (480, 640)
        assert track['keypoint'].shape == (1, frames, 68, 2) and track['keypoint'].dtype == np.float32
        assert track['keypoint_score'].shape == (1, frames, 68) and track['keypoint_score'].dtype == np.float32
        assert track['label'].shape == (frames, 12) and track['label'].dtype == np.int8
        assert track['intensity'].shape == (frames, 12) and track['intensity'].dtype == np.float32
        assert np.isfinite(track['keypoint']).all()
    meta = tiny['metainfo']
    assert meta['synthetic'] is True and meta['dataset'] == 'synthetic'
    assert meta['aus'] == list(AFFWILD_AUS) and meta['keypoint_layout'] == 'ibug68' and meta['seed'] == 0


def test_same_seed_same_bytes_and_another_seed_other_tracks(tiny):
    assert pickle.dumps(make_dataset('tiny', seed=0), 4) == pickle.dumps(tiny, 4)
    other = make_dataset('tiny', seed=1)
    assert not np.array_equal(other['annotations'][0]['keypoint'], tiny['annotations'][0]['keypoint'])


def test_a_track_does_not_depend_on_how_many_there_are(tiny):
    more = dataclasses.replace(PRESETS['tiny'], tracks={'val': 3, 'train': 9})
    tracks = {track['frame_dir']: track for track in make_dataset(more, seed=0)['annotations']}
    for track in tiny['annotations']:
        if not track['frame_dir'].startswith('synth_test'):
            assert_same(track, tracks[track['frame_dir']])
    assert_same(simulate_track(0, 'test', 1, 'tiny'), tiny['annotations'][-1])


def test_labels_follow_intensities(tiny):
    label = np.concatenate([track['label'] for track in tiny['annotations']])
    intensity = np.concatenate([track['intensity'] for track in tiny['annotations']])
    known = label >= 0
    np.testing.assert_array_equal(label[known] == 1, intensity[known] >= OCCURRENCE_INTENSITY)
    assert set(np.unique(label)) == {-1, 0, 1}
    assert 0 < (~known).mean() < 0.2


def test_zero_scores_and_zero_coordinates_go_together():
    tracks = [simulate_track(0, 'train', number, 'demo') for number in range(12)]
    score = np.concatenate([track['keypoint_score'][0] for track in tracks])
    keypoint = np.concatenate([track['keypoint'][0] for track in tracks])
    lost = (score == 0).all(axis=1)
    assert lost.any()
    np.testing.assert_array_equal(lost, (score == 0).any(axis=1))
    np.testing.assert_array_equal(lost, (keypoint == 0).all(axis=(1, 2)))


def test_every_track_shows_another_person(tiny):
    names = [name for split in tiny['split'].values() for name in split]
    assert len(set(names)) == len(names) == len(tiny['annotations'])
    rest = []
    for track in tiny['annotations']:
        face = track['keypoint'][0][track['keypoint_score'][0, :, 0] > 0].mean(axis=0)
        face = face - face.mean(axis=0)
        rest.append(face / np.linalg.norm(face))
    for first in range(len(rest)):
        for second in range(first):
            assert np.abs(rest[first] - rest[second]).max() > 1e-3


def test_demo_is_balanced_enough_to_learn_from():
    demo = make_dataset('demo', seed=0)
    summary = summarize(demo)
    assert 25_000 < summary['train']['frames'] < 40_000
    assert all(0.14 <= share <= 0.40 for share in summary['train']['prevalence'].values())
    for split in ('val', 'test'):
        assert 3_000 < summary[split]['frames'] < 5_000
        assert all(share > 0.05 for share in summary[split]['prevalence'].values())
        assert 0.28 < summary[split]['all_positive_macro_f1'] < 0.42


def test_summary_floor_equals_scikit_learn(tiny):
    summary = summarize(tiny)
    names = set(tiny['split']['train'])
    label = np.concatenate([track['label'] for track in tiny['annotations'] if track['frame_dir'] in names])
    scores = []
    for column, au in enumerate(AFFWILD_AUS):
        truth = label[label[:, column] >= 0, column]
        scores.append(f1_score(truth, np.ones_like(truth), zero_division=0))
        assert summary['train']['all_positive_f1'][au] == pytest.approx(scores[-1], abs=1e-4)
    assert summary['train']['all_positive_macro_f1'] == pytest.approx(np.mean(scores), abs=1e-4)
    assert all_positive_f1(0.0) == 0 and all_positive_f1(1.0) == 1


@pytest.mark.parametrize(('preset', 'hint'), [('dmeo', "did you mean 'demo'"), ('zzzz', 'known: demo, tiny')])
def test_unknown_preset_names_the_right_one(preset, hint):
    with pytest.raises(InputError, match=hint):
        make_dataset(preset)


@pytest.mark.parametrize('seed', [-1, 1.5, True, '3'])
def test_bad_seed_is_an_input_error(seed):
    with pytest.raises(InputError, match='seed'):
        make_dataset('tiny', seed=seed)


def test_unknown_split_is_an_input_error():
    with pytest.raises(InputError, match="did you mean 'train'"):
        simulate_track(0, 'trian', 0, 'tiny')
