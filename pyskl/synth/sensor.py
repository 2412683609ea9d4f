"""How a landmark detector sees the face: its habits, its jitter and drift, its blunders, and where it finds nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.synth.blunders import bursts, confuse_features, freeze, slip
from pyskl.synth.detectors import CONVENTIONS, DETECTORS, TOGETHER, Geometry, geometry_of, smooth_fields
from pyskl.synth.landmark_noise import landmark_noise, shared_noise
from pyskl.synth.noise import drifting_noise, fade

__all__ = ['Sensor', 'observe', 'random_sensor']

SHARES = (0.45, 0.25, 0.3)  # how many tracks each of DETECTORS sees
TRUST = {'dlib': 0.85, 'openpifpaf': 0.85, 'plain': 0.97}  # mean score of a clear view
TURN = 0.6  # radians of yaw at which noise has grown by `pose`
NOD = 0.45  # radians of pitch
HIDDEN_NOISE = 1.5  # how much more noise a hidden landmark has
OUTLINE_SHIFT = 0.06  # outer-eye distances by which a hidden outline is seen further out, at the visible edge
LOST_TURN = 0.7  # radians from which on faces are lost more often


@dataclass(frozen=True)
class Sensor:
    """A landmark detector. Distances are in outer-eye distances unless stated otherwise.

    Attributes:
        jitter: standard deviation of the error that is new in every frame, at the mouth of a frontal face.
        drift: standard deviation of the error that stays for a while.
        drift_seconds: time after which the drift has lost its memory (correlation 1/e).
        loss_rate: expected number of times per second that a frontal face gets lost.
        loss_seconds: mean duration of a loss.
        kind: whose convention and scores: ``dlib``, ``mediapipe``, ``openpifpaf``, or ``plain`` for no bias.
        bias: share of the convention's shift.
        pixel_floor: least standard deviation of the jitter in pixels, however small the face.
        pose: how much the errors grow when the head is turned by 0.6 or nods by 0.45 radians.
        together: share of the variance of jitter and drift that is a smooth field over the face, so that neighbouring
            landmarks err alike; 0: each errs on its own.
        smoothing: time constant in seconds of a low-pass over the frames, as MediaPipe has in videos; 0: none.
        slip_rate: times per second that the whole face is put beside its place.
        mouth_rate: times per second that the lips collapse, swell, or are taken for each other.
        eye_rate: times per second that an eye is half detected.
        freeze_rate: times per second that the last detection is repeated.
        blunder_seconds: mean duration of each of these.
    """

    jitter: float = 0.004
    drift: float = 0.005
    drift_seconds: float = 0.4
    loss_rate: float = 0.04
    loss_seconds: float = 0.25
    kind: str = 'plain'
    bias: float = 1.0
    pixel_floor: float = 0.0
    pose: float = 1.0
    together: float = 0.0
    smoothing: float = 0.0
    slip_rate: float = 0.0
    mouth_rate: float = 0.0
    eye_rate: float = 0.0
    freeze_rate: float = 0.0
    blunder_seconds: float = 0.15

    def __post_init__(self) -> None:
        if self.kind not in CONVENTIONS:
            raise InputError(f"there is no detector '{self.kind}'; {did_you_mean(self.kind, CONVENTIONS)}")


def random_sensor(rng: np.random.Generator, kind: str | None = None) -> Sensor:
    """Draw a detector: one of the three, in a better or worse mood.

    Args:
        rng: source of randomness.
        kind: the detector, or None for any.
    """
    drawn = DETECTORS[int(rng.choice(len(DETECTORS), p=SHARES))]
    kind = drawn if kind is None else kind
    jitter, drift, floor = {
        'mediapipe': (0.0015, 0.0040, 0.07),
        'dlib': (0.0050, 0.0050, 0.25),
        'openpifpaf': (0.0060, 0.0055, 0.30),
    }.get(kind, (0.004, 0.005, 0.2))
    mood, losses, blunders = np.exp(rng.normal(0, (0.3, 0.6, 0.6)))
    smoothing = rng.uniform(0.01, 0.04)
    return Sensor(
        jitter=float(jitter * mood),
        drift=float(drift * mood),
        drift_seconds=float(rng.uniform(0.2, 0.8)),
        loss_rate=float(0.04 * losses),
        loss_seconds=float(rng.uniform(0.1, 0.4)),
        kind=kind,
        bias=float(rng.uniform(0.5, 1.5)),
        pixel_floor=float(floor * mood),
        pose=float(rng.uniform(0.5, 1.5)),
        together=TOGETHER.get(kind, 0.0),
        smoothing=float(smoothing) if kind == 'mediapipe' else 0.0,
        slip_rate=float(0.01 * blunders),
        mouth_rate=float(0.04 * blunders),
        eye_rate=float(0.03 * blunders),
        freeze_rate=float(0.04 * blunders),
        blunder_seconds=float(rng.uniform(0.07, 0.25)),
    )


def observe(
    rng: np.random.Generator,
    keypoint: np.ndarray,
    scale: np.ndarray,
    fps: float,
    sensor: Sensor,
    yaw: np.ndarray | None = None,
    pitch: np.ndarray | None = None,
    visible: np.ndarray | None = None,
    layout: str = 'ibug68',
) -> tuple[np.ndarray, np.ndarray]:
    """Turn true landmark places into detections.

    Args:
        rng: source of randomness.
        keypoint: (T, V, 2) pixels.
        scale: (T,) outer-eye distance of a frontal face in pixels.
        fps: frames per second.
        sensor: the detector.
        yaw: (T,) radians; frontal when not given.
        pitch: (T,) radians; level when not given.
        visible: (T, V) how visible each landmark is, 0..1; all of them when not given.
        layout: what the V landmarks are.

    Returns:
        (T, V, 2) float32 detected pixels and (T, V) float32 scores in 0..1. A frame without a face is zero in both.
    """
    geometry = geometry_of(layout)
    num_frames = len(keypoint)
    keypoint, scale = np.ascontiguousarray(keypoint, np.float32), np.asarray(scale, np.float32)
    turn = np.zeros(num_frames, np.float32) if yaw is None else np.abs(np.asarray(yaw, np.float32))
    nod = np.zeros(num_frames, np.float32) if pitch is None else np.abs(np.asarray(pitch, np.float32))
    hidden = None if visible is None else 1 - np.asarray(visible, np.float32)
    right, up = _axes(keypoint, geometry)
    seen = keypoint.copy()
    _follow_convention(seen, right, up, scale, sensor, geometry)
    if hidden is not None:
        _follow_outline(seen, right, scale, hidden, geometry)
    effort = 1 + sensor.pose * ((turn / TURN) ** 2 + (nod / NOD) ** 2)
    jitter = (np.hypot(sensor.jitter * scale, sensor.pixel_floor) * effort).astype(np.float32)[:, None]
    drift = (sensor.drift * scale * effort).astype(np.float32)[:, None]
    memory = sensor.drift_seconds * fps
    error = landmark_noise(rng, keypoint, jitter, drift, memory, geometry)
    if sensor.together > 0:
        error *= np.float32(np.sqrt(1 - sensor.together))
        error += shared_noise(rng, jitter, drift, memory, sensor.together, smooth_fields(layout))
    if hidden is not None:
        error *= 1 + HIDDEN_NOISE * hidden
    for axis in range(2):
        seen[..., axis] += error[axis]

    hazard = np.minimum(effort, 6)
    confuse_features(rng, seen, up, fps, sensor, hazard, geometry)
    slip(rng, seen, scale, fps, sensor, hazard)
    extreme = 1 + 12 * np.maximum(np.hypot(turn, nod) - LOST_TURN, 0) / LOST_TURN
    lost = np.zeros(num_frames, bool)
    for start, stop in bursts(rng, num_frames, fps, sensor.loss_rate, sensor.loss_seconds, extreme):
        lost[start:stop] = True
    if lost.all():
        lost[0] = False
    freeze(rng, seen, fps, sensor, lost)
    if sensor.smoothing > 0:
        _smooth(seen, np.exp(-1 / (fps * sensor.smoothing)), lost)
    score = _scores(rng, error, scale, fps, sensor, effort, hidden)
    seen[lost] = 0
    score[lost] = 0
    return seen, score


def _axes(keypoint: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Two (T, 2) float32 unit vectors in the picture: from the right eye to the left one, and towards the forehead."""
    first, second = geometry.outer_eyes
    right = (keypoint[:, second] - keypoint[:, first]).astype(np.float32)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    return right, np.stack([right[:, 1], -right[:, 0]], axis=1)


