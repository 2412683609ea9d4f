"""The data set as a loader sees it, and the batches made of it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from pyskl.datasets import AnnotationFile, PoseDataset, pose_collate
from pyskl.datasets.windows import WindowIndex
from pyskl.engine import load_config
from pyskl.errors import InputError
from pyskl.keypoints import LAYOUTS
from pyskl.registry import DATASETS

KEYS = ['keypoint', 'keypoint_score', 'label']
FORMAT = [
    dict(type='FormatShape', input_format='NMTVC'),
    dict(type='Collect', keys=KEYS),
    dict(type='ToTensor', keys=KEYS),
]
TRAIN = [
    dict(type='SampleWindow', clip_len=8),
    dict(type='PoseDecode'),
    dict(type='RandomAffine', rotation=10, jitter=0.01),
    dict(type='Flip', flip_ratio=0.5),
    *FORMAT,
]
TEST = [dict(type='SampleWindow', clip_len=8), dict(type='PoseDecode'), *FORMAT]


def track(name: str, frames: int, layout: str = 'ibug68', persons: int = 1, **fields) -> dict:
    rng = np.random.default_rng(len(name) + frames)
    shape = (persons, frames, LAYOUTS[layout].num_keypoints)
    return {
        'frame_dir': name,
        'total_frames': frames,
        'img_shape': (480, 640),
        'keypoint': rng.uniform(1, 400, (*shape, 2)).astype(np.float32),
        'keypoint_score': np.ones(shape, np.float32),
        'label': rng.integers(-1, 2, (frames, 3)).astype(np.int8),
        **fields,
    }


def without_label(sample: dict) -> dict:
    return {name: value for name, value in sample.items() if name != 'label'}


def content(*tracks: dict, **metainfo) -> AnnotationFile:
    """Tracks as a file's content; the split 'all' names every one."""
    names = [sample['frame_dir'] for sample in tracks]
    return AnnotationFile(Path('memory.pkl'), {'all': names}, dict(zip(names, tracks, strict=True)), metainfo)


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(torch.as_tensor(one[key]), torch.as_tensor(other[key])) for key in (*KEYS, 'frame_inds'))


def test_lengths_are_those_of_the_window_index(ann_file, annotation_content):
    lengths = {sample['frame_dir']: sample['total_frames'] for sample in annotation_content['annotations']}
    for split, names in annotation_content['split'].items():
        assert len(PoseDataset(ann_file, [], split)) == len(names)
        for clip_len, stride in ((16, None), (16, 5), (1000, None)):
            expected = len(WindowIndex([lengths[name] for name in names], clip_len, stride))
            assert len(PoseDataset(ann_file, [], split, clip_len, stride)) == expected
    assert len(PoseDataset(ann_file, [])) == len(lengths)


def test_samples_before_the_transforms():
    dataset = PoseDataset(content(track('a', 10), track('bb', 7)), [], 'all', clip_len=4, test_mode=True)
    spans = [(sample['frame_dir'], sample['window_start'], sample['owned']) for sample in dataset]
    assert spans == [('a', 0, (0, 4)), ('a', 4, (4, 7)), ('a', 6, (7, 10)), ('bb', 0, (0, 3)), ('bb', 3, (3, 7))]
    assert [sample['sample_idx'] for sample in dataset] == list(range(5))


def test_layouts_are_selected_from_whole_bodies():
    body = track('a', 6, 'coco_wholebody133')
    face = range(23, 91)
    inner = range(23 + 17, 91)
    for layout, indices in (('coco_wholebody133', range(133)), ('ibug68', face), ('ibug51', inner), (None, range(133))):
        dataset = PoseDataset(content(body), [], keypoint_layout=layout)
        sample = dataset[0]
        np.testing.assert_array_equal(sample['keypoint'], body['keypoint'][:, :, list(indices)])
        np.testing.assert_array_equal(sample['keypoint_score'], body['keypoint_score'][:, :, list(indices)])
        assert sample['keypoint_layout'] == dataset.metainfo['keypoint_layout'] == (layout or 'coco_wholebody133')
    jaw_first = PoseDataset(content(track('a', 6)), [], keypoint_layout='ibug51')[0]
    np.testing.assert_array_equal(jaw_first['keypoint'], track('a', 6)['keypoint'][:, :, 17:])


