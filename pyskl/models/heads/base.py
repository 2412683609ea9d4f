"""What the classification heads share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pyskl.errors import InputError
from pyskl.registry import MODELS

__all__ = ['BaseHead']


class BaseHead(nn.Module):
    """Average pooling, dropout and one linear layer over the features of a backbone.

    Subclasses say how logits become probabilities (:meth:`predict`).

    Args:
        num_classes: number of logits.
        in_channels: channels of the features.
        per_frame: one prediction for every frame of the features, in place of one for the clip.
        dropout_ratio: share of the features dropped in training; 0.5 unless given.
        dropout: PYSKL's name of the same.
        loss_cls: config of the loss.
        init_std: standard deviation of the fresh weights.

    Raises:
        InputError: if arguments contradict each other or are out of range.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_cls: dict[str, Any],
        per_frame: bool = False,
        dropout_ratio: float | None = None,
        dropout: float | None = None,
        init_std: float = 0.01,
    ) -> None:
        super().__init__()
        if num_classes < 1:
            raise InputError(f'cls_head.num_classes is {num_classes}; it must be at least 1')
        if None not in (dropout, dropout_ratio) and dropout != dropout_ratio:
            raise InputError(
                f'cls_head.dropout={dropout} contradicts cls_head.dropout_ratio={dropout_ratio}; give one of them'
            )
        ratio = next((value for value in (dropout_ratio, dropout) if value is not None), 0.5)
        if not 0.0 <= ratio < 1.0:
            raise InputError(f'cls_head.dropout_ratio is {ratio}; it must be in [0, 1)')
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.per_frame = per_frame
        self.dropout_ratio = ratio
        self.init_std = init_std
        self.dropout = nn.Dropout(ratio)
        self.fc_cls = nn.Linear(in_channels, num_classes)
        self.loss_cls = MODELS.build(loss_cls)
        self.init_weights()

    def init_weights(self) -> None:
        """Draw fresh weights: normal with ``init_std``, biases zero."""
        nn.init.normal_(self.fc_cls.weight, std=self.init_std)
        nn.init.zeros_(self.fc_cls.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits.

        Args:
            x: (B, in_channels, T, H, W) features.

        Returns:
            (B, num_classes), or (B, T, num_classes) with ``per_frame``.

        Raises:
            InputError: if the features are not of that shape.
        """
        if isinstance(x, (tuple, list)):
            raise InputError(
                f'the head takes one feature map, not {len(x)}; set model.backbone.out_indices to one stage'
            )
        if x.ndim != 5 or x.shape[1] != self.in_channels:
            raise InputError(
                f'the features are {tuple(x.shape)}, the head expects (clips, {self.in_channels}, frames, height, '
                f'width); set model.cls_head.in_channels to the channels of the last stage'
            )
        # In float32 under autocast too: it costs nothing here, and in bfloat16 many frames would get equal logits.
        x = x.mean((3, 4) if self.per_frame else (2, 3, 4), dtype=self.fc_cls.weight.dtype)
        x = x.transpose(1, 2) if self.per_frame else x
        with torch.autocast(x.device.type, enabled=False):
            return self.fc_cls(self.dropout(x))

    def loss(self, logits: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Return ``dict(loss_cls=scalar)`` of logits from :meth:`forward` and their labels."""
        return {'loss_cls': self.loss_cls(logits, label)}

    def predict(self, logits: Tensor) -> Tensor:
        """Turn logits into float32 probabilities of the same shape."""
        raise NotImplementedError
