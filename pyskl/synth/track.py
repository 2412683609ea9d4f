"""One synthetic track: a person, what the face does, how it is filmed, and what a detector makes of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.synth.camera import project, random_camera, random_img_shape, simulate_pose
from pyskl.synth.dynamics import FULL_INTENSITY, simulate_distractions, simulate_intensities
from pyskl.synth.face_model import FaceModel
from pyskl.synth.holes import forget_labels
from pyskl.synth.identity import random_identity
from pyskl.synth.laterality import simulate_sides
from pyskl.synth.occlusion import visibility
from pyskl.synth.presets import SPLITS, Preset, get_preset
from pyskl.synth.sensor import observe, random_sensor
from pyskl.synth.speech import simulate_activity

__all__ = ['OCCURRENCE_INTENSITY', 'check_seed', 'label_columns', 'load_model', 'simulate_track']

OCCURRENCE_INTENSITY = 2.0
"""An Action Unit counts as present from FACS level B (2 of 5) on, the rule DISFA is scored with."""

MAX_NUMBER = 2**40
NEVER_DAMPED = ('AU27', 'AU45')  # all mouths that open wide do so with AU25, and all eyes blink


@cache
def load_model(layout: str) -> FaceModel:
    """Return the face model that ships with the package, read once in each process."""
    return FaceModel.load(layout=layout)


def check_seed(seed: int) -> None:
    """Check the seed of a data set.

    Raises:
        InputError: if it is no whole number of 0 or more.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f'the seed of synthetic data must be a whole number of 0 or more, not {seed!r}')


def label_columns(preset: Preset, model: FaceModel) -> list[int]:
    """Return the places of a preset's labels among the Action Units of the face model.

    Raises:
        InputError: if the model does not make one of them.
    """
    for au in preset.aus:
        if au not in model.au_names:
            raise InputError(f"synthetic faces don't make {au}; {did_you_mean(au, model.au_names)}")
    return [model.au_names.index(au) for au in preset.aus or model.au_names]


def simulate_track(
    seed: int,
    split: str,
    number: int,
    preset: str | Preset = 'demo',
    model: FaceModel | None = None,
    num_frames: int | None = None,
) -> dict[str, object]:
    """Simulate one track of one person. It depends on its arguments alone, not on the other tracks.

    Args:
        seed: seed of the data set.
        split: ``train``, ``val``, ``test`` or ``stream``; the same number in another split is another person.
        number: number of the track in its split.
        preset: preset name or record; the number of its tracks does not matter here.
        model: the face model, loaded when not given.
        num_frames: length of the track; drawn when not given.

    Returns:
        One annotation: ``frame_dir``, ``total_frames`` T, ``fps``, ``img_shape``, ``original_shape``, ``keypoint``
        (1, T, V, 2) float32 pixels, ``keypoint_score`` (1, T, V) float32, ``label`` (T, A) int8 with 1, 0 and -1
        (not annotated), ``intensity`` (T, A) float32 in 0..5, known even where the label is -1, ``subject`` and
        ``detector``.

    Raises:
        InputError: if the preset or split is unknown or the seed is negative.
    """
    preset = get_preset(preset)
    check_seed(seed)
    if split not in SPLITS:
        raise InputError(f"unknown split '{split}' of synthetic data; {did_you_mean(split, SPLITS)}")
    if not 0 <= number < MAX_NUMBER:
        raise InputError(f'the number of a synthetic track must be in 0..{MAX_NUMBER - 1}, not {number}')
    model = load_model(preset.layout) if model is None else model
    columns = label_columns(preset, model)
    labelled = {*(model.au_names[column] for column in columns), *NEVER_DAMPED}
    # One stream for each aspect, so that a change of one leaves the others as they were.
    seeds = np.random.SeedSequence([int(seed), SPLITS[split], int(number)]).spawn(9)
    makes, who, voices, acts, halves, distracts, views, detects, forgets = map(np.random.default_rng, seeds)

    fps = float(preset.rates[makes.integers(len(preset.rates))])
    shapes = preset.img_shapes
    img_shape = shapes[makes.integers(len(shapes))] if shapes else random_img_shape(makes)
    seconds = makes.uniform(*preset.seconds)
    kind = preset.detector if preset.layout == 'ibug68' else 'mediapipe'
    sensor = random_sensor(makes, kind) if preset.sensor is None else preset.sensor
    sensor = replace(sensor, loss_rate=sensor.loss_rate * preset.losses)
    if num_frames is None:
        num_frames = max(1, round(seconds * fps))

    person = random_identity(who, model)
    activity = simulate_activity(voices, num_frames, fps, preset.mode)
    intensity = simulate_intensities(acts, num_frames, fps, model.au_names, number, preset.mode, activity)
    distraction = simulate_distractions(distracts, num_frames, fps, model.distraction_names, activity)
    weights = simulate_sides(halves, intensity, model.au_names)
    weights *= (intensity / FULL_INTENSITY)[:, :, None]
    weights *= np.maximum(person.au_gains, preset.least_gain)
    weights[:, [au not in labelled for au in model.au_names]] *= preset.others
    points = model.deform(person.neutral, weights, distraction[:, :, None] * person.distraction_gains)
    camera = random_camera(views, img_shape)
    pose = simulate_pose(views, num_frames, fps, camera, extent=preset.extent, activity=activity)
    keypoint, score = observe(
        detects,
        project(points, pose, camera),
        camera.focal / pose.position[:, 2],
        fps,
        sensor,
        yaw=pose.angles[:, 0],
        pitch=pose.angles[:, 1],
        visible=visibility(points, pose, preset.layout),
        layout=preset.layout,
    )
    intensity = np.ascontiguousarray(intensity[:, columns])
    name = f'synth_{split}_{number:04d}'
    return {
        'frame_dir': name,
        'total_frames': num_frames,
        'fps': fps,
        'img_shape': tuple(img_shape),
        'original_shape': tuple(img_shape),
        'keypoint': keypoint[None],
        'keypoint_score': score[None],
        'label': forget_labels(forgets, (intensity >= OCCURRENCE_INTENSITY).astype(np.int8)),
        'intensity': intensity,
        'subject': name,
        'detector': sensor.kind,
    }
