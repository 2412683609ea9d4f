"""What every metric of this package shares: collecting predictions, from one process or from many."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from pyskl.errors import InputError
from pyskl.evaluation.prediction import as_prediction
from pyskl.evaluation.predictions import Predictions, join, merge

__all__ = ['PredictionMetric']


class PredictionMetric(BaseMetric):
    """A metric of the predictions for a whole data set.

    A subclass writes :meth:`compute_metrics` and is given every track once, however many processes shared the work.
    Processes exchange their parts through the process group itself (gloo or NCCL), so no shared folder is needed.
    Works without a Runner as well::

        metric = AUMetric()
        metric.process(None, predictions)
        scores = metric.evaluate()

    Args:
        prefix: put before every name in the returned dict, as ``prefix/name``.

    Attributes:
        notes: what went unexpectedly in the last evaluation, one sentence each (main process).
    """

    default_prefix = ''

    def __init__(self, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.results: list[Predictions] = []
        self.notes: list[str] = []

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Keep the predictions of one batch.

        Args:
            data_batch: not used; everything a metric needs is in the predictions.
            data_samples: one dict per sample, see :func:`~pyskl.evaluation.as_prediction`.

        Raises:
            InputError: naming the track, if a prediction cannot be scored.
        """
        if len(data_samples):
            self.results.append(Predictions.pack([as_prediction(sample) for sample in data_samples]))

    @abstractmethod
    def compute_metrics(self, predictions: Predictions) -> dict[str, float]:
        """Return named numbers for the predictions of a data set, one record per track, in the data set's order."""

    def evaluate(self, size: int | None = None) -> dict[str, float]:
        """Gather what every process kept, score it on the main process, and return the numbers on all of them.

        Args:
            size: number of samples in the data set; more than that is an error, fewer is noted and logged.

        Raises:
            InputError: on every process, if the predictions do not fit together.
        """
        try:
            scores, problem = self._evaluate(size)
        finally:
            self.results.clear()
        if problem is not None:
            raise InputError(problem)
        return {f'{self.prefix}/{name}' if self.prefix else name: value for name, value in scores.items()}

    def _evaluate(self, size: int | None) -> tuple[dict[str, float], str | None]:
        """Return the scores, or what was wrong; the same on every process, so that none waits for another forever."""
        gathered = all_gather_object(self._own_part())
        outcome: list[Any] = [None]
        failure: Exception | None = None
        if is_main_process():
            try:
                outcome = [(self._score(gathered, size), None)]
            except Exception as error:  # of any kind: the other processes wait to be told
                failure = error
                outcome = [({}, str(error) or type(error).__name__)]
        del gathered
        broadcast_object_list(outcome)
        if failure is not None:
            raise failure
        return outcome[0]

    def _own_part(self) -> Predictions | str | None:
        """Return what this process holds, why it does not fit together, or None when it holds nothing."""
        try:
            return join(self.results) if self.results else None
        except InputError as error:
            return str(error)

    def _score(self, gathered: Sequence[Predictions | str | None], size: int | None) -> dict[str, float]:
        problems = [part for part in gathered if isinstance(part, str)]
        if problems:
            raise InputError(problems[0])
        predictions = merge([part for part in gathered if isinstance(part, Predictions)])
        num_samples = predictions.num_samples
        self.notes = []
        if size is not None and num_samples > size:
            raise InputError(f'{num_samples} distinct samples were predicted, but the data set has {size}')
        if size is not None and num_samples < size:
            self.notes.append(f'only {num_samples} of the {size} samples of the data set were predicted')
            print_log(self.notes[-1], logger='current', level=logging.WARNING)
        return self.compute_metrics(predictions)
