"""Random signals over time, identities and the sensor of the simulator."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import random_identity
from pyskl.synth.noise import drifting_noise, smooth_noise, smooth_step, stepping_signal
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
    assert gains.min() > 0.2 and gains.max() < 2.0
    jaw = MODEL.au_names.index('AU26')
    np.testing.assert_array_equal(gains[:, jaw, 0], gains[:, jaw, 1])


def test_smooth_step_is_flat_at_its_ends_and_half_way_up_in_the_middle():
    np.testing.assert_allclose(smooth_step(np.array([-1.0, 0, 0.25, 0.5, 1, 2])), [0, 0, 0.15625, 0.5, 1, 1])


def literal_steps(moment, starts, values, seconds):
    """The resting value at a moment, one change after the other."""
    value = values[0]
    for start, before, after, length in zip(starts, values[:-1], values[1:], seconds, strict=True):
        if moment >= start:
            share = min((moment - start) / length, 1)
            value = before + (after - before) * (3 * share**2 - 2 * share**3)
    return value


def test_stepping_signal_equals_a_literal_loop():
    rng = np.random.default_rng(1)
    time = np.arange(200) / 30
    starts = np.cumsum(rng.uniform(0.8, 1.5, 5)) - 1
    values, seconds = rng.normal(size=(6, 3)), rng.uniform(0.2, 0.7, 5)
    signal = stepping_signal(time, starts, values, seconds)
    assert signal.dtype == np.float32
    for frame in range(0, 200, 7):
        np.testing.assert_allclose(
            signal[frame], literal_steps(time[frame], starts, values, seconds), rtol=1e-5, atol=1e-5
        )


def test_stepping_signal_without_a_step_rests():
    signal = stepping_signal(np.arange(4.0), np.zeros(0), np.array([[2.0, 3.0]]), 0.1)
    np.testing.assert_array_equal(signal, [[2, 3]] * 4)


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
