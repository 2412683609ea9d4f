"""Faces aligned by their eyes, against a loop in double precision and against what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.assets import fetch_asset
from pyskl.datasets.transforms import AlignFace, Compose, Flip, PoseCompact, PoseDecode
from pyskl.errors import InputError
from pyskl.keypoints import eye_centers, get_layout
from pyskl.synth import FaceModel

LAYOUT = get_layout('ibug68')
SIZE = (64, 48)


def face(frames: int = 6, persons: int = 1) -> np.ndarray:
    """(M, T, 68, 2) float32: a real face, in pixels, 60 between the eyes' centres and the same in every frame."""
    points = FaceModel.load().neutral[:, :2] * (1, -1)
    centers, _ = eye_centers(points[None].astype(np.float32) + 500, np.ones((1, 68)), LAYOUT)
    points = points * (60 / np.linalg.norm(centers[0, 1] - centers[0, 0])) + (320, 240)
    return np.tile(points.astype(np.float32), (persons, frames, 1, 1))


def moved(keypoint: np.ndarray, angles, scales, moves) -> np.ndarray:
    """Turn (degrees), scale and move each frame about the middle of the picture."""
    result = np.empty_like(keypoint)
    for frame, (angle, scale, move) in enumerate(zip(angles, scales, moves, strict=True)):
        cos, sin = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))
        turn = np.array([[cos, sin], [-sin, cos]])
        result[:, frame] = (keypoint[:, frame] - (320, 240)) @ turn + (320, 240) + np.asarray(move)
    return result


def sample(keypoint: np.ndarray, score: np.ndarray | None = None, **fields) -> dict:
    score = np.ones(keypoint.shape[:3], np.float32) if score is None else score
    return {
        'keypoint': keypoint,
        'keypoint_score': score,
        'img_shape': (480, 640),
        'keypoint_layout': 'ibug68',
        **fields,
    }


def literal_align(keypoint, score, size, eye_distance, eye_height, per, scale):
    """Frame by frame in double precision, all eyes known."""
    right_outer, right_inner, left_inner, left_outer = LAYOUT.eye_corners
    result = np.zeros(keypoint.shape)
    for person in range(len(keypoint)):
        points = keypoint[person].astype(np.float64)
        right, left = (
            (points[:, right_outer] + points[:, right_inner]) / 2,
            (points[:, left_inner] + points[:, left_outer]) / 2,
        )
        distance = [np.hypot(*(b - a)) for a, b in zip(right, left, strict=True)]
        angle = [np.arctan2(b[1] - a[1], b[0] - a[0]) for a, b in zip(right, left, strict=True)]
        middle = (right + left) / 2
        for frame in range(keypoint.shape[1]):
            if per == 'clip':
                origin = np.median(middle, axis=0)
                roll = np.arctan2(np.median(np.sin(angle)), np.median(np.cos(angle)))
            else:
                origin, roll = middle[frame], angle[frame]
            factor = eye_distance * size[0] / (np.median(distance) if scale == 'clip' else distance[frame])
            turn = factor * np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
            for index in range(keypoint.shape[2]):
                x, y = turn @ (points[frame, index] - origin) + (size[0] / 2, eye_height * size[1])
                seen = score[person, frame, index] > 0
                result[person, frame, index, 0] = x if seen and points[frame, index, 0] != 0 else 0
                result[person, frame, index, 1] = y if seen and points[frame, index, 1] != 0 else 0
    return result


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([('frame', 'clip'), ('frame', 'frame'), ('clip', 'clip')]))
def test_alignment_agrees_with_a_loop(seed, kind):
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(1, 8))
    keypoint = face(frames, persons=2) + rng.normal(0, 1, (2, frames, 68, 2)).astype(np.float32)
    keypoint = moved(
        keypoint, rng.uniform(-50, 50, frames), rng.uniform(0.5, 2, frames), rng.normal(0, 30, (frames, 2))
    )
    score = rng.uniform(0.1, 1, keypoint.shape[:3]).astype(np.float32)
    lost = rng.random(score.shape) < 0.1
    lost[:, :, list(LAYOUT.eye_corners)] = False
    score[lost] = 0
    keypoint[lost & (rng.random(score.shape) < 0.5)] = 0
    result = AlignFace(SIZE, 0.4, 0.3, *kind).transform(sample(keypoint, score))
    expected = literal_align(keypoint, score, SIZE, 0.4, 0.3, *kind)
    np.testing.assert_allclose(result['keypoint'], expected, atol=2e-3)
    assert result['keypoint'].dtype == np.float32
    assert result['img_shape'] == (48, 64)


