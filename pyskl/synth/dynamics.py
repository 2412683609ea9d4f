"""How intensities rise and fall: episodes of onset, apex and offset, drawn from a table of expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.synth.co_occurrence import apply_rules
from pyskl.synth.expressions import BALANCED, MOVEMENTS, NATURAL, SIMULATED_AUS, Expression
from pyskl.synth.noise import smooth_noise, smooth_step, stepping_signal
from pyskl.synth.speech import Activity, simulate_activity

__all__ = [
    'FULL_INTENSITY',
    'MODES',
    'Temper',
    'episode_curves',
    'simulate_distractions',
    'simulate_episodes',
    'simulate_intensities',
]

FULL_INTENSITY = 5.0
"""Intensities run from 0 to 5, FACS's levels A to E being 1 to 5; 5 moves the face by the whole field."""

GOLDEN_RATIO = (5**0.5 - 1) / 2
GOLDEN_BITS = 0x9E3779B97F4A7C15  # the same in units of 2 ** -64: exact for any number of a track
MARGIN_SECONDS = 7.0  # an episode may have begun before the first frame; hardly any lasts longer
TRACE_APEX = (0.4, 1.9)  # of an episode that stays below the level of an occurrence
_HELD_LIPS = [SIMULATED_AUS.index(au) for au in ('AU18', 'AU22', 'AU24', 'AU27', 'AU28')]  # nobody speaks with these
_HELD_MOVEMENTS = ('cheek_puff', 'jaw_forward', 'lip_bite', 'lower_lip_down')
GAZE = ('gaze_left', 'gaze_right', 'gaze_up', 'gaze_down')


@dataclass(frozen=True, eq=False)
class Temper:
    """How people differ in one mode.

    Attributes:
        expressions: the table of expressions.
        rate_spread: standard deviation of the logarithm of a person's rate of each expression.
        trace_share: share of the episodes of one Action Unit that stay below the level of an occurrence.
        apex: least and greatest intensity at the apex of the others.
        vigor: exponent on their share of that range: above 1, weak expressions are more common than strong ones.
    """

    expressions: tuple[Expression, ...]
    rate_spread: float
    trace_share: float
    apex: tuple[float, float]
    vigor: float


MODES: dict[str, Temper] = {
    'balanced': Temper(BALANCED, 0.25, 0.14, (2.3, FULL_INTENSITY), 1.0),
    'natural': Temper(NATURAL, 0.6, 0.25, (2.1, FULL_INTENSITY), 1.5),
}
"""``balanced`` shows every Action Unit often enough to learn; ``natural`` as often as spontaneous video does."""


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
    time = np.asarray(time, dtype=np.float32)
    start, onset, hold, offset = (np.asarray(row, dtype=np.float32)[:, None] for row in (start, onset, hold, offset))
    since = time - start
    return smooth_step(np.minimum(since / onset, (onset + hold + offset - since) / offset))


