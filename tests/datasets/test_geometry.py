"""Crops and scales of keypoints, against loops over single points and closed forms."""

from __future__ import annotations

import mmcv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyskl.datasets.transforms import AlignFace, Flip, PoseCompact, RandomAffine, RandomResizedCrop, Resize
from pyskl.errors import InputError

HEIGHT, WIDTH = 240, 320


def random_sample(seed: int = 0, shape: tuple[int, ...] = (2, 5, 17), zeros: float = 0.2, **fields) -> dict:
    """Keypoints in a picture of 240 x 320, some of them not detected."""
    rng = np.random.default_rng(seed)
    keypoint = (rng.random((*shape, 2)) * (150, 120) + (90, 60)).astype(np.float32)
    score = rng.uniform(0.1, 1, shape).astype(np.float32)
    missing = rng.random(shape) < zeros
    keypoint[missing], score[missing] = 0, 0
    return {'keypoint': keypoint, 'keypoint_score': score, 'img_shape': (HEIGHT, WIDTH), 'rng': rng, **fields}


def literal_compact(keypoint, size, padding, threshold, ratio, allow_imgpad):
    """The keypoints and picture size after PoseCompact, point by point in double precision."""
    height, width = size
    xs = [float(point[0]) for point in keypoint.reshape(-1, 2) if point[0]]
    ys = [float(point[1]) for point in keypoint.reshape(-1, 2) if point[1]]
    if not xs or not ys or max(xs) - min(xs) < threshold or max(ys) - min(ys) < threshold:
        return keypoint, size
    across, down = (max(xs) - min(xs)) * (1 + padding), (max(ys) - min(ys)) * (1 + padding)
    if ratio is not None:
        least, most = ratio
        down = max(down, across * least)
        across = max(across, down / most)
    x_mid, y_mid = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    left, right, top, bottom = x_mid - across / 2, x_mid + across / 2, y_mid - down / 2, y_mid + down / 2
    if not allow_imgpad:
        left, right, top, bottom = max(left, 0), min(right, width), max(top, 0), min(bottom, height)
    left, right, top, bottom = int(left), int(right), int(top), int(bottom)
    if right <= left or bottom <= top:
        return keypoint, size
    moved = keypoint.copy()
    for point in moved.reshape(-1, 2):
        for axis, origin in ((0, left), (1, top)):
            if point[axis] != 0:
                point[axis] -= origin
    return moved, (bottom - top, right - left)


# Quarters of pixels and ratios that are powers of two: exact in single precision, so that no box is off by one.
quarters = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 5), st.just(2)),
    elements=st.integers(-200, 1600).map(lambda value: value / 4),
    fill=st.just(0.0),
)


@settings(max_examples=200)
@given(
    keypoint=quarters,
    padding=st.sampled_from([0, 0.25, 1]),
    threshold=st.sampled_from([0, 1, 10, 100]),
    ratio=st.sampled_from([None, (1, 1), (0.5, 2), (0.25, 0.5), (2, 4)]),
    allow_imgpad=st.booleans(),
)
def test_pose_compact_agrees_with_a_loop(keypoint, padding, threshold, ratio, allow_imgpad):
    expected, size = literal_compact(keypoint, (HEIGHT, WIDTH), padding, threshold, ratio, allow_imgpad)
    step = PoseCompact(padding, threshold, ratio, allow_imgpad)
    result = step.transform({'keypoint': keypoint, 'img_shape': (HEIGHT, WIDTH)})
    np.testing.assert_array_equal(result['keypoint'], expected)
    assert tuple(result['img_shape']) == size
    assert min(result['img_shape']) >= 1


def corners(left, top, right, bottom) -> np.ndarray:
    return np.array([[[[left, top], [right, bottom]]]], dtype=np.float32)


def test_pose_compact_by_hand():
    sample = {'keypoint': corners(100, 60, 180, 100), 'img_shape': (HEIGHT, WIDTH)}
    result = PoseCompact(padding=0.25).transform(sample)
    assert result['img_shape'] == (50, 100)  # 40 x 80 pixels and a quarter more
    np.testing.assert_array_equal(result['keypoint'], corners(10, 5, 90, 45))
    np.testing.assert_allclose(result['crop_quadruple'], (90 / 320, 55 / 240, 100 / 320, 50 / 240))


