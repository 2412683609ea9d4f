"""How intensities rise and fall: episodes of onset, apex and offset, drawn from a table of expressions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyskl.synth.expressions import DISTRACTIONS, EXPRESSIONS, Expression
from pyskl.synth.noise import smooth_noise

__all__ = ['FULL_INTENSITY', 'episode_curves', 'simulate_distractions', 'simulate_intensities']

FULL_INTENSITY = 5.0
"""Intensities run from 0 to 5, FACS's levels A to E being 1 to 5; 5 moves the face by the whole field."""

TRACE_SHARE = 0.12  # episodes that stay below the level that counts as an occurrence
GOLDEN_RATIO = (1 + 5**0.5) / 2
MARGIN_SECONDS = 4.0  # an episode may have begun before the first frame


def episode_curves(
    time: np.ndarray,
    start: np.ndarray,
    onset: np.ndarray,
    hold: np.ndarray,
    offset: np.ndarray,
) -> np.ndarray:
    """Smooth rise, plateau and fall between 0 and 1.

    Args:
        time: (T,) seconds.
        start: (E,) seconds at which each episode leaves 0.
        onset: (E,) seconds from 0 to the apex.
        hold: (E,) seconds at the apex.
        offset: (E,) seconds from the apex back to 0.

    Returns:
        (E, T) float32, made of cubic smooth steps.
    """
    since = time[None] - start[:, None]
    rise = np.clip(since / onset[:, None], 0, 1)
    fall = np.clip((onset + hold + offset - since.T).T / offset[:, None], 0, 1)
    level = np.minimum(rise, fall)
    return (level * level * (3 - 2 * level)).astype(np.float32)


def simulate_episodes(
    rng: np.random.Generator,
    num_frames: int,
    fps: float,
    expressions: Sequence[Expression],
    names: Sequence[str],
    apex_range: tuple[float, float],
    number: int = 0,
) -> np.ndarray:
    """Draw expressions at random times and add up what they do to each named movement.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        expressions: what may happen, and how often.
        names: the movements, in the order of the result's columns.
        apex_range: least and greatest level an episode reaches.
        number: number of the track. Kinds are dealt along a low-discrepancy sequence that runs on from track to track,
            so that a small set of tracks holds every kind in nearly its due share.

    Returns:
        (T, len(names)) float32: the strongest running episode of each movement.
    """
    seconds = num_frames / fps
    rates = np.array([expression.rate for expression in expressions]) / 60
    expected = rates.sum() * (seconds + MARGIN_SECONDS)
    count = rng.poisson(expected)
    place = ((number * round(expected) + np.arange(count)) * GOLDEN_RATIO) % 1
    kind = rng.permutation(np.searchsorted(np.cumsum(rates / rates.sum()), place).clip(max=len(expressions) - 1))
    start = rng.uniform(-MARGIN_SECONDS, seconds, count)
    chance = np.array([[expression.members.get(name, 0.0) for name in names] for expression in expressions])
    shortest, longest = np.array([expression.seconds for expression in expressions])[kind].T
    speed = np.array([expression.speed for expression in expressions])[kind]
    hold = rng.uniform(shortest, longest)
    strength = rng.uniform(0, 1, count)

    event, column = np.nonzero(rng.uniform(size=(count, len(names))) < chance[kind])
    number = len(event)
    lag = rng.normal(0, 0.08, number) / speed[event]
    onset = 0.33 * np.exp(rng.normal(0, 0.35, number)) / speed[event]
    offset = 0.5 * np.exp(rng.normal(0, 0.35, number)) / speed[event]
    stay = hold[event] * np.exp(rng.normal(0, 0.2, number))
    low, high = apex_range
    apex = low + (high - low) * np.clip(0.6 * strength[event] + 0.4 * rng.uniform(0, 1, number), 0, 1)
    trace = rng.uniform(size=number) < TRACE_SHARE
    apex = np.where(trace, apex * 0.45, apex)

    curves = episode_curves(np.arange(num_frames) / fps, start[event] + lag, onset, stay, offset)
    curves *= apex[:, None].astype(np.float32)
    levels = np.zeros((num_frames, len(names)), dtype=np.float32)
    for index in range(len(names)):
        mine = curves[column == index]
        if len(mine):
            levels[:, index] = mine.max(axis=0)
    return levels


def simulate_intensities(
    rng: np.random.Generator, num_frames: int, fps: float, aus: Sequence[str], number: int = 0
) -> np.ndarray:
    """Draw the intensities of the labelled Action Units.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        aus: names of the Action Units, in the order of the result's columns.
        number: number of the track, see :func:`simulate_episodes`.

    Returns:
        (T, A) float32 in 0..5. Where the jaw drops the lips part (AU26 brings AU25 along), and pressed lips (AU24) give
        way to parted ones.
    """
    levels = simulate_episodes(rng, num_frames, fps, EXPRESSIONS, aus, (2.4, FULL_INTENSITY), number)
    levels *= 1 + 0.06 * smooth_noise(rng, num_frames, len(aus), 0.2 * fps)
    parts, drops, presses = (aus.index(au) for au in ('AU25', 'AU26', 'AU24'))
    levels[:, parts] = np.maximum(levels[:, parts], 0.85 * levels[:, drops])
    levels[:, presses] *= np.clip(1 - levels[:, parts] / 1.5, 0, 1)
    return levels.clip(0, FULL_INTENSITY)


def simulate_distractions(rng: np.random.Generator, num_frames: int, fps: float, names: Sequence[str]) -> np.ndarray:
    """Draw the levels of the unlabelled movements: (T, len(names)) float32 in 0..1; blinks close the eyes fully."""
    levels = simulate_episodes(rng, num_frames, fps, DISTRACTIONS, names, (0.35, 1.0))
    if 'AU45' in names:
        blink = list(names).index('AU45')
        levels[:, blink] = np.clip(1.6 * levels[:, blink], 0, 1)
    return levels
