"""The facial Action Units (AUs) of the Facial Action Coding System that the project knows by name.

Source of the names: Ekman, Friesen and Hager, Facial Action Coding System, 2002.
"""

from __future__ import annotations

import re

from pyskl.errors import InputError

__all__ = ['AFFWILD_AUS', 'AU_NAMES', 'au_column', 'au_number']

AFFWILD_AUS: tuple[str, ...] = (
    'AU1', 'AU2', 'AU4', 'AU6', 'AU7', 'AU10', 'AU12', 'AU15', 'AU23', 'AU24', 'AU25', 'AU26',
)  # fmt: skip
"""The twelve AUs of Aff-Wild2 (ABAW), in the order of its annotation files."""

AU_NAMES: dict[str, str] = {
    'AU1': 'inner brow raiser',
    'AU2': 'outer brow raiser',
    'AU4': 'brow lowerer',
    'AU5': 'upper lid raiser',
    'AU6': 'cheek raiser',
    'AU7': 'lid tightener',
    'AU9': 'nose wrinkler',
    'AU10': 'upper lip raiser',
    'AU12': 'lip corner puller',
    'AU14': 'dimpler',
    'AU15': 'lip corner depressor',
    'AU17': 'chin raiser',
    'AU18': 'lip pucker',
    'AU20': 'lip stretcher',
    'AU22': 'lip funneler',
    'AU23': 'lip tightener',
    'AU24': 'lip pressor',
    'AU25': 'lips part',
    'AU26': 'jaw drop',
    'AU27': 'mouth stretch',
    'AU28': 'lip suck',
    'AU43': 'eyes closed',
    'AU45': 'blink',
}


def au_number(au: str) -> int:
    """Return the number of an AU: ``'AU12'`` -> 12.

    Raises:
        InputError: if the name is not ``AU`` and a number.
    """
    match = re.fullmatch(r'AU0*(\d+)', au)
    if match is None:
        raise InputError(f"'{au}' is no Action Unit name; it must read like 'AU12'")
    return int(match.group(1))


def au_column(au: str) -> str:
    """Return the two-digit form of an AU used in CSV columns (OpenFace's convention): ``'AU1'`` -> ``'AU01'``."""
    return f'AU{au_number(au):02d}'
