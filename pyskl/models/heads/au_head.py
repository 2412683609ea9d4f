"""Head for action units: any subset can be active at a time."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pyskl.errors import InputError
from pyskl.models.heads.base import BaseHead
from pyskl.registry import MODELS

__all__ = ['AUHead']


@MODELS.register_module()
class AUHead(BaseHead):
    """One independent logit for each action unit, for the clip or for each of its frames.

    Args:
        num_classes: number of action units A.
        in_channels: channels of the features.
        per_frame: predict every frame. The backbone must then keep all frames: all its temporal strides are 1.
        dropout_ratio: share of the features dropped in training.
        loss_cls: config of the loss; ``MaskedBCELoss`` unless given.
        init_std: standard deviation of the fresh weights.
        dropout: PYSKL's name of ``dropout_ratio``.

    Shapes:
        features (B, in_channels, T, H, W) -> logits (B, A), or (B, T, A) with ``per_frame``.

    Example:
        >>> head = AUHead(num_classes=12, in_channels=512, per_frame=True)
        >>> probabilities = head.predict(head(features))
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        per_frame: bool = False,
        dropout_ratio: float | None = None,
        loss_cls: dict[str, Any] | None = None,
        init_std: float = 0.01,
        dropout: float | None = None,
    ) -> None:
        super().__init__(
            num_classes, in_channels, loss_cls or {'type': 'MaskedBCELoss'}, per_frame, dropout_ratio, dropout, init_std
        )

    def loss(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Return ``dict(loss_cls=scalar)``.

        Args:
            logits: (B, A) or (B, T, A).
            label: the same shape; 1 active, 0 not active, -1 unknown.

        Raises:
            InputError: if the labels are not of the shape of the logits; the message says what to change.
        """
        if self.per_frame and label.ndim != 3:
            raise InputError(
                f'the head predicts every frame but the label is {tuple(label.shape)}; give labels of shape '
                '(frames, AUs) or set model.cls_head.per_frame=False'
            )
        if not self.per_frame and label.ndim != 2:
            raise InputError(
                f'the head predicts one set of AUs a clip but the label is {tuple(label.shape)}; for labels of every '
                'frame set model.cls_head.per_frame=True'
            )
        if self.per_frame and logits.shape[1] != label.shape[1]:
            raise InputError(
                f'{label.shape[1]} frames are labelled but the features have {logits.shape[1]}; with '
                'cls_head.per_frame=True all temporal strides of the backbone must be 1 and with_pool2 False'
            )
        return super().loss(logits, label)

    def predict(self, logits: Tensor) -> Tensor:
        """Return the probability of each AU: the sigmoid of its logit, float32."""
        return logits.float().sigmoid()
