"""What the Action Units of one face allow and ask of each other, and how often each is there in spontaneous video."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pyskl.synth.expressions import SIMULATED_AUS

__all__ = ['ANTAGONISTS', 'FOLLOWERS', 'NATURAL_PREVALENCE', 'NATURAL_SIGNS', 'apply_rules']

NATURAL_PREVALENCE: Mapping[str, float] = {
    'AU1': 0.118, 'AU2': 0.050, 'AU4': 0.154, 'AU6': 0.266, 'AU7': 0.397, 'AU10': 0.344, 'AU12': 0.245, 'AU15': 0.028,
    'AU23': 0.031, 'AU24': 0.026, 'AU25': 0.627, 'AU26': 0.074,
}  # fmt: skip
"""Share of the annotated frames of Aff-Wild2's training set in which each Action Unit is present."""

NATURAL_SIGNS: Mapping[tuple[str, str], int] = {
    ('AU1', 'AU2'): 1, ('AU6', 'AU7'): 1, ('AU6', 'AU12'): 1, ('AU10', 'AU12'): 1, ('AU10', 'AU25'): 1,
    ('AU12', 'AU25'): 1, ('AU25', 'AU26'): 1, ('AU12', 'AU15'): -1, ('AU24', 'AU25'): -1,
}  # fmt: skip
"""Sign of the correlation between the occurrence of two Action Units in spontaneous video."""

FOLLOWERS: tuple[tuple[str, str, float], ...] = (('AU25', 'AU26', 1.0), ('AU25', 'AU27', 1.0))
"""(follower, leader, share): the follower is at least this share of its leader. A jaw that drops parts the lips."""

ANTAGONISTS: tuple[tuple[str, str, float], ...] = (
    ('AU26', 'AU27', 2.0),  # the wide mouth is the same jaw, further down
    ('AU24', 'AU25', 2.0),  # lips press each other only where they touch
    ('AU28', 'AU25', 2.0),  # lips that are sucked in cover the teeth
    ('AU23', 'AU27', 3.0),
    ('AU18', 'AU20', 3.0),  # the mouth is drawn together or apart
    ('AU15', 'AU12', 4.0),  # the lip's corner goes down or up
    ('AU5', 'AU45', 2.5),  # lids open or closed
)
"""(weaker, stronger, level): the weaker one fades linearly and is gone where the stronger one reaches the level."""

_COLUMN = {au: column for column, au in enumerate(SIMULATED_AUS)}


def apply_rules(levels: np.ndarray) -> np.ndarray:
    """Make the intensities of one face possible: antagonists give way, followers follow.

    Args:
        levels: (T, 22) intensities of :data:`~pyskl.synth.expressions.SIMULATED_AUS`; changed in place.

    Returns:
        The same array.
    """
    weaker, stronger, level = ANTAGONISTS[0]  # AU26 first: what is left of it decides how far the lips part
    levels[:, _COLUMN[weaker]] *= np.clip(1 - levels[:, _COLUMN[stronger]] / level, 0, 1)
    for follower, leader, share in FOLLOWERS:
        column = levels[:, _COLUMN[follower]]
        np.maximum(column, share * levels[:, _COLUMN[leader]], out=column)
    for weaker, stronger, level in ANTAGONISTS[1:]:
        levels[:, _COLUMN[weaker]] *= np.clip(1 - levels[:, _COLUMN[stronger]] / level, 0, 1)
    return levels
