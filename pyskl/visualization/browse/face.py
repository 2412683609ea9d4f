"""A face of keypoints on matplotlib axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyskl.visualization.lettering import drawable
from pyskl.visualization.style import ACTIVE, INACTIVE, hex_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    'FACE',
    'INK',
    'LABEL_COLOURS',
    'NO_FACE',
    'PALE',
    'UNKNOWN',
    'draw_face',
    'face_limits',
    'new_figure',
    'shorten',
]

INK, PALE, NO_FACE, UNKNOWN = '#222222', '#888888', '#d4d4d4', '#f2f2f2'
LABEL_COLOURS = {1: hex_colour(ACTIVE), 0: '#b9cee2', -1: UNKNOWN}
"""Of an AU that is active, not active, unknown."""

FACE = '#f7f8fa'
"""The ground a face is drawn on."""


def new_figure(width: float, height: float) -> Figure:
    """Return a white figure of that size in inches, which needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor='white')
    FigureCanvasAgg(figure)
    return figure


def shorten(text: str, length: int) -> str:
    """Return a text of at most ``length`` letters the font has, its middle left out if need be."""
    text = drawable(text)
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f'{text[:head]}…{text[len(text) - (length - 1 - head) :]}'


def face_limits(keypoint: np.ndarray, score: np.ndarray, margin: float = 0.12) -> tuple[float, float, float] | None:
    """Return (centre x, centre y, half side) of a square around the keypoints that were found; None without any.

    Args:
        keypoint: (..., 2).
        score: (...,).
        margin: added on each side, as a share of the larger extent.
    """
    points = keypoint[score > 0]
    if not len(points):
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) * (0.5 + margin), 1.0)
    return float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2, half


def draw_face(
    axes: Axes,
    keypoint: np.ndarray,
    score: np.ndarray,
    limbs: Sequence[tuple[int, int]],
    limits: tuple[float, float, float] | None,
    size: float = 2.6,
) -> None:
    """Draw the persons of one frame; y grows downwards, as in pictures.

    Args:
        axes: where to draw.
        keypoint: (M, V, 2) pixels.
        score: (M, V); keypoints of score 0 are not drawn, weak ones are pale.
        limbs: keypoint pairs.
        limits: what to show, from :func:`face_limits`; None: a note that there is no face.
        size: diameter of a keypoint in points.
    """
    from matplotlib.collections import LineCollection

    axes.set_facecolor(FACE)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect('equal')
    for spine in axes.spines.values():
        spine.set_color('#cccccc')
    if limits is None:
        axes.text(0.5, 0.5, 'no face', transform=axes.transAxes, ha='center', va='center', color=PALE)
        return
    for points, value in zip(keypoint, score, strict=True):
        seen = value > 0
        ends = [(start, end) for start, end in limbs if seen[start] and seen[end]]
        lines = [points[[start, end]] for start, end in ends]
        axes.add_collection(LineCollection(lines, colors=hex_colour(INACTIVE), linewidths=0.4 * size))
        strength = np.clip(value[seen], 0.25, 1)
        axes.scatter(
            *points[seen].T, s=size**2, c=hex_colour(ACTIVE), alpha=strength, linewidths=0, zorder=3, clip_on=True
        )
    x, y, half = limits
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y + half, y - half)