def _follow_convention(
    seen: np.ndarray, right: np.ndarray, up: np.ndarray, scale: np.ndarray, sensor: Sensor, geometry: Geometry
) -> None:
    for region, shift in CONVENTIONS[sensor.kind].items():
        points = geometry.regions.get(region)
        if points is None or not sensor.bias:
            continue
        part = seen[:, points]
        away = part - part.mean(axis=1, keepdims=True)
        move = (sensor.bias * shift.up * scale)[:, None, None] * up[:, None]
        for amount, axis in ((shift.wide, right), (shift.tall, up)):
            if amount:
                move = move + sensor.bias * amount * np.einsum('tvc,tc->tv', away, axis)[..., None] * axis[:, None]
        seen[:, points] = part + move


def _follow_outline(
    seen: np.ndarray, right: np.ndarray, scale: np.ndarray, hidden: np.ndarray, geometry: Geometry
) -> None:
    """Move hidden landmarks of the outline outwards: a detector puts them on the edge that it can see."""
    points = geometry.outline
    middle = seen[:, list(geometry.outer_eyes)].mean(axis=1)
    side = np.sign(np.einsum('tvc,tc->tv', seen[:, points] - middle[:, None], right))
    distance = OUTLINE_SHIFT * scale[:, None] * hidden[:, points] * side
    seen[:, points] += distance[..., None] * right[:, None]