@lru_cache(maxsize=16)
def _tables(temper: Temper, names: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    expressions = temper.expressions
    rates = np.array([expression.rate for expression in expressions]) / 60
    chance = np.array([[expression.members.get(name, 0.0) for name in names] for expression in expressions])
    seconds = np.array([expression.seconds for expression in expressions])
    speed = np.array([expression.speed for expression in expressions])
    return rates, chance, seconds, speed


def simulate_episodes(
    rng: np.random.Generator, num_frames: int, fps: float, temper: Temper, names: Sequence[str], number: int = 0
) -> np.ndarray:
    """Draw expressions at random times and add up what they do to each named movement.

    Onsets take 0.2 to 0.7 seconds, apexes 0.3 to 4, and offsets 1.1 to 2.2 times the onset (spontaneous smiles:
    Cohn and Schmidt, International Journal of Wavelets 2, 2004; Schmidt, Ambadar, Cohn and Reed, Journal of Nonverbal
    Behavior 30, 2006), all of it faster where the expression's ``speed`` says so.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        temper: what may happen, how often, how strongly, and how much people differ in it.
        names: the movements, in the order of the result's columns.
        number: number of the track. Kinds are dealt along a low-discrepancy sequence that runs on from track to track,
            so that a small set of tracks holds every kind in nearly its due share.

    Returns:
        (T, len(names)) float32: the strongest running episode of each movement, 0..5.
    """
    base, chance, seconds, speeds = _tables(temper, tuple(names))
    span = num_frames / fps + MARGIN_SECONDS
    spread = temper.rate_spread
    rates = base * np.exp(spread * rng.standard_normal(len(base)) - spread**2 / 2)  # the person's own habits
    count = rng.poisson(rates.sum() * span)
    first = (int(number) * round(base.sum() * span) * GOLDEN_BITS) % 2**64 / 2**64
    place = (first + np.arange(count) * GOLDEN_RATIO) % 1
    kind = rng.permutation(np.searchsorted(np.cumsum(rates / rates.sum()), place).clip(max=len(base) - 1))
    start = rng.uniform(-MARGIN_SECONDS, num_frames / fps, count)
    hold = rng.uniform(*seconds[kind].T)
    strength = rng.uniform(0, 1, count)

    event, column = np.nonzero(rng.uniform(size=(count, len(names))) < chance[kind])
    levels = np.zeros((num_frames, len(names)), dtype=np.float32)
    if not len(event):
        return levels
    order = np.argsort(column, kind='stable')
    event, column = event[order], column[order]
    members, speed = len(event), speeds[kind[event]]
    lag = rng.normal(0, 0.08, members) / speed
    onset = np.clip(0.36 * np.exp(rng.normal(0, 0.3, members)), 0.2, 0.7)
    offset = onset * rng.uniform(1.1, 2.2, members)
    stay = hold[event] * np.exp(rng.normal(0, 0.2, members))
    low, high = temper.apex
    share = 0.6 * strength[event] + 0.4 * rng.uniform(0, 1, members)
    apex = low + (high - low) * share**temper.vigor
    trace = rng.uniform(size=members) < temper.trace_share
    apex = np.where(trace, rng.uniform(*TRACE_APEX, members), apex)

    curves = episode_curves(np.arange(num_frames) / fps, start[event] + lag, onset / speed, stay, offset / speed)
    curves *= apex[:, None].astype(np.float32)
    first = np.flatnonzero(np.diff(column, prepend=-1))
    levels[:, column[first]] = np.maximum.reduceat(curves, first, axis=0).T
    return levels


def _temper(mode: str) -> Temper:
    if mode not in MODES:
        raise InputError(f"unknown mode '{mode}' of synthetic intensities; {did_you_mean(mode, MODES)}")
    return MODES[mode]


def simulate_intensities(
    rng: np.random.Generator,
    num_frames: int,
    fps: float,
    aus: Sequence[str],
    number: int = 0,
    mode: str = 'balanced',
    activity: Activity | None = None,
) -> np.ndarray:
    """Draw the intensities of Action Units: expressions, single ones, speech, laughs and blinks.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        aus: names out of :data:`~pyskl.synth.expressions.SIMULATED_AUS`, in the order of the result's columns. An
            Action Unit's column does not depend on which others are asked for.
        number: number of the track, see :func:`simulate_episodes`.
        mode: ``balanced`` or ``natural``, see :data:`MODES`.
        activity: speech, laughs and blinks of the track, when head and voice shall go together; drawn when not given.

    Returns:
        (T, A) float32 in 0..5, within the rules of :mod:`pyskl.synth.co_occurrence`.

    Raises:
        InputError: if the mode or the name of an Action Unit is unknown.
    """
    temper = _temper(mode)
    for au in aus:
        if au not in SIMULATED_AUS:
            raise InputError(f"the face simulator knows no Action Unit '{au}'; {did_you_mean(au, SIMULATED_AUS)}")
    if activity is None:
        activity = simulate_activity(rng, num_frames, fps, mode)
    levels = simulate_episodes(rng, num_frames, fps, temper, SIMULATED_AUS, number)
    levels *= 1 + 0.06 * smooth_noise(rng, num_frames, len(SIMULATED_AUS), 0.2 * fps)
    levels[:, _HELD_LIPS] *= 1 - activity.speech[:, None]
    np.maximum(levels, activity.intensities, out=levels)
    levels = apply_rules(levels).clip(0, FULL_INTENSITY)
    return levels[:, [SIMULATED_AUS.index(au) for au in aus]]


def _simulate_gaze(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Fixations and saccades: (T, 2) gaze to the subject's left and up, about -1..1."""
    count = 3 + int(3 * time[-1])
    starts = np.cumsum(0.2 + rng.exponential(0.7, count)) - rng.uniform(0, 1)
    resting = rng.normal(0, 0.12, (count + 1, 2)) + rng.normal((0, -0.1), 0.1)
    away = rng.uniform(size=count + 1) < 0.3
    resting[away] += rng.normal((0, -0.15), (0.5, 0.35), (int(away.sum()), 2))
    return stepping_signal(time, starts, resting, 0.07)


@lru_cache(maxsize=16)
def _movements(names: tuple[str, ...]) -> Temper:
    rarest = min(MOVEMENTS.values())
    table = tuple(Expression(name, MOVEMENTS.get(name, rarest), {name: 1}, (0.3, 2.0)) for name in names)
    return Temper(table, 0.5, 0.0, (1.5, FULL_INTENSITY), 1.0)


def simulate_distractions(
    rng: np.random.Generator,
    num_frames: int,
    fps: float,
    names: Sequence[str],
    activity: Activity | None = None,
) -> np.ndarray:
    """Draw the levels of the movements that carry no label.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        names: the movements, in the order of the result's columns. Those named ``gaze_...`` follow fixations and
            saccades; the others come now and then.
        activity: speech of the track: jaw and mouth sway a little in it, and nobody bites a lip.

    Returns:
        (T, len(names)) float32 in 0..1.
    """
    levels = np.zeros((num_frames, len(names)), dtype=np.float32)
    time = np.arange(num_frames) / fps
    gaze = _simulate_gaze(rng, time)
    for name, side in zip(GAZE, (gaze[:, 0], -gaze[:, 0], gaze[:, 1], -gaze[:, 1]), strict=True):
        if name in names:
            levels[:, names.index(name)] = side
    rest = tuple(name for name in names if name not in GAZE)
    if rest:
        moved = simulate_episodes(rng, num_frames, fps, _movements(rest), rest) / FULL_INTENSITY
        if activity is not None and activity.speech.any():
            moved *= 1 - np.outer(activity.speech, [name in _HELD_MOVEMENTS for name in rest])
            sway = smooth_noise(rng, num_frames, len(rest), 0.15 * fps) * activity.speech[:, None]
            moved += [0.06 if name.startswith(('jaw_', 'mouth_')) else 0.0 for name in rest] * np.maximum(sway, 0)
        levels[:, [names.index(name) for name in rest]] = moved
    return levels.clip(0, 1)
