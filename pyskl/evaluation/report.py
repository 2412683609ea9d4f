"""A data set's predictions turned into numbers: one row per AU (or class), means, and counts of what was scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyskl.errors import InputError, did_you_mean
from pyskl.evaluation import functional as fn
from pyskl.evaluation.functional.checks import UNKNOWN, as_thresholds
from pyskl.evaluation.prediction import Level
from pyskl.evaluation.predictions import Predictions

__all__ = [
    'METRIC_NAMES',
    'SINGLE_LABEL_METRICS',
    'AURow',
    'ClassRow',
    'Report',
    'check_metric_names',
    'score_predictions',
]

METRIC_NAMES: tuple[str, ...] = (
    'f1_score',
    'mean_average_precision',
    'roc_auc',
    'top_k_accuracy',
    'mean_class_accuracy',
)
"""What can be asked for, by the names of ``--eval``."""

SINGLE_LABEL_METRICS = ('top_k_accuracy', 'mean_class_accuracy')


@dataclass(frozen=True)
class AURow:
    """The scores of one AU; shares and scores in 0..1, NaN where there is nothing to score, None if not asked for."""

    au: str
    positives: int
    scored: int
    ignored: int
    prevalence: float
    threshold: float
    f1: float
    f1_floor: float
    f1_official: float
    f1_undefined: bool
    average_precision: float | None = None
    roc_auc: float | None = None
    balanced_accuracy: float | None = None


@dataclass(frozen=True)
class ClassRow:
    """The recall of one class of single-label data; NaN without a clip of it."""

    name: str
    support: int
    recall: float


@dataclass(frozen=True)
class Report:
    """Everything one evaluation found.

    Attributes:
        level: what a row of the predictions is: 'frame', 'clip', or 'single' for a clip with one class.
        rows: one per AU (or class); empty when nothing has a label.
        scores: the numbers asked for, by the keys of the metric's result.
        counts: tracks, frames (clips, at clip level), and what was not scored.
        notes: what a reader must know to read the numbers, one sentence each.
        threshold_name: where the decision thresholds come from.
        dataset: name of the data set, if known.
        synthetic: True when the data was simulated.
    """

    level: Level
    rows: Sequence[AURow] | Sequence[ClassRow]
    scores: Mapping[str, float]
    counts: Mapping[str, int]
    notes: Sequence[str] = field(default_factory=tuple)
    threshold_name: str = 'fixed'
    dataset: str | None = None
    synthetic: bool = False

    def as_metrics(self) -> dict[str, float]:
        """Return scores and counts in one dict, as an evaluator logs them."""
        return {**self.scores, **self.counts}


def check_metric_names(metrics: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names asked for, each once.

    Raises:
        InputError: for none at all, or an unknown name, with the closest known one.
    """
    names = (metrics,) if isinstance(metrics, str) else tuple(dict.fromkeys(metrics))
    if not names:
        raise InputError(f'no metric is asked for; known: {", ".join(METRIC_NAMES)}')
    for name in names:
        if name not in METRIC_NAMES:
            raise InputError(f"there is no metric '{name}'; {did_you_mean(str(name), METRIC_NAMES)}")
    return names


def score_predictions(
    predictions: Predictions,
    names: Sequence[str],
    metrics: str | Sequence[str] = METRIC_NAMES,
    threshold: ArrayLike = 0.5,
    threshold_name: str = 'fixed',
    topk: Sequence[int] = (1, 5),
    notes: Sequence[str] = (),
    dataset_meta: Mapping[str, Any] | None = None,
) -> Report:
    """Score a data set.

    Args:
        predictions: merged, one record per track.
        names: the AUs (or classes), one per score.
        metrics: names out of :data:`METRIC_NAMES`.
        threshold: decision threshold, one number or one per AU.
        threshold_name: what to call these thresholds in the report.
        topk: the k of the top-k accuracies.
        notes: further sentences for the report.
        dataset_meta: the report states its 'dataset' and whether it is 'synthetic'.

    Raises:
        InputError: if there is not one name per score, or an argument cannot be used.
    """
    metrics = check_metric_names(metrics)
    if len(names) != predictions.score.shape[1]:
        raise InputError(f'{len(names)} AU names are given, but the model predicts {predictions.score.shape[1]} AUs')
    known = predictions.label != UNKNOWN
    counts = {
        'num_tracks': len(predictions),
        'num_frames': len(predictions.score),
        'num_scored_frames': int((known if known.ndim == 1 else known.any(axis=1)).sum()),
        'num_ignored_entries': int((~known).sum()),
        'num_missing_face_frames': int((~predictions.face_found).sum()),
        'num_unscored_aus': 0 if known.ndim == 1 else int((~known.any(axis=0)).sum()),
    }
    rows: Sequence[AURow] | Sequence[ClassRow] = ()
    scores: dict[str, float] = {}
    found: list[str] = []
    if not known.any():
        found.append('no label is known, so nothing is scored')
    elif predictions.level == 'single':
        rows, scores, found = _score_classes(predictions, names, metrics, topk)
    else:
        rows, scores, found = _score_aus(predictions, names, metrics, threshold, topk)
    meta = dataset_meta or {}
    return Report(
        level=predictions.level,
        rows=rows,
        scores=scores,
        counts=counts,
        notes=(*notes, *found),
        threshold_name=threshold_name,
        dataset=meta.get('dataset'),
        synthetic=bool(meta.get('synthetic', False)),
    )


