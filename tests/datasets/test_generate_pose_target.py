from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.datasets.transforms import heatmap
from pyskl.datasets.transforms.heatmap import GeneratePoseTarget
from pyskl.errors import InputError
from pyskl.keypoints import get_layout

IBUG51 = get_layout('ibug51')


def literal_keypoints(keypoint, score, size, sigma=0.6) -> np.ndarray:
    """(M, T, V, 2), (M, T, V) -> (T, V, H, W), three nested loops over persons, frames and keypoints."""
    persons, frames, points = score.shape
    volume = np.zeros((frames, points, *size))
    for person in range(persons):
        for frame in range(frames):
            for point in range(points):
                _point(volume[frame, point], *keypoint[person, frame, point], score[person, frame, point], sigma)
    return volume


def literal_limbs(keypoint, score, limbs, size, sigma=0.6) -> np.ndarray:
    """(M, T, V, 2), (M, T, V) -> (T, L, H, W), three nested loops over persons, frames and limbs."""
    persons, frames, _ = score.shape
    volume = np.zeros((frames, len(limbs), *size))
    for person in range(persons):
        for frame in range(frames):
            for number, (first, second) in enumerate(limbs):
                start, end = keypoint[person, frame, first], keypoint[person, frame, second]
                scores = score[person, frame, first], score[person, frame, second]
                if min(scores) < 1e-4:
                    continue
                image = volume[frame, number]
                if math.dist(start, end) ** 2 < 1:
                    _point(image, *start, scores[0], sigma)
                    continue
                for y in _range(start[1], end[1], size[0], sigma):
                    for x in _range(start[0], end[0], size[1], sigma):
                        distance = _distance((x, y), start, end)
                        image[y, x] = max(image[y, x], min(scores) * math.exp(-(distance**2) / (2 * sigma**2)))
    return volume


def _range(one: float, other: float, size: int, sigma: float) -> range:
    low, high = min(one, other), max(one, other)
    return range(max(int(low - 3 * sigma), 0), min(int(high + 3 * sigma) + 1, size))


def _point(image: np.ndarray, mu_x: float, mu_y: float, peak: float, sigma: float) -> None:
    if peak < 1e-4:
        return
    for y in _range(mu_y, mu_y, image.shape[0], sigma):
        for x in _range(mu_x, mu_x, image.shape[1], sigma):
            squared = (x - mu_x) ** 2 + (y - mu_y) ** 2
            image[y, x] = max(image[y, x], peak * math.exp(-squared / (2 * sigma**2)))


def _distance(point, start, end) -> float:
    limb = np.subtract(end, start)
    part = min(max(np.dot(np.subtract(point, start), limb) / np.dot(limb, limb), 0), 1)
    return math.dist(point, np.add(start, part * limb))


def sample(persons=1, frames=3, points=51, size=(20, 24), seed=0, spread=6.0) -> dict:
    """Keypoints in and around the image, some of them undetected, some limbs shorter than a pixel."""
    rng = np.random.default_rng(seed)
    height, width = size
    keypoint = rng.uniform(-spread, 1, (persons, frames, points, 2)) + rng.random((persons, frames, points, 2)) * (
        width + spread,
        height + spread,
    )
    keypoint[:, :, 1::7] = keypoint[:, :, ::7][:, :, : keypoint[:, :, 1::7].shape[2]] + 0.3
    score = rng.random((persons, frames, points))
    score[rng.random(score.shape) < 0.2] = rng.choice([0.0, 0.9e-4, 1.1e-4])
    return {
        'frame_dir': 'clip',
        'keypoint': keypoint.astype(np.float32),
        'keypoint_score': score.astype(np.float32),
        'img_shape': size,
        'keypoint_layout': 'ibug51',
    }


def assert_equal(volume, expected) -> None:
    assert volume.dtype == np.float32
    np.testing.assert_allclose(volume, expected, atol=2e-6, rtol=2e-4)
    assert np.array_equal(volume > 1e-9, expected > 1e-9)  # the same pixels are drawn


