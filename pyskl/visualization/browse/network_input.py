"""What the network gets of a window: keypoints before and after the transforms, and the heatmaps drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.datasets.collate import pose_collate
from pyskl.datasets.pose_dataset import PoseDataset
from pyskl.files import replacing
from pyskl.keypoints import get_layout
from pyskl.visualization.browse.face import INK, PALE, draw_face, face_limits, new_figure, shorten

__all__ = ['Draw', 'draw_network_input', 'draws_of_window']


@dataclass(frozen=True)
class Draw:
    """One pass of a window through the pipeline.

    Attributes:
        before: (M, T, V, 2) keypoints as they were gathered, pixels of the video; None if nothing gathered them.
        before_score: (M, T, V).
        after: (M, T, V, 2) what the network gets, pixels of ``img_shape``; None if the pipeline keeps no keypoints.
        after_score: (M, T, V).
        img_shape: (height, width) of the picture that ``after`` lies in.
        volume: (T, H, W) heatmaps summed over their channels; None without a data preprocessor.
        frames: (T,) numbers of the frames of ``before`` in the track, counted from 0.
        limbs: keypoint pairs joined by a line.
    """

    before: np.ndarray | None
    before_score: np.ndarray | None
    after: np.ndarray | None
    after_score: np.ndarray | None
    img_shape: tuple[float, float]
    volume: np.ndarray | None
    frames: np.ndarray | None
    limbs: tuple[tuple[int, int], ...]


def draws_of_window(
    dataset: PoseDataset, index: int, count: int, preprocess: Callable[..., dict[str, Any]] | None
) -> list[Draw]:
    """Send a window through the pipeline of its data set, each time as in another epoch.

    Args:
        dataset: a data set with its pipeline; its epoch is 0 afterwards.
        index: number of the window.
        count: how many draws.
        preprocess: the model's data preprocessor, or None.
    """
    draws = []
    for epoch in range(count):
        dataset.set_epoch(epoch)
        draws.append(_one_draw(dataset, index, preprocess))
    dataset.set_epoch(0)
    return draws


def _one_draw(dataset: PoseDataset, index: int, preprocess: Callable[..., dict[str, Any]] | None) -> Draw:
    results, before, before_score, frames = dataset.prepare(index), None, None, None
    for transform in dataset.pipeline.transforms:
        results = transform(results)
        if type(transform).__name__ == 'PoseDecode':
            before, before_score = np.array(results['keypoint']), np.array(results['keypoint_score'])
            frames = np.array(results['frame_inds'])
    # Clips of the same window lie on the first axis; the first stands for all.
    after = None if 'keypoint' not in results else np.asarray(results['keypoint'], dtype=np.float32)[0]
    score = results.get('keypoint_score')
    if after is not None:
        score = np.ones(after.shape[:3], np.float32) if score is None else np.asarray(score, dtype=np.float32)[0]
    volume = None
    if preprocess is not None:
        images = preprocess(pose_collate([results]), training=False)['imgs'][0, 0]
        volume = images.float().sum(0).cpu().numpy()
    return Draw(
        before,
        before_score,
        after,
        score,
        tuple(np.asarray(results.get('img_shape', (1, 1)), dtype=float).tolist()),
        volume,
        frames,
        get_layout(dataset.keypoint_layout).limbs,
    )


_SIDE, _GAP, _TOP, _CAPTION = 2.7, 0.22, 0.62, 0.34


def draw_network_input(draws: Sequence[Draw], out: Path | str, title: str = '') -> None:
    """Draw one row for each draw: before, after, and the heatmaps of the middle frame and of all frames.

    Args:
        draws: passes of one window.
        out: the PNG file to write.
        title: written above.

    Raises:
        InputError: if the file cannot be written.
    """
    with_volume = any(draw.volume is not None for draw in draws)
    columns = 4 if with_volume else 2
    width = columns * (_SIDE + _GAP) + _GAP
    height = _TOP + len(draws) * (_SIDE + _CAPTION) + 0.05
    figure = new_figure(width, height)
    figure.text(
        _GAP / width, 1 - 0.28 / height, shorten(title, int(10 * width)), va='center', fontsize=12, color=INK,
        parse_math=False,
    )  # fmt: skip
    for row, draw in enumerate(draws):
        bottom = height - _TOP - row * (_SIDE + _CAPTION) - _SIDE - 0.1
        cells = [
            figure.add_axes(((_GAP + c * (_SIDE + _GAP)) / width, bottom / height, _SIDE / width, _SIDE / height))
            for c in range(columns)
        ]
        captions = _draw_row(cells, draw)
        for axes, caption in zip(cells, captions, strict=True):
            axes.set_title(caption, fontsize=8.5, color=PALE, loc='left', pad=3)
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw_row(cells: list, draw: Draw) -> list[str]:
    captions = ['keypoints: not in this pipeline', 'keypoints: not collected', 'no heatmaps', 'no heatmaps']
    # Several clips lie one after the other in `before`; the other arrays are of the first.
    lengths = [draw.after.shape[1]] if draw.after is not None else []
    lengths += [draw.volume.shape[0]] if draw.volume is not None else []
    middle = min([*lengths, *([] if draw.before is None else [draw.before.shape[1]])], default=0) // 2
    if draw.before is not None:
        keypoint, score = draw.before[:, middle], draw.before_score[:, middle]
        draw_face(cells[0], keypoint, score, draw.limbs, face_limits(keypoint, score, 0.2))
        captions[0] = f'in the file, frame {int(draw.frames[middle]) + 1}'
    if draw.after is not None:
        keypoint, score = draw.after[:, middle], draw.after_score[:, middle]
        tall, wide = draw.img_shape
        limits = (wide / 2, tall / 2, max(tall, wide) / 2) if (score > 0).any() else None
        draw_face(cells[1], keypoint, score, draw.limbs, limits)
        captions[1] = f'after the transforms, {wide:g} x {tall:g}'
    if draw.volume is not None:
        tall, wide = draw.volume.shape[1:]
        for axes, image in zip(cells[2:], (draw.volume[middle], draw.volume.max(axis=0)), strict=False):
            axes.imshow(image, cmap='magma', vmin=0)
        captions[2] = f'heatmaps of that frame, {wide} x {tall}'
        captions[3] = f'strongest of all {draw.volume.shape[0]} frames'
    for axes in cells:
        axes.set_xticks([])
        axes.set_yticks([])
    return captions[: len(cells)]
