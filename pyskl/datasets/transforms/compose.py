"""Running transforms one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pyskl.registry import TRANSFORMS

__all__ = ['Compose', 'sample_rng']


def sample_rng(results: dict) -> np.random.Generator:
    """Return the random generator of a sample; a fresh one for samples that do not carry any."""
    if results.get('rng') is None:
        results['rng'] = np.random.default_rng()
    return results['rng']


class Compose:
    """Transforms in sequence.

    Args:
        transforms: config dicts with a ``type`` registered in ``TRANSFORMS``, or callables.
    """

    def __init__(self, transforms: Sequence[dict | Callable[[dict], dict]]) -> None:
        self.transforms = [TRANSFORMS.build(step) if isinstance(step, dict) else step for step in transforms]

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        for transform in self.transforms:
            results = transform(results)
        return results
