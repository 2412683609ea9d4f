"""The detectors: habits, noise, blunders, losses and scores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.synth.blunders import bursts
from pyskl.synth.detectors import CONVENTIONS, DETECTORS, FIELD_REACH, TOGETHER, geometry_of, smooth_fields
from pyskl.synth.face_model import FaceModel
from pyskl.synth.sensor import Sensor, observe, random_sensor

MODEL = FaceModel.load()
FACE = MODEL.neutral[:, :2] * [100, -100] + 240  # outer-eye distance 100 pixels
QUIET = Sensor(jitter=1e-9, drift=1e-9, loss_rate=0.0)
INNER = slice(17, 68)


def film(num_frames: int, face: np.ndarray = FACE) -> np.ndarray:
    return np.broadcast_to(face, (num_frames, *face.shape)).astype(np.float32)


def look(sensor: Sensor, num_frames: int = 400, seed: int = 0, scale: float = 100.0, **views):
    return observe(np.random.default_rng(seed), film(num_frames), np.full(num_frames, scale), 30.0, sensor, **views)


def errors(sensor: Sensor, num_frames: int = 600, **views) -> np.ndarray:
    seen, score = look(sensor, num_frames, **views)
    return (seen - film(num_frames))[score.max(axis=1) > 0]


def test_detectors_differ_by_about_what_was_measured():
    seen = {kind: look(dataclasses.replace(QUIET, kind=kind), 1)[0][0] for kind in DETECTORS}
    apart = np.linalg.norm(seen['mediapipe'] - seen['dlib'], axis=1)[INNER].mean() / 100
    assert 0.004 < apart < 0.022
    for kind in DETECTORS:
        assert 0.002 < np.linalg.norm(seen[kind] - FACE, axis=1).mean() / 100 < 0.03
    assert np.abs(look(QUIET, 1)[0][0] - FACE).max() < 0.01  # 'plain' has no habits


@pytest.mark.parametrize('kind', DETECTORS)
def test_habits_turn_with_the_face_and_keep_its_symmetry(kind):
    sensor = dataclasses.replace(QUIET, kind=kind)
    angle = 0.4
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = look(sensor, 1)[0][0]
    turned, _ = observe(np.random.default_rng(0), film(1, FACE @ turn), np.full(1, 100.0), 30.0, sensor)
    np.testing.assert_allclose(turned[0], upright @ turn, atol=0.01)
    mirror = get_layout('ibug68').mirror
    np.testing.assert_allclose(480 - upright[mirror, 0], upright[:, 0], atol=0.05)


def test_contours_slide_and_corners_hold():
    error = errors(Sensor(loss_rate=0))
    spread = error.std(axis=(0, 2))
    assert spread[list(get_layout('ibug68').eye_corners)].max() < spread[48:60].mean() < spread[0:17].min()
    cheek = error[:, 2]  # the outline runs nearly upright there
    assert cheek[:, 1].std() > 1.4 * cheek[:, 0].std()
    along = geometry_of('ibug68')
    assert along.before[0] == 1 and {along.before[5], along.after[5]} == {4, 6}


def test_noise_grows_with_the_angle_and_where_the_head_hides_a_landmark():
    frontal = errors(Sensor(loss_rate=0)).std()
    turned = errors(Sensor(loss_rate=0), yaw=np.full(600, -0.6)).std()
    nodding = errors(Sensor(loss_rate=0), pitch=np.full(600, 0.45)).std()
    assert turned == pytest.approx(2 * frontal, rel=0.1) and nodding == pytest.approx(2 * frontal, rel=0.1)
    visible = np.ones((600, 68))
    visible[:, 36:42] = 0
    error = errors(Sensor(loss_rate=0), visible=visible)
    assert error[:, 36:42].std() > 2 * error[:, 42:48].std()


def test_small_faces_keep_an_error_in_pixels():
    sensor = Sensor(jitter=0.004, drift=1e-9, loss_rate=0, pixel_floor=0.3)
    for scale in (5.0, 20.0):
        assert errors(sensor, scale=scale)[:, 48:].std() == pytest.approx(np.hypot(0.3, 0.004 * scale), rel=0.1)


def test_a_hidden_outline_is_seen_further_out():
    visible = np.ones((1, 68))
    visible[:, 0:6] = 0
    moved = look(QUIET, 1, visible=visible)[0][0] - FACE
    assert (moved[0:6, 0] < -5).all() and np.abs(moved[6:]).max() < 0.01


def test_jitter_is_new_in_every_frame_and_drift_stays():
    def memory(sensor: Sensor) -> float:
        error = errors(sensor)[:, 48:]
        return float((error[1:] * error[:-1]).mean() / error.var())

    assert memory(Sensor(drift=1e-9, loss_rate=0)) < 0.1
    assert memory(Sensor(jitter=1e-9, loss_rate=0)) > 0.85


def test_a_smooth_field_moves_neighbours_alike_and_is_as_strong():
    def shared(together: float) -> tuple[float, float]:
        error = errors(Sensor(together=together, loss_rate=0), 1500)[:, INNER]
        correlation = np.corrcoef(error[:, :, 1].T)
        near = [correlation[one - 17, two - 17] for one, two in get_layout('ibug68').limbs if min(one, two) >= 17]
        return float(np.median(near)), float(error[:, 31:].std())

    alone, strength = shared(0)
    together, smooth_strength = shared(0.98)
    assert alone < 0.5 and together > 0.9
    assert smooth_strength == pytest.approx(strength, rel=0.25)
    assert TOGETHER['openpifpaf'] < TOGETHER['dlib'] < TOGETHER['mediapipe'] < 1


@pytest.mark.parametrize('layout', ['ibug68', 'mediapipe478'])
def test_smooth_fields_have_unit_variance_and_the_stated_reach(layout):
    points = FaceModel.load(layout=layout).neutral[:, :2]
    covariance = smooth_fields(layout).T @ smooth_fields(layout)
    np.testing.assert_allclose(np.diag(covariance), 1, atol=1e-5)
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    near = distance < 0.5
    np.testing.assert_allclose(covariance[near], np.exp(-((distance[near] / (2 * FIELD_REACH)) ** 2)), atol=0.1)


def test_smoothing_quietens_and_lags():
    rough, smooth = Sensor(drift=1e-9, loss_rate=0), Sensor(drift=1e-9, loss_rate=0, smoothing=0.05)
    assert errors(smooth).std() < 0.65 * errors(rough).std()
    path = film(60).copy()
    path[..., 0] += 3 * np.arange(60)[:, None]
    seen, _ = observe(
        np.random.default_rng(0), path, np.full(60, 100.0), 30.0, dataclasses.replace(QUIET, smoothing=0.05)
    )
    behind = (path - seen)[30:, :, 0].mean()
    decay = np.exp(-1 / (30 * 0.05))
    assert behind == pytest.approx(3 * decay / (1 - decay), rel=0.02)


def test_smoothing_starts_afresh_after_a_loss():
    sensor = dataclasses.replace(QUIET, smoothing=0.5, loss_rate=1.5)
    seen, score = look(sensor)
    found = score.max(axis=1) > 0
    assert 0.05 < (~found).mean() < 0.9
    np.testing.assert_allclose(seen[found], film(found.sum()), atol=0.01)


def height(seen: np.ndarray, upper: int, lower: int) -> np.ndarray:
    return seen[:, lower, 1] - seen[:, upper, 1]


def test_mouths_collapse_swell_or_turn_over():
    seen, score = look(dataclasses.replace(QUIET, mouth_rate=1.5), 2000)
    outer = height(seen, 51, 57) / (FACE[57, 1] - FACE[51, 1])
    assert (outer < 0.7).any() and (outer > 1.15).any() and (np.abs(outer - 1) < 1e-3).mean() > 0.3
    open_mouth = FACE.copy()
    open_mouth[[61, 62, 63], 1] -= 8
    open_mouth[[65, 66, 67], 1] += 8
    seen, _ = observe(
        np.random.default_rng(0),
        film(2000, open_mouth),
        np.full(2000, 100.0),
        30.0,
        dataclasses.replace(QUIET, mouth_rate=1.5),
    )
    assert (height(seen, 62, 66) < -1).any()  # the edges have changed places
    assert np.abs(seen[:, :48] - film(2000)[:, :48]).max() < 0.01  # and nothing but the mouth
    assert score.min() > 0


def test_one_eye_at_a_time_is_half_detected():
    seen, _ = look(dataclasses.replace(QUIET, eye_rate=1.0), 2000)
    right = height(seen, 37, 41) / (FACE[41, 1] - FACE[37, 1])
    left = height(seen, 44, 46) / (FACE[46, 1] - FACE[44, 1])
    assert (right < 0.75).any() and (left < 0.75).any()
    assert ((np.abs(right - 1) > 0.01) & (np.abs(left - 1) < 1e-3)).any()
    assert np.abs(seen[:, 48:] - film(2000)[:, 48:]).max() < 0.01


def test_a_slip_moves_the_whole_face_and_keeps_its_shape():
    seen, _ = look(dataclasses.replace(QUIET, slip_rate=1.0), 1000)
    moved = np.linalg.norm(seen.mean(axis=1) - FACE.mean(axis=0), axis=1)
    assert (moved > 8).any() and (moved < 0.01).mean() > 0.3
    worst = seen[moved.argmax()]
    shape = worst - worst.mean(axis=0)
    target = FACE - FACE.mean(axis=0)
    u, size, v = np.linalg.svd(target.T @ shape)
    fitted = size.sum() / (target**2).sum() * target @ (u @ v)
    assert np.abs(fitted - shape).max() < 0.05


def test_a_frozen_detector_repeats_itself():
    sensor = Sensor(loss_rate=0, freeze_rate=2.0)
    seen, _ = look(sensor, 600)
    still = (np.diff(seen, axis=0) == 0).all(axis=(1, 2))
    assert 0.05 < still.mean() < 0.8


def test_extreme_poses_are_lost_more_often():
    frontal = look(Sensor(loss_rate=0.02), 9000)[1].max(axis=1)
    turned = look(Sensor(loss_rate=0.02), 9000, yaw=np.full(9000, 1.1))[1].max(axis=1)
    assert (turned == 0).mean() > 3 * (frontal == 0).mean()


def test_scores_are_those_of_each_detector():
    visible = np.ones((400, 68))
    visible[:, 36:42] = 0
    scores = {kind: look(Sensor(kind=kind, loss_rate=0.3), visible=visible)[1] for kind in DETECTORS}
    assert set(np.unique(scores['mediapipe'])) == {0, 1}
    assert (np.ptp(scores['dlib'], axis=1) == 0).all() and len(np.unique(scores['dlib'])) > 50
    found = scores['openpifpaf'][scores['openpifpaf'].max(axis=1) > 0]
    assert found.min() >= np.float32(0.3) and found.max() <= 1
    assert found[:, 36:42].mean() < found[:, 42:48].mean() - 0.2


@pytest.mark.parametrize('kind', [None, *DETECTORS])
def test_random_sensors_are_reproducible_and_plausible(kind):
    drawn = [random_sensor(np.random.default_rng(number), kind) for number in range(40)]
    assert drawn == [random_sensor(np.random.default_rng(number), kind) for number in range(40)]
    assert {sensor.kind for sensor in drawn} == (set(DETECTORS) if kind is None else {kind})
    for sensor in drawn:
        assert 0.0005 < sensor.jitter < 0.03 and 0 < sensor.loss_rate < 1
        assert (sensor.smoothing > 0) == (sensor.kind == 'mediapipe')
    error = np.concatenate([errors(sensor, 60)[:, 17:] for sensor in drawn])
    assert 0.3 < error.std() < 3  # of 100 pixels


def test_the_mesh_is_seen_too():
    model = FaceModel.load(layout='mediapipe478')
    face = (model.neutral[:, :2] * [100, -100] + 240).astype(np.float32)
    sensor = random_sensor(np.random.default_rng(0), 'mediapipe')
    seen, score = observe(
        np.random.default_rng(0),
        film(200, face),
        np.full(200, 100.0),
        30.0,
        dataclasses.replace(sensor, mouth_rate=1.0, eye_rate=1.0, loss_rate=0.0),
        visible=np.full((200, 478), 0.5),
        layout='mediapipe478',
    )
    assert seen.shape == (200, 478, 2) and (score == 1).all()
    assert np.median(np.abs(seen - face)) < 3


def test_bursts_begin_as_often_as_asked_and_where_the_hazard_is():
    hazard = np.r_[np.zeros(5000), np.ones(5000)]
    drawn = bursts(np.random.default_rng(0), 10000, 25.0, 0.5, 0.4, hazard)
    assert len(drawn) == pytest.approx(100, abs=35)
    assert all(5000 <= start < stop <= 10000 for start, stop in drawn)
    assert np.mean([stop - start for start, stop in drawn]) == pytest.approx(10.5, rel=0.4)


def test_unknown_detector_is_an_input_error():
    assert set(CONVENTIONS) == {'plain', *DETECTORS}
    with pytest.raises(InputError, match="did you mean 'mediapipe'"):
        Sensor(kind='mediapip')
