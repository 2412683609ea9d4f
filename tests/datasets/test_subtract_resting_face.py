"""Movements put on the average face: against the definition, and for every way a track can come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyskl.datasets import PoseDataset
from pyskl.datasets.annotation import AnnotationFile
from pyskl.datasets.transforms import AlignFace, SubtractRestingFace
from pyskl.errors import InputError
from pyskl.keypoints import get_layout, mean_face, resting_face
from pyskl.synth import make_dataset
from pyskl.synth.stream import SyntheticFaceDataset

WINDOW = [{'type': 'SampleWindow', 'clip_len': 16}, {'type': 'PoseDecode'}]
ALIGN = {'type': 'AlignFace', 'size': (48, 56), 'eye_distance': 0.4, 'eye_height': 0.3, 'fit': True}


@pytest.fixture(scope='module')
def tracks():
    return make_dataset('tiny', seed=3)


def opened(content: dict, change=None) -> AnnotationFile:
    samples = {sample['frame_dir']: dict(sample) for sample in content['annotations']}
    for sample in samples.values():
        if change is not None:
            change(sample)
    return AnnotationFile(Path('tiny.pkl'), content['split'], samples, content['metainfo'])


def dataset(content, step, layout='ibug51', test_mode=True, change=None, **options) -> PoseDataset:
    pipeline = [*WINDOW, ALIGN, *([step] if step else [])]
    return PoseDataset(
        opened(content, change), pipeline, 'train', 16, keypoint_layout=layout, test_mode=test_mode, **options
    )


@pytest.mark.parametrize('gain', [0.5, 1.0, 2.5])
@pytest.mark.parametrize('layout', ['ibug51', 'ibug68', 'ibug68:mouth'])
def test_movements_are_put_on_the_average_face(tracks, gain, layout):
    plain = dataset(tracks, None, layout)
    changed = dataset(tracks, {'type': 'SubtractRestingFace', 'gain': gain, 'least_frames': 0}, layout)
    select = list(get_layout(layout).indices or range(68))
    for number in range(0, len(plain), 5):
        before, after = plain[number], changed[number]
        track = plain.tracks[plain.windows[number][0]]
        rest = resting_face(track['keypoint'], track['keypoint_score'], get_layout('ibug68'))[0][0, select]
        scale, origin = before['face_scale'][0], np.array(before['face_origin'])
        for frame, point in np.ndindex(16, len(select)):
            x, y = before['keypoint'][0, frame, point]
            expected = np.zeros(2)
            if before['keypoint_score'][0, frame, point] > 0:
                movement = (np.array([x, y], float) - origin) / scale - rest[point]
                expected = origin + scale * (mean_face(layout)[point] + gain * movement)
            np.testing.assert_allclose(after['keypoint'][0, frame, point], expected, atol=1e-3)


def test_the_scale_says_how_far_the_eyes_are_apart(tracks):
    sample = dataset(tracks, None, 'ibug68')[0]
    corners = sample['keypoint'][0][:, list(get_layout('ibug68').eye_corners)]
    distance = np.linalg.norm(corners[:, 2:].mean(1) - corners[:, :2].mean(1), axis=1)
    assert np.median(distance) == pytest.approx(sample['face_scale'][0], rel=0.02)
    np.testing.assert_allclose(corners.mean(1), np.tile(sample['face_origin'], (16, 1)), atol=1e-3)


def test_who_somebody_is_does_not_matter(tracks):
    """A face with its brows 5 % higher throughout looks the same, while without the transform it does not."""

    def raise_brows(sample):
        keypoint = sample['keypoint'].copy()
        eyes = np.linalg.norm(keypoint[..., 36, :] - keypoint[..., 45, :], axis=-1)
        keypoint[..., 17:27, 1] -= 0.05 * np.median(eyes)
        sample['keypoint'] = keypoint * (sample['keypoint_score'] > 0)[..., None]

    step = {'type': 'SubtractRestingFace', 'gain': 1.0, 'least_frames': 0}
    difference = []
    for chosen in (None, step):
        one, other = (dataset(tracks, chosen, change=change)[7]['keypoint'] for change in (None, raise_brows))
        difference.append(np.abs(one - other).max())
    assert difference[0] > 0.5 and difference[1] < 0.2  # pixels


def test_short_tracks_and_some_training_samples_are_compared_with_the_average_face(tracks):
    steps = (
        {'type': 'SubtractRestingFace', 'gain': 2.0, 'least_frames': 1000},
        {'type': 'SubtractRestingFace', 'unknown': 1},
    )
    short = dataset(tracks, steps[0])[3]['keypoint']
    training = dataset(tracks, steps[1], test_mode=False, seed=1)[3]
    window = dataset(tracks, None, test_mode=False, seed=1)[3]
    before = dataset(tracks, None)[3]
    origin = np.array(before['face_origin'])
    for sample, result in ((before, short), (window, training['keypoint'])):
        found = sample['keypoint_score'][0] > 0
        scale = sample['face_scale'][0]
        expected = origin + 2 * (sample['keypoint'][0] - origin) - scale * mean_face('ibug51')
        np.testing.assert_allclose(result[0][found], expected[found], atol=1e-3)


def test_clips_without_eyes_stay_as_they_are(tracks):
    def lose_eyes(sample):
        sample['keypoint_score'] = sample['keypoint_score'].copy()
        sample['keypoint_score'][:, :, 36:48] = 0

    before = dataset(tracks, None, change=lose_eyes)[0]
    after = dataset(tracks, {'type': 'SubtractRestingFace'}, change=lose_eyes)[0]
    assert np.isnan(before['face_scale']).all()
    np.testing.assert_array_equal(after['keypoint'], before['keypoint'])


def test_several_people_and_clips_each_have_their_own_rest():
    rng = np.random.default_rng(0)
    rest = (rng.normal(0, 1, (2, 51, 2))).astype(np.float32)
    keypoint = rng.uniform(1, 40, (2, 3 * 4, 51, 2)).astype(np.float32)
    scale = rng.uniform(5, 20, 6).astype(np.float32)
    sample = {
        'keypoint': keypoint, 'keypoint_score': np.ones((2, 12, 51), np.float32), 'keypoint_layout': 'ibug51',
        'resting_face': rest, 'resting_frames': np.array([500, 500]), 'face_scale': scale, 'face_origin': (20, 10),
        'num_clips': 3, 'test_mode': True,
    }  # fmt: skip
    result = SubtractRestingFace(gain=3.0)(dict(sample))
    for person, clip in np.ndindex(2, 3):
        factor = scale[3 * person + clip]
        part = slice(4 * clip, 4 * clip + 4)
        relative = (keypoint[person, part] - (20, 10)) / factor - rest[person]
        expected = np.array([20, 10]) + factor * (mean_face('ibug51') + 3 * relative)
        np.testing.assert_allclose(result['keypoint'][person, part], expected, rtol=1e-4, atol=1e-2)
    assert 'face_scale' not in result  # it no longer holds


def test_fresh_faces_have_a_resting_face_too():
    pipeline = [*WINDOW, ALIGN, {'type': 'SubtractRestingFace', 'gain': 1.0, 'least_frames': 0, 'unknown': 0.0}]
    fresh = SyntheticFaceDataset(pipeline=pipeline, clip_len=16, length=40, keypoint_layout='ibug51', track_len=150)
    plain = SyntheticFaceDataset(pipeline=pipeline[:3], clip_len=16, length=40, keypoint_layout='ibug51', track_len=150)
    spread = []
    for samples in (plain, fresh):
        faces = np.stack([np.median(samples[number]['keypoint'][0], axis=0) for number in range(40)])
        spread.append(faces.std(axis=0).mean())
    assert spread[1] < 0.7 * spread[0]  # people differ less than they do


def test_fresh_faces_are_known_well_enough_by_themselves():
    step = {'type': 'SubtractRestingFace'}
    fresh = SyntheticFaceDataset(pipeline=[*WINDOW, ALIGN, step], clip_len=16, length=30, keypoint_layout='ibug51')
    known = [fresh.prepare(number)['resting_frames'][0] >= SubtractRestingFace().least_frames for number in range(30)]
    assert np.mean(known) > 0.9


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'gain': 0}, 'gain'),
        ({'gain': float('nan')}, 'gain'),
        ({'unknown': 1.5}, 'unknown'),
        ({'least_frames': -1}, 'least'),
        ({'gain': '2'}, 'gain must be a number'),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(InputError, match=message):
        SubtractRestingFace(**options)


def test_a_sample_that_is_not_aligned_is_refused(tracks):
    with pytest.raises(InputError, match='AlignFace'):
        SubtractRestingFace()({'keypoint': np.ones((1, 2, 51, 2)), 'keypoint_score': np.ones((1, 2, 51))})
    aligned = AlignFace()(dict(dataset(tracks, None)[0], keypoint_layout='ibug51'))
    with pytest.raises(InputError, match='resting_face'):
        SubtractRestingFace()(aligned)
