"""Texts in pictures: what the font cannot show is written in another way."""

from __future__ import annotations

from functools import cache

__all__ = ['drawable']


@cache
def _letters() -> frozenset[int]:
    """Code points of matplotlib's font."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def drawable(text: str) -> str:
    r"""Return a text with every letter that the font lacks as its escape, such as ``\u5f20``; names stay unique."""
    letters = _letters()
    return ''.join(
        letter if ord(letter) in letters else letter.encode('ascii', 'backslashreplace').decode() for letter in text
    )
