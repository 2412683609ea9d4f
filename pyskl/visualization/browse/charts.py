"""Charts of labels: along one track, and over a whole file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyskl.errors import InputError
from pyskl.files import replacing
from pyskl.visualization.browse.contents import Contents
from pyskl.visualization.browse.face import INK, LABEL_COLOURS, NO_FACE, PALE, UNKNOWN, new_figure, shorten
from pyskl.visualization.browse.windows import WindowView
from pyskl.visualization.lettering import drawable
from pyskl.visualization.style import ACTIVE, INACTIVE, au_label, hex_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ['draw_label_timeline', 'draw_prevalence']

_MAX_COLUMNS = 2400  # over two a pixel


def _runs(values: np.ndarray) -> list[tuple[int, int, int]]:
    """Return (start, stop, value) of each run of equal values."""
    edges = np.flatnonzero(np.diff(values)) + 1
    starts, stops = np.concatenate([[0], edges]), np.concatenate([edges, [len(values)]])
    return [(int(start), int(stop), int(values[start])) for start, stop in zip(starts, stops, strict=True)]


def _condense(values: np.ndarray, step: int) -> np.ndarray:
    """The largest value of every ``step`` frames, so that a single active frame is still seen."""
    return values if step == 1 else np.maximum.reduceat(values, np.arange(0, len(values), step))


def draw_label_timeline(views: Sequence[WindowView], out: Path | str) -> None:
    """Draw the labels of one track, a row for each AU, the windows shown elsewhere marked above.

    Active is orange, not active blue, unknown white; the last row is grey where there is no face. A track longer
    than the picture has pixels is condensed; a column is active if any of its frames is.

    Args:
        views: windows of one and the same track.
        out: the PNG file to write.

    Raises:
        InputError: if the track has no AU labels, or the file cannot be written.
    """
    from matplotlib.patches import Patch

    track, aus = views[0].track, views[0].aus
    label = track.get('label')
    if np.ndim(label) == 0:
        raise InputError(f"cannot draw {out}: track '{views[0].name}' has no AU labels")
    total = int(track['total_frames'])
    rows = np.broadcast_to(np.asarray(label), (total, len(aus)))
    seen = np.asarray(track['keypoint_score']).max(axis=(0, 2)) > 0
    step = -(-total // _MAX_COLUMNS)
    left, right, top, bottom, tall = 2.5, 0.75, 1.0, 0.75, 0.27
    width, height = 13.0, top + bottom + tall * (len(aus) + 1)
    figure = new_figure(width, height)
    box = (left / width, bottom / height, (width - left - right) / width, tall * (len(aus) + 1) / height)
    axes = figure.add_axes(box)
    for number, au in enumerate(aus):
        _draw_row(axes, number, _condense(rows[:, number], step), step, total, LABEL_COLOURS)
        known = rows[:, number] != -1
        share = f'{100 * (rows[known, number] == 1).mean():.0f} %' if known.any() else 'unknown'
        axes.text(1.006, number + 0.5, share, transform=axes.get_yaxis_transform(), va='center', fontsize=8, color=PALE)
        axes.text(
            -0.006, number + 0.5, drawable(au_label(au)), transform=axes.get_yaxis_transform(), ha='right', va='center',
            fontsize=9, color=INK, parse_math=False,
        )  # fmt: skip
    # Condensed like the labels: one frame without a face is still seen.
    _draw_row(axes, len(aus), _condense((~seen).astype(np.int8), step), step, total, {1: '#777777', 0: NO_FACE})
    axes.text(
        -0.006, len(aus) + 0.5, 'face found', transform=axes.get_yaxis_transform(), ha='right', va='center', fontsize=9,
        color=INK,
    )  # fmt: skip
    share = f'{100 * seen.mean():.0f} %'
    axes.text(1.006, len(aus) + 0.5, share, transform=axes.get_yaxis_transform(), va='center', fontsize=8, color=PALE)
    for view in views:
        axes.plot(
            [view.start + 0.5, view.stop + 0.5],
            [-0.22, -0.22],
            color=INK,
            linewidth=3,
            solid_capstyle='butt',
            clip_on=False,
        )
    axes.set_xlim(0.5, total + 0.5)
    axes.set_ylim(len(aus) + 1, 0)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel('frame' + (f' (a column stands for {step} frames)' if step > 1 else ''), color=INK)
    figure.text(
        left / width, 1 - 0.26 / height, shorten(f'Labels of {views[0].name}', 90), va='center', fontsize=12, color=INK,
        parse_math=False,
    )  # fmt: skip
    handles = [
        Patch(color=LABEL_COLOURS[1], label='active'),
        Patch(color=LABEL_COLOURS[0], label='not active'),
        Patch(facecolor=UNKNOWN, edgecolor='#cccccc', label='unknown'),
        Patch(color=NO_FACE, label='face'),
        Patch(color='#777777', label='no face'),
        Patch(color=INK, label='window shown'),
    ]
    figure.legend(
        handles=handles, loc='center left', bbox_to_anchor=(left / width - 0.008, 1 - 0.56 / height), ncols=6,
        frameon=False, fontsize=8.5, handlelength=1.2, columnspacing=1.4,
    )  # fmt: skip
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw_row(axes: Axes, number: int, values: np.ndarray, step: int, total: int, colours: dict[int, str]) -> None:
    for value, colour in colours.items():
        spans = [
            (start * step + 0.5, min(stop * step, total) - start * step)
            for start, stop, v in _runs(values)
            if v == value
        ]
        axes.broken_barh(spans, (number + 0.1, 0.8), facecolors=colour, linewidth=0)


def draw_prevalence(contents: Contents, out: Path | str) -> None:
    """Draw how frequent each AU is in each split, and how often AUs are active together.

    The map is of all splits: the share of the frames with the AU of the row in which that of the column is active too.

    Args:
        contents: the counts.
        out: the PNG file to write.

    Raises:
        InputError: if there are no AU labels, or the file cannot be written.
    """
    parts = {name: part for name, part in contents.splits.items() if len(part.positive)}
    if not parts:
        raise InputError(f'cannot draw {out}: {contents.path} has no AU labels')
    aus, count = contents.aus, len(contents.aus)
    tall = max(3.2, 0.42 * count)
    width, height = 6.9 + tall + 0.6, tall + 1.9
    figure = new_figure(width, height)
    bars = figure.add_axes((2.2 / width, 0.75 / height, 3.1 / width, tall / height))
    thick = 0.8 / len(parts)
    shades = [hex_colour(INACTIVE), hex_colour(ACTIVE), '#555555', '#9bc3a5', '#c48aa8', '#b0a26a']
    for place, (name, part) in enumerate(parts.items()):
        share = 100 * np.nan_to_num(part.prevalence)
        heights = np.arange(count) - 0.4 + thick * (place + 0.5)
        text = shorten(name, 16).replace('$', r'\$')
        bars.barh(heights, share, thick * 0.92, color=shades[place % len(shades)], label=f'{text} ({part.labelled:,})')
        if len(parts) <= 3:
            for y, value, known in zip(heights, share, part.known, strict=True):
                text = f'{value:.1f}' if known else 'unknown'
                bars.text(value + 0.6, y, text, va='center', fontsize=8 if len(parts) < 3 else 6.5, color=PALE)
    bars.set_yticks(range(count), [drawable(au_label(au)) for au in aus], fontsize=9, parse_math=False)
    bars.set_ylim(count - 0.5, -0.5)
    bars.set_xlim(0, 1.18 * max(5.0, *(100 * np.nanmax(np.nan_to_num(part.prevalence)) for part in parts.values())))
    bars.set_xlabel('% of the frames where it is known', color=INK)
    for side in ('top', 'right'):
        bars.spines[side].set_visible(False)
    bars.legend(
        title='split (frames with a label)', loc='lower left', bbox_to_anchor=(-0.02, 1.0), ncols=3 if count else 1,
        frameon=False, fontsize=8, title_fontsize=8, columnspacing=1.0, handlelength=1.2,
    )  # fmt: skip
    together = sum(part.together for part in parts.values())
    _draw_together(figure.add_axes((6.9 / width, 0.75 / height, tall / width, tall / height)), together, aus)
    figure.text(
        0.2 / width, 1 - 0.28 / height, shorten(f'Action Units of {contents.path}', int(width * 8)), va='center',
        fontsize=12, color=INK, parse_math=False,
    )  # fmt: skip
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw_together(axes: Axes, together: np.ndarray, aus: Sequence[str]) -> None:
    active = np.diag(together)[:, None]
    share = np.divide(100.0 * together, active, where=active > 0, out=np.full(together.shape, np.nan))
    axes.imshow(share, cmap='cividis', vmin=0, vmax=100)
    for row, column in np.ndindex(share.shape):
        value = share[row, column]
        text = '-' if np.isnan(value) else f'{value:.0f}'
        colour = 'white' if np.isnan(value) or value < 55 else 'black'
        axes.text(column, row, text, ha='center', va='center', fontsize=8, color=INK if np.isnan(value) else colour)
    names = [drawable(au) for au in aus]
    axes.set_xticks(
        range(len(aus)), names, rotation=45, ha='left', fontsize=8.5, rotation_mode='anchor', parse_math=False
    )
    axes.set_yticks(range(len(aus)), names, fontsize=8.5, parse_math=False)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel('% of the frames with the AU of the row\nin which that of the column is active too', color=INK)
