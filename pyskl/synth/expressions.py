"""Which Action Units go together: the expressions a synthetic face makes, and how often.

Combinations follow the descriptions of emotional and conversational expressions in Ekman, Friesen and Hager, Facial
Action Coding System (2002). The rates are chosen so that every Action Unit is frequent enough to be learned from a
small data set; they are far higher than in spontaneous video for AU2, AU15, AU23 and AU24.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ['DISTRACTIONS', 'EXPRESSIONS', 'Expression']


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


EXPRESSIONS: tuple[Expression, ...] = (
    Expression('smile', 4.2, {'AU12': 1, 'AU6': 0.55, 'AU7': 0.2, 'AU25': 0.45, 'AU26': 0.1}),
    Expression('surprise', 2.2, {'AU1': 0.9, 'AU2': 0.9, 'AU25': 0.7, 'AU26': 0.6}),
    Expression('sadness', 2.9, {'AU1': 0.75, 'AU4': 0.6, 'AU15': 0.9, 'AU6': 0.15}),
    Expression('anger', 2.6, {'AU4': 0.9, 'AU7': 0.6, 'AU23': 0.5, 'AU24': 0.45}),
    Expression('disgust', 2.6, {'AU10': 0.95, 'AU4': 0.35, 'AU7': 0.4, 'AU6': 0.25, 'AU25': 0.35}),
    Expression('fear', 1.3, {'AU1': 0.9, 'AU2': 0.6, 'AU4': 0.6, 'AU25': 0.6, 'AU26': 0.3}),
    Expression('effort', 1.6, {'AU6': 0.8, 'AU7': 0.7, 'AU4': 0.4, 'AU24': 0.2, 'AU10': 0.2}),
    Expression('doubt', 1.9, {'AU15': 0.7, 'AU24': 0.35, 'AU2': 0.35, 'AU1': 0.2}),
    Expression('restraint', 2.2, {'AU23': 0.6, 'AU24': 0.6, 'AU12': 0.25}),
    Expression('mouthing', 4.8, {'AU25': 1, 'AU26': 0.5, 'AU10': 0.1}, seconds=(0.1, 0.8), speed=1.8),
    *(
        Expression(au, rate, {au: 1})
        for au, rate in {
            'AU1': 1.8, 'AU2': 3.4, 'AU4': 1.6, 'AU6': 2.6, 'AU7': 2.6, 'AU10': 4.6, 'AU12': 2.8, 'AU15': 3.2,
            'AU23': 4.8, 'AU24': 7.0, 'AU25': 2.0, 'AU26': 3.0,
        }.items()
    ),
)  # fmt: skip
"""Expressions with labels, and each Action Unit alone."""

DISTRACTIONS: tuple[Expression, ...] = (
    Expression('blink', 14.0, {'AU45': 1}, seconds=(0.03, 0.08), speed=5.0),
    Expression('closed eyes', 0.5, {'AU45': 1}, seconds=(0.3, 1.0), speed=2.0),
    *(
        Expression(name, rate, {name: 1})
        for name, rate in {
            'AU5': 1.0, 'AU9': 0.5, 'AU14': 0.8, 'AU17': 1.0, 'AU18': 0.8, 'AU20': 0.6, 'AU22': 0.5, 'cheek_puff': 0.3,
            'jaw_forward': 0.3, 'jaw_left': 0.3, 'jaw_right': 0.3, 'mouth_left': 0.3, 'mouth_right': 0.3,
        }.items()
    ),
    *(
        Expression(name, 4.0, {name: 1}, seconds=(0.2, 1.5), speed=4.0)
        for name in ('gaze_down', 'gaze_up', 'gaze_left', 'gaze_right')
    ),
)  # fmt: skip
"""Movements without a label."""
