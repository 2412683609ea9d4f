"""Cameras, head movement, projection, and which landmarks the head hides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pyskl.errors import InputError
from pyskl.synth.camera import (
    OUTER_EYE_METRES,
    PIVOT,
    Camera,
    HeadPose,
    head_motion,
    project,
    random_camera,
    random_img_shape,
    rotations,
    simulate_pose,
)
from pyskl.synth.face_model import FaceModel
from pyskl.synth.occlusion import visibility
from pyskl.synth.speech import Activity

MODEL = FaceModel.load()
MESH = FaceModel.load(layout='mediapipe478')


def still(angles, distance=8.0):
    """Poses of (T, 3) angles straight in front of the camera."""
    angles = np.asarray(angles, np.float32).reshape(-1, 3)
    return HeadPose(angles, np.tile(np.array([0, 0, distance], np.float32), (len(angles), 1)))


def seen_at(yaw, pitch=0.0, roll=0.0, distance=8.0, model=MODEL, layout='ibug68'):
    pose = still(np.deg2rad([yaw, pitch, roll]), distance)
    return visibility(model.neutral[None], pose, layout)[0]


def literal_projection(point, angles, position, camera):
    """Project one point with scalar trigonometry."""
    yaw, pitch, roll = (float(angle) for angle in angles)
    x, y, z = (float(a) - float(b) for a, b in zip(point, PIVOT, strict=True))
    x, z = x * math.cos(yaw) + z * math.sin(yaw), -x * math.sin(yaw) + z * math.cos(yaw)
    y, z = y * math.cos(pitch) + z * math.sin(pitch), -y * math.sin(pitch) + z * math.cos(pitch)
    x, y = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    x, y, z = x + float(PIVOT[0]), y + float(PIVOT[1]), z + float(PIVOT[2])
    depth = float(position[2]) - z
    u = camera.axis[0] + camera.focal * (x + float(position[0])) / depth
    v = camera.axis[1] - camera.focal * (y + float(position[1])) / depth
    return u, v


@pytest.mark.parametrize('camera', [Camera(640, 480, 700.0, 9.0), Camera(112, 112, 400.0, 8.0, (-90.0, 130.0))])
def test_projection_equals_a_literal_loop(camera):
    rng = np.random.default_rng(3)
    points = rng.normal(0, 0.6, (5, 7, 3)).astype(np.float32)
    position = rng.normal((0, 0, 8), 0.4, (5, 3)).astype(np.float32)
    pose = HeadPose(rng.normal(0, 0.4, (5, 3)).astype(np.float32), position)
    seen = project(points, pose, camera)
    assert seen.shape == (5, 7, 2) and seen.dtype == np.float32
    for frame in range(5):
        for point in range(7):
            expected = literal_projection(points[frame, point], pose.angles[frame], pose.position[frame], camera)
            np.testing.assert_allclose(seen[frame, point], expected, atol=1e-2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3))
def test_rotations_equal_those_of_scipy(angles):
    yaw, pitch, roll = angles
    matrix = rotations(np.array([angles]))[0]
    expected = Rotation.from_euler('yxz', [yaw, -pitch, roll]).as_matrix()  # y points up: a positive pitch looks up
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def nose(angles):
    """Pixel offset of the nose tip from the eyes' centre under a head pose."""
    seen = project(MODEL.neutral[None], still([angles]), Camera(640, 480, 700.0, 9.0))[0]
    return seen[30] - seen[36:48].mean(axis=0), seen


def test_signs_of_the_angles_are_as_documented():
    straight, front = nose((0, 0, 0))
    assert abs(straight[0]) < 0.5 and straight[1] > 0
    assert front[36, 0] < front[45, 0]  # the subject's right eye is on the left of the picture
    assert nose((0.3, 0, 0))[0][0] > straight[0] + 5
    assert nose((0, 0.3, 0))[0][1] < straight[1] - 5
    rolled = nose((0, 0, 0.3))[1]
    assert rolled[45, 1] < rolled[36, 1]