def test_eyes_are_level_and_at_their_place():
    rng = np.random.default_rng(0)
    keypoint = moved(face(20), rng.uniform(-170, 170, 20), rng.uniform(0.5, 2, 20), rng.normal(0, 50, (20, 2)))
    result = AlignFace((100, 80), eye_distance=0.4, eye_height=0.25, scale='frame').transform(sample(keypoint))
    centers, _ = eye_centers(result['keypoint'], result['keypoint_score'], LAYOUT)
    np.testing.assert_allclose(centers[0], np.tile([[30, 20], [70, 20]], (20, 1, 1)), atol=1e-2)
    np.testing.assert_allclose(result['keypoint'], result['keypoint'][:, :1].repeat(20, axis=1), atol=2e-2)


def test_head_motion_goes_away_frame_by_frame_and_stays_clip_by_clip():
    steps = np.arange(9)
    keypoint = moved(face(9), 3.0 * steps, np.ones(9), np.stack([5.0 * steps, 2.0 * steps], axis=1))
    still = AlignFace(SIZE, per='frame').transform(sample(keypoint))['keypoint']
    assert np.abs(np.diff(still, axis=1)).max() < 1e-2
    kept = AlignFace(SIZE, per='clip').transform(sample(keypoint))['keypoint']
    turn = np.exp(-1j * np.deg2rad(3.0 * 4)) * 0.32 * 64 / 60  # of the frame in the middle, which is the median
    before, after = keypoint[0] @ (1, 1j), kept[0] @ (1, 1j)
    np.testing.assert_allclose(np.diff(after, axis=0), turn * np.diff(before, axis=0), atol=1e-2)


def test_raised_brows_show_as_they_are_where_a_box_hides_them():
    keypoint = face(8)
    rise = np.concatenate([np.zeros(4), np.full(4, 9)])  # pixels
    keypoint[..., 17:27, 1] -= rise[:, None]
    aligned = AlignFace((60, 60), eye_distance=1 / 3).transform(sample(keypoint.copy()))['keypoint'][0]
    np.testing.assert_allclose(aligned[0, 17:27, 1] - aligned[7, 17:27, 1], 9 * 20 / 60, atol=1e-3)
    np.testing.assert_allclose(aligned[0, 27:], aligned[7, 27:], atol=1e-3)

    def highest_brow(frames: np.ndarray) -> float:
        boxed = PoseCompact(padding=0.1).transform(sample(frames[:, :, 17:].copy()))
        return boxed['keypoint'][0, 0, :10, 1].min() / boxed['img_shape'][0]

    assert highest_brow(keypoint[:, :4]) == pytest.approx(highest_brow(keypoint[:, 4:]), abs=0.01)


def test_a_turned_head_does_not_stretch_the_face_with_one_scale_for_the_clip():
    """Yaw brings the eyes together; the distance from eye to mouth is then what must stay."""
    keypoint = face(9)
    keypoint[0, 6:, :, 0] = 320 + (keypoint[0, 6:, :, 0] - 320) * np.cos(np.deg2rad(40))

    def heights(**arguments) -> np.ndarray:
        aligned = AlignFace(SIZE, **arguments).transform(sample(keypoint))['keypoint'][0]
        return aligned[:, 57, 1] - aligned[:, 36:48, 1].mean(axis=1)

    np.testing.assert_allclose(heights(), heights()[0], rtol=1e-3)
    assert heights(scale='frame')[8] > 1.25 * heights(scale='frame')[0]


