"""Mirroring, picking the frames, and putting a sample into the model's form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyskl.datasets.transforms import Collect, Compose, Flip, FormatShape, PoseDecode, ToTensor, UniformSampleFrames
from pyskl.errors import InputError
from pyskl.keypoints import LAYOUTS, get_layout


def face(layout: str = 'ibug68', seed: int = 0, zeros: float = 0.2, **fields) -> dict:
    """A sample of two persons and three frames; coordinates in quarters of pixels, so that mirroring is exact."""
    rng = np.random.default_rng(seed)
    shape = (2, 3, get_layout(layout).num_keypoints)
    keypoint = (rng.integers(1, 300, (*shape, 2)) / 4).astype(np.float32)
    keypoint[rng.random(shape) < zeros] = 0
    score = rng.random(shape, dtype=np.float32)
    return {'keypoint': keypoint, 'keypoint_score': score, 'img_shape': (60, 80), 'keypoint_layout': layout, **fields}


def literal_flip(keypoint, score, width, pairs):
    partner = {**{a: b for a, b in pairs}, **{b: a for a, b in pairs}}
    points, scores = np.empty_like(keypoint), np.empty_like(score)
    for person, frame, number in np.ndindex(*score.shape):
        x, y = keypoint[person, frame, partner.get(number, number)]
        points[person, frame, number] = (width - x if x != 0 else 0), y
        scores[person, frame, number] = score[person, frame, partner.get(number, number)]
    return points, scores


@pytest.mark.parametrize('layout', [*LAYOUTS, 'ibug68:brows+mouth', 'mediapipe478:contours'])
def test_flip_agrees_with_a_loop(layout):
    sample = face(layout)
    result = Flip(flip_ratio=1.0).transform(dict(sample))
    points, scores = literal_flip(sample['keypoint'], sample['keypoint_score'], 80, get_layout(layout).pairs)
    np.testing.assert_array_equal(result['keypoint'], points)
    np.testing.assert_array_equal(result['keypoint_score'], scores)
    assert result['flip'] is True
    assert result['img_shape'] == (60, 80)


@given(st.integers(0, 1000), st.sampled_from(sorted(LAYOUTS)))
def test_flipping_twice_changes_nothing(seed, layout):
    sample = face(layout, seed)
    result = Compose([Flip(flip_ratio=1.0), Flip(flip_ratio=1.0)])(dict(sample))
    np.testing.assert_array_equal(result['keypoint'], sample['keypoint'])
    np.testing.assert_array_equal(result['keypoint_score'], sample['keypoint_score'])


def test_given_pairs_count_more_than_those_of_the_layout():
    sample = face('ibug51')
    layout = get_layout('ibug51')
    own = Flip(flip_ratio=1.0).transform(dict(sample))
    same = Flip(flip_ratio=1.0, left_kp=layout.left, right_kp=layout.right).transform(dict(sample))
    np.testing.assert_array_equal(same['keypoint'], own['keypoint'])
    other = Flip(flip_ratio=1.0, left_kp=[0], right_kp=[7]).transform(dict(sample))
    expected, scores = literal_flip(sample['keypoint'], sample['keypoint_score'], 80, [(0, 7)])
    np.testing.assert_array_equal(other['keypoint'], expected)
    np.testing.assert_array_equal(other['keypoint_score'], scores)


def test_the_right_eye_of_a_smiling_face_becomes_the_left():
    layout = get_layout('ibug68')
    assert layout.mirror[36] == 45  # outer corners of the eyes
    sample = face(zeros=0)
    sample['keypoint'][:, :, 36] = 20, 30
    result = Flip(flip_ratio=1.0).transform(sample)
    assert (result['keypoint'][:, :, 45] == (60, 30)).all()


@pytest.mark.parametrize('ratio', [0.0, 0.3, 1.0])
def test_flip_ratio_is_the_part_of_flipped_samples(ratio):
    rng = np.random.default_rng(0)
    step = Flip(flip_ratio=ratio)
    flipped = [step.transform(face(rng=rng))['flip'] for _ in range(500)]
    assert np.mean(flipped) == pytest.approx(ratio, abs=0.07 if 0 < ratio < 1 else 0)


def test_flip_keeps_the_label():
    sample = face(label=np.eye(3, 12, dtype=np.int8))
    np.testing.assert_array_equal(Flip(flip_ratio=1.0).transform(sample)['label'], np.eye(3, 12))


@pytest.mark.parametrize(
    'arguments',
    [
        {'flip_ratio': 1.5},
        {'flip_ratio': float('nan')},
        {'direction': 'vertical'},
        {'left_kp': [1]},
        {'left_kp': [1, 2], 'right_kp': [3]},
    ],
)
def test_flip_refuses_arguments_that_make_no_sense(arguments):
    with pytest.raises(InputError, match='Flip'):
        Flip(**arguments)


@pytest.mark.parametrize(
    ('arguments', 'changes', 'message'),
    [
        ({}, {'keypoint_layout': 'ibug51'}, "has 68 keypoints, its layout 'ibug51' 51"),
        ({'left_kp': [0], 'right_kp': [68]}, {}, r'must be in 0\.\.67'),
        ({'left_kp': [-1], 'right_kp': [3]}, {}, r'must be in 0\.\.67'),
    ],
)
def test_flip_refuses_pairs_that_do_not_fit_the_sample(arguments, changes, message):
    with pytest.raises(InputError, match=message):
        Flip(flip_ratio=1.0, **arguments).transform(face(**changes))


def test_flip_without_layout_asks_for_pairs():
    sample = face()
    sample.pop('keypoint_layout')
    with pytest.raises(InputError, match='give left_kp and right_kp'):
        Flip(flip_ratio=1.0).transform(sample)


@pytest.mark.parametrize('dtype', [np.int16, np.float16, np.float32, np.float64])
def test_decoding_takes_the_frames_in_single_precision(dtype):
    keypoint = np.arange(2 * 6 * 4 * 2).reshape(2, 6, 4, 2).astype(dtype)
    score = (np.arange(2 * 6 * 4).reshape(2, 6, 4) % 2).astype(dtype)
    frames = [5, 0, 0, 3]
    result = PoseDecode().transform({'keypoint': keypoint, 'keypoint_score': score, 'frame_inds': np.array(frames)})
    for place, frame in enumerate(frames):
        np.testing.assert_array_equal(result['keypoint'][:, place], keypoint[:, frame])
        np.testing.assert_array_equal(result['keypoint_score'][:, place], score[:, frame])
    assert result['keypoint'].dtype == result['keypoint_score'].dtype == np.float32
    result['keypoint'][:] = -1
    assert keypoint.min() == 0


def test_labels_of_padded_frames_become_unknown_and_the_stored_ones_stay():
    label = np.ones((4, 3), np.int8)
    label.flags.writeable = False
    result = PoseDecode().transform(
        {
            'keypoint': np.ones((1, 4, 5, 2), np.float32),
            'label': label,
            'frame_inds': np.array([2, 3, 3, 3]),
            'frame_padded': np.array([False, False, True, True]),
        }
    )
    assert result['label'].tolist() == [[1] * 3] * 2 + [[-1] * 3] * 2
    assert result['label'].dtype == np.int8
    assert (label == 1).all()
    assert (result['keypoint_score'] == 1).all()


@pytest.mark.parametrize('label', [3, np.array([1, 0, -1], np.int8)])
def test_labels_of_the_track_are_not_cut(label):
    sample = {'keypoint': np.ones((1, 4, 5, 2)), 'label': label, 'frame_inds': np.array([2])}
    assert PoseDecode().transform(sample)['label'] is label


@pytest.mark.parametrize('start', [0, 10])
def test_decoding_without_sampling_takes_every_frame(start):
    keypoint = np.random.default_rng(0).random((1, 4, 5, 2), dtype=np.float32)
    result = PoseDecode().transform({'keypoint': keypoint, 'start_index': start})
    np.testing.assert_array_equal(result['keypoint'], keypoint)
    assert result['frame_inds'].tolist() == list(range(start, start + 4))
    assert 'label' not in result


def test_keypoints_are_split_into_clips():
    rng = np.random.default_rng(0)
    keypoint, score = rng.random((2, 6, 5, 2), dtype=np.float32), rng.random((2, 6, 5), dtype=np.float32)
    label, frames = np.arange(18, dtype=np.int8).reshape(6, 3), np.arange(10, 16)
    sample = {'keypoint': keypoint, 'keypoint_score': score, 'num_clips': 3, 'clip_len': 2, 'label': label}
    result = FormatShape('NMTVC').transform({**sample, 'frame_inds': frames})
    assert result['keypoint'].shape == (3, 2, 2, 5, 2)
    assert result['keypoint_score'].shape == (3, 2, 2, 5)
    for clip, person, step in np.ndindex(3, 2, 2):
        frame = clip * 2 + step
        np.testing.assert_array_equal(result['keypoint'][clip, person, step], keypoint[person, frame])
        np.testing.assert_array_equal(result['keypoint_score'][clip, person, step], score[person, frame])
        np.testing.assert_array_equal(result['label'][clip, step], label[frame])
        assert result['frame_inds'][clip, step] == frames[frame]
        assert result['frame_valid'][clip, step]


@pytest.mark.parametrize('sampled', [True, False])
@pytest.mark.parametrize('copies', [1, 2])
def test_volumes_are_split_into_clips(copies, sampled):
    """``copies=2``: the mirrored volume follows the other, with the same frames and labels."""
    num_clips, length = (2, 3) if sampled else (1, 6)
    imgs = np.random.default_rng(0).random((6 * copies, 4, 7, 8), dtype=np.float32)
    label, frames = np.arange(18, dtype=np.int8).reshape(6, 3), np.arange(10, 16)
    sample = {'imgs': imgs, 'label': label, 'frame_inds': frames}
    if sampled:
        sample.update(num_clips=num_clips, clip_len=length)
    result = FormatShape('NCTHW_Heatmap').transform(sample)
    assert result['imgs'].shape == (num_clips * copies, 4, length, 7, 8) == result['input_shape']
    for clip, step in np.ndindex(num_clips * copies, length):
        number = clip * length + step
        np.testing.assert_array_equal(result['imgs'][clip, :, step], imgs[number])
        np.testing.assert_array_equal(result['label'][clip, step], label[number % 6])
        assert result['frame_inds'][clip, step] == frames[number % 6]


@pytest.mark.parametrize('label', [4, np.array([1, 0], np.int8)])
def test_labels_of_the_track_are_not_split(label):
    sample = {'keypoint': np.ones((1, 6, 5, 2)), 'keypoint_score': np.ones((1, 6, 5)), 'num_clips': 2, 'label': label}
    assert FormatShape('NMTVC').transform(sample)['label'] is label


def test_an_unknown_format_names_the_closest():
    with pytest.raises(InputError, match="unknown input_format 'NMTVC_'; did you mean 'NMTVC'"):
        FormatShape('NMTVC_')


def formatted(**fields) -> dict:
    sample = {
        'keypoint': np.ones((1, 1, 2, 5, 2), np.float32),
        'frame_inds': np.zeros((1, 2), np.int64),
        'frame_valid': np.ones((1, 2), bool),
        'img_shape': (60, 80),
        'frame_dir': 'a',
        'sample_idx': 3,
        'rng': np.random.default_rng(0),
    }
    return {**sample, **fields}


def test_collect_keeps_what_is_named_and_what_the_prediction_needs():
    result = Collect(['keypoint', 'label']).transform(formatted(label=3))
    assert set(result) == {'keypoint', 'label', 'frame_inds', 'frame_valid', 'img_shape', 'metas'}
    assert result['metas'] == {'frame_dir': 'a', 'sample_idx': 3, 'img_shape': (60, 80)}
    assert result['img_shape'].tolist() == [60, 80]
    assert result['img_shape'].dtype == np.float32
    named = Collect(['keypoint'], meta_keys=['frame_dir'], meta_name='info').transform(formatted(label=3))
    assert named['info'] == {'frame_dir': 'a', 'sample_idx': 3}
    assert 'label' not in named


def test_collect_passes_over_missing_labels_only():
    assert 'label' not in Collect(['keypoint', 'label']).transform(formatted())
    with pytest.raises(InputError, match="has no 'keypoints'; did you mean 'keypoint'"):
        Collect(['keypoints']).transform(formatted())


def test_tensors_share_the_memory_of_the_arrays():
    sample = formatted(label=3)
    array = sample['keypoint']
    result = ToTensor(['keypoint', 'label', 'imgs']).transform(sample)
    assert result['keypoint'].data_ptr() == array.ctypes.data
    assert result['keypoint'].dtype == torch.float32
    assert torch.equal(result['label'], torch.tensor(3))
    assert 'imgs' not in result
    assert isinstance(result['frame_inds'], np.ndarray)


def test_an_unlabelled_sample_goes_through_the_whole_chain():
    chain = Compose(
        [
            UniformSampleFrames(2, num_clips=3, test_mode=True),
            dict(type='PoseDecode'),
            dict(type='FormatShape', input_format='NMTVC'),
            dict(type='Collect', keys=['keypoint', 'keypoint_score', 'label']),
            ToTensor(['keypoint', 'keypoint_score', 'label']),
        ]
    )
    result = chain(face(total_frames=3))
    assert set(result) == {'keypoint', 'keypoint_score', 'frame_inds', 'frame_valid', 'img_shape', 'metas'}
    assert result['keypoint'].shape == (3, 2, 2, 68, 2)