def test_near_cameras_distort_more_than_far_ones():
    """The nose of a face at 0.4 metres is larger relative to the ears than at 3 metres."""

    def jaw_share(distance):
        seen = project(MODEL.neutral[None], still([(0, 0, 0)], distance), Camera(640, 480, 100 * distance, distance))[0]
        return (seen[16, 0] - seen[0, 0]) / (seen[35, 0] - seen[31, 0])

    assert jaw_share(0.4 / OUTER_EYE_METRES) < 0.95 * jaw_share(3 / OUTER_EYE_METRES)


def test_picture_sizes_are_those_of_videos_and_crops():
    shapes = [random_img_shape(np.random.default_rng(seed)) for seed in range(400)]
    assert {(480, 640), (720, 1280), (1080, 1920), (112, 112)} <= set(shapes)
    assert min(min(shape) for shape in shapes) == 112


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([(480, 640), (720, 1280), (1080, 1920), (240, 320), (1280, 720), (112, 112)]),
)
def test_cameras_are_plausible(seed, img_shape):
    camera = random_camera(np.random.default_rng(seed), img_shape)
    assert (camera.height, camera.width) == img_shape
    metres = camera.distance * OUTER_EYE_METRES
    assert 0.39 < metres < 3.01
    face = camera.focal / camera.distance
    assert face >= 21.9
    assert face <= 0.51 * min(img_shape)
    assert camera.is_crop == (img_shape == (112, 112))
    if camera.is_crop:
        assert face > 0.35 * 112
    else:
        view = 2 * math.degrees(math.atan(max(img_shape) / 2 / camera.focal))
        assert view < 82 and camera.centre is None


def test_faces_are_inside_the_picture_and_of_many_sizes():
    heights, outside = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        height, width = random_img_shape(rng)
        camera = random_camera(rng, (height, width))
        pose = simulate_pose(rng, 60, 30.0, camera)
        seen = project(np.broadcast_to(MODEL.neutral, (60, 68, 3)), pose, camera)
        assert pose.angles.dtype == pose.position.dtype == np.float32
        heights.append(np.ptp(seen[..., 1], axis=1).mean() / min(height, width))
        outside.append(((seen < 0) | (seen > [width, height])).any(axis=-1).mean())
    assert np.mean(outside) < 0.01
    assert min(heights) < 0.14 and max(heights) > 0.6


def test_heads_turn_far_at_times_but_within_limits_and_smoothly():
    angles = np.rad2deg([head_motion(np.random.default_rng(seed), 300, 30.0) for seed in range(150)])
    assert (np.abs(angles) < [62, 32, 26]).all()
    far = np.abs(angles[:, :, 0]) > 40
    assert 0.003 < far.mean() < 0.1
    assert (np.abs(angles) < [20, 20, 12]).all(axis=2).mean() > 0.6
    swept = np.percentile(angles[:, :64, 0], 95, axis=1) - np.percentile(angles[:, :64, 0], 5, axis=1)
    assert 9 < np.median(swept) < 25  # in two seconds
    speed = np.abs(np.diff(angles, axis=1)) * 30
    assert speed.max() < 350  # degrees a second; people reach about 400
    assert np.median(speed[..., 0]) < 15


def test_a_small_extent_keeps_the_face_to_the_camera():
    wide, narrow = (
        np.rad2deg([head_motion(np.random.default_rng(seed), 150, 30.0, extent) for seed in range(60)])
        for extent in (1.0, 0.4)
    )
    assert np.abs(narrow[..., 0]).mean() < 0.65 * np.abs(wide[..., 0]).mean()