def test_frames_without_eyes_get_the_alignment_between_their_neighbours():
    steps = np.arange(12)
    keypoint = moved(face(12), 4.0 * steps, np.ones(12), np.stack([3.0 * steps, 6.0 * steps], axis=1))
    keypoint = keypoint - (face(1)[0, 0, 36:48].mean(axis=0) - (320, 240))
    whole = AlignFace(SIZE).transform(sample(keypoint.astype(np.float32)))['keypoint'][0]
    score = np.ones((1, 12, 68), np.float32)
    score[0, 4:8, 36] = 0
    filled = AlignFace(SIZE).transform(sample(keypoint.astype(np.float32), score))['keypoint'][0]
    others = [index for index in range(68) if index != 36]
    np.testing.assert_array_equal(filled[4:8, 36], 0)
    apart = np.abs(filled[:, others] - whole[:, others]).max(axis=(1, 2))
    assert apart[4:8].max() < 0.6  # of 21 pixels between the eyes: chords of the eyes' arc
    assert apart[[0, 1, 2, 3, 8, 9, 10, 11]].max() < 1e-3


def test_the_alignment_is_held_at_the_ends():
    keypoint = moved(face(8), np.arange(8) * 5.0, np.ones(8), np.zeros((8, 2)))
    found = np.array([[False, False, True, True, True, True, False, False]])
    centers, _ = eye_centers(keypoint, np.ones((1, 8, 68)), LAYOUT)
    result = AlignFace(SIZE).transform(sample(keypoint, eye_centers=centers, eye_found=found))['keypoint'][0] @ (1, 1j)
    for end, nearest in ((0, 2), (1, 2), (7, 5), (6, 5)):
        turn = np.exp(-1j * np.deg2rad(5.0 * nearest)) * 0.32 * 64 / 60
        middle = centers[0, nearest].mean(axis=0) @ (1, 1j)
        expected = (keypoint[0, end] @ (1, 1j) - middle) * turn + complex(32, 0.25 * 48)
        np.testing.assert_allclose(result[end], expected, atol=2e-2)


def test_turns_are_interpolated_the_shorter_way_round():
    keypoint = moved(face(3), [170, 180, 190], np.ones(3), np.zeros((3, 2)))
    centers, found = eye_centers(keypoint, np.ones((1, 3, 68)), LAYOUT)
    found[0, 1] = False
    result = AlignFace(SIZE).transform(sample(keypoint, eye_centers=centers, eye_found=found))['keypoint'][0]
    assert np.abs(result[1] - result[0]).max() < 0.5  # the eyes' middle goes along the chord


def test_eyes_found_before_the_selection_are_used_for_faces_without_eyes():
    keypoint = moved(face(5), np.arange(5) * 3.0, np.ones(5), np.zeros((5, 2)))
    whole = AlignFace(SIZE).transform(sample(keypoint))['keypoint']
    mouth = get_layout('ibug68:mouth')
    centers, found = eye_centers(keypoint, np.ones((1, 5, 68)), LAYOUT)
    part = sample(
        keypoint[:, :, list(mouth.indices)], keypoint_layout='ibug68:mouth', eye_centers=centers, eye_found=found
    )
    result = AlignFace(SIZE).transform(part)
    np.testing.assert_allclose(result['keypoint'], whole[:, :, list(mouth.indices)], atol=1e-4)
    assert 'eye_centers' not in result and 'eye_found' not in result


def test_decoding_and_aligning_go_together():
    keypoint = moved(face(9), np.arange(9) * 3.0, np.ones(9), np.zeros((9, 2)))
    direct = AlignFace(SIZE).transform(sample(keypoint[:, 2:7]))['keypoint']
    steps = Compose([PoseDecode(), AlignFace(SIZE)])
    result = steps(sample(keypoint, total_frames=9, frame_inds=np.arange(2, 7)))
    np.testing.assert_allclose(result['keypoint'], direct, atol=1e-4)


