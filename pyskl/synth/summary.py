"""What a synthetic data set contains: frames, tracks, and how frequent each Action Unit is."""

from __future__ import annotations

import numpy as np

__all__ = ['all_positive_f1', 'summarize']


def all_positive_f1(prevalence: float) -> float:
    """Return the F1 of calling every frame positive, ``2 p / (1 + p)``: the floor any useful predictor is above."""
    return 2 * prevalence / (1 + prevalence)


def summarize(dataset: dict[str, object]) -> dict[str, dict[str, object]]:
    """Count a data set with per-frame labels.

    Args:
        dataset: content of an annotation file.

    Returns:
        For each split: ``tracks``, ``frames``, ``frames_without_face``, ``unknown_labels`` (share of -1),
        ``prevalence`` (AU -> share of positive frames among the annotated), ``all_positive_f1`` (AU -> F1) and
        ``all_positive_macro_f1``.
    """
    aus = dataset['metainfo']['aus']
    annotations = {annotation['frame_dir']: annotation for annotation in dataset['annotations']}
    summary = {}
    for name, frame_dirs in dataset['split'].items():
        tracks = [annotations[frame_dir] for frame_dir in frame_dirs]
        label = np.concatenate([track['label'] for track in tracks])
        score = np.concatenate([track['keypoint_score'][0] for track in tracks])
        known = np.maximum((label >= 0).sum(axis=0), 1)
        prevalence = (label == 1).sum(axis=0) / known
        floor = [all_positive_f1(float(share)) for share in prevalence]
        summary[name] = {
            'tracks': len(tracks),
            'frames': len(label),
            'frames_without_face': int((score.max(axis=1) == 0).sum()),
            'unknown_labels': round(float((label < 0).mean()), 4),
            'prevalence': {au: round(float(share), 4) for au, share in zip(aus, prevalence, strict=True)},
            'all_positive_f1': {au: round(value, 4) for au, value in zip(aus, floor, strict=True)},
            'all_positive_macro_f1': round(float(np.mean(floor)), 4),
        }
    return summary
