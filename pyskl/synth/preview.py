"""Pictures of the synthetic face: what every Action Unit does to it, and a track as it moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pyskl.action_units import AFFWILD_AUS, AU_NAMES
from pyskl.errors import InputError
from pyskl.keypoints import get_layout, guess_layout
from pyskl.synth.camera import rotations
from pyskl.synth.dynamics import FULL_INTENSITY
from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import random_identity

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ['draw_animation', 'draw_preview']

BANDS = 2  # columns of Action Units
NAME_WIDTH, FACE_WIDTH, FACE_HEIGHT, HEAD_HEIGHT = 1.0, 1.3, 1.6, 0.5  # inches
EYES_BELOW, SCALE = 0.6, 0.62  # inches below a face's top; inches in one outer-eye distance
GROUND = '0.7'  # grey
SAMPLE_SEED = 5  # the random face of the sheet
TURNS = (-25.0, 0.0, 25.0)  # degrees

PICTURE_SIZE = 400  # pixels, the animation's square
BAR_LEFT, BAR_LENGTH = PICTURE_SIZE + 50, 130
MARGIN = 20
WHITE, BLACK, GREY, BLUE = (255, 255, 255), (0, 0, 0), (225, 225, 225), (60, 110, 200)

Cell = tuple[str, list[np.ndarray], list[tuple[str, np.ndarray]]]  # name, faces behind, faces and what is above them


def draw_preview(
    path: Path | BinaryIO,
    model: FaceModel,
    aus: Sequence[str] | None = None,
    intensities: tuple[float, ...] = (0.0, 2.5, 5.0),
) -> None:
    """Write a sheet with Action Units at some intensities on the mean face and on a random one, then both heads turned.

    Faces are seen from the front; the face at rest is drawn in grey behind.

    Args:
        path: the PNG file, or a binary file open for writing.
        model: the face model.
        aus: names of the Action Units; None: all that the model has.
        intensities: levels in 0..5, side by side.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    cells = [*_action_units(model, model.au_names if aus is None else aus, intensities), *_turned(model)]
    num_columns = max(len(faces) for _, _, faces in cells)
    rows = -(-len(cells) // BANDS)
    band_width = NAME_WIDTH + num_columns * FACE_WIDTH
    width, height = BANDS * band_width, HEAD_HEIGHT + rows * FACE_HEIGHT
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    axes.text(
        width / 2, height - 0.25, fontsize=13, ha='center', va='center',
        s='Synthetic face: each Action Unit on the mean face, then on a random person. '
        'The left of the picture is the right side of the subject.',
    )  # fmt: skip
    limbs = np.array(get_layout(model.layout).limbs)
    lines: dict[str, list[np.ndarray]] = {GROUND: [], 'black': []}
    for number, (title, behind, faces) in enumerate(cells):
        band, row = divmod(number, rows)
        left, top = band * band_width, height - HEAD_HEIGHT - row * FACE_HEIGHT
        axes.text(left + 0.1, top - FACE_HEIGHT / 2, title, fontsize=10, va='center')
        for column, (name, face) in enumerate(faces):
            place = np.array([left + NAME_WIDTH + (column + 0.5) * FACE_WIDTH, top - EYES_BELOW])
            axes.text(place[0], top - 0.1, name, fontsize=8, ha='center', va='center')
            for color, points in ((GROUND, behind and behind[column]), ('black', face)):
                if len(points):
                    lines[color].append((points[:, :2] * SCALE + place)[limbs])
    for color, drawn in lines.items():
        axes.add_collection(LineCollection(np.concatenate(drawn), colors=color, linewidths=1.0))
    figure.savefig(path, format='png', metadata={'Software': None})


def _people(model: FaceModel) -> list[tuple[np.ndarray, np.ndarray | float]]:
    person = random_identity(np.random.default_rng(SAMPLE_SEED), model)
    return [(model.neutral, 1.0), (person.neutral, person.au_gains)]


def _action_units(model: FaceModel, aus: Sequence[str], intensities: tuple[float, ...]) -> Iterator[Cell]:
    for au in aus:
        weights = np.zeros((len(intensities), len(model.au_names), 2), dtype=np.float32)
        weights[:, model.au_names.index(au)] = np.array(intensities, dtype=np.float32)[:, None] / FULL_INTENSITY
        behind, faces = [], []
        for neutral, gains in _people(model):
            behind += [neutral] * len(intensities)
            moved = model.deform(neutral, weights * gains)
            faces += [(f'{level:g}', face) for level, face in zip(intensities, moved, strict=True)]
        yield f'{au}\n{AU_NAMES[au].replace(" ", chr(10))}', behind, faces


def _turned(model: FaceModel) -> Iterator[Cell]:
    for title, axis in (('turned', 0), ('nodding', 1)):
        angles = np.zeros((len(TURNS), 3))
        angles[:, axis] = TURNS
        turns = rotations(np.deg2rad(angles))
        names = [f'{turn:g}°' for turn in TURNS]
        heads = [neutral @ turn.T for neutral, _ in _people(model) for turn in turns]
        heads = [head - [(head[:, 0].min() + head[:, 0].max()) / 2, 0, 0] for head in heads]
        yield f'{title}\nhead', [], list(zip(names * 2, heads, strict=True))


def draw_animation(
    path: Path | BinaryIO,
    track: Mapping[str, object],
    aus: Sequence[str] = AFFWILD_AUS,
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


def _picture(points: np.ndarray | None, intensity: np.ndarray, aus: Sequence[str]) -> Image:
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