@pytest.mark.parametrize('per', ['frame', 'clip'])
def test_eyes_that_fall_together_or_jump_make_no_infinity(per):
    keypoint = face(6)
    keypoint[0, 1, 36:48] = keypoint[0, 1, 36]  # all in one point
    keypoint[0, 2, 36:48] = keypoint[0, 2, 47:35:-1]  # upside down
    keypoint[0, 3] *= 1e15
    result = AlignFace(SIZE, per=per).transform(sample(keypoint))['keypoint']
    assert np.isfinite(result).all()
    only = AlignFace(SIZE, per=per).transform(sample(keypoint[:, 1:2]))['keypoint']
    assert np.isfinite(only).all()
    opposite = keypoint[:, [0, 2]]
    assert np.isfinite(AlignFace(SIZE, per=per).transform(sample(opposite))['keypoint']).all()


def test_a_clip_without_eyes_is_fitted_into_the_plane():
    keypoint = face(4)
    score = np.ones((1, 4, 68), np.float32)
    score[..., 36:48] = 0
    keypoint[..., 36:48, :] = 0
    result = AlignFace(SIZE).transform(sample(keypoint, score))['keypoint'][0]
    np.testing.assert_array_equal(result[:, 36:48], 0)
    rest = np.delete(result, np.arange(36, 48), axis=1)
    low, high = rest.min(axis=(0, 1)), rest.max(axis=(0, 1))
    np.testing.assert_allclose((low + high) / 2, (32, 24), atol=1e-3)
    assert max((high - low) / SIZE) == pytest.approx(0.8, abs=1e-3)
    turn = np.polyfit(np.delete(keypoint[0, 0], np.arange(36, 48), axis=0) @ (1, 1j), rest[0] @ (1, 1j), 1)[0]
    assert turn.imag == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('points', [0, 1])
def test_a_clip_without_a_face_goes_through(points):
    keypoint, score = np.zeros((1, 4, 68, 2), np.float32), np.zeros((1, 4, 68), np.float32)
    keypoint[0, 2, :points], score[0, 2, :points] = 77, 0.5
    result = AlignFace(SIZE).transform(sample(keypoint, score))
    assert np.isfinite(result['keypoint']).all()
    assert np.count_nonzero(result['keypoint']) == 2 * points
    assert result['img_shape'] == (48, 64)


def test_each_clip_of_a_sample_is_aligned_on_its_own():
    first, second = face(4), face(4) * np.float32(2)
    keypoint = np.concatenate([first, second], axis=1)
    both = AlignFace(SIZE).transform(sample(keypoint, num_clips=2))['keypoint']
    np.testing.assert_allclose(both[:, 4:], AlignFace(SIZE).transform(sample(second))['keypoint'], atol=1e-4)
    np.testing.assert_allclose(both[:, :4], both[:, 4:], atol=1e-3)


def test_aligning_and_mirroring_may_change_places():
    rng = np.random.default_rng(0)
    keypoint = moved(face(5), rng.uniform(-30, 30, 5), np.ones(5), rng.normal(0, 20, (5, 2)))
    one = Compose([AlignFace(SIZE), Flip(1.0)])(sample(keypoint))
    other = Compose([Flip(1.0), AlignFace(SIZE)])(sample(keypoint))
    np.testing.assert_allclose(one['keypoint'], other['keypoint'], atol=1e-2)


def test_the_tracks_own_arrays_are_not_written_to():
    keypoint, score = face(3), np.ones((1, 3, 68), np.float32)
    keypoint.flags.writeable = score.flags.writeable = False
    AlignFace(SIZE).transform(sample(keypoint, score))


