"""Head for data with exactly one class a clip, as in the skeleton-action toolboxes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pyskl.models.heads.base import BaseHead
from pyskl.registry import MODELS

__all__ = ['I3DHead']


@MODELS.register_module()
class I3DHead(BaseHead):
    """One class out of ``num_classes`` for each clip. For action units use :class:`AUHead`.

    Args:
        num_classes: number of classes.
        in_channels: channels of the features.
        loss_cls: config of the loss; ``CrossEntropyLoss`` unless given.
        dropout_ratio: share of the features dropped in training.
        init_std: standard deviation of the fresh weights.
        dropout: PYSKL's name of ``dropout_ratio``.

    Shapes:
        features (B, in_channels, T, H, W) -> logits (B, num_classes).
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_cls: dict[str, Any] | None = None,
        dropout_ratio: float | None = None,
        init_std: float = 0.01,
        dropout: float | None = None,
    ) -> None:
        super().__init__(
            num_classes, in_channels, loss_cls or {'type': 'CrossEntropyLoss'}, False, dropout_ratio, dropout, init_std
        )

    def predict(self, logits: Tensor) -> Tensor:
        """Return the probability of each class: the softmax over the last axis, float32."""
        return logits.float().softmax(dim=-1)