def test_tracks_of_different_layouts_meet_in_a_common_one():
    both = content(track('a', 6, 'coco_wholebody133'), track('bb', 6))
    assert {sample['keypoint'].shape[2] for sample in PoseDataset(both, [], keypoint_layout='ibug51')} == {51}
    with pytest.raises(InputError, match='layouts coco_wholebody133, ibug68; name the one to use'):
        PoseDataset(both, [])


@pytest.mark.parametrize(
    ('sample', 'layout', 'metainfo', 'message'),
    [
        (track('a', 3), 'coco_wholebody133', {}, 'cannot be turned into'),
        (track('a', 3), 'ibug86', {}, "unknown keypoint layout 'ibug86'; did you mean 'ibug68'"),
        (track('a', 3), None, {'keypoint_layout': 'ibug51'}, "has 68 keypoints, but its layout 'ibug51'"),
        (track('a', 3, keypoint=np.ones((1, 3, 7, 2)), keypoint_score=None), None, {}, 'no keypoint layout has 7'),
    ],
)
def test_layouts_that_do_not_fit_are_refused(sample, layout, metainfo, message):
    with pytest.raises(InputError, match=message) as error:
        PoseDataset(content(sample, **metainfo), [], keypoint_layout=layout)
    assert "memory.pkl: track 'a': keypoint" in str(error.value)


def test_a_sample_is_the_same_whenever_it_is_asked_for_and_differs_between_epochs(ann_file):
    dataset = PoseDataset(ann_file, TRAIN, 'train', clip_len=8)
    first = [dataset[index] for index in range(6)]
    again = [dataset[index] for index in reversed(range(6))][::-1]
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    dataset.set_epoch(1)
    assert not any(same(one, dataset[index]) for index, one in enumerate(first))
    dataset.set_epoch(0)
    assert same(first[3], dataset[3])
    assert not same(first[3], PoseDataset(ann_file, TRAIN, 'train', clip_len=8, seed=1)[3])


def test_two_windows_of_a_track_are_not_augmented_alike():
    dataset = PoseDataset(content(track('a', 64)), [], clip_len=8)
    draws = [sample['rng'].random() for sample in dataset]
    assert len(set(draws)) == len(dataset) == 8


def test_loader_workers_give_the_same_batches_in_every_epoch(ann_file):
    dataset = PoseDataset(ann_file, TRAIN, 'val', clip_len=8)
    options = dict(batch_size=5, collate_fn=pose_collate)
    alone = DataLoader(dataset, **options)
    workers = DataLoader(dataset, num_workers=2, persistent_workers=True, multiprocessing_context='fork', **options)
    seen = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        expected, batches = list(alone), list(workers)
        assert len(batches) == len(expected)
        assert all(same(one, other) for one, other in zip(batches, expected, strict=True))
        assert [batch['metas'] for batch in batches] == [batch['metas'] for batch in expected]
        seen.append(expected[0])
    assert not same(seen[0], seen[1])
    assert not same(seen[1], seen[2])


@pytest.mark.parametrize('stride', [None, 3])
def test_in_test_mode_every_frame_is_owned_once_and_has_its_own_label(ann_file, annotation_content, stride):
    dataset = PoseDataset(ann_file, TEST, 'test', clip_len=8, stride=stride, test_mode=True)
    owners = {}
    labels = {}
    for sample in dataset:
        name, valid = sample['metas']['frame_dir'], sample['frame_valid'][0]
        frames = sample['frame_inds'][0][valid].tolist()
        owners.setdefault(name, []).extend(frames)
        labels.setdefault(name, {}).update(zip(frames, sample['label'][0][valid].tolist(), strict=True))
    assert set(owners) == set(annotation_content['split']['test'])
    for stored in annotation_content['annotations']:
        name = stored['frame_dir']
        if name in owners:
            assert sorted(owners[name]) == list(range(stored['total_frames']))
            assert [labels[name][frame] for frame in range(stored['total_frames'])] == stored['label'].tolist()


@pytest.mark.parametrize('pipeline', [TRAIN, TEST])
def test_the_stored_tracks_are_not_changed_by_using_them(ann_file, pipeline):
    dataset = PoseDataset(ann_file, pipeline, 'train', clip_len=8)
    before = pickle.dumps(dataset.tracks)
    for sample in dataset:
        for key in KEYS:
            sample[key].fill_(-1)
    assert pickle.dumps(dataset.tracks) == before