def test_real_faces_stay_in_the_default_plane(tmp_path):
    from pyskl.landmarks.mediapipe_extractor import MediaPipeExtractor
    from pyskl.video import iter_frames

    video = fetch_asset('pyfeat_videos') / 'single_face.mp4'
    frames = [frame for frame in iter_frames(video) if frame.index % 8 == 0]
    with MediaPipeExtractor() as extractor:
        keypoint = np.array([[faces[0].keypoint for faces in extractor.detect(frames)]])
    result = AlignFace().transform(sample(keypoint))
    assert result['img_shape'] == (56, 56)
    assert (result['keypoint'] > 0).all() and (result['keypoint'] < 56).all()
    centers, found = eye_centers(result['keypoint'], result['keypoint_score'], LAYOUT)
    assert found.all()
    np.testing.assert_allclose(centers.mean(axis=2)[0], np.tile((28, 0.25 * 56), (len(frames), 1)), atol=1e-2)


@pytest.mark.parametrize(
    'arguments',
    [
        {'size': 56},
        {'size': (0, 56)},
        {'size': (56.0, 56)},
        {'eye_distance': 0},
        {'eye_distance': 1.5},
        {'eye_distance': float('nan')},
        {'eye_height': -0.1},
        {'per': 'video'},
        {'scale': 'frames'},
        {'per': 'clip', 'scale': 'frame'},
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments):
    with pytest.raises(InputError, match='AlignFace') as error:
        AlignFace(**arguments)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'keypoint_layout': 'ibug68:mouth'}, "'ibug68:mouth' has no corners of the eyes; put AlignFace right after"),
        ({'keypoint_layout': 'ibug51'}, "has 68 keypoints, its layout 'ibug51' 51"),
        ({'keypoint_layout': None}, 'neither eye_centers nor a keypoint_layout'),
    ],
)
def test_samples_without_eyes_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        AlignFace().transform({**sample(face()), **changes})


@pytest.mark.parametrize('turned', [1.0, 0.5, 0.2])
def test_a_face_seen_from_the_side_is_made_to_fit(turned):
    """Turning the head by arccos(turned) moves the eyes together and leaves heights as they are."""
    face = get_layout('ibug68')
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-40, 40, 68), rng.uniform(-20, 70, 68)
    x[list(face.eye_corners)], y[list(face.eye_corners)] = (-30, -15, 15, 30), 0
    y[8] = 80
    points = np.stack([x * turned + 200, y + 200], axis=-1).astype(np.float32)
    results = dict(
        keypoint=np.tile(points, (1, 4, 1, 1)),
        keypoint_score=np.ones((1, 4, 68), np.float32),
        keypoint_layout='ibug68',
        img_shape=(400, 400),
    )
    whole = AlignFace(size=(56, 56))({**results})['keypoint']
    fitted = AlignFace(size=(56, 56), fit=True)({**results})['keypoint']
    if turned == 1.0:
        np.testing.assert_allclose(fitted, whole, atol=1e-4)
    else:
        assert whole[..., 1].max() > 60
        assert abs(fitted[..., 1].max() - 56) < 1e-3


def test_a_point_on_the_edge_of_the_picture_is_a_point():
    keypoint = np.random.default_rng(0).uniform(5, 100, (1, 4, 68, 2)).astype(np.float32)
    keypoint[..., 3, 0] = [1, 1, 0, 1]
    keypoint[0, 2, 5] = 0
    results = dict(
        keypoint=keypoint,
        keypoint_score=np.ones((1, 4, 68), np.float32),
        keypoint_layout='ibug68',
        img_shape=(112, 112),
    )
    aligned = AlignFace(per='clip')({**results})['keypoint']
    assert (aligned[0, 2, 5] == 0).all()
    a, b = keypoint[0, 0, [3, 4]], aligned[0, 0, [3, 4]]
    turn = complex(*(b[1] - b[0])) / complex(*(a[1] - a[0]))
    moved = complex(*(keypoint[0, 2, 3] - a[0])) * turn + complex(*b[0])
    np.testing.assert_allclose(aligned[0, 2, 3], (moved.real, moved.imag), atol=1e-3)
