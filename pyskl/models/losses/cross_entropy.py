"""Cross-entropy for data with exactly one class a clip."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pyskl.errors import InputError
from pyskl.models.losses.masked_bce import UNKNOWN, weight_vector
from pyskl.registry import MODELS

__all__ = ['CrossEntropyLoss']


@MODELS.register_module()
class CrossEntropyLoss(nn.Module):
    """Softmax cross-entropy, the mean over the clips whose class is known (-1: unknown).

    Not for action units, which are several at a time: see :class:`MaskedBCELoss`.

    Args:
        class_weight: one factor a class; the mean is then weighted, as in PyTorch.
        label_smoothing: share of the target that is spread evenly over all classes.
        loss_weight: factor of the whole loss.

    Raises:
        InputError: if an argument is out of range; when called: if the label is not one integer a clip, or the number
            of weights is not the number of classes.
    """

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise InputError(f'loss_cls.label_smoothing is {label_smoothing}; it must be in [0, 1)')
        self.label_smoothing = label_smoothing
        self.loss_weight = loss_weight
        self.register_buffer('class_weight', weight_vector('class_weight', class_weight), persistent=False)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: (B, num_classes) float.
            label: (B,) integer class of each clip, -1 where unknown.

        Returns:
            Scalar float32.
        """
        if label.ndim != 1 or label.is_floating_point() or len(label) != len(logits):
            raise InputError(
                f'CrossEntropyLoss needs one integer label a clip, got shape {tuple(label.shape)} for '
                f'{len(logits)} clips; for action units use AUHead with MaskedBCELoss'
            )
        weight = self.class_weight
        if weight is not None and len(weight) != logits.shape[1]:
            raise InputError(f'loss_cls.class_weight has {len(weight)} values for {logits.shape[1]} classes')
        known = label != UNKNOWN
        label = label.long()
        total = F.cross_entropy(
            torch.where(known[:, None], logits.float(), 0.0),
            label,
            weight=weight,
            ignore_index=UNKNOWN,
            label_smoothing=self.label_smoothing,
            reduction='sum',
        )
        if weight is None:
            return self.loss_weight * total / known.sum().clamp(min=1)
        scale = torch.where(known, weight[label.clamp(min=0)], 0.0).sum()
        return self.loss_weight * total / torch.where(scale > 0, scale, 1.0)
