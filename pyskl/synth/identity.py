"""Who is seen: the shape of a random face, how lopsided it is, and how strongly it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.synth.face_model import FaceModel

__all__ = ['Identity', 'random_identity']

ORIGINS = ('african', 'asian', 'caucasian')
SEXES = ('female', 'male')
AGES = ('young', 'old')

LOCAL_SPREAD = 0.22  # standard deviation of a local shape's coefficient; 1 is the sculptor's extreme
ASYMMETRY_SPREAD = 0.25
HABIT_SPREAD = 0.005  # a detector places a landmark a little off, the same way in all frames of one face
GAIN_RANGE = (0.75, 1.2)  # how far a face moves at full intensity, relative to the model
SIDE_SPREAD = 0.08  # one side of the face moves more than the other
UPPER_SEAM = np.array([61, 62, 63])
LOWER_SEAM = np.array([67, 66, 65])
RESTING_GAP = 0.012  # greatest distance between the lips of a mouth at rest


@dataclass(frozen=True)
class Identity:
    """One person.

    Attributes:
        neutral: (68, 3) float32 the face at rest, in outer-eye distances of the mean face.
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


def random_identity(rng: np.random.Generator, model: FaceModel) -> Identity:
    """Draw a person.

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
    habit = rng.normal(0, HABIT_SPREAD, neutral.shape)
    neutral = neutral + habit
    seam = (neutral[UPPER_SEAM, 1] + neutral[LOWER_SEAM, 1]) / 2
    gap = rng.uniform(0, RESTING_GAP)
    neutral[UPPER_SEAM, 1] = seam + gap / 2
    neutral[LOWER_SEAM, 1] = seam - gap / 2
    neutral = neutral - neutral[36:48].mean(axis=0)

    def gains(count: int) -> np.ndarray:
        overall = rng.uniform(*GAIN_RANGE, (count, 1))
        side = rng.normal(0, SIDE_SPREAD, (count, 1)).clip(-0.25, 0.25)
        return (overall * np.hstack([1 + side, 1 - side])).astype(np.float32)

    au_gains = gains(len(model.au_names))
    hinge = model.au_names.index('AU26')
    au_gains[hinge] = au_gains[hinge].mean()  # the jaw is one bone
    return Identity(neutral.astype(np.float32), au_gains, gains(len(model.distraction_names)))