def test_voice_moves_the_head():
    frames = 300
    time = np.arange(frames) / 30
    silent = np.zeros(frames, np.float32)
    beat = np.sin(2 * np.pi * 4.5 * time).astype(np.float32)
    laughing = Activity(silent, silent, np.ones(frames, np.float32), beat, np.zeros((frames, 22), np.float32))
    speaking = Activity(silent + 1, silent, silent, silent, np.zeros((frames, 22), np.float32))
    plain, laugh, speech = (
        np.stack([head_motion(np.random.default_rng(seed), frames, 30.0, activity=activity) for seed in range(8)])
        for activity in (None, laughing, speaking)
    )
    moved = (laugh - plain)[:, :, 1]
    assert np.corrcoef(moved.mean(axis=0), beat)[0, 1] < -0.9
    assert (np.abs(speech - plain).max(axis=1) > 0.005).all()


def test_poses_depend_on_the_generator_alone():
    first, again = (
        simulate_pose(rng, 50, 25.0, random_camera(rng, (480, 640))) for rng in map(np.random.default_rng, (4, 4))
    )
    np.testing.assert_array_equal(first.angles, again.angles)
    np.testing.assert_array_equal(first.position, again.position)


@pytest.mark.parametrize('distance', [0.4 / OUTER_EYE_METRES, 3 / OUTER_EYE_METRES])
def test_a_frontal_face_is_all_visible(distance):
    np.testing.assert_array_equal(seen_at(0, distance=distance), 1)
    np.testing.assert_array_equal(seen_at(0, roll=30, distance=distance), 1)
    assert seen_at(0, distance=distance, model=MESH, layout='mediapipe478').mean() > 0.97


@pytest.mark.parametrize('side', [1, -1])
def test_a_turned_head_hides_its_far_side(side):
    seen = seen_at(60 * side)
    mirror = seen if side > 0 else seen[[*range(16, -1, -1), *range(17, 68)]]
    assert (mirror[10:17] < 0.05).all()  # the far jaw
    assert (mirror[0:8] > 0.95).all()  # the near one
    far, near = ((45, 26), (36, 17)) if side > 0 else ((36, 17), (45, 26))  # outer eye corner, end of the brow
    assert (seen[list(far)] < 0.05).all()
    assert (seen[list(near)] > 0.95).all()
    assert (seen[[27, 28, 29, 30, 33]] > 0.95).all()


@pytest.mark.parametrize(('model', 'layout'), [(MODEL, 'ibug68'), (MESH, 'mediapipe478')])
@pytest.mark.parametrize('side', [1, -1])
def test_what_is_hidden_grows_with_the_turn(model, layout, side):
    turns = np.arange(0, 81)
    angles = np.deg2rad(np.stack([side * turns, 0 * turns, 0 * turns], axis=1))
    points = np.broadcast_to(model.neutral, (81, *model.neutral.shape))
    seen = visibility(points, still(angles), layout)
    assert seen.shape == points.shape[:2] and seen.dtype == np.float32
    assert seen.min() >= 0 and seen.max() <= 1
    far = np.sign(model.neutral[:, 0]) == side
    assert (np.diff(seen[:, far & (np.abs(model.neutral[:, 0]) > 0.1)], axis=0) < 1e-3).all()
    hidden = (seen[:, far] < 0.5).mean(axis=1)
    assert hidden[-1] > 0.8 and hidden[45] > hidden[20]


@pytest.mark.parametrize('angles', [(40, 0, 0), (-50, 10, 5), (25, -20, 15)])
def test_a_turned_head_and_a_camera_beside_it_are_the_same(angles):
    angles = np.deg2rad(angles)
    turn = Rotation.from_euler('yxz', angles * [1, -1, 1]).as_matrix()
    camera = turn.T @ (np.array([0, 0, 8.0]) - PIVOT) + PIVOT  # where the camera is for the head
    beside = HeadPose(np.zeros((1, 3), np.float32), (camera * [-1, -1, 1])[None].astype(np.float32))
    np.testing.assert_allclose(
        visibility(MODEL.neutral[None], beside), visibility(MODEL.neutral[None], still([angles])), atol=1e-4
    )


def test_visibility_of_an_unknown_layout_is_an_error():
    with pytest.raises(InputError, match=r"layout 'ibug86'.*ibug68"):
        visibility(MODEL.neutral[None], still([(0, 0, 0)]), 'ibug86')
