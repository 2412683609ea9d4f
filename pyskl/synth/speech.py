"""What a person does with voice and lids: speaking, laughing and blinking.

One record per track, so that mouth, head and lids can follow the same syllables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.synth.expressions import SIMULATED_AUS
from pyskl.synth.noise import smooth_noise, smooth_step, stepping_signal

__all__ = ['Activity', 'blink_intensity', 'simulate_activity']

TALKERS = {'balanced': 0.2, 'natural': 0.72}  # share of the tracks in which somebody speaks
LAUGHS_PER_MINUTE = {'balanced': 0.8, 'natural': 1.2}
QUIET_LIMIT = 1.8  # what speech does besides parting lips and jaw stays below an occurrence

# Peak intensities of a syllable, by the shape of its vowel: probability, then what moves.
_VOWELS: tuple[tuple[float, dict[str, float]], ...] = (
    (0.40, {'AU25': 2.4, 'AU26': 2.3}),
    (0.30, {'AU25': 1.7, 'AU26': 1.2, 'AU10': 0.5}),
    (0.16, {'AU25': 1.2, 'AU26': 0.9, 'AU18': 1.3, 'AU22': 1.7}),
    (0.14, {'AU25': 1.5, 'AU26': 0.7, 'AU20': 1.2, 'AU14': 0.5}),
)
# The same for the closures between syllables; the first is none.
_CLOSURES: tuple[tuple[float, dict[str, float]], ...] = (
    (0.66, {}),
    (0.20, {'AU24': 1.6, 'AU17': 0.9}),  # p, b, m
    (0.06, {'AU17': 1.4, 'AU23': 0.8}),
    (0.08, {'AU28': 1.2}),  # f, v: the lower lip goes in
)
_PARTED = 2.0  # AU25 between the syllables of a phrase
_LAUGH = {'AU12': 4.6, 'AU6': 4.0, 'AU7': 2.2, 'AU10': 2.2, 'AU25': 3.8, 'AU26': 2.6}
_LAUGH_BEAT = {'AU6': 0.3, 'AU12': 0.3, 'AU25': 0.8, 'AU26': 1.0}

_COLUMN = {au: column for column, au in enumerate(SIMULATED_AUS)}


def _table(rows: tuple[tuple[float, dict[str, float]], ...]) -> tuple[np.ndarray, np.ndarray]:
    peaks = np.zeros((len(rows), len(SIMULATED_AUS)), dtype=np.float32)
    for row, (_, members) in enumerate(rows):
        for au, peak in members.items():
            peaks[row, _COLUMN[au]] = peak
    return np.cumsum([chance for chance, _ in rows]), peaks


_VOWEL_CHANCE, _VOWEL_PEAKS = _table(_VOWELS)
_CLOSURE_CHANCE, _CLOSURE_PEAKS = _table(_CLOSURES)
_LAUGH_PEAKS = _table(((1, _LAUGH),))[1][0]
_LAUGH_BEATS = _table(((1, _LAUGH_BEAT),))[1][0]
_LOUD = [_COLUMN['AU25'], _COLUMN['AU26']]


@dataclass(frozen=True)
class Activity:
    """What voice and lids do in one track of T frames.

    Attributes:
        speech: (T,) float32, 1 inside a phrase, 0 in a pause.
        syllable: (T,) float32 in 0..1, how far the mouth is open within the running syllable.
        laugh: (T,) float32 in 0..1, strength of laughing.
        beat: (T,) float32 in -1..1, the laugh's rhythm times its strength.
        intensities: (T, 22) float32, what this does to :data:`~pyskl.synth.expressions.SIMULATED_AUS`; AU45 holds the
            blinks.
    """

    speech: np.ndarray
    syllable: np.ndarray
    laugh: np.ndarray
    beat: np.ndarray
    intensities: np.ndarray


def _phrases(rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Alternating phrases and pauses: (T,) 0..1, with soft ends."""
    count = 4 + int(2 * time[-1])
    speaks = (np.arange(count + 1) + rng.integers(2)) % 2
    lengths = np.where(speaks[:-1], 0.8 + rng.exponential(2.2, count), 0.25 + rng.exponential(0.5, count))
    ends = np.cumsum(lengths) - rng.uniform(0, 4)
    return stepping_signal(time, ends, speaks[:, None], 0.15)[:, 0]


