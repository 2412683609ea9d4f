"""Noise, identities, dynamics, camera and sensor of the simulator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.synth.camera import PIVOT, Camera, HeadPose, project, random_camera, rotations, simulate_pose
from pyskl.synth.dynamics import episode_curves, simulate_distractions, simulate_intensities
from pyskl.synth.expressions import DISTRACTIONS, EXPRESSIONS
from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import random_identity
from pyskl.synth.noise import drifting_noise, smooth_noise
from pyskl.synth.sensor import Sensor, observe

MODEL = FaceModel.load()


def test_drifting_noise_has_unit_variance_and_the_stated_memory():
    noise = drifting_noise(np.random.default_rng(0), 2000, 200, 10.0)
    assert noise.shape == (2000, 200)
    assert noise[0].std() == pytest.approx(1, abs=0.15)  # stationary from the first frame
    assert noise.std() == pytest.approx(1, abs=0.05)
    assert (noise[10:] * noise[:-10]).mean() == pytest.approx(math.exp(-1), abs=0.05)


def test_smooth_noise_has_unit_variance_and_small_steps():
    noise = smooth_noise(np.random.default_rng(0), 1000, 100, 12.0)
    assert noise.std() == pytest.approx(1, abs=0.06)
    assert np.abs(np.diff(noise, axis=0)).mean() < 0.1


def test_identities_look_like_faces_and_differ():
    people = [random_identity(np.random.default_rng(number), MODEL) for number in range(60)]
    faces = np.stack([person.neutral for person in people])
    assert (faces[:, [36, 39, 42], 0] < faces[:, [39, 42, 45], 0]).all()
    assert (faces[:, 8, 1] < faces[:, 57, 1]).all() and (faces[:, 57, 1] < faces[:, 33, 1]).all()
    assert (faces[:, [61, 62, 63], 1] >= faces[:, [67, 66, 65], 1]).all()
    assert 0.01 < faces[:, 17:].std(axis=0).mean() < 0.08
    np.testing.assert_allclose(faces[:, 36:48].mean(axis=1), 0, atol=1e-5)
    gains = np.stack([person.au_gains for person in people])
    assert gains.min() > 0.5 and gains.max() < 1.5
    jaw = MODEL.au_names.index('AU26')
    np.testing.assert_array_equal(gains[:, jaw, 0], gains[:, jaw, 1])


def test_episode_curve_rises_holds_and_falls():
    time = np.linspace(0, 4, 401)
    (curve,) = episode_curves(time, np.array([1.0]), np.array([0.5]), np.array([1.0]), np.array([0.8]))
    assert (curve[time <= 1.0] == 0).all()
    np.testing.assert_allclose(curve[(time >= 1.51) & (time <= 2.49)], 1)
    assert curve[125] == pytest.approx(0.5)  # half way through the onset
    assert curve[290] == pytest.approx(0.5)  # half way through the offset
    assert (curve[time >= 3.31] == 0).all()


def test_intensities_keep_the_rules_of_the_mouth():
    aus = MODEL.au_names
    levels = np.concatenate(
        [simulate_intensities(np.random.default_rng(number), 300, 30.0, aus, number) for number in range(30)]
    )
    assert levels.dtype == np.float32 and levels.min() >= 0 and levels.max() <= 5
    parts, drops, presses = (levels[:, aus.index(au)] for au in ('AU25', 'AU26', 'AU24'))
    assert (parts >= 0.84 * drops).all()
    assert (presses[parts >= 1.5] == 0).all()
    assert np.abs(np.diff(levels[:300], axis=0)).max() < 2.0  # no jumps


def test_every_expression_names_known_movements():
    for expression in EXPRESSIONS:
        assert set(expression.members) <= set(MODEL.au_names), expression.name
    for expression in DISTRACTIONS:
        assert set(expression.members) <= set(MODEL.distraction_names), expression.name
    assert {name for expression in EXPRESSIONS for name in expression.members} == set(MODEL.au_names)


def test_distractions_blink():
    levels = simulate_distractions(np.random.default_rng(0), 1800, 30.0, MODEL.distraction_names)
    assert levels.min() >= 0 and levels.max() <= 1
    closed = levels[:, MODEL.distraction_names.index('AU45')] > 0.5
    assert 5 <= np.diff(closed.astype(int)).clip(0).sum() <= 40  # blinks in a minute


def literal_projection(point, angles, position, camera):
    """Project one point with scalar trigonometry."""
    yaw, pitch, roll = (float(angle) for angle in angles)
    x, y, z = (float(a) - float(b) for a, b in zip(point, PIVOT, strict=True))
    x, z = x * math.cos(yaw) + z * math.sin(yaw), -x * math.sin(yaw) + z * math.cos(yaw)
    y, z = y * math.cos(pitch) + z * math.sin(pitch), -y * math.sin(pitch) + z * math.cos(pitch)
    x, y = x * math.cos(roll) - y * math.sin(roll), x * math.sin(roll) + y * math.cos(roll)
    x, y, z = x + float(PIVOT[0]), y + float(PIVOT[1]), z + float(PIVOT[2])
    depth = float(position[2]) - z
    u = camera.width / 2 + camera.focal * (x + float(position[0])) / depth
    v = camera.height / 2 - camera.focal * (y + float(position[1])) / depth
    return u, v


def test_projection_equals_a_literal_loop():
    rng = np.random.default_rng(3)
    points = rng.normal(0, 0.6, (5, 7, 3)).astype(np.float32)
    position = rng.normal((0, 0, 8), 0.4, (5, 3)).astype(np.float32)
    pose = HeadPose(rng.normal(0, 0.4, (5, 3)).astype(np.float32), position)
    camera = Camera(640, 480, 700.0)
    seen = project(points, pose, camera)
    for frame in range(5):
        for point in range(7):
            expected = literal_projection(points[frame, point], pose.angles[frame], pose.position[frame], camera)
            np.testing.assert_allclose(seen[frame, point], expected, atol=1e-2)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3))
def test_rotations_are_rotations(angles):
    matrix = rotations(np.array([angles]))[0]
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)


def nose(angles):
    """Pixel offset of the nose tip from the eyes' centre under a head pose."""
    pose = HeadPose(np.array([angles], np.float32), np.array([[0, 0, 8]], np.float32))
    seen = project(MODEL.neutral[None], pose, Camera(640, 480, 700.0))[0]
    return seen[30] - seen[36:48].mean(axis=0), seen


