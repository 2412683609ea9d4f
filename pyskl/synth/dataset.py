"""Make a synthetic data set: an annotation file's content, from nothing but a preset and a seed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError, did_you_mean
from pyskl.synth.camera import project, random_camera, simulate_pose
from pyskl.synth.dynamics import FULL_INTENSITY, simulate_distractions, simulate_intensities
from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import random_identity
from pyskl.synth.sensor import Sensor, observe

__all__ = ['OCCURRENCE_INTENSITY', 'PRESETS', 'SYNTH_VERSION', 'Preset', 'make_dataset', 'simulate_track']

SYNTH_VERSION = '1'
"""Changes whenever the same preset and seed give other tracks."""

OCCURRENCE_INTENSITY = 2.0
"""An Action Unit counts as present from FACS level B (2 of 5) on, the rule DISFA is scored with."""

SPLIT_NUMBERS = {'train': 0, 'val': 1, 'test': 2}


@dataclass(frozen=True)
class Preset:
    """Size and make of a data set.

    Attributes:
        tracks: number of tracks of each split. Every track shows a person of its own.
        num_frames: least and greatest number of frames of a track.
        fps: frames per second.
        img_shape: (h, w) of the picture in pixels.
        sensor: the landmark detector.
    """

    tracks: dict[str, int]
    num_frames: tuple[int, int]
    fps: float = 30.0
    img_shape: tuple[int, int] = (480, 640)
    sensor: Sensor = field(default_factory=Sensor)


PRESETS: dict[str, Preset] = {
    'tiny': Preset(tracks={'train': 6, 'val': 2, 'test': 2}, num_frames=(56, 72)),
    'demo': Preset(tracks={'train': 170, 'val': 22, 'test': 26}, num_frames=(150, 210)),
}
"""Presets by name: ``tiny`` for tests, ``demo`` for the quick start."""


def _get_preset(preset: str | Preset) -> Preset:
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}' of synthetic data; {did_you_mean(preset, PRESETS)}")
    return PRESETS[preset]


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise InputError(f'the seed of synthetic data must be a whole number of 0 or more, not {seed!r}')


def simulate_track(
    seed: int,
    split: str,
    number: int,
    preset: str | Preset = 'demo',
    model: FaceModel | None = None,
) -> dict[str, object]:
    """Simulate one track of one person. It depends on its arguments alone, not on the other tracks.

    Args:
        seed: seed of the data set.
        split: ``train``, ``val`` or ``test``; the same number in another split is another person.
        number: number of the track in its split.
        preset: preset name or record; the number of its tracks does not matter here.
        model: the face model, loaded when not given.

    Returns:
        One annotation: ``frame_dir``, ``total_frames`` T, ``img_shape``, ``original_shape``, ``keypoint``
        (1, T, 68, 2) float32 pixels, ``keypoint_score`` (1, T, 68) float32, ``label`` (T, 12) int8 with 1, 0 and -1
        (not annotated), and ``intensity`` (T, 12) float32 in 0..5, known even where the label is -1.

    Raises:
        InputError: if the preset or split is unknown or the seed is negative.
    """
    preset = _get_preset(preset)
    _check_seed(seed)
    if split not in SPLIT_NUMBERS:
        raise InputError(f"unknown split '{split}' of synthetic data; {did_you_mean(split, SPLIT_NUMBERS)}")
    model = FaceModel.load() if model is None else model
    # One stream for each aspect, so that a change of one leaves the others as they were.
    seeds = np.random.SeedSequence([int(seed), SPLIT_NUMBERS[split], int(number)]).spawn(7)
    length, who, acts, distracts, views, detects, forgets = (np.random.default_rng(child) for child in seeds)

    fps, num_frames = preset.fps, int(length.integers(preset.num_frames[0], preset.num_frames[1] + 1))
    person = random_identity(who, model)
    intensity = simulate_intensities(acts, num_frames, fps, model.au_names, number)
    distraction = simulate_distractions(distracts, num_frames, fps, model.distraction_names)
    points = model.deform(
        person.neutral,
        (intensity / FULL_INTENSITY)[:, :, None] * person.au_gains,
        distraction[:, :, None] * person.distraction_gains,
    )
    camera = random_camera(views, preset.img_shape)
    pose = simulate_pose(views, num_frames, fps, camera)
    keypoint, score = observe(
        detects, project(points, pose, camera), camera.focal / pose.position[:, 2], fps, preset.sensor
    )
    columns = [model.au_names.index(au) for au in AFFWILD_AUS]
    intensity = np.ascontiguousarray(intensity[:, columns])
    return {
        'frame_dir': f'synth_{split}_{number:04d}',
        'total_frames': num_frames,
        'img_shape': preset.img_shape,
        'original_shape': preset.img_shape,
        'keypoint': keypoint[None],
        'keypoint_score': score[None],
        'label': _forget(forgets, (intensity >= OCCURRENCE_INTENSITY).astype(np.int8)),
        'intensity': intensity,
    }


def _forget(rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
    """Replace some labels by -1: now and then a run of whole frames, or of one Action Unit."""
    num_frames, num_aus = label.shape
    if rng.uniform() < 0.4:
        start = rng.integers(num_frames)
        label[start : start + max(1, num_frames // 25)] = -1
    for column in np.flatnonzero(rng.uniform(size=num_aus) < 0.05):
        start = rng.integers(num_frames)
        label[start : start + max(1, num_frames // 5), column] = -1
    return label


def make_dataset(preset: str | Preset, seed: int = 0, progress: bool = False) -> dict[str, object]:
    """Make a synthetic data set.

    Args:
        preset: preset name or record.
        seed: same seed, same bytes. A preset with more tracks contains those of one with fewer.
        progress: show a progress bar on stderr.

    Returns:
        The content of an annotation file: ``split`` (name -> list of ``frame_dir``), ``annotations`` (as
        :func:`simulate_track` returns them) and ``metainfo``. No person is in two splits.

    Raises:
        InputError: if the preset is unknown or the seed is negative.
    """
    record = _get_preset(preset)
    _check_seed(seed)
    model = FaceModel.load()
    jobs = [(split, number) for split, count in record.tracks.items() for number in range(count)]
    if progress:
        from rich.console import Console
        from rich.progress import track

        jobs = track(jobs, description='simulating synthetic faces', console=Console(stderr=True))
    split: dict[str, list[str]] = {name: [] for name in record.tracks}
    annotations = []
    for name, number in jobs:
        annotation = simulate_track(seed, name, number, record, model)
        split[name].append(annotation['frame_dir'])
        annotations.append(annotation)
    metainfo = {
        'dataset': 'synthetic',
        'synthetic': True,
        'aus': list(AFFWILD_AUS),
        'keypoint_layout': 'ibug68',
        'fps': record.fps,
        'seed': int(seed),
        'preset': preset if isinstance(preset, str) else 'custom',
        'version': SYNTH_VERSION,
        'occurrence_intensity': OCCURRENCE_INTENSITY,
    }
    return {'split': split, 'annotations': annotations, 'metainfo': metainfo}