@pytest.mark.parametrize(
    ('ratio', 'size'), [(1.0, (80, 80)), (1, (80, 80)), ((0.25, 4), (40, 80)), ([1, 2], (80, 80)), (2.0, (160, 80))]
)
def test_pose_compact_keeps_the_ratio_of_height_to_width(ratio, size):
    sample = {'keypoint': corners(100, 100, 180, 140), 'img_shape': (HEIGHT, WIDTH)}
    assert PoseCompact(padding=0, hw_ratio=ratio).transform(sample)['img_shape'] == size


def test_pose_compact_stays_in_the_picture_only_when_told_to():
    sample = {'keypoint': corners(4, 60, 316, 100), 'img_shape': (HEIGHT, WIDTH)}
    inside = PoseCompact(padding=1, allow_imgpad=False).transform(dict(sample))
    assert inside['img_shape'] == (80, WIDTH)
    np.testing.assert_array_equal(inside['keypoint'], corners(4, 20, 316, 60))
    outside = PoseCompact(padding=1, allow_imgpad=True).transform(dict(sample))
    assert outside['img_shape'] == (80, 624)
    np.testing.assert_array_equal(outside['keypoint'], corners(156, 20, 468, 60))


def test_pose_compact_leaves_a_face_outside_of_the_picture_alone():
    sample = {'keypoint': corners(400, 60, 460, 100), 'img_shape': (HEIGHT, WIDTH)}
    result = PoseCompact(allow_imgpad=False).transform(sample)
    assert result['img_shape'] == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(result['keypoint'], corners(400, 60, 460, 100))


@pytest.mark.parametrize('threshold', [0, 10])
def test_pose_compact_leaves_nothing_and_single_points_alone(threshold):
    for keypoint in (np.zeros((1, 2, 3, 2), np.float32), corners(50, 50, 50, 50), corners(0, 0, 7, 0)):
        result = PoseCompact(threshold=threshold).transform({'keypoint': keypoint, 'img_shape': (HEIGHT, WIDTH)})
        assert result['img_shape'] == (HEIGHT, WIDTH)
        np.testing.assert_array_equal(result['keypoint'], keypoint)


@pytest.mark.parametrize(('side', 'done'), [(9.75, False), (10, True)])
def test_pose_compact_acts_from_the_threshold_on(side, done):
    sample = {'keypoint': corners(50, 50, 50 + side, 90), 'img_shape': (HEIGHT, WIDTH)}
    assert ('crop_quadruple' in PoseCompact(threshold=10).transform(sample)) == done


@pytest.mark.parametrize('scale', [(56, 56), (64, 48), (1, 500)])
def test_resize_to_a_fixed_size_agrees_with_a_loop(scale):
    sample = random_sample()
    result = Resize(scale, keep_ratio=False).transform(dict(sample))
    expected = np.empty_like(sample['keypoint'])
    for place in np.ndindex(*expected.shape[:3]):
        x, y = sample['keypoint'][place].tolist()
        expected[place] = x * scale[0] / WIDTH, y * scale[1] / HEIGHT
    np.testing.assert_allclose(result['keypoint'], expected, rtol=1e-6)
    assert result['img_shape'] == (scale[1], scale[0])
    np.testing.assert_allclose(result['scale_factor'], (scale[0] / WIDTH, scale[1] / HEIGHT), rtol=1e-6)


@given(st.tuples(st.integers(20, 900), st.integers(20, 900)), st.tuples(st.integers(20, 500), st.integers(20, 500)))
def test_resize_keeping_the_ratio_makes_the_size_that_mmcv_computes(size, scale):
    width, height = size
    for given_scale, wanted in (
        (scale, scale),
        ((-1, scale[0]), (np.inf, scale[0])),
        ((scale[1], -1), (np.inf, scale[1])),
    ):
        sample = {'keypoint': corners(1, 2, width, height), 'img_shape': (height, width)}
        result = Resize(given_scale).transform(sample)
        expected = mmcv.rescale_size(size, wanted)[::-1]
        assert result['img_shape'] == (max(1, expected[0]), max(1, expected[1]))  # mmcv rounds a thin line down to 0
        new_height, new_width = result['img_shape']
        np.testing.assert_allclose(result['keypoint'][0, 0, 1], (new_width, new_height), rtol=1e-5)


