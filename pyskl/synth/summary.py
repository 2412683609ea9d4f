"""What a synthetic data set contains: frames, tracks, and how frequent each Action Unit is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

__all__ = ['SplitCounts', 'all_positive_f1', 'summarize']


def all_positive_f1(prevalence: float) -> float:
    """Return the F1 of calling every frame positive, ``2 p / (1 + p)``: the floor any useful predictor is above."""
    return 2 * prevalence / (1 + prevalence)


class SplitCounts:
    """Counts one split, track by track.

    Args:
        aus: names of the Action Units.
    """

    def __init__(self, aus: Sequence[str]) -> None:
        self.aus = list(aus)
        self.tracks = self.frames = self.faceless = self.unknown = 0
        self.positive = np.zeros(len(self.aus), np.int64)
        self.known = np.zeros(len(self.aus), np.int64)

    def add(self, annotation: Mapping[str, object]) -> None:
        """Count one more track."""
        label = annotation['label']
        self.tracks += 1
        self.frames += len(label)
        self.faceless += int((annotation['keypoint_score'][0].max(axis=1) == 0).sum())
        self.unknown += int((label < 0).sum())
        self.positive += (label == 1).sum(axis=0)
        self.known += (label >= 0).sum(axis=0)

    def result(self) -> dict[str, object]:
        """Return what :func:`summarize` gives for each split."""
        prevalence = self.positive / np.maximum(self.known, 1)
        floor = [all_positive_f1(float(share)) for share in prevalence]
        return {
            'tracks': self.tracks,
            'frames': self.frames,
            'frames_without_face': self.faceless,
            'unknown_labels': round(self.unknown / max(self.frames * len(self.aus), 1), 4),
            'prevalence': {au: round(float(share), 4) for au, share in zip(self.aus, prevalence, strict=True)},
            'all_positive_f1': {au: round(value, 4) for au, value in zip(self.aus, floor, strict=True)},
            'all_positive_macro_f1': round(float(np.mean(floor)), 4),
        }


def summarize(dataset: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Count a data set with per-frame labels.

    Args:
        dataset: content of an annotation file.

    Returns:
        For each split: ``tracks``, ``frames``, ``frames_without_face``, ``unknown_labels`` (share of -1),
        ``prevalence`` (AU -> share of positive frames among the annotated), ``all_positive_f1`` (AU -> F1) and
        ``all_positive_macro_f1``.
    """
    annotations = {annotation['frame_dir']: annotation for annotation in dataset['annotations']}
    splits: Mapping[str, Iterable[str]] = dataset['split']
    summary = {}
    for name, frame_dirs in splits.items():
        counts = SplitCounts(dataset['metainfo']['aus'])
        for frame_dir in frame_dirs:
            counts.add(annotations[frame_dir])
        summary[name] = counts.result()
    return summary
