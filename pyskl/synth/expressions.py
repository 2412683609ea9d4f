"""Which Action Units go together: the expressions a synthetic face makes, and how often.

Combinations follow the descriptions of emotional and conversational expressions in Ekman, Friesen and Hager, Facial
Action Coding System (2002). There are two tables. The balanced one makes every Action Unit frequent enough to be
learned from a small data set: far more often than in spontaneous video for AU2, AU15, AU23 and AU24. The natural one
leads to the prevalence of the training set of Aff-Wild2 (:mod:`pyskl.synth.co_occurrence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ['BALANCED', 'MOVEMENTS', 'NATURAL', 'SIMULATED_AUS', 'Expression']

SIMULATED_AUS: tuple[str, ...] = (
    'AU1', 'AU2', 'AU4', 'AU5', 'AU6', 'AU7', 'AU9', 'AU10', 'AU12', 'AU14', 'AU15', 'AU17', 'AU18', 'AU20', 'AU22',
    'AU23', 'AU24', 'AU25', 'AU26', 'AU27', 'AU28', 'AU45',
)  # fmt: skip
"""Every Action Unit that has intensities over time; AU45 comes from the blinks, see :mod:`pyskl.synth.speech`."""


@dataclass(frozen=True)
class Expression:
    """A movement that several Action Units make together.

    Attributes:
        name: for the reader.
        rate: expected number per minute.
        members: Action Unit -> probability that it takes part.
        seconds: shortest and longest time at the apex.
        speed: factor on how fast it comes and goes; 1 is a third of a second to the apex.
    """

    name: str
    rate: float
    members: dict[str, float]
    seconds: tuple[float, float] = (0.5, 2.8)
    speed: float = 1.0


def _singles(rates: Mapping[str, float], seconds: tuple[float, float] = (0.5, 2.8)) -> tuple[Expression, ...]:
    return tuple(Expression(name, rate, {name: 1}, seconds) for name, rate in rates.items())


BALANCED: tuple[Expression, ...] = (
    Expression('smile', 4.2, {'AU12': 1, 'AU6': 0.55, 'AU7': 0.2, 'AU25': 0.45, 'AU26': 0.1, 'AU14': 0.05}),
    Expression('surprise', 2.2, {'AU1': 0.9, 'AU2': 0.9, 'AU5': 0.6, 'AU25': 0.7, 'AU26': 0.5, 'AU27': 0.25}),
    Expression('sadness', 2.9, {'AU1': 0.75, 'AU4': 0.6, 'AU15': 0.9, 'AU6': 0.15, 'AU17': 0.4}),
    Expression('anger', 2.6, {'AU4': 0.9, 'AU7': 0.6, 'AU23': 0.5, 'AU24': 0.45, 'AU5': 0.25, 'AU17': 0.2}),
    Expression('disgust', 2.6, {'AU10': 0.95, 'AU9': 0.5, 'AU4': 0.35, 'AU7': 0.4, 'AU6': 0.25, 'AU25': 0.35}),
    Expression('fear', 1.3, {'AU1': 0.9, 'AU2': 0.6, 'AU4': 0.6, 'AU5': 0.6, 'AU20': 0.6, 'AU25': 0.6, 'AU26': 0.3}),
    Expression('effort', 1.6, {'AU6': 0.8, 'AU7': 0.7, 'AU4': 0.4, 'AU24': 0.2, 'AU10': 0.2}),
    Expression('doubt', 1.9, {'AU15': 0.7, 'AU24': 0.35, 'AU2': 0.35, 'AU1': 0.2, 'AU17': 0.3, 'AU14': 0.3}),
    Expression('restraint', 2.2, {'AU23': 0.6, 'AU24': 0.6, 'AU12': 0.25, 'AU14': 0.25}),
    Expression('mouthing', 2.4, {'AU25': 1, 'AU26': 0.5, 'AU10': 0.1}, seconds=(0.1, 0.8), speed=1.8),
    Expression('kiss', 1.0, {'AU18': 1, 'AU22': 0.3}, seconds=(0.2, 1.5)),
    *_singles({
        'AU1': 1.8, 'AU2': 3.4, 'AU4': 1.6, 'AU5': 1.6, 'AU6': 2.6, 'AU7': 2.6, 'AU9': 2.0, 'AU10': 4.6, 'AU12': 2.8,
        'AU14': 2.6, 'AU15': 4.4, 'AU17': 1.4, 'AU18': 2.8, 'AU20': 2.2, 'AU22': 2.6, 'AU23': 4.8, 'AU24': 9.0,
        'AU25': 1.0, 'AU26': 4.4, 'AU27': 2.2, 'AU28': 6.5,
    }),
)  # fmt: skip
"""Expressions and each Action Unit alone, every Action Unit often."""

NATURAL: tuple[Expression, ...] = (
    Expression('smile', 5.4, {'AU12': 1, 'AU6': 0.75, 'AU7': 0.4, 'AU10': 0.5, 'AU25': 0.75}, (0.5, 4.0)),
    Expression('surprise', 0.7, {'AU1': 0.9, 'AU2': 0.8, 'AU5': 0.5, 'AU25': 0.6, 'AU26': 0.5, 'AU27': 0.1}),
    Expression('emphasis', 1.6, {'AU1': 0.95, 'AU2': 0.75}, (0.3, 1.5), 1.4),
    Expression('concentration', 2.2, {'AU4': 1, 'AU7': 0.6}, (0.5, 4.0)),
    Expression('squint', 2.2, {'AU7': 1, 'AU6': 0.5}, (0.5, 4.0)),
    Expression('disgust', 0.95, {'AU10': 0.9, 'AU9': 0.5, 'AU4': 0.5, 'AU7': 0.5, 'AU25': 0.6, 'AU17': 0.15}),
    Expression('sadness', 0.7, {'AU1': 0.7, 'AU4': 0.6, 'AU15': 0.5, 'AU17': 0.4}),
    Expression('anger', 0.55, {'AU4': 0.9, 'AU7': 0.6, 'AU23': 0.4, 'AU24': 0.4, 'AU17': 0.2, 'AU5': 0.2}),
    Expression('fear', 0.2, {'AU1': 0.9, 'AU2': 0.6, 'AU4': 0.6, 'AU5': 0.6, 'AU20': 0.6, 'AU25': 0.6}),
    Expression('doubt', 0.4, {'AU15': 0.4, 'AU17': 0.6, 'AU2': 0.3, 'AU14': 0.3}),
    Expression('lifted lip', 4.3, {'AU10': 1, 'AU25': 0.8}, (0.3, 4.0)),
    Expression('kiss', 0.2, {'AU18': 1, 'AU22': 0.3}, (0.2, 1.5)),
    *_singles({
        'AU1': 1.9, 'AU2': 0.3, 'AU4': 1.55, 'AU5': 0.55, 'AU6': 2.8, 'AU7': 9.0, 'AU9': 0.35, 'AU10': 5.0,
        'AU12': 1.6, 'AU14': 1.75, 'AU15': 0.85, 'AU17': 1.6, 'AU18': 0.85, 'AU20': 0.35, 'AU22': 0.75, 'AU23': 0.8,
        'AU24': 3.8, 'AU25': 1.6, 'AU26': 1.0, 'AU27': 0.6, 'AU28': 1.5,
    }, (0.3, 4.0)),
)  # fmt: skip
"""Expressions and single Action Units as often as in spontaneous video. The rates of the singles were fitted once, so
that the simulated prevalence meets the targets of :mod:`pyskl.synth.co_occurrence`."""

MOVEMENTS: Mapping[str, float] = {
    'cheek_puff': 0.5, 'jaw_forward': 0.5, 'jaw_left': 0.5, 'jaw_right': 0.5, 'lip_bite': 0.5, 'lower_lip_down': 0.6,
    'mouth_left': 0.6, 'mouth_right': 0.6, 'nostril_flare': 0.8,
}  # fmt: skip
"""Movements without a label, and how often a minute; any other one comes as often as the rarest."""
