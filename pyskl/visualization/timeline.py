"""The Action Units of a whole video on one time axis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyskl.apis.results import AUResult
from pyskl.errors import InputError
from pyskl.files import replacing
from pyskl.video.frames import frames_at
from pyskl.visualization.lettering import drawable
from pyskl.visualization.style import ACTIVE, INACTIVE, au_label, hex_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ['draw_timeline']

_WIDTH = 13.0  # inches
_ROW = 0.5
_LEFT, _RIGHT = 2.35, 0.5
_NUM_PICTURES = 8
_MAX_COLUMNS = 3000  # over two a pixel
_INK, _PALE, _NO_FACE = '#222222', '#888888', '#d4d4d4'


def draw_timeline(
    result: AUResult, out: Path | str, video: Path | str | None = None, title: str = '', note: str | None = None
) -> None:
    """Draw one row per AU: the probability as a filled curve, occurrence in orange, its threshold dashed.

    Frames without a face are grey. The format follows the suffix of ``out``: ``.png``, ``.pdf`` or ``.svg``.

    Args:
        result: the AUs of a video.
        out: the file to write.
        video: the video, for a strip of pictures above the rows, or None.
        title: written above.
        note: written below, such as a warning.

    Raises:
        InputError: if the video is unreadable, the result has no frames, or the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not len(result):
        raise InputError(f'cannot draw {out}: the result has no frames')
    curves, shares = _curves(result), [summary.active for summary in result.summary()]
    edges = curves.edges
    pictures = _pictures(edges, result, video)
    inner = _WIDTH - _LEFT - _RIGHT
    strip = min(1.5, inner / _NUM_PICTURES / _aspect(pictures)) if pictures else 0.0
    num_rows = len(result.aus)
    top, bottom = 0.6, 0.95
    height = top + strip + _ROW * num_rows + bottom
    figure = Figure(figsize=(_WIDTH, height), facecolor='white')
    FigureCanvasAgg(figure)

    def add_axes(below_top: float, tall: float) -> Axes:
        place = (_LEFT / _WIDTH, 1 - (below_top + tall) / height, inner / _WIDTH, tall / height)
        axes = figure.add_axes(place)
        axes.set_xlim(edges[0], edges[-1])
        return axes

    if pictures:
        _draw_strip(add_axes(top, strip), pictures, inner / strip)
    for index in range(num_rows):
        axes = add_axes(top + strip + _ROW * index, _ROW)
        _draw_row(axes, result, curves, index, shares[index])
        axes.tick_params(axis='x', labelbottom=index == num_rows - 1, length=3 if index == num_rows - 1 else 0)
        if index == num_rows - 1:
            axes.set_xlabel('time (s)', color=_INK)
    _draw_texts(figure, height, title, note, result, curves.step)
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=110)


@dataclass(frozen=True)
class _Curves:
    """What the rows show, in columns of one frame each, or of several where the video is long.

    Attributes:
        edges: (C + 1,) the times between which each column lies, in seconds.
        found: (C,) bool, whether a face was found.
        probability: (C, A), mean over the frames with a face; NaN without one.
        active: (C, A) bool, whether at least half the frames with a face are active.
        step: frames in a column.
    """

    edges: np.ndarray
    found: np.ndarray
    probability: np.ndarray
    active: np.ndarray
    step: int


