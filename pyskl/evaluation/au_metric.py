"""The metric of AU recognition, as a config names it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.logging import print_log

from pyskl.errors import InputError
from pyskl.evaluation.functional.checks import as_thresholds
from pyskl.evaluation.functional.top_k import check_k
from pyskl.evaluation.prediction_metric import PredictionMetric
from pyskl.evaluation.predictions import Predictions
from pyskl.evaluation.report import METRIC_NAMES, SINGLE_LABEL_METRICS, Report, check_metric_names, score_predictions
from pyskl.evaluation.report_table import format_report
from pyskl.evaluation.results import check_results_path, write_results
from pyskl.registry import METRICS

__all__ = ['AUMetric']


@METRICS.register_module()
class AUMetric(PredictionMetric):
    """Score AU predictions per frame or per clip, and single-class predictions of clips.

    Entries labelled -1 are left out, per AU and per frame, and counted. The result holds, as far as asked for,
    'f1_score', 'f1_floor' (every entry called active), 'f1_official' (frames with any -1 dropped), one '<AU>_f1' per
    AU, 'mean_average_precision', 'roc_auc', 'top<k>_accuracy', 'mean_class_accuracy', and always the counts
    'num_tracks', 'num_frames', 'num_scored_frames', 'num_ignored_entries', 'num_missing_face_frames' and
    'num_unscored_aus'. Data without labels has the counts alone. Definitions: ``docs/metrics.md``.

    Args:
        metrics: names out of :data:`~pyskl.evaluation.METRIC_NAMES`.
        aus: names of the AUs; by default those of the data set, else 'AU?0', 'AU?1'...
        threshold: a probability that reaches it is a call, one number or one per AU.
        topk: the k of the top-k accuracies.
        out: file the predictions are written to as well (.pkl, .json, .yaml, .csv).
        prefix: put before every name in the result, as ``prefix/name``.

    Attributes:
        report: everything the last evaluation found (main process).

    Raises:
        InputError: if an argument cannot be used; before any prediction is made.
    """

    def __init__(
        self,
        metrics: str | Sequence[str] = METRIC_NAMES,
        aus: Sequence[str] | None = None,
        threshold: float | Sequence[float] = 0.5,
        topk: int | Sequence[int] = (1, 5),
        out: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.metrics = check_metric_names(metrics)
        self.aus = None if aus is None else tuple(aus)
        if self.aus is not None and len(set(self.aus)) != len(self.aus):
            raise InputError(f'an AU is named twice in aus: {", ".join(self.aus)}')
        as_thresholds(threshold, len(self.aus) if self.aus is not None else np.size(threshold))
        self.threshold = threshold
        self.topk = tuple(check_k(k) for k in ([topk] if isinstance(topk, int) else topk))
        self.out: Path | None = check_results_path(out) if out is not None and is_main_process() else None
        self.report: Report | None = None

    def check_dataset(self, dataset: Any) -> None:
        """Check that names and thresholds fit the AUs of a data set, before any prediction is made.

        Raises:
            InputError: if there are more or fewer of them.
        """
        named = (getattr(dataset, 'metainfo', None) or {}).get('aus')
        if named is not None and getattr(dataset, 'label_kind', None) != 'single':
            if self.aus is not None and len(self.aus) != len(named):
                raise InputError(f'aus: names {len(self.aus)} AUs, but the data has {len(named)}')
            as_thresholds(self.threshold, len(named))

    def score_names(self, dataset: Any) -> list[str]:
        """Return the names of the scores that an evaluation of a data set will give.

        Args:
            dataset: with ``label_kind`` and ``metainfo['aus']``, as :class:`~pyskl.datasets.PoseDataset` has them.
        """
        aus = self.aus or (getattr(dataset, 'metainfo', None) or {}).get('aus') or ()
        names = {
            'f1_score': ['f1_score', 'f1_floor', 'f1_official', *(f'{au}_f1' for au in aus)],
            'top_k_accuracy': [f'top{k}_accuracy' for k in self.topk],
        }
        single = getattr(dataset, 'label_kind', None) == 'single'
        asked = [name for name in self.metrics if not single or name in SINGLE_LABEL_METRICS]
        prefix = f'{self.prefix}/' if self.prefix else ''
        return [prefix + name for metric in asked for name in names.get(metric, [metric])]

    def compute_metrics(self, predictions: Predictions) -> dict[str, float]:
        """Score, log the table, and write the results file if one is asked for."""
        names = self._names(predictions)
        self.report = score_predictions(
            predictions,
            names,
            metrics=self.metrics,
            threshold=self.threshold,
            topk=self.topk,
            notes=self.notes,
            dataset_meta=self.dataset_meta,
        )
        print_log('\n' + format_report(self.report), logger='current')
        if self.out is not None:
            meta = self.dataset_meta or {}
            kept = {key: meta[key] for key in ('dataset', 'keypoint_layout', 'fps', 'synthetic') if key in meta}
            write_results(self.out, predictions, names, {**kept, 'metrics': self.report.as_metrics()})
            print_log(f'results written to {self.out}', logger='current')
        return self.report.as_metrics()

    def _names(self, predictions: Predictions) -> tuple[str, ...]:
        meta = self.dataset_meta or {}
        count = predictions.score.shape[1]
        if predictions.level == 'single':
            return tuple(meta.get('classes') or (str(number) for number in range(count)))
        return self.aus or tuple(meta.get('aus') or (f'AU?{number}' for number in range(count)))