def test_resize_of_a_very_flat_picture_leaves_a_pixel():
    result = Resize((32, 32)).transform({'keypoint': corners(1, 1, 900, 2), 'img_shape': (2, 1000)})
    assert result['img_shape'] == (1, 32)


def crop(sample: dict, **arguments) -> tuple[dict, np.ndarray]:
    """Crop at random; return the result and the origin of the box, recovered from the points."""
    result = RandomResizedCrop(**arguments).transform(dict(sample))
    seen = sample['keypoint'] != 0
    moves = sample['keypoint'].astype(np.float64) - result['keypoint']
    origin = np.array([moves[..., axis][seen[..., axis]].mean() for axis in (0, 1)])
    np.testing.assert_allclose(moves[seen], np.broadcast_to(origin, moves.shape)[seen], atol=1e-4)
    return result, origin


@pytest.mark.parametrize(('area', 'ratio'), [((0.08, 1.0), (0.75, 4 / 3)), ((0.5, 0.6), (1, 1)), ((0.2, 0.2), (2, 3))])
def test_random_resized_crop_takes_boxes_of_the_area_and_ratio_asked_for(area, ratio):
    for seed in range(50):
        result, origin = crop(random_sample(seed), area_range=area, aspect_ratio_range=ratio)
        height, width = result['img_shape']
        left, top = np.round(origin)
        np.testing.assert_allclose(origin, (left, top), atol=1e-4)
        assert left >= 0
        assert top >= 0
        assert left + width <= WIDTH
        assert top + height <= HEIGHT
        slack = (height + width) / 2  # half a pixel on either side
        assert area[0] * WIDTH * HEIGHT - slack <= height * width <= area[1] * WIDTH * HEIGHT + slack
        assert (width - 0.5) / (height + 0.5) <= ratio[1]
        assert ratio[0] <= (width + 0.5) / (height - 0.5)


def test_random_resized_crop_reaches_every_place():
    sample = {'keypoint': corners(1, 1, 3, 3), 'img_shape': (4, 4), 'rng': np.random.default_rng(0)}
    places = {tuple(crop(sample, area_range=(0.25, 0.25), aspect_ratio_range=(1, 1))[1]) for _ in range(200)}
    assert places == {(x, y) for x in range(3) for y in range(3)}


def test_random_resized_crop_falls_back_to_the_square_in_the_middle():
    sample = {'keypoint': corners(500, 5, 510, 8), 'img_shape': (10, 1000), 'rng': np.random.default_rng(0)}
    result, origin = crop(sample, area_range=(0.9, 1.0), aspect_ratio_range=(1, 1))
    assert result['img_shape'] == (10, 10)
    assert origin.tolist() == [495, 0]


def fit_similarity(before: np.ndarray, after: np.ndarray) -> tuple[complex, complex, float]:
    """Fit ``after = turn * before + move`` in complex numbers; return both and the largest residual."""
    source, target = (points.astype(np.float64) @ (1, 1j) for points in (before, after))
    system = np.stack([source, np.ones_like(source)], axis=1)
    (turn, move), *_ = np.linalg.lstsq(system, target, rcond=None)
    return turn, move, float(np.abs(system @ (turn, move) - target).max())


def test_random_affine_is_one_turn_scale_and_move_about_the_middle():
    found = []
    for seed in range(60):
        sample = random_sample(seed, zeros=0)
        result = RandomAffine(rotation=30, scale=(0.5, 2), shift=0.1).transform(dict(sample))
        assert result['img_shape'] == (HEIGHT, WIDTH)
        assert result['keypoint'].dtype == np.float32
        turn, move, residual = fit_similarity(sample['keypoint'].reshape(-1, 2), result['keypoint'].reshape(-1, 2))
        assert residual < 1e-2
        middle = complex(WIDTH / 2, HEIGHT / 2)
        away = turn * middle + move - middle
        found.append((np.degrees(np.angle(turn)), abs(turn), away.real / WIDTH, away.imag / HEIGHT))
    lowest, highest = np.min(found, axis=0), np.max(found, axis=0)
    limits = np.array([(-30, 30), (0.5, 2), (-0.1, 0.1), (-0.1, 0.1)])
    assert (lowest >= limits[:, 0] - 1e-4).all()
    assert (highest <= limits[:, 1] + 1e-4).all()
    assert (highest - lowest > 0.7 * np.diff(limits)[:, 0]).all()


