"""Colours and labels that all pictures share."""

from __future__ import annotations

from pyskl.action_units import AU_NAMES

__all__ = ['ACTIVE', 'BACKGROUND', 'INACTIVE', 'MUTED', 'TEXT', 'au_label', 'hex_colour']

Colour = tuple[int, int, int]

# Told apart with any colour vision (after Okabe and Ito, 2008): orange against blue, and by lightness.
ACTIVE: Colour = (240, 160, 20)
INACTIVE: Colour = (86, 140, 190)
BACKGROUND: Colour = (24, 26, 30)
TEXT: Colour = (240, 240, 240)
MUTED: Colour = (150, 155, 162)


def au_label(au: str) -> str:
    """Return what an AU is called on pictures: ``'AU12 lip corner puller'``."""
    return f'{au} {AU_NAMES[au]}' if au in AU_NAMES else au


def hex_colour(colour: Colour) -> str:
    """Return an RGB colour the way matplotlib and HTML write it."""
    return '#{:02x}{:02x}{:02x}'.format(*colour)