def test_the_number_of_classes_must_fit(ann_file):
    assert len(PoseDataset(ann_file, [], 'train', num_classes=12)) == 6
    with pytest.raises(InputError, match='names 12 AUs, but the model has 8'):
        PoseDataset(ann_file, [], 'train', num_classes=8)
    with pytest.raises(InputError, match=r'label: its shape \(4, 3\)'):
        PoseDataset(content(track('a', 4)), [], num_classes=12)
    with pytest.raises(InputError, match=r'label: its shape \(4, 3\)'):
        PoseDataset(content(track('a', 4), aus=['AU1', 'AU2']), [])


def test_metainfo_is_plain():
    metainfo = {'aus': ('AU1', np.str_('AU2'), 'AU4'), 'fps': np.float64(25), 'version': np.int64(3)}
    dataset = PoseDataset(content(track('a', 4), **metainfo, dataset=np.str_('mine'), extra=np.zeros(3)), [], 'all')
    assert dataset.metainfo == {
        'aus': ['AU1', 'AU2', 'AU4'],
        'fps': 25.0,
        'version': 3,
        'dataset': 'mine',
        'keypoint_layout': 'ibug68',
        'split': 'all',
        'num_tracks': 1,
    }
    values = [*dataset.metainfo.values(), *dataset.metainfo['aus']]
    assert {type(value) for value in values} <= {str, int, float, bool, list}
    json.dumps(dataset.metainfo)


def test_a_file_without_tracks_and_a_negative_seed_are_refused():
    with pytest.raises(InputError, match='annotations: is empty'):
        PoseDataset(content(), [])
    with pytest.raises(InputError, match='seed'):
        PoseDataset(content(track('a', 4)), [], seed=-1)


@pytest.mark.parametrize('per_frame', [True, False])
def test_unlabelled_tracks_among_labelled_ones_count_as_unknown(per_frame):
    label = np.array([1, 0, -1], np.int8)
    labelled = track('a', 10) if per_frame else track('a', 10, label=label)
    dataset = PoseDataset(content(labelled, without_label(track('bb', 12))), TEST, clip_len=8, test_mode=True)
    batch = pose_collate(list(dataset))
    assert batch['label'].dtype == torch.int8
    unlabelled = [meta['frame_dir'] == 'bb' for meta in batch['metas']]
    assert (batch['label'][unlabelled] == -1).all()
    assert batch['label'].shape == ((4, 1, 8, 3) if per_frame else (4, 3))


def test_data_without_any_label_has_none():
    dataset = PoseDataset(content(without_label(track('a', 10))), TEST, clip_len=8)
    assert 'label' not in pose_collate(list(dataset))


def test_labels_of_different_kinds_are_refused():
    with pytest.raises(InputError, match="track 'bb': label: must be of the same kind as that of track 'a'"):
        PoseDataset(content(track('a', 4), track('bb', 5, label=2)), [])
    with pytest.raises(InputError, match="track 'bb': label: is missing"):
        PoseDataset(content(track('a', 4, label=1), without_label(track('bb', 5))), [])


@pytest.mark.parametrize(('label', 'expected'), [(2, torch.int64), (np.array([1, 0, -1]), torch.int8)])
def test_labels_of_tracks_in_a_batch(label, expected):
    dataset = PoseDataset(content(track('a', 20, label=label)), TEST, clip_len=8)
    batch = pose_collate(list(dataset))
    assert batch['label'].dtype == expected
    assert batch['label'].tolist() == [np.asarray(label).tolist()] * 3


def test_batches_fill_up_with_persons_of_score_zero():
    tracks = [track('a', 8), track('bb', 8, persons=3), track('ccc', 8, persons=2)]
    samples = list(PoseDataset(content(*tracks), TEST, clip_len=8, test_mode=True))
    batch = pose_collate(samples)
    assert batch['keypoint'].shape == (3, 1, 3, 8, 68, 2)
    assert batch['keypoint_score'].shape == (3, 1, 3, 8, 68)
    for number, (sample, persons) in enumerate(zip(samples, (1, 3, 2), strict=True)):
        assert torch.equal(batch['keypoint'][number, :, :persons], sample['keypoint'])
        assert torch.equal(batch['keypoint_score'][number, :, :persons], sample['keypoint_score'])
        assert (batch['keypoint'][number, :, persons:] == 0).all()
        assert (batch['keypoint_score'][number, :, persons:] == 0).all()


