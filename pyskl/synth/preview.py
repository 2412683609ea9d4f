"""Pictures of the synthetic face: what every Action Unit does to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pyskl.action_units import AU_NAMES
from pyskl.keypoints import get_layout
from pyskl.synth.dynamics import FULL_INTENSITY
from pyskl.synth.face_model import FaceModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ['draw_face', 'draw_preview']

COLUMNS = 6


def draw_face(axes: Axes, points: np.ndarray, color: str = 'black', width: float = 1.0) -> None:
    """Draw the lines of an iBUG-68 face.

    Args:
        axes: matplotlib axes.
        points: (68, 2) x to the right, y up.
        color: line colour.
        width: line width in points.
    """
    from matplotlib.collections import LineCollection

    lines = [points[[start, end]] for start, end in get_layout('ibug68').limbs]
    axes.add_collection(LineCollection(lines, colors=color, linewidths=width))
    axes.scatter(points[:, 0], points[:, 1], s=3 * width, color=color)
    axes.set_xlim(-0.85, 0.85)
    axes.set_ylim(-1.5, 0.4)
    axes.set_aspect('equal')
    axes.set_axis_off()


def draw_preview(path: Path | BinaryIO, model: FaceModel, intensities: tuple[float, ...] = (0.0, 2.5, 5.0)) -> None:
    """Write a sheet with every Action Unit at some intensities, front view, the neutral face in grey behind.

    Args:
        path: the PNG file, or a binary file open for writing.
        model: the face model.
        intensities: levels in 0..5, one below the other.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    num_aus = len(model.au_names)
    num_rows = len(intensities)
    bands = -(-num_aus // COLUMNS)
    figure = Figure(figsize=(2.2 * COLUMNS, 2.45 * num_rows * bands + 0.5), dpi=80, layout='constrained')
    FigureCanvasAgg(figure)
    grid = figure.subplots(num_rows * bands, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, intensity in enumerate(intensities):
        weights = np.zeros((num_aus, num_aus, 2), dtype=np.float32)
        weights[np.arange(num_aus), np.arange(num_aus)] = intensity / FULL_INTENSITY
        faces = model.deform(model.neutral, weights)
        for number, (au, face) in enumerate(zip(model.au_names, faces, strict=True)):
            axes = grid[number // COLUMNS * num_rows + row, number % COLUMNS]
            draw_face(axes, model.neutral[:, :2], '0.7')
            draw_face(axes, face[:, :2])
            name = f'{au} {AU_NAMES[au]}\n' if row == 0 else ''
            axes.set_title(f'{name}intensity {intensity:g}', fontsize=9)
    figure.suptitle('Synthetic face: mean face, front view; the left of the picture is the right side of the subject')
    figure.savefig(path, format='png', metadata={'Software': None})
