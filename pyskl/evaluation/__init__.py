"""Scoring: metrics as plain functions, the metric a config names, and the files predictions are kept in."""

from pyskl.evaluation.au_metric import AUMetric
from pyskl.evaluation.fusion import fuse_results, fusion_weights
from pyskl.evaluation.prediction import Prediction, as_prediction
from pyskl.evaluation.prediction_metric import PredictionMetric
from pyskl.evaluation.predictions import Predictions, collect_predictions, merge
from pyskl.evaluation.report import METRIC_NAMES, AURow, ClassRow, Report, check_metric_names, score_predictions
from pyskl.evaluation.report_table import format_comparison, format_report
from pyskl.evaluation.results import RESULT_SUFFIXES, Results, check_results_path, read_results, write_results

__all__ = [
    'METRIC_NAMES',
    'RESULT_SUFFIXES',
    'AUMetric',
    'AURow',
    'ClassRow',
    'Prediction',
    'PredictionMetric',
    'Predictions',
    'Report',
    'Results',
    'as_prediction',
    'check_metric_names',
    'check_results_path',
    'collect_predictions',
    'format_comparison',
    'format_report',
    'fuse_results',
    'fusion_weights',
    'merge',
    'read_results',
    'score_predictions',
    'write_results',
]