def test_batches_of_unlike_samples_are_refused():
    dataset = PoseDataset(content(track('a', 8), track('bb', 9)), [dict(type='PoseDecode'), *FORMAT])
    with pytest.raises(InputError, match="a batch cannot hold 'keypoint' of the shapes"):
        pose_collate(list(dataset))
    sample = {'keypoint': torch.zeros(1, 1, 8, 68, 2)}
    with pytest.raises(InputError, match="with and without 'label'"):
        pose_collate([sample, {**sample, 'label': torch.tensor(1)}])


def test_numbers_become_tensors_and_the_rest_lists():
    batch = pose_collate(
        [{'a': 1, 'b': 0.5, 'c': True, 'd': 'x', 'metas': {}}, {'a': 2, 'b': 1, 'c': False, 'd': 'y', 'metas': {}}]
    )
    assert batch['a'].tolist() == [1, 2]
    assert batch['b'].tolist() == [0.5, 1]
    assert batch['c'].dtype == torch.bool
    assert batch['d'] == ['x', 'y']
    assert batch['metas'] == [{}, {}]


@pytest.mark.parametrize('loader', ['train_dataloader', 'val_dataloader', 'test_dataloader'])
def test_the_quick_starts_config_gives_batches_of_the_agreed_form(root, ann_file, loader):
    cfg = load_config(root / 'configs/posec3d/slowonly_small_synthetic/joint.py', {'ann_file': str(ann_file)})
    dataset = DATASETS.build(cfg[loader].dataset)
    batch = pose_collate([dataset[index] for index in range(5)])
    shapes = {name: (tuple(value.shape), value.dtype) for name, value in batch.items() if name != 'metas'}
    assert shapes == {
        'keypoint': ((5, 1, 1, 16, 51, 2), torch.float32),
        'keypoint_score': ((5, 1, 1, 16, 51), torch.float32),
        'label': ((5, 1, 16, 12), torch.int8),
        'frame_inds': ((5, 1, 16), torch.int64),
        'frame_valid': ((5, 1, 16), torch.bool),
        'img_shape': ((5, 2), torch.float32),
    }
    assert (batch['img_shape'] == 32).all()
    assert [meta['sample_idx'] for meta in batch['metas']] == list(range(5))
    assert all({'frame_dir', 'total_frames'} <= set(meta) for meta in batch['metas'])
    if loader != 'train_dataloader':
        seen = batch['keypoint'][batch['keypoint'] != 0]
        assert seen.min() >= 0
        assert seen.max() <= 32


def test_only_windows_with_a_known_label_are_kept():
    label = np.full((40, 3), -1, np.int8)
    label[10:13, 1] = 0  # in the second and third window of eight
    label[39, 2] = 1
    source = content(track('a', 40, label=label), track('b', 16, label=np.full((16, 3), -1, np.int8)))
    dataset = PoseDataset(source, [], clip_len=8, labelled_only=True)
    spans = [dataset.prepare(number)['owned'] for number in range(len(dataset))]
    assert spans == [(8, 16), (32, 40)]
    nothing = content(track('b', 16, label=np.full((16, 3), -1, np.int8)))
    with pytest.raises(InputError, match='no window has a known label'):
        PoseDataset(nothing, [], clip_len=8, labelled_only=True)


@pytest.mark.parametrize('windows', ['cover', 'centred'])
@pytest.mark.parametrize('labelled_only', [False, True])
def test_labels_of_windows_are_counted(windows, labelled_only):
    tracks = [track('a', 40), track('bb', 5), track('ccc', 33)]
    tracks[0]['label'][3:30] = -1
    dataset = PoseDataset(
        content(*tracks), [], clip_len=8, stride=3, windows=windows, labelled_only=labelled_only, test_mode=True
    )
    positives, known = dataset.window_counts()
    assert len(dataset) == len(positives)
    for number in range(len(dataset)):
        sample = dataset.prepare(number)
        own = sample['label'][slice(*sample['owned'])]
        assert positives[number].tolist() == (own == 1).sum(0).tolist()
        assert known[number].tolist() == (own != -1).sum(0).tolist()


def test_labels_of_tracks_are_counted_in_each_window():
    clip = content(
        track('a', 10, label=np.array([1, 0, -1], np.int8)), track('b', 3, label=np.array([0, 1, 1], np.int8))
    )
    positives, known = PoseDataset(clip, [], clip_len=5).window_counts()
    assert positives.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert known.tolist() == [[1, 1, 0], [1, 1, 0], [1, 1, 1]]
    single = content(track('a', 5, label=2), track('b', 5, label=0))
    positives, known = PoseDataset(single, []).window_counts()
    assert positives.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert known.all()
    with pytest.raises(InputError, match='has no labels to count'):
        PoseDataset(content(without_label(track('a', 5))), []).window_counts()