def _curves(result: AUResult) -> _Curves:
    times = result.timestamp
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
    step = -(-len(result) // _MAX_COLUMNS)
    starts = np.arange(0, len(result), step)
    count = np.add.reduceat(result.success.astype(np.int64), starts)[:, None]
    share = np.maximum(count, 1)
    probability = np.add.reduceat(np.where(result.success[:, None], result.probability, 0), starts, dtype=np.float64)
    active = np.add.reduceat((result.occurrence == 1).astype(np.int64), starts)
    return _Curves(
        edges=np.append(times[starts], times[-1] + max(usual, 1e-3)),
        found=count[:, 0] > 0,
        probability=np.where(count > 0, probability / share, np.nan),
        active=(count > 0) & (2 * active >= share),
        step=step,
    )


def _pictures(edges: np.ndarray, result: AUResult, video: Path | str | None) -> list[np.ndarray]:
    """The frames shown at the middles of equal spans of time."""
    if video is None:
        return []
    middles = _middles(edges[0], edges[-1], min(_NUM_PICTURES, len(result)))
    return frames_at(video, (np.searchsorted(result.timestamp, middles, side='right') - 1).tolist())


def _middles(first: float, last: float, count: int) -> np.ndarray:
    return first + (np.arange(count) + 0.5) / count * (last - first)


def _aspect(pictures: list[np.ndarray]) -> float:
    return pictures[0].shape[1] / pictures[0].shape[0]


def _draw_strip(axes: Axes, pictures: list[np.ndarray], axes_aspect: float) -> None:
    """Lay each picture around its own time, undistorted."""
    import cv2

    first, last = axes.get_xlim()
    half = _aspect(pictures) / axes_aspect * (last - first) * 0.95 / 2
    for picture, time in zip(pictures, _middles(first, last, len(pictures)), strict=True):
        rows = min(picture.shape[0], 260)
        small = cv2.resize(picture, (max(1, round(rows * _aspect(pictures))), rows), interpolation=cv2.INTER_AREA)
        axes.imshow(small, extent=(time - half, time + half, 0.06, 1), aspect='auto', interpolation='antialiased')
        axes.plot([time, time], [-0.02, 0.06], color=_INK, linewidth=1, clip_on=False)
    axes.set_xlim(first, last)
    axes.set_ylim(0, 1)
    axes.axis('off')


def _draw_row(axes: Axes, result: AUResult, curves: _Curves, index: int, share: float) -> None:
    edges, active = curves.edges, curves.active[:, index]
    # Two points a column, at its edges, so that a single frame has a width too.
    times, curve, shown = np.repeat(edges, 2)[1:-1], np.repeat(curves.probability[:, index], 2), np.repeat(active, 2)
    axes.fill_between(times, 0, curve, color=hex_colour(INACTIVE), alpha=0.45, linewidth=0)
    axes.fill_between(times, 0, curve, where=shown, color=hex_colour(ACTIVE), linewidth=0)
    axes.plot(times, curve, color=_INK, linewidth=0.7)
    for start, stop in _runs(~curves.found):
        axes.axvspan(edges[start], edges[stop], color=_NO_FACE, linewidth=0)
    if result.thresholds is not None:
        axes.axhline(result.thresholds[index], color=_PALE, linewidth=0.6, linestyle=(0, (4, 3)))
    axes.set_ylim(0, 1.08)
    axes.set_yticks([])
    for side in ('top', 'right'):
        axes.spines[side].set_visible(False)
    axes.spines['bottom'].set_color('#bbbbbb')
    axes.spines['left'].set_color('#bbbbbb')
    axes.text(
        -0.008,
        0.45,
        drawable(au_label(result.aus[index])),
        transform=axes.transAxes,
        ha='right',
        va='center',
        color=_INK,
    )
    if not np.isnan(share):
        axes.text(
            1.004,
            0.45,
            f'{100 * share:.0f} %',
            transform=axes.transAxes,
            ha='left',
            va='center',
            color=_PALE,
            fontsize=8,
        )


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """(start, stop) of each run of True."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [(int(start), int(stop)) for start, stop in zip(changes[::2], changes[1::2], strict=True)]


def _draw_texts(figure: Figure, height: float, title: str, note: str | None, result: AUResult, step: int) -> None:
    from matplotlib.patches import Patch

    left = _LEFT / _WIDTH
    figure.text(left, 1 - 0.3 / height, drawable(title), ha='left', va='center', fontsize=13, color=_INK)
    patches = [
        Patch(color=hex_colour(ACTIVE), label='active'),
        Patch(color=hex_colour(INACTIVE), alpha=0.45, label='not active'),
    ]
    if not result.success.all():
        patches.append(Patch(color=_NO_FACE, label='no face found'))
    figure.legend(
        handles=patches,
        loc='center right',
        bbox_to_anchor=(1 - _RIGHT / _WIDTH, 1 - 0.3 / height),
        ncols=len(patches),
        frameon=False,
        title=None,
    )
    below = 'Height: probability, 0 to 1. Right: share of the frames with a face in which the AU is active.'
    if result.thresholds is not None:
        below += ' Dashed: threshold.'
    if step > 1:
        below += f' A column stands for {step} frames.'
    figure.text(left, 0.3 / height, below, ha='left', va='center', fontsize=8, color=_PALE)
    if note:
        figure.text(left, 0.12 / height, drawable(note), ha='left', va='center', fontsize=8, color='#a04000')
