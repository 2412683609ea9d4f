"""A window in motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyskl.files import replacing
from pyskl.visualization.browse.face import INK, LABEL_COLOURS, PALE, draw_face, face_limits, new_figure, shorten
from pyskl.visualization.browse.windows import WindowView

__all__ = ['draw_animation']

MAX_FRAMES = 250
"""Longer windows are cut off: drawing takes some 50 ms a frame, and browsers keep all of them in memory."""


def draw_animation(view: WindowView, out: Path | str) -> None:
    """Write a window as an animated picture: the face, and beside it the AUs, lit while they are active.

    Args:
        view: the window.
        out: the GIF file to write; it plays at the speed of the video.

    Raises:
        InputError: if the file cannot be written.
    """
    from matplotlib.animation import PillowWriter
    from matplotlib.patches import Rectangle

    stop = min(view.stop, view.start + MAX_FRAMES)
    frames = np.arange(view.start, stop)
    keypoint = np.asarray(view.track['keypoint'][:, view.start : stop])
    score = np.asarray(view.track['keypoint_score'][:, view.start : stop])
    limits = face_limits(keypoint, score)
    width, height = (6.2, 4.6) if view.aus else (4.4, 4.6)
    figure = new_figure(width, height)
    figure.text(
        0.2 / width, 1 - 0.22 / height, shorten(view.name, 52 if view.aus else 36), va='center', fontsize=10, color=INK,
        parse_math=False,
    )  # fmt: skip
    time = figure.text(0.2 / width, 1 - 0.42 / height, '', va='center', fontsize=8.5, color=PALE)
    axes = figure.add_axes((0.2 / width, 0.1 / height, 3.95 / width, 3.95 / height))
    lamps = []
    if view.aus:
        panel = figure.add_axes((4.35 / width, 0.1 / height, 1.7 / width, 3.95 / height))
        panel.set_axis_off()
        panel.set_xlim(0, 1)
        panel.set_ylim(max(len(view.aus), 8), 0)
        for row, au in enumerate(view.aus):
            lamps.append(panel.add_patch(Rectangle((0, row + 0.12), 0.16, 0.76, linewidth=0)))
            panel.text(0.24, row + 0.5, shorten(au, 16), va='center', fontsize=9, color=INK, parse_math=False)
    writer = PillowWriter(fps=min(view.fps, 50))  # players ignore delays below 20 ms
    with replacing(out) as temporary, writer.saving(figure, str(temporary), dpi=80):
        for place, frame in enumerate(frames):
            axes.clear()
            found = (score[:, place] > 0).any()
            draw_face(axes, keypoint[:, place], score[:, place], view.limbs, limits if found else None, size=3.4)
            time.set_text(f'frame {frame + 1}, {frame / view.fps:.2f} s')
            label = view.label(int(frame))
            values = np.full(len(lamps), -1) if label is None or not lamps else label
            for lamp, value in zip(lamps, values, strict=True):
                lamp.set_facecolor(LABEL_COLOURS[int(value)])
            writer.grab_frame()
