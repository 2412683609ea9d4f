"""The panel of Action Units: a bar for the probability of each, those that are active marked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyskl.visualization.style import ACTIVE, BACKGROUND, INACTIVE, MUTED, TEXT, Colour, au_label

__all__ = ['draw_panel']

_TRACK: Colour = (52, 56, 62)


def draw_panel(
    size: tuple[int, int],
    aus: Sequence[str],
    probability: np.ndarray,
    occurrence: np.ndarray,
    thresholds: Sequence[float] | None = None,
    heading: str = '',
    note: str | None = None,
) -> np.ndarray:
    """Draw the panel of one frame.

    Args:
        size: (height, width) in pixels.
        aus: names of the A AUs.
        probability: (A,) in 0..1, NaN without a face.
        occurrence: (A,) 1 active, 0 not, -1 without a face.
        thresholds: (A,) where to mark the bars, or None.
        heading: the line at the top.
        note: the line at the foot, or None.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    import cv2

    height, width = size
    panel = np.full((height, width, 3), BACKGROUND, np.uint8)
    margin = round(height * 0.025)
    head, foot = round(height * 0.11), round(height * 0.05) if note else 0
    text_width = width - 2 * margin
    face_found = not np.isnan(probability).all()
    _write(panel, heading, (margin, head // 2), head * 0.27, text_width, TEXT if face_found else MUTED)
    if not face_found:
        label = 'no face found'
        wide = _text_width(label, head * 0.27)
        _write(panel, label, (width - margin - wide, head // 2), head * 0.27, wide + margin, ACTIVE)
    rows = height - head - foot - margin
    row_height = min(rows / max(1, len(aus)), height * 0.085)
    label_width, value_width = round(text_width * 0.52), round(text_width * 0.13)
    tall = _text_height([au_label(au) for au in aus], row_height * 0.42, label_width - margin)
    left, right = margin + label_width, width - margin - value_width
    thick = max(3, round(row_height * 0.42))
    for index, au in enumerate(aus):
        middle = head + row_height * (index + 0.5)
        active, value = occurrence[index] == 1, float(probability[index])
        colour = TEXT if active else MUTED
        _write(panel, au_label(au), (margin, middle), tall, label_width, colour)
        top, bottom = round(middle - thick / 2), round(middle + thick / 2)
        cv2.rectangle(panel, (left, top), (right, bottom), _TRACK, -1)
        if not math.isnan(value):
            end = left + round((right - left) * min(max(value, 0.0), 1.0))
            cv2.rectangle(panel, (left, top), (end, bottom), ACTIVE if active else INACTIVE, -1)
            _write(panel, f'{value:.2f}', (right + margin // 2, middle), tall, value_width, colour)
        if thresholds is not None:
            mark = left + round((right - left) * thresholds[index])
            cv2.line(panel, (mark, top - 1), (mark, bottom + 1), TEXT, max(1, round(height / 480)))
    if note:
        _write(panel, note, (margin, height - foot // 2), foot * 0.42, text_width, MUTED)
    return panel


def _font(tall: float) -> tuple[int, float, int]:
    """Hershey font, scale and thickness for capitals of that height in pixels."""
    import cv2

    return cv2.FONT_HERSHEY_SIMPLEX, tall / 22.0, max(1, round(tall / 11))


def _text_width(text: str, tall: float) -> int:
    import cv2

    return cv2.getTextSize(text, *_font(tall))[0][0]


def _text_height(texts: Sequence[str], tall: float, width: float) -> float:
    """The height at which the longest text fits the width, at most ``tall``."""
    widest = max((_text_width(text, tall) for text in texts), default=0)
    return tall if widest <= width else tall * width / widest


def _write(panel: np.ndarray, text: str, place: tuple[float, float], tall: float, width: float, colour: Colour) -> None:
    """Write text that starts at ``place`` = (left, middle) and is shrunk to the width."""
    import cv2

    tall = _text_height([text], tall, width)
    origin = (round(place[0]), round(place[1] + tall / 2))
    cv2.putText(panel, text, origin, _font(tall)[0], _font(tall)[1], colour, _font(tall)[2], cv2.LINE_AA)
