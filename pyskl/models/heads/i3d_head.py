"""Head for data with exactly one class a clip, as in the skeleton-action toolboxes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pyskl.errors import InputError
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
        spatial_type: how features are pooled over space: ``avg`` is the only way.
        average_clips: where MMAction2's configs say what ``test_cfg`` of the recogniser says here; that one counts if
            both are given.

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
        spatial_type: str = 'avg',
        average_clips: str | None = None,
    ) -> None:
        if spatial_type != 'avg':
            raise InputError(f"cls_head.spatial_type is {spatial_type!r}; it must be 'avg'")
        super().__init__(
            num_classes, in_channels, loss_cls or {'type': 'CrossEntropyLoss'}, False, dropout_ratio, dropout, init_std
        )
        self.average_clips = average_clips

    def predict(self, logits: Tensor) -> Tensor:
        """Return the probability of each class: the softmax over the last axis, float32."""
        return logits.float().softmax(dim=-1)
