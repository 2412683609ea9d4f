"""Many faces on one sheet, each with its track, its frame and what is active."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from pyskl.files import replacing
from pyskl.visualization.browse.face import INK, PALE, draw_face, face_limits, new_figure, shorten
from pyskl.visualization.browse.windows import WindowView
from pyskl.visualization.lettering import drawable
from pyskl.visualization.style import ACTIVE, hex_colour

__all__ = ['draw_contact_sheet']

_COLUMNS = 4
_SIDE = 2.6  # inches
_GAP = 0.2
_CAPTION = 0.92
_LETTERS = 34  # that fit below a face
_TOP = 0.55


def draw_contact_sheet(views: Sequence[WindowView], out: Path | str, title: str = '') -> None:
    """Draw one face a window, four in a row.

    Args:
        views: the windows.
        out: the PNG file to write.
        title: written above.

    Raises:
        InputError: if the file cannot be written.
    """
    columns = min(_COLUMNS, len(views))
    rows = -(-len(views) // columns)
    width = max(columns * (_SIDE + _GAP) + _GAP, 2 * (_SIDE + _GAP))
    height = _TOP + rows * (_SIDE + _CAPTION)
    figure = new_figure(width, height)
    figure.text(
        _GAP / width, 1 - 0.28 / height, shorten(title, int(width * 10)), va='center', fontsize=12, color=INK,
        parse_math=False,
    )  # fmt: skip
    for place, view in enumerate(views):
        row, column = divmod(place, columns)
        left = _GAP + column * (_SIDE + _GAP)
        bottom = height - _TOP - row * (_SIDE + _CAPTION) - _SIDE
        axes = figure.add_axes((left / width, bottom / height, _SIDE / width, _SIDE / height))
        keypoint, score = view.keypoint(view.frame)
        draw_face(axes, keypoint, score, view.limbs, face_limits(keypoint, score))
        caption = shorten(view.name, _LETTERS)
        where = f'window {view.index}, frame {view.frame + 1} of {view.track["total_frames"]}'
        active = textwrap.wrap(drawable(', '.join(view.describe(view.frame))), _LETTERS, max_lines=2, placeholder=' …')
        colour = hex_colour(ACTIVE) if any(text in view.aus for text in view.describe(view.frame)) else PALE
        for line, (text, ink, weight) in enumerate(
            [(caption, INK, 'bold'), (where, PALE, 'normal'), *((text, colour, 'bold') for text in active)]
        ):
            figure.text(
                left / width,
                (bottom - 0.13 - 0.165 * line) / height,
                text,
                va='center',
                fontsize=8.5,
                color=ink if ink != hex_colour(ACTIVE) else '#a86800',  # the orange is too light for small letters
                weight=weight,
                parse_math=False,
            )
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=100)