def _smooth(seen: np.ndarray, decay: float, lost: np.ndarray) -> None:
    """Low-pass each run of frames with a face; a face that is found anew starts afresh."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], lost, [True]]).astype(np.int8)))
    keep, gain = np.float32(decay), np.float32(1 - decay)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        run = seen[start:stop].reshape(stop - start, -1)  # a view
        first = keep * run[:1]
        run *= gain
        run[:1] += first
        fade(run, keep)


def _scores(
    rng: np.random.Generator,
    error: np.ndarray,
    scale: np.ndarray,
    fps: float,
    sensor: Sensor,
    effort: np.ndarray,
    hidden: np.ndarray | None,
) -> np.ndarray:
    """(T, V) float32 scores in frames with a face: MediaPipe has none and says 1, dlib one for the whole face."""
    _, num_frames, num_keypoints = error.shape
    if sensor.kind == 'mediapipe':
        return np.ones((num_frames, num_keypoints), np.float32)
    mood = np.abs(drifting_noise(rng, num_frames, 1, fps))
    trust = TRUST[sensor.kind]
    if sensor.kind == 'dlib':
        whole = trust - 0.1 * mood - 0.15 * (effort[:, None] - 1)
        return np.repeat(np.clip(whole, 0.05, 1), num_keypoints, axis=1).astype(np.float32)
    doubt = np.sqrt(error[0] * error[0] + error[1] * error[1])
    doubt /= ((sensor.jitter + sensor.drift) * scale + sensor.pixel_floor + 1e-6).astype(np.float32)[:, None]
    share = 0.05 if sensor.kind == 'openpifpaf' else 0.02
    score = trust - 0.015 * mood - share * doubt - 0.05 * (effort[:, None] - 1)
    if hidden is not None:
        score = score - 0.35 * hidden
    return np.clip(score, 0.3, 1.0).astype(np.float32)
