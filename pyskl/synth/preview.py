"""Pictures of the synthetic face: what every Action Unit does to it, and a track as it moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pyskl.action_units import AFFWILD_AUS, AU_NAMES
from pyskl.errors import InputError
from pyskl.keypoints import get_layout, guess_layout
from pyskl.synth.dynamics import FULL_INTENSITY
from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import random_identity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

__all__ = ['draw_animation', 'draw_face', 'draw_preview']

BANDS = 2  # columns of Action Units
NAME_WIDTH, FACE_WIDTH, FACE_HEIGHT, HEAD_HEIGHT = 1.0, 1.3, 1.6, 0.5  # inches
SAMPLE_SEED = 5  # the random face of the sheet

PICTURE_SIZE = 400  # pixels, the animation's square
BAR_LEFT, BAR_LENGTH = PICTURE_SIZE + 50, 130
MARGIN = 20
WHITE, BLACK, GREY, BLUE = (255, 255, 255), (0, 0, 0), (225, 225, 225), (60, 110, 200)


def draw_face(axes: Axes, points: np.ndarray, color: str = 'black', width: float = 1.0, layout: str = 'ibug68') -> None:
    """Draw the lines of a face.

    Args:
        axes: matplotlib axes.
        points: (V, 2) x to the right, y up, in outer-eye distances.
        color: line colour.
        width: line width in points.
        layout: keypoint layout of the points.
    """
    from matplotlib.collections import LineCollection

    lines = [points[[start, end]] for start, end in get_layout(layout).limbs]
    axes.add_collection(LineCollection(lines, colors=color, linewidths=width))
    axes.set_xlim(-0.9, 0.9)
    axes.set_ylim(-1.65, 0.75 if layout == 'mediapipe478' else 0.45)
    axes.set_aspect('equal')
    axes.set_axis_off()


def draw_preview(path: Path | BinaryIO, model: FaceModel, intensities: tuple[float, ...] = (0.0, 2.5, 5.0)) -> None:
    """Write a sheet with every Action Unit at some intensities on the mean face and on a random one.

    Faces are seen from the front; the face at rest is drawn in grey behind.

    Args:
        path: the PNG file, or a binary file open for writing.
        model: the face model.
        intensities: levels in 0..5, side by side.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    num_aus, num_levels = len(model.au_names), len(intensities)
    person = random_identity(np.random.default_rng(SAMPLE_SEED), model)
    rows = -(-num_aus // BANDS)
    band_width = NAME_WIDTH + 2 * num_levels * FACE_WIDTH
    width, height = BANDS * band_width, HEAD_HEIGHT + rows * FACE_HEIGHT
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    figure.text(
        0.5, 1 - 0.25 / height, fontsize=13, ha='center', va='center',
        s='Synthetic face: each Action Unit on the mean face, then on a random person. '
        'The left of the picture is the right side of the subject.',
    )  # fmt: skip
    for number, au in enumerate(model.au_names):
        weights = np.zeros((num_levels, num_aus, 2), dtype=np.float32)
        weights[:, number] = np.array(intensities, dtype=np.float32)[:, None] / FULL_INTENSITY
        band, row = divmod(number, rows)
        bottom = (height - HEAD_HEIGHT - (row + 1) * FACE_HEIGHT) / height
        name = AU_NAMES[au].replace(' ', '\n')
        figure.text(
            (band * band_width + 0.1) / width,
            bottom + FACE_HEIGHT / height / 2,
            f'{au}\n{name}',
            fontsize=10,
            va='center',
        )
        for half, (neutral, gains) in enumerate(((model.neutral, 1.0), (person.neutral, person.au_gains))):
            for level, face in enumerate(model.deform(neutral, weights * gains)):
                left = band * band_width + NAME_WIDTH + (half * num_levels + level) * FACE_WIDTH
                axes = figure.add_axes((left / width, bottom, FACE_WIDTH / width, 0.88 * FACE_HEIGHT / height))
                draw_face(axes, neutral[:, :2], '0.7', 0.8, model.layout)
                draw_face(axes, face[:, :2], 'black', 1.0, model.layout)
                axes.set_title(f'{intensities[level]:g}', fontsize=8, pad=1)
    figure.savefig(path, format='png', metadata={'Software': None})


def draw_animation(
    path: Path | BinaryIO,
    track: Mapping[str, object],
    aus: tuple[str, ...] = AFFWILD_AUS,
    seconds: float = 6.0,
    fps: float = 15.0,
) -> None:
    """Write a GIF of a track: the face's lines, and a bar with the intensity of each Action Unit.

    Args:
        path: the GIF file, or a binary file open for writing.
        track: annotation with ``keypoint`` (1, T, V, 2), ``keypoint_score``, ``intensity`` (T, A); its ``fps`` is taken
            to be 30 if it has none.
        aus: names of the intensity's columns.
        seconds: greatest length.
        fps: pictures per second.

    Raises:
        InputError: if the track has no intensity, or no face at all.
    """
    keypoint, score = track['keypoint'][0], track['keypoint_score'][0]
    if 'intensity' not in track or track['intensity'].shape[1] != len(aus):
        raise InputError(
            f"the track '{track.get('frame_dir')}' has no intensity of {len(aus)} Action Units; draw a synthetic track"
        )
    found = (score > 0).any(axis=1)
    if not found.any():
        raise InputError(f"the track '{track.get('frame_dir')}' shows no face; draw another one")
    source_fps = float(track.get('fps', 30.0))
    count = max(1, int(min(len(keypoint) / source_fps, seconds) * fps))
    frames = (np.arange(count) * source_fps / fps).astype(int).clip(max=len(keypoint) - 1)
    seen = keypoint[frames][found[frames]] if found[frames].any() else keypoint[found]
    low, high = seen.min(axis=(0, 1)), seen.max(axis=(0, 1))
    scale = (PICTURE_SIZE - 2 * MARGIN) / max(float((high - low).max()), 1e-6)
    offset = PICTURE_SIZE / 2 - (low + high) / 2 * scale
    pictures = [
        _picture(keypoint[frame] * scale + offset if found[frame] else None, track['intensity'][frame], aus)
        for frame in frames
    ]
    pictures[0].save(
        path, format='GIF', save_all=True, append_images=pictures[1:], duration=round(1000 / fps), loop=0, disposal=1
    )


def _picture(points: np.ndarray | None, intensity: np.ndarray, aus: tuple[str, ...]) -> Image:
    """Draw one frame of the animation; ``points`` (V, 2) in pixels, None where no face was found."""
    from PIL import Image, ImageDraw

    image = Image.new('RGB', (BAR_LEFT + BAR_LENGTH + MARGIN, PICTURE_SIZE), WHITE)
    draw = ImageDraw.Draw(image)
    if points is None:
        draw.text((MARGIN, MARGIN), 'no face found', fill=BLACK)
    else:
        for start, end in guess_layout(len(points)).limbs:
            draw.line([*points[start], *points[end]], fill=BLACK, width=2)
    step = (PICTURE_SIZE - 2 * MARGIN) / len(aus)
    for row, (au, level) in enumerate(zip(aus, intensity, strict=True)):
        top = MARGIN + row * step
        draw.text((BAR_LEFT - 40, top + step / 2 - 6), au, fill=BLACK)
        draw.rectangle((BAR_LEFT, top + 3, BAR_LEFT + BAR_LENGTH, top + step - 3), fill=GREY)
        length = BAR_LENGTH * float(level) / FULL_INTENSITY
        if length >= 1:
            draw.rectangle((BAR_LEFT, top + 3, BAR_LEFT + length, top + step - 3), fill=BLUE)
    return image.convert('P', palette=Image.Palette.ADAPTIVE, colors=32)