def _score_aus(
    predictions: Predictions, aus: Sequence[str], metrics: Sequence[str], threshold: ArrayLike, topk: Sequence[int]
) -> tuple[list[AURow], dict[str, float], list[str]]:
    label, score = predictions.label, predictions.score
    thresholds = as_thresholds(threshold, len(aus))
    confusion = fn.confusion_per_au(label, score, thresholds)
    floor, official = fn.all_positive_f1(label), fn.f1_drop_any(label, score, thresholds)
    precision = fn.average_precision_per_au(label, score) if 'mean_average_precision' in metrics else None
    area = fn.roc_auc_per_au(label, score) if 'roc_auc' in metrics else None
    balanced = confusion.balanced_accuracy if 'mean_class_accuracy' in metrics else None
    rows = [
        AURow(
            au=au,
            positives=int(confusion.positives[i]),
            scored=int(confusion.scored[i]),
            ignored=int(len(label) - confusion.scored[i]),
            prevalence=float(confusion.positives[i] / confusion.scored[i]) if confusion.scored[i] else float('nan'),
            threshold=float(thresholds[i]),
            f1=float(confusion.f1[i]),
            f1_floor=float(floor[i]),
            f1_official=float(official[i]),
            f1_undefined=bool(confusion.f1_undefined[i]),
            average_precision=_item(precision, i),
            roc_auc=_item(area, i),
            balanced_accuracy=_item(balanced, i),
        )
        for i, au in enumerate(aus)
    ]
    scores: dict[str, float] = {}
    if 'f1_score' in metrics:
        scores['f1_score'] = fn.mean_of_known(confusion.f1)
        scores['f1_floor'] = fn.mean_of_known(floor)
        scores['f1_official'] = fn.mean_of_known(official)
        scores.update({f'{row.au}_f1': row.f1 for row in rows})
    if precision is not None:
        scores['mean_average_precision'] = fn.mean_of_known(precision)
    if area is not None:
        scores['roc_auc'] = fn.mean_of_known(area)
    if 'top_k_accuracy' in metrics:
        scores.update({f'top{k}_accuracy': fn.top_k_accuracy(label, score, k) for k in topk})
    if balanced is not None:
        scores['mean_class_accuracy'] = fn.mean_of_known(balanced)
    return rows, scores, _au_notes(rows, label)


def _item(values: NDArray[np.float64] | None, index: int) -> float | None:
    return None if values is None else float(values[index])


def _au_notes(rows: Sequence[AURow], label: NDArray[np.integer]) -> list[str]:
    notes = []
    unscored = [row.au for row in rows if not row.scored]
    undefined = [row.au for row in rows if row.f1_undefined]
    one_class = [row.au for row in rows if row.scored and row.positives in (0, row.scored)]
    if unscored:
        notes.append(f'without a known label, in no mean: {", ".join(unscored)}')
    if undefined:
        notes.append(f'* neither labelled nor predicted active, F1 is 0 by convention: {", ".join(undefined)}')
    if one_class:
        notes.append(f'labels of one class only, not in the means of AP and AUC: {", ".join(one_class)}')
    if not (label != UNKNOWN).all(axis=1).any():
        notes.append('no row has a label for every AU, so there is no F1 by the challenge rule')
    return notes


def _score_classes(
    predictions: Predictions, names: Sequence[str], metrics: Sequence[str], topk: Sequence[int]
) -> tuple[list[ClassRow], dict[str, float], list[str]]:
    label, score = predictions.label, predictions.score
    support = np.bincount(label[label != UNKNOWN], minlength=len(names))
    recall = fn.class_recall(label, score)
    rows = [ClassRow(name, int(support[i]), float(recall[i])) for i, name in enumerate(names)]
    scores: dict[str, float] = {}
    if 'top_k_accuracy' in metrics:
        scores.update({f'top{k}_accuracy': fn.class_top_k_accuracy(label, score, k) for k in topk})
    if 'mean_class_accuracy' in metrics:
        scores['mean_class_accuracy'] = fn.mean_of_known(recall)
    left_out = [name for name in metrics if name not in SINGLE_LABEL_METRICS]
    return rows, scores, [f'needs AU labels, left out here: {", ".join(left_out)}'] if left_out else []