def test_random_affine_jitter_has_the_deviation_asked_for():
    sample = random_sample(shape=(1, 100, 68), zeros=0)
    moves = RandomAffine(jitter=0.01).transform(dict(sample))['keypoint'] - sample['keypoint']
    assert moves.std() == pytest.approx(0.01 * WIDTH, rel=0.03)
    assert abs(moves.mean()) < 0.1
    assert abs(np.corrcoef(moves[..., 0].ravel(), moves[..., 1].ravel())[0, 1]) < 0.05


def test_random_affine_without_arguments_changes_nothing():
    sample = random_sample()
    np.testing.assert_allclose(RandomAffine().transform(dict(sample))['keypoint'], sample['keypoint'], rtol=1e-5)


STEPS = [
    PoseCompact(),
    PoseCompact(hw_ratio=1.0, allow_imgpad=False),
    Resize((56, 56), keep_ratio=False),
    Resize((-1, 64)),
    RandomResizedCrop((0.3, 0.6)),
    RandomAffine(rotation=20, scale=(0.8, 1.2), shift=0.1, jitter=0.01),
    Flip(flip_ratio=1.0, left_kp=[1, 3], right_kp=[2, 4]),
]


@pytest.mark.parametrize('step', STEPS, ids=lambda step: type(step).__name__)
def test_the_tracks_own_arrays_are_not_written_to(step):
    sample = random_sample()
    for name in ('keypoint', 'keypoint_score'):
        sample[name].flags.writeable = False
    before = sample['keypoint'].copy()
    result = step.transform(dict(sample))
    np.testing.assert_array_equal(sample['keypoint'], before)
    assert not np.array_equal(result['keypoint'], before)
    assert result['keypoint'].dtype == np.float32
    assert all(isinstance(length, int) for length in result['img_shape'])


@pytest.mark.parametrize('step', STEPS, ids=lambda step: type(step).__name__)
def test_coordinates_of_zero_stay_zero(step):
    sample = random_sample()
    sample['keypoint'][0, 0, 5] = 0
    result = step.transform(dict(sample))
    before = sample['keypoint'][:, :, 5:]  # the flip exchanges the first ones
    np.testing.assert_array_equal(result['keypoint'][:, :, 5:] == 0, before == 0)


@pytest.mark.parametrize('step', STEPS, ids=lambda step: type(step).__name__)
def test_a_clip_without_any_face_goes_through(step):
    sample = random_sample(zeros=2)
    result = step.transform(sample)
    assert (result['keypoint'] == 0).all()
    assert min(result['img_shape']) >= 1


@pytest.mark.parametrize(
    ('step', 'arguments'),
    [
        (PoseCompact, {'padding': -0.1}),
        (PoseCompact, {'padding': float('nan')}),
        (PoseCompact, {'hw_ratio': 0}),
        (PoseCompact, {'hw_ratio': -1.0}),
        (PoseCompact, {'hw_ratio': (2, 1)}),
        (PoseCompact, {'hw_ratio': (1, 2, 3)}),
        (PoseCompact, {'hw_ratio': 'square'}),
        (Resize, {'scale': 56}),
        (Resize, {'scale': 0.5}),
        (Resize, {'scale': (56,)}),
        (Resize, {'scale': (0, 56)}),
        (Resize, {'scale': (-1, -1)}),
        (Resize, {'scale': (-5, 56)}),
        (Resize, {'scale': '56'}),
        (Resize, {'scale': (0.5, 56)}),
        (Resize, {'scale': (-1, 56), 'keep_ratio': False}),
        (RandomResizedCrop, {'area_range': (0, 1.0)}),
        (RandomResizedCrop, {'area_range': (0.6, 0.5)}),
        (RandomResizedCrop, {'area_range': (0.5, 1.5)}),
        (RandomResizedCrop, {'area_range': 0.5}),
        (RandomResizedCrop, {'aspect_ratio_range': (-1, 1)}),
        (RandomResizedCrop, {'aspect_ratio_range': (1, 2, 3)}),
        (RandomAffine, {'rotation': -1}),
        (RandomAffine, {'scale': (0, 1)}),
        (RandomAffine, {'scale': 1.0}),
        (RandomAffine, {'scale': (1,)}),
        (RandomAffine, {'scale': (1.2, 0.8)}),
        (RandomAffine, {'jitter': float('nan')}),
        (RandomAffine, {'shift': float('inf')}),
        (RandomAffine, {'jitter_correlation': -0.1}),
        (RandomAffine, {'jitter_correlation': 1.1}),
        (RandomAffine, {'jitter_correlation': float('nan')}),
    ],
)
def test_arguments_that_make_no_sense_are_refused(step, arguments):
    with pytest.raises(InputError, match=step.__name__) as error:
        step(**arguments)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('step', [*STEPS, AlignFace()], ids=lambda step: type(step).__name__)
