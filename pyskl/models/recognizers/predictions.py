"""From scores of clips and frames to one record a sample, the form in which metrics and dumps take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ['clip_predictions', 'frame_predictions']


def clip_predictions(
    scores: Tensor, label: Tensor | None, found: Tensor | None, metas: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return one record a sample for heads that predict whole clips.

    Args:
        scores: (N, A) probabilities, or (N, K, A) of every view.
        label: (N,) classes or (N, A) action units, if known.
        found: (N, K, T) bool, whether a face was found in each frame; None if that is not known.
        metas: N dicts with ``frame_dir`` and ``sample_idx``.

    Returns:
        N dicts: ``frame_dir``, ``sample_idx``, ``score`` float32 (A,) or (K, A), ``label`` int, int8 (A,) or None,
        ``face_found`` bool.
    """
    scores = scores.float().cpu().numpy()
    labels = [None] * len(metas) if label is None else [_clip_label(one) for one in label.cpu().numpy()]
    faces = [True] * len(metas) if found is None else found.flatten(1).any(1).tolist()
    return [
        {**_identity(meta), 'score': score, 'label': one, 'face_found': face}
        for meta, score, one, face in zip(metas, scores, labels, faces, strict=True)
    ]


def frame_predictions(
    views: Tensor,
    frame_inds: Tensor,
    frame_valid: Tensor,
    label: Tensor | None,
    found: Tensor | None,
    metas: Sequence[dict[str, Any]],
    finish: Callable[[Tensor], Tensor] | None = None,
) -> list[dict[str, Any]]:
    """Return one record a sample for heads that predict every frame; several views of a frame are averaged.

    Args:
        views: (N, F, A) float, one row for each view of a frame.
        frame_inds: (N, F) the frame each row is about.
        frame_valid: (N, F) bool, whether the row counts: the window owns that frame.
        label: (N, F, A), if known.
        found: (N, F) bool, whether a face was found; None if that is not known.
        metas: N dicts with ``frame_dir`` and ``sample_idx``.
        finish: turns averages into probabilities; None if the views are probabilities already.

    Returns:
        N dicts: ``frame_dir``, ``sample_idx``, ``frame_inds`` int64 (F',) in rising order, ``score`` float32 (F', A),
        ``label`` int8 (F', A) or None, ``face_found`` bool (F',).
    """
    records = []
    for index, meta in enumerate(metas):
        owned = frame_valid[index]
        frames, first, group, count = np.unique(
            frame_inds[index][owned].numpy(), return_index=True, return_inverse=True, return_counts=True
        )
        rows = views[index][owned]
        total = torch.zeros(len(frames), rows.shape[-1]).index_add_(0, torch.from_numpy(group), rows)
        score = total / torch.from_numpy(count)[:, None]
        records.append(
            {
                **_identity(meta),
                'frame_inds': frames.astype(np.int64),
                'score': (score if finish is None else finish(score)).numpy(),
                'label': None if label is None else label[index][owned].numpy()[first].astype(np.int8),
                'face_found': np.ones(len(frames), bool) if found is None else found[index][owned].numpy()[first],
            }
        )
    return records


def _identity(meta: dict[str, Any]) -> dict[str, Any]:
    return {'frame_dir': str(meta['frame_dir']), 'sample_idx': int(meta['sample_idx'])}


def _clip_label(label: np.ndarray | np.generic) -> int | np.ndarray:
    return label.astype(np.int8) if label.ndim else int(label)
