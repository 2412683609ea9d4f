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
from pyskl.synth.dataset import OCCURRENCE_INTENSITY, metainfo_of, simulate_tracks
from pyskl.synth.detectors import DETECTORS
from pyskl.synth.holes import forget_labels
from pyskl.synth.presets import AU_SETS, label_set, with_labels
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
        assert track['fps'] == 30 and track['subject'] == track['frame_dir'] and track['detector'] in DETECTORS
    assert len({track['detector'] for track in tiny['annotations']}) > 1
    assert any((track['keypoint_score'].max(axis=(0, 2)) == 0).any() for track in tiny['annotations'])
    meta = tiny['metainfo']
    assert meta['synthetic'] is True and meta['dataset'] == 'synthetic'
    assert meta['aus'] == list(AFFWILD_AUS) and meta['keypoint_layout'] == 'ibug68' and meta['seed'] == 0
    assert meta['version'] == '4' and meta['fps'] == 30


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


@pytest.mark.parametrize('name', AU_SETS)
def test_demo_shows_every_action_unit_of_each_label_set(name):
    preset = with_labels('demo', name, None)
    highest = np.max(
        [simulate_track(0, 'train', number, preset)['intensity'].max(axis=0) for number in range(25)], axis=0
    )
    assert (highest >= OCCURRENCE_INTENSITY).all()


def test_demo_damps_only_what_is_not_labelled():
    """What the labels say of a face, the picture shows in full."""
    demo = PRESETS['demo']
    tracks = {}
    for aus in ('affwild', 'disfa', 'all'):
        for others in (demo.others, 1.0):
            preset = dataclasses.replace(with_labels(demo, aus, None), others=others)
            tracks[aus, others] = [simulate_track(1, 'val', number, preset)['keypoint'] for number in range(3)]

    def same(first, second):
        return all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))

    assert same(tracks['all', demo.others], tracks['all', 1.0])  # everything is labelled, nothing is damped
    assert same(tracks['affwild', 1.0], tracks['disfa', 1.0])
    assert not same(tracks['affwild', demo.others], tracks['affwild', 1.0])
    assert not same(tracks['affwild', demo.others], tracks['disfa', demo.others])


def test_the_number_of_workers_changes_nothing(tiny):
    small = dataclasses.replace(PRESETS['tiny'], tracks={'train': 3, 'val': 1})
    with simulate_tracks(small, seed=0, workers=2) as tracks:
        made = list(tracks)
    assert [track['frame_dir'] for track in made] == [
        'synth_train_0000', 'synth_train_0001', 'synth_train_0002', 'synth_val_0000',
    ]  # fmt: skip
    known = {track['frame_dir']: track for track in tiny['annotations']}
    for track in made:
        assert_same(track, known[track['frame_dir']])


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
    assert all(0.12 <= share <= 0.55 for share in summary['train']['prevalence'].values())
    for split in ('val', 'test'):
        assert 3_000 < summary[split]['frames'] < 5_000
        assert all(share > 0.05 for share in summary[split]['prevalence'].values())
        assert 0.28 < summary[split]['all_positive_macro_f1'] < 0.45


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


@pytest.mark.parametrize(('preset', 'hint'), [('dmeo', "did you mean 'demo'"), ('zzzz', 'known: demo, full, tiny')])
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


def test_other_label_sets_are_columns_of_the_same_tracks(tiny):
    everything = simulate_track(0, 'train', 0, with_labels('tiny', 'all', None))
    aus = metainfo_of(with_labels('tiny', 'all', None), 0)['aus']
    assert everything['intensity'].shape[1] == len(aus) == 22
    for name, count in (('affwild', 12), ('bp4d', 12), ('disfa', 8), ('au12, AU6', 2)):
        preset = with_labels('tiny', name, None)
        track = simulate_track(0, 'train', 0, preset)
        columns = [aus.index(au) for au in label_set(name)]
        assert track['label'].shape[1] == count
        np.testing.assert_array_equal(track['intensity'], everything['intensity'][:, columns])
        np.testing.assert_array_equal(track['keypoint'], everything['keypoint'])
    np.testing.assert_array_equal(tiny['annotations'][0]['keypoint'], everything['keypoint'])


