"""Metrics as plain functions of NumPy arrays."""

from pyskl.evaluation.functional.checks import UNKNOWN, mean_of_known
from pyskl.evaluation.functional.occurrence import (
    Confusion,
    all_positive_f1,
    balanced_accuracy_per_au,
    confusion_per_au,
    f1_drop_any,
    f1_per_au,
)
from pyskl.evaluation.functional.ranking import average_precision_per_au, roc_auc_per_au
from pyskl.evaluation.functional.single_label import class_recall, class_top_k_accuracy, mean_class_accuracy
from pyskl.evaluation.functional.top_k import top_k_accuracy

__all__ = [
    'UNKNOWN',
    'Confusion',
    'all_positive_f1',
    'average_precision_per_au',
    'balanced_accuracy_per_au',
    'class_recall',
    'class_top_k_accuracy',
    'confusion_per_au',
    'f1_drop_any',
    'f1_per_au',
    'mean_class_accuracy',
    'mean_of_known',
    'roc_auc_per_au',
    'top_k_accuracy',
]