@pytest.mark.parametrize('persons', [1, 2])
@pytest.mark.parametrize('sigma', [0.6, 1.7])
def test_keypoints_equal_the_literal_loop(persons, sigma):
    results = sample(persons)
    expected = literal_keypoints(results['keypoint'], results['keypoint_score'], (20, 24), sigma)
    assert_equal(GeneratePoseTarget(sigma=sigma).transform(results)['imgs'], expected)


@pytest.mark.parametrize('persons', [1, 2])
@pytest.mark.parametrize('sigma', [0.6, 1.7])
def test_limbs_equal_the_literal_loop(persons, sigma):
    results = sample(persons)
    expected = literal_limbs(results['keypoint'], results['keypoint_score'], IBUG51.limbs, (20, 24), sigma)
    transform = GeneratePoseTarget(sigma=sigma, with_kp=False, with_limb=True)
    assert_equal(transform.transform(results)['imgs'], expected)


coordinate = st.floats(-12, 22, width=32)


@settings(max_examples=100, deadline=None)
@given(st.tuples(coordinate, coordinate, coordinate, coordinate), st.sampled_from([0.5, 0.6, 1.0, 2.3]))
def test_any_point_and_limb_equal_the_literal_loop(numbers, sigma):
    keypoint = np.array(numbers, np.float32).reshape(1, 1, 2, 2)
    score = np.array([[[0.7, 0.4]]], np.float32)
    results = {'keypoint': keypoint, 'keypoint_score': score, 'img_shape': (9, 11)}
    volume = GeneratePoseTarget(sigma=sigma).transform(dict(results))['imgs']
    np.testing.assert_allclose(volume, literal_keypoints(keypoint, score, (9, 11), sigma), atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.5, 0.6, 2.3]), st.integers(0, 99), st.booleans())
def test_images_smaller_than_a_window_equal_the_literal_loop(height, width, sigma, seed, limb):
    results = sample(persons=2, frames=2, points=51, size=(height, width), seed=seed)
    keypoint, score = results['keypoint'], results['keypoint_score']
    volume = GeneratePoseTarget(sigma=sigma, with_kp=not limb, with_limb=limb).transform(results)['imgs']
    if limb:
        expected = literal_limbs(keypoint, score, IBUG51.limbs, (height, width), sigma)
    else:
        expected = literal_keypoints(keypoint, score, (height, width), sigma)
    np.testing.assert_allclose(volume, expected, atol=2e-5)


def test_keypoints_come_before_limbs():
    results = sample()
    volume = GeneratePoseTarget(with_limb=True).transform(dict(results))['imgs']
    points = GeneratePoseTarget().transform(dict(results))['imgs']
    limbs = GeneratePoseTarget(with_kp=False, with_limb=True).transform(dict(results))['imgs']
    assert volume.shape == (3, 51 + len(IBUG51.limbs), 20, 24)
    assert np.array_equal(volume, np.concatenate([points, limbs], axis=1))


def test_given_skeletons_replace_those_of_the_layout():
    results = sample()
    limbs = ((0, 50), (3, 4))
    volume = GeneratePoseTarget(with_kp=False, with_limb=True, skeletons=limbs).transform(dict(results))['imgs']
    assert_equal(volume, literal_limbs(results['keypoint'], results['keypoint_score'], limbs, (20, 24)))


@pytest.mark.parametrize(('with_kp', 'with_limb'), [(True, False), (False, True), (True, True)])
def test_double_appends_what_the_mirrored_face_would_give(with_kp, with_limb):
    results = sample(spread=0)
    mirrored = dict(results)
    mirrored['keypoint'] = (results['keypoint'] * (-1, 1) + (23, 0))[:, :, IBUG51.mirror].astype(np.float32)
    mirrored['keypoint_score'] = results['keypoint_score'][:, :, IBUG51.mirror]
    options = {'with_kp': with_kp, 'with_limb': with_limb, 'sigma': 2.0}
    volume = GeneratePoseTarget(double=True, **options).transform(dict(results))['imgs']
    single = GeneratePoseTarget(**options).transform(dict(results))['imgs']
    other = GeneratePoseTarget(**options).transform(mirrored)['imgs']
    assert np.array_equal(volume[:3], single)
    # Windows are cut towards zero and short limbs are drawn at their first end, so rims and these limbs may differ.
    agree = np.isclose(volume[3:], other, atol=1e-4) | (np.maximum(volume[3:], other) < 0.3)
    assert agree.mean() > 0.995