def test_signs_of_the_angles_are_as_documented():
    straight, front = nose((0, 0, 0))
    assert abs(straight[0]) < 1e-2 and straight[1] > 0
    assert front[36, 0] < front[45, 0]  # the subject's right eye is on the left of the picture
    assert nose((0.3, 0, 0))[0][0] > straight[0] + 5
    assert nose((0, 0.3, 0))[0][1] < straight[1] - 5
    rolled = nose((0, 0, 0.3))[1]
    assert rolled[45, 1] < rolled[36, 1]


def test_pose_is_moderate_and_smooth_and_the_face_stays_in_the_picture():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        camera = random_camera(rng, (480, 640))
        pose = simulate_pose(rng, 200, 30.0, camera)
        assert np.abs(np.rad2deg(pose.angles)).max() <= 30
        assert np.abs(np.diff(np.rad2deg(pose.angles), axis=0)).max() < 4
        seen = project(np.broadcast_to(MODEL.neutral, (200, 68, 3)), pose, camera)
        assert (seen > -40).all() and (seen < [680, 520]).all()
        size = np.linalg.norm(seen[:, 45] - seen[:, 36], axis=1) / 480
        assert size.min() > 0.1 and size.max() < 0.32


def test_detections_are_near_the_truth_and_losses_are_zero():
    truth = np.broadcast_to(MODEL.neutral[None, :, :2] * 100 + 240, (3000, 68, 2)).astype(np.float32)
    sensor = Sensor(loss_rate=0.5)
    seen, score = observe(np.random.default_rng(0), truth, np.full(3000, 100.0), 30.0, sensor)
    lost = score.max(axis=1) == 0
    assert 0.02 < lost.mean() < 0.4
    assert (seen[lost] == 0).all() and (score[~lost] > 0).all() and score.max() <= 1
    error = (seen - truth)[~lost][:, 48:]
    expected = 100 * math.hypot(sensor.jitter, sensor.drift)
    assert error.std() == pytest.approx(expected, rel=0.1)
    assert abs(error.mean()) < 0.1 * expected
    assert seen.dtype == score.dtype == np.float32


def test_sensor_always_finds_the_face_at_least_once():
    sensor = Sensor(loss_rate=1000.0, loss_seconds=10.0)
    _, score = observe(np.random.default_rng(0), np.ones((4, 68, 2), np.float32), np.ones(4), 30.0, sensor)
    assert (score[0] > 0).all()