def _speak(rng: np.random.Generator, time: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Phrase envelope (T,), opening of the syllables (T,), and what they do to each AU (T, 22)."""
    num_frames = len(time)
    envelope = _phrases(rng, time)
    pace = np.clip(rng.uniform(3.5, 5.5) + 0.5 * smooth_noise(rng, num_frames, 1, 0.4 * fps)[:, 0], 3, 6)  # syllables/s
    phase = np.cumsum(pace) / fps + rng.uniform()
    syllable = phase.astype(int)
    wave = np.cos(2 * np.pi * phase).astype(np.float32)
    opening, closing = (1 - wave) / 2, ((1 + wave) / 2) ** 3
    count = syllable[-1] + 2
    effort = rng.uniform(0.65, 1.2) * rng.uniform(0.6, 1.15, count)
    vowels = _VOWEL_PEAKS[np.searchsorted(_VOWEL_CHANCE, rng.uniform(0, 0.999, count))] * effort[:, None]
    shut = np.searchsorted(_CLOSURE_CHANCE, rng.uniform(0, 0.999, count))
    border = (phase + 0.5).astype(int)  # the boundary nearest to each frame
    levels = vowels[syllable].astype(np.float32) * opening[:, None]
    levels[:, _COLUMN['AU25']] += _PARTED * min(1.15, float(rng.normal(1.0, 0.15)))
    closed = closing * (shut[border] > 0)
    levels *= 1 - closed[:, None]
    levels += _CLOSURE_PEAKS[shut[border]] * closed[:, None]
    loud = levels[:, _LOUD]
    np.minimum(levels, QUIET_LIMIT, out=levels)
    levels[:, _LOUD] = loud
    levels *= envelope[:, None]
    return envelope, opening * envelope, levels


def _laugh(rng: np.random.Generator, time: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Strength (T,) and rhythm (T,) of the track's laughs."""
    lead = 4.0
    count = rng.poisson(LAUGHS_PER_MINUTE[mode] / 60 * (time[-1] + lead))
    laugh = np.zeros(len(time), dtype=np.float32)
    for start, length, strength in zip(
        rng.uniform(-lead, time[-1], count), rng.uniform(1, 3, count), rng.uniform(0.55, 1, count), strict=True
    ):
        rise = smooth_step((time - start) / 0.35)
        fall = smooth_step((start + length + 0.9 - time) / 0.9)
        laugh = np.maximum(laugh, (strength * rise * fall).astype(np.float32))
    beat = laugh * np.sin(2 * np.pi * (rng.uniform(4, 5) * time + rng.uniform())).astype(np.float32)
    return laugh, beat


def blink_intensity(rng: np.random.Generator, time: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Draw the blinks of a track.

    People blink 10 to 25 times a minute, more while they speak (Bentivoglio et al., Movement Disorders 12, 1997:
    17 at rest, 26 in conversation), for 0.1 to 0.4 seconds; the lid closes about twice as fast as it opens. Now and
    then the eyes stay closed longer.

    Args:
        rng: source of randomness.
        time: (T,) seconds.
        speech: (T,) 0..1, where the person speaks.

    Returns:
        (T,) float32 intensity of AU45 in 0..5.
    """
    rate = rng.uniform(10, 20) / 60
    lead, busiest = 0.5, 1.35
    span = time[-1] + lead
    count = rng.poisson(busiest * rate * span)
    start = np.sort(rng.uniform(-lead, time[-1], count))
    at = np.clip(np.searchsorted(time, start), 0, len(time) - 1)
    kept = rng.uniform(0, busiest, count) < 1 + 0.35 * speech[at]
    kept[1:] &= np.diff(start) > 0.3
    start = start[kept]
    length = rng.uniform(0.1, 0.4, len(start))
    depth = np.where(rng.uniform(size=len(start)) < 0.12, rng.uniform(2.2, 3.8, len(start)), 5.0)
    shut = np.where(rng.uniform(size=len(start)) < 0.03, rng.uniform(0.3, 1.5, len(start)), 0.25 * length)
    since = time[:, None] - start
    closing = smooth_step(since / (0.25 * length))
    opening = smooth_step(1 - (since - 0.25 * length - shut) / (0.5 * length))
    return (np.minimum(closing, opening) * depth).max(axis=1, initial=0).astype(np.float32)


def simulate_activity(rng: np.random.Generator, num_frames: int, fps: float, mode: str = 'balanced') -> Activity:
    """Draw speech, laughs and blinks of a track.

    Args:
        rng: source of randomness.
        num_frames: number of frames T.
        fps: frames per second.
        mode: ``balanced`` or ``natural``: how many of the tracks hold speech, and how often people laugh.

    Returns:
        The record. Syllables come 3 to 6 times a second. They part the lips and lower the jaw as far as labels count;
        all else that speech moves (AU10, 14, 17, 18, 20, 22, 23, 24, 28) stays below the level of an occurrence.
        Laughs hold AU6, 7, 10, 12, 25 and 26 with a rhythm of 4 to 5 Hz.

    Raises:
        InputError: if the mode is unknown.
    """
    if mode not in TALKERS:
        raise InputError(f"unknown mode '{mode}' of synthetic activity; {did_you_mean(mode, TALKERS)}")
    time = np.arange(num_frames) / fps
    levels = np.zeros((num_frames, len(SIMULATED_AUS)), dtype=np.float32)
    speech, syllable = np.zeros((2, num_frames), dtype=np.float32)
    if rng.uniform() < TALKERS[mode]:
        speech, syllable, levels = _speak(rng, time, fps)
    laugh, beat = _laugh(rng, time, mode)
    if laugh.any():
        np.maximum(levels, laugh[:, None] * _LAUGH_PEAKS + beat[:, None] * _LAUGH_BEATS, out=levels)
    levels[:, _COLUMN['AU45']] = blink_intensity(rng, time, speech)
    return Activity(speech, syllable, laugh, beat, levels)