def test_double_with_given_pairs():
    results = sample(points=4)
    del results['keypoint_layout']
    options = {'skeletons': ((0, 1), (2, 3), (0, 2)), 'left_kp': [0], 'right_kp': [2]}
    with pytest.raises(InputError, match='no keypoint layout has 4 keypoints'):
        GeneratePoseTarget(with_limb=True, double=True, **options).transform(results)
    results = sample()
    options.update(left_limb=[0], right_limb=[1], with_limb=True, double=True)
    volume = GeneratePoseTarget(**options).transform(results)['imgs']
    order = [2, 1, 0, *range(3, 51), 52, 51, 53]
    assert np.array_equal(volume[3:], volume[:3, order, :, ::-1])


def test_layout_is_guessed_from_the_number_of_keypoints():
    named, unnamed = sample(), sample()
    del unnamed['keypoint_layout']
    transform = GeneratePoseTarget(with_limb=True, double=True)
    assert np.array_equal(transform.transform(named)['imgs'], transform.transform(unnamed)['imgs'])


def test_scaling_shrinks_image_and_keypoints():
    results = sample(size=(21, 24))
    expected = literal_keypoints(results['keypoint'] * np.float32(0.5), results['keypoint_score'], (11, 12))
    assert_equal(GeneratePoseTarget(scaling=0.5).transform(results)['imgs'], expected)


def test_keypoints_are_left_alone():
    results = sample()
    before = results['keypoint'].copy(), results['keypoint_score'].copy()
    GeneratePoseTarget(scaling=0.5, with_limb=True, double=True).transform(results)
    assert np.array_equal(results['keypoint'], before[0])
    assert np.array_equal(results['keypoint_score'], before[1])


def test_without_scores_every_peak_is_one():
    results = sample()
    expected = literal_keypoints(results['keypoint'], np.ones((1, 3, 51)), (20, 24))
    assert_equal(GeneratePoseTarget(use_score=False).transform(dict(results))['imgs'], expected)
    del results['keypoint_score']
    assert_equal(GeneratePoseTarget().transform(results)['imgs'], expected)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf, 1e30])
def test_broken_coordinates_draw_nothing(bad):
    results = sample()
    results['keypoint'][0, 1, 5] = bad
    results['keypoint_score'][0, 0, 6] = np.nan
    volume = GeneratePoseTarget(with_limb=True).transform(results)['imgs']
    assert np.isfinite(volume).all()
    assert not volume[1, 5].any()
    assert not volume[0, 6].any()


def test_nothing_detected_gives_an_empty_volume():
    results = sample()
    results['keypoint_score'][:] = 0
    assert not GeneratePoseTarget(with_limb=True).transform(results)['imgs'].any()


def test_work_in_pieces_gives_the_same(monkeypatch):
    transform = GeneratePoseTarget(with_limb=True)
    whole = transform.transform(sample())['imgs']
    monkeypatch.setattr(heatmap, 'CHUNK', 100)
    assert np.array_equal(transform.transform(sample())['imgs'], whole)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'with_kp': False}, 'nothing to draw'),
        ({'sigma': 0}, 'sigma'),
        ({'scaling': -1}, 'scaling'),
        ({'with_limb': True, 'skeletons': ((0, 51),)}, 'index 51'),
        ({'double': True, 'left_kp': [0, 1], 'right_kp': [2]}, 'left_kp'),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        GeneratePoseTarget(**options).transform(sample())


def test_keypoints_that_do_not_have_the_layout_are_named():
    results = sample(points=50)
    with pytest.raises(InputError, match='clip has 50 keypoints'):
        GeneratePoseTarget(with_limb=True).transform(results)
