"""A long clip in chunks: the predictions of one pass, in the memory of a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pyskl.errors import InputError
from pyskl.models.utils.receptive_field import temporal_halo

__all__ = ['Chunk', 'chunk_logits', 'chunks_of']

OVER_TIME = ('keypoint', 'keypoint_score', 'imgs')  # what the data preprocessor draws from; time is their fourth axis


class Chunk(NamedTuple):
    """Frames ``start`` to ``stop`` go through the network, ``first`` to ``end`` of them are kept."""

    start: int
    stop: int
    first: int
    end: int


def chunks_of(frames: int, chunk_frames: int, halo: int) -> Iterator[Chunk]:
    """Cut a clip into chunks.

    Every frame is kept once, from a chunk that has ``halo`` frames on either side of it or ends where the clip does.
    All chunks are equally long; the last one is moved back to end with the clip.

    Args:
        frames: length of the clip.
        chunk_frames: frames that a chunk adds to those before it.
        halo: how many frames on either side a prediction depends on.
    """
    length = min(frames, chunk_frames + 2 * halo)
    starts = [*range(0, frames - length, chunk_frames), frames - length]
    borders = [0, *((one + other + length) // 2 for one, other in pairwise(starts)), frames]
    for number, start in enumerate(starts):
        yield Chunk(start, start + length, borders[number], borders[number + 1])


def chunk_logits(model: nn.Module, data: dict[str, Any], chunk_frames: int) -> Tensor:
    """Return the logits of every frame of a batch, without ever drawing more than a chunk of it.

    They are those of one pass up to rounding: what the padding at the borders of a chunk reaches is not kept, and at
    the ends of the clip it is that of one pass.

    Args:
        model: a recogniser that is dense in time, in evaluation mode.
        data: a batch as it comes from the loader: ``keypoint`` (N, K, M, T, V, 2) or ``imgs`` (N, K, C, T, H, W).
        chunk_frames: frames predicted at a time.

    Returns:
        (N, K', T, A); K' is 2 K where the data preprocessor appends mirrored clips.

    Raises:
        InputError: if the batch has nothing to draw, or the model is not dense in time.
    """
    whole = {name: data[name] for name in OVER_TIME if name in data}
    if not whole:
        raise InputError(f"the batch has neither 'keypoint' nor 'imgs' (it has {', '.join(map(str, data))})")
    shape = next(iter(whole.values())).shape
    halo = temporal_halo(model.backbone, model.cls_head)
    logits = []
    for chunk in chunks_of(shape[3], chunk_frames, halo):
        part = {name: value[:, :, :, chunk.start : chunk.stop] for name, value in whole.items()}
        if 'img_shape' in data:
            part['img_shape'] = data['img_shape']
        out = model(**model.data_preprocessor(part, training=False), mode='tensor')
        logits.append(out.unflatten(0, (shape[0], -1))[:, :, chunk.first - chunk.start : chunk.end - chunk.start])
    return torch.cat(logits, dim=2)