def test_eyes_found_before_keypoints_moved_are_forgotten(step):
    shape = (2, 5)
    eyes = {
        'eye_centers': np.tile(np.float32([[100, 90], [150, 90]]), (*shape, 1, 1)),
        'eye_found': np.ones(shape, bool),
    }
    result = step.transform(random_sample(**eyes))
    assert 'eye_centers' not in result and 'eye_found' not in result


def test_a_flip_that_is_not_drawn_keeps_the_eyes():
    result = Flip(flip_ratio=0.0).transform(random_sample(eye_centers=1, eye_found=2))
    assert (result['eye_centers'], result['eye_found']) == (1, 2)


@pytest.mark.parametrize('correlation', [0.3, 0.9, 0.999])
@pytest.mark.parametrize('frames', [1, 2, 7, 32, 33, 100])
def test_correlated_jitter_is_the_recursion_of_an_autoregressive_process(correlation, frames):
    sample = random_sample(1, shape=(2, frames, 9), zeros=0)
    white = np.random.default_rng(5).standard_normal((2, frames, 9, 2), dtype=np.float32).astype(np.float64)
    expected = np.empty_like(white)
    expected[:, 0] = white[:, 0]
    for frame in range(1, frames):
        fresh = np.sqrt(1 - correlation**2) * white[:, frame]
        expected[:, frame] = correlation * expected[:, frame - 1] + fresh

    class Fixed:
        """A generator that leaves the face where it is but for the jitter."""

        def uniform(self, low, high, size=None):
            return 0.0 if size is None else np.zeros(size)

        def standard_normal(self, shape, dtype):
            return white.astype(dtype)

    step = RandomAffine(jitter=0.01, jitter_correlation=correlation)
    result = step.transform({**sample, 'rng': Fixed()})
    np.testing.assert_allclose(result['keypoint'] - sample['keypoint'], 0.01 * WIDTH * expected, atol=1e-3)


@pytest.mark.parametrize('correlation', [0.0, 0.5, 0.9, 1.0])
def test_jitter_has_the_same_deviation_in_every_frame_and_the_correlation_asked_for(correlation):
    sample = random_sample(shape=(1, 40, 3000), zeros=0)
    step = RandomAffine(jitter=0.01, jitter_correlation=correlation)
    noise = step.transform(dict(sample))['keypoint'] - sample['keypoint']
    noise = noise[0].reshape(40, -1) / (0.01 * WIDTH)
    np.testing.assert_allclose(noise.std(axis=1), 1, atol=0.05)
    for lag in (1, 3):
        found = np.mean([np.corrcoef(noise[t], noise[t + lag])[0, 1] for t in range(40 - lag)])
        assert found == pytest.approx(correlation**lag, abs=0.03)


def test_the_draws_do_not_depend_on_the_correlation():
    """So that changing it changes nothing else of a seeded run."""
    results = [
        RandomAffine(rotation=10, jitter=0.01, jitter_correlation=correlation).transform(random_sample(zeros=0))
        for correlation in (0.0, 0.9)
    ]
    np.testing.assert_array_equal(results[0]['keypoint'][:, 0], results[1]['keypoint'][:, 0])
    assert results[0]['rng'].random() == results[1]['rng'].random()
