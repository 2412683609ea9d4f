"""Who is seen: the shape of a random face, how it rests, how lopsided it is, and how strongly it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.synth.face_model import FaceModel

__all__ = ['RESTING', 'Identity', 'random_identity']

ORIGINS = ('african', 'asian', 'caucasian')
SEXES = ('female', 'male')
AGES = ('young', 'old')

LOCAL_SPREAD = 0.22  # standard deviation of a local shape's coefficient; 1 is the sculptor's extreme
ASYMMETRY_SPREAD = 0.25
HABIT_SPREAD = 0.005  # a detector places a landmark a little off, the same way in all frames of one face
HABIT_REACH = 0.08  # outer-eye distances over which these errors resemble each other
HABIT_WAVES = 96
HABIT_OUTLINE = 0.4  # of it on the outline of the face, along which a detector's points slide without making kinks

GAIN_RANGE = (0.4, 1.35)  # how far a face moves at full intensity, relative to the model
EXPRESSIVENESS_SPREAD = 0.14  # of the logarithm of a person's gain, common to all Action Units
REGION_SPREAD = 0.1  # common to the upper face, and to the lower face
GAIN_SPREAD = 0.2  # of each Action Unit by itself
FAINT_SHARE, FAINT_GAIN = 0.06, 0.6  # some people hardly show some Action Units
SIDE_SPREAD = 0.08  # one side of the face moves more than the other
BLINK = 'AU45'
HINGED = ('AU26', 'AU27')  # the jaw is one bone
UPPER_FACE = ('AU1', 'AU2', 'AU4', 'AU5', 'AU6', 'AU7', 'AU45')

RESTING_GAP = 0.012  # greatest distance between the lips of a closed mouth
OPEN_MOUTHS = 0.15  # share of people whose lips stand apart at rest

RESTING: dict[str, tuple[float, float, float]] = {
    'AU1': (0.13, -0.3, 0.4),
    'AU2': (0.13, -0.3, 0.4),
    'AU4': (0.15, -0.35, 0.45),
    'AU5': (0.25, -0.6, 0.5),
    'AU6': (0.1, -0.1, 0.3),
    'AU7': (0.16, -0.2, 0.5),
    'AU10': (0.07, -0.15, 0.2),
    'AU12': (0.05, -0.12, 0.15),
    'AU14': (0.12, -0.1, 0.4),
    'AU15': (0.1, -0.25, 0.35),
    'AU17': (0.08, -0.1, 0.25),
    'AU18': (0.08, -0.2, 0.2),
    'AU20': (0.08, -0.2, 0.25),
    'AU23': (0.1, -0.2, 0.3),
    'AU24': (0.13, -0.35, 0.35),
}
"""How a face at rest differs from the average one, as shares of Action Units: standard deviation, least, greatest. High
or low brows, drooping lids, hanging corners, thin or full lips look like traces of Action Units that are not there."""


@dataclass(frozen=True)
class Identity:
    """One person.

    Attributes:
        neutral: (V, 3) float32 the face at rest, in outer-eye distances of the mean face.
        au_gains: (A, 2) float32 extent of each Action Unit at full intensity, right and left side.
        distraction_gains: (D, 2) float32 the same for unlabelled movements.
    """

    neutral: np.ndarray
    au_gains: np.ndarray
    distraction_gains: np.ndarray


def _macro_coefficients(rng: np.random.Generator, names: tuple[str, ...]) -> np.ndarray:
    """Weights of the whole-head shapes: a blend of origins, a sex, an age and a weight."""
    origin = dict(zip(ORIGINS, rng.dirichlet(np.full(len(ORIGINS), 0.6)), strict=True))
    female = rng.beta(0.5, 0.5)
    sex = dict(zip(SEXES, (female, 1 - female), strict=True))
    old = rng.uniform(0, 0.8)
    age = dict(zip(AGES, (1 - old, old), strict=True))
    heaviness = rng.uniform(-1, 1)
    weight = {'minweight': max(-heaviness, 0.0), 'maxweight': max(heaviness, 0.0)}
    coefficients = []
    for name in names:
        first, second, third = name.split('-')
        share = weight[third] if first == 'universal' else origin[first] * age[third]
        coefficients.append(share * sex[second])
    return np.array(coefficients, dtype=np.float32)


def _two_sided(rng: np.random.Generator, count: int, spread: float) -> np.ndarray:
    """(count, 2) coefficients of opposite shapes, of which at most one is above zero."""
    value = np.clip(rng.normal(0, spread, count), -1, 1)
    return np.stack([np.maximum(-value, 0), np.maximum(value, 0)], axis=1).astype(np.float32)


def _habit(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """(V, 3) smooth random displacements: the same field wherever a layout has its points (random Fourier features)."""
    waves = rng.normal(0, 1 / HABIT_REACH, (3, HABIT_WAVES))
    phases = rng.uniform(0, 2 * np.pi, HABIT_WAVES)
    heights = rng.normal(0, HABIT_SPREAD, (HABIT_WAVES, 3))
    return np.sqrt(2 / HABIT_WAVES) * np.cos(points @ waves + phases) @ heights


def _resting_weights(rng: np.random.Generator, names: tuple[str, ...]) -> np.ndarray:
    """(1, A, 2) shares of Action Units that a face shows when it does nothing."""
    weights = dict.fromkeys(names, 0.0)
    for au, (spread, least, greatest) in RESTING.items():
        weights[au] = float(np.clip(rng.normal(0, spread), least, greatest))
    opening = rng.uniform(0.05, 0.25), rng.uniform(0, 0.12)
    if rng.uniform() < OPEN_MOUTHS:
        weights['AU25'], weights['AU26'] = opening
    values = np.array([weights[au] for au in names])
    lopsided = rng.normal(0, 0.15, len(names))
    return (values[:, None] * np.stack([1 + lopsided, 1 - lopsided], axis=1))[None].astype(np.float32)


def _gains(rng: np.random.Generator, names: tuple[str, ...], person: float, regions: np.ndarray) -> np.ndarray:
    """(len(names), 2) how far each movement goes, correlated within the person and within half of the face."""
    region = np.array([regions[0] if name in UPPER_FACE else regions[1] for name in names])
    overall = np.exp(person + region + rng.normal(0, GAIN_SPREAD, len(names)))
    overall[rng.uniform(size=len(names)) < FAINT_SHARE] *= FAINT_GAIN
    side = rng.normal(0, SIDE_SPREAD, len(names)).clip(-0.25, 0.25)
    side[[name in (*HINGED, BLINK) for name in names]] = 0
    overall[[name == BLINK for name in names]] = 1  # whoever blinks shuts both eyes
    gains = overall.clip(*GAIN_RANGE)[:, None] * np.stack([1 + side, 1 - side], axis=1)
    return gains.astype(np.float32)


def random_identity(rng: np.random.Generator, model: FaceModel) -> Identity:
    """Draw a person. The same state of ``rng`` gives the same person in every keypoint layout.

    Args:
        rng: source of randomness.
        model: the face model.

    Returns:
        The identity; its eyes' centre is at the origin.
    """
    macro = _macro_coefficients(rng, model.macro_names)
    local = _two_sided(rng, len(model.local_names), LOCAL_SPREAD)
    asymmetry = _two_sided(rng, len(model.asymmetry_names), ASYMMETRY_SPREAD)
    neutral = model.neutral + np.tensordot(macro, model.macro_fields, 1)
    neutral = neutral + np.tensordot(local, model.local_fields, 2)
    neutral = neutral + np.tensordot(asymmetry, model.asymmetry_fields, 2)
    habit = _habit(rng, model.neutral)
    habit[model.outline] *= HABIT_OUTLINE
    neutral = neutral + habit

    seam = model.seam
    lips = seam.rest > 0
    upper, lower = seam.upper[lips], seam.lower[lips]
    middle = (neutral[upper, 1] + neutral[lower, 1]) / 2
    gap = rng.uniform(0, RESTING_GAP) * seam.rest[lips]
    neutral[upper, 1] = middle + gap / 2
    neutral[lower, 1] = middle - gap / 2
    neutral = model.deform(neutral, _resting_weights(rng, model.au_names))[0]
    neutral = neutral - neutral[model.eyes].mean(axis=0)

    person = rng.normal(0, EXPRESSIVENESS_SPREAD) - 0.05
    regions = rng.normal(0, REGION_SPREAD, 2)
    au_gains = _gains(rng, model.au_names, person, regions)
    distraction_gains = _gains(rng, model.distraction_names, person, regions)
    return Identity(neutral.astype(np.float32), au_gains, distraction_gains)