def test_a_head_for_the_middle_frame_gets_its_label():
    sample = track('a', 20)
    steps = [dict(type='SampleWindow', clip_len=7), dict(type='PoseDecode'), dict(type='CentreLabel')]
    dataset = PoseDataset(content(sample), steps, clip_len=7, stride=1, windows='centred')
    assert len(dataset) == 20
    for number in range(20):
        result = dataset[number]
        assert result['label'].tolist() == sample['label'][number].tolist()
        wanted = sample['keypoint'][:, np.clip(np.arange(number - 3, number + 4), 0, 19)]
        np.testing.assert_array_equal(result['keypoint'], wanted)


def test_the_eyes_are_known_even_where_they_are_not_asked_for():
    sample = track('a', 6)
    sample['keypoint_score'][0, 2, 36] = 0
    dataset = PoseDataset(content(sample), [dict(type='PoseDecode')], keypoint_layout='ibug68:mouth')
    result = dataset[0]
    assert result['keypoint'].shape == (1, 6, 20, 2)
    np.testing.assert_array_equal(result['keypoint'], sample['keypoint'][:, :, 48:])
    keypoint = sample['keypoint']
    for eye, corners in enumerate(((36, 39), (42, 45))):
        wanted = (keypoint[:, :, corners[0]] + keypoint[:, :, corners[1]]) / 2
        wanted[:, 2] = 0
        np.testing.assert_allclose(result['eye_centers'][:, :, eye], wanted, rtol=1e-6)
    assert result['eye_found'].tolist() == [[True, True, False, True, True, True]]


def test_keypoints_are_selected_without_a_decoding_step_too():
    dataset = PoseDataset(content(track('a', 6)), [], keypoint_layout='ibug51')
    assert dataset[0]['keypoint'].shape == (1, 6, 51, 2)
    assert dataset.track_score(0).shape == (1, 6, 51)


def test_clips_longer_than_the_window_stay_centred():
    sample = track('a', 60)
    sample['keypoint'][...] = np.arange(60)[:, None, None] + 1
    for length, interval in ((9, 1), (17, 1), (48, 1), (8, 2), (9, 2)):
        steps = [
            dict(type='SampleWindow', clip_len=length, frame_interval=interval),
            dict(type='PoseDecode'),
            dict(type='CentreLabel'),
        ]
        for test_mode in (True, False):
            dataset = PoseDataset(content(sample), steps, clip_len=9, stride=1, windows='centred', test_mode=test_mode)
            result = dataset[30]
            assert result['keypoint'][0, length // 2, 0, 0] == 31
            assert result['label'].tolist() == sample['label'][30].tolist()


def test_fields_of_a_file_do_not_pass_for_findings_of_transforms():
    sample = track('a', 40, frame_positions=np.zeros(8), frame_padded=np.ones(40, bool), keypoint_select=np.array([0]))
    steps = [dict(type='SampleWindow', clip_len=8), dict(type='PoseDecode')]
    result = PoseDataset(content(sample), steps, clip_len=8, test_mode=True)[1]
    np.testing.assert_array_equal(result['keypoint'], sample['keypoint'][:, 8:16])
    np.testing.assert_array_equal(result['label'], sample['label'][8:16])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(labelled_only='no'), "labelled_only must be True or False, not 'no'"),
        (dict(test_mode=1), 'test_mode must be True or False, not 1'),
        (dict(split=5), 'split must be the name of a split, not 5'),
        (dict(aus='AU1'), "aus: must be a list of names such as .*, not 'AU1'"),
        (dict(clip_len=16.5), 'clip_len: must be a whole number of at least 1, not 16.5'),
        (dict(clip_len=True), 'clip_len: must be a whole number'),
        (dict(clip_len=8, stride='abc'), "stride: must be a whole number of at least 1, not 'abc'"),
        (dict(clip_len=8, windows=3), "there is no kind '3'"),
    ],
)
def test_values_of_a_wrong_kind_name_their_key(arguments, message):
    with pytest.raises(InputError, match=message):
        PoseDataset(content(track('a', 20)), [], **arguments)
