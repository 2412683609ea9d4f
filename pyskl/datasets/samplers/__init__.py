"""In which order, and how often, the windows of a data set are drawn."""

from __future__ import annotations

from pyskl.datasets.samplers.balanced import BalancedAUSampler
from pyskl.datasets.samplers.repeat_factors import BalanceReport, RepeatFactors, window_counts

__all__ = ['BalanceReport', 'BalancedAUSampler', 'RepeatFactors', 'window_counts']