def test_label_sets_are_those_of_the_data_sets_they_are_named_after():
    from pyskl.preprocess.bp4d import BP4D_AUS

    assert label_set('bp4d') == BP4D_AUS and label_set('affwild') == AFFWILD_AUS
    assert label_set('disfa') == ('AU1', 'AU2', 'AU4', 'AU6', 'AU9', 'AU12', 'AU25', 'AU26')


@pytest.mark.parametrize(
    ('aus', 'hint'), [('dsfa', "did you mean 'disfa'"), ('AU99', "'AU99' is neither"), ('AU6,AU6', 'named twice')]
)
def test_unknown_labels_are_an_input_error(aus, hint):
    with pytest.raises(InputError, match=hint):
        with_labels('tiny', aus, None)


def test_unknown_layout_is_an_input_error():
    with pytest.raises(InputError, match="did you mean 'ibug68'"):
        with_labels('tiny', None, 'ibug86')


def test_an_action_unit_without_a_movement_is_an_input_error():
    with pytest.raises(InputError, match=r"'AU43' is neither .* nor an Action Unit of synthetic data"):
        with_labels('tiny', 'AU43', None)
    with pytest.raises(InputError, match="don't make AU43"):
        simulate_track(0, 'train', 0, dataclasses.replace(PRESETS['tiny'], aus=('AU43',)))


def test_the_mesh_shows_the_same_person_doing_the_same():
    points = simulate_track(0, 'train', 0, 'tiny')
    mesh = simulate_track(0, 'train', 0, with_labels('tiny', None, 'mediapipe478'))
    assert mesh['keypoint'].shape[2:] == (478, 2) and mesh['detector'] == 'mediapipe'
    np.testing.assert_array_equal(points['intensity'], mesh['intensity'])
    np.testing.assert_array_equal(points['label'], mesh['label'])
    found = (points['keypoint_score'][0, :, 0] > 0) & (mesh['keypoint_score'][0, :, 0] > 0)
    ours, theirs = points['keypoint'][0, found][:, [36, 45]], mesh['keypoint'][0, found][:, [33, 263]]
    span = np.linalg.norm(ours[:, 1] - ours[:, 0], axis=-1)
    assert np.median(np.linalg.norm(ours - theirs, axis=-1) / span[:, None]) < 0.06


def test_full_varies_pictures_rates_detectors_and_lengths():
    tracks = [simulate_track(0, 'train', number, 'full', num_frames=30) for number in range(60)]
    assert {track['fps'] for track in tracks} == {24, 25, 30}
    assert len({track['img_shape'] for track in tracks}) >= 5
    assert (112, 112) in {track['img_shape'] for track in tracks}
    assert {track['detector'] for track in tracks} == set(DETECTORS)
    for track in tracks:
        found = track['keypoint'][track['keypoint_score'] > 0]
        low, high = np.percentile(found, (5, 95), axis=0)
        height, width = track['img_shape']
        assert (low > -0.3 * min(height, width)).all() and (high < 1.3 * np.array([width, height])).all()
    whole = simulate_track(0, 'train', 1, 'full')
    assert 10 <= whole['total_frames'] / whole['fps'] <= 60


def test_holes_come_as_runs_at_the_ends_and_by_action_unit():
    rng = np.random.default_rng(0)
    rows = columns = starts = ends = 0
    for _ in range(300):
        label = forget_labels(rng, np.zeros((200, 12), np.int8))
        missing = label < 0
        whole = missing.all(axis=1)
        rows += whole[20:-20].any()
        starts += whole[0]
        ends += whole[-1]
        columns += missing.all(axis=0).any()
        assert missing.mean() < 0.7
    assert rows > 60 and starts > 8 and ends > 8 and columns > 3


@pytest.mark.parametrize('number', [-1, 2**41])
def test_a_track_number_out_of_range_is_an_input_error(number):
    with pytest.raises(InputError, match='number of a synthetic track'):
        simulate_track(0, 'train', number, 'tiny')
