"""Binary cross-entropy per action unit that leaves unknown labels out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pyskl.errors import InputError
from pyskl.registry import MODELS

__all__ = ['MaskedBCELoss', 'weight_vector']

UNKNOWN = -1


@MODELS.register_module()
class MaskedBCELoss(nn.Module):
    """Mean binary cross-entropy over the entries whose label is known.

    An entry labelled -1 adds nothing to the loss, gets a gradient of exactly zero and is not counted in the mean. A
    batch without any known label gives 0.

    Args:
        pos_weight: one factor an AU for the term of active labels; above 1 it raises recall of a rare AU.
        au_weight: one factor an AU for both terms. The sum is still divided by the number of known entries, so
            weights with mean 1 keep the scale of the loss.
        label_smoothing: labels 0 and 1 become ``label_smoothing / 2`` and ``1 - label_smoothing / 2``.
        loss_weight: factor of the whole loss.

    Raises:
        InputError: if a weight is negative or not finite, or ``label_smoothing`` is outside [0, 1); when called: if
            the number of weights is not the number of AUs, or label and logits differ in shape.
    """

    def __init__(
        self,
        pos_weight: Sequence[float] | None = None,
        au_weight: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise InputError(f'loss_cls.label_smoothing is {label_smoothing}; it must be in [0, 1)')
        self.label_smoothing = label_smoothing
        self.loss_weight = loss_weight
        self.register_buffer('pos_weight', weight_vector('pos_weight', pos_weight), persistent=False)
        self.register_buffer('au_weight', weight_vector('au_weight', au_weight), persistent=False)

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            logits: (..., A) float.
            label: (..., A), 1 active, 0 not active, -1 unknown; integers or floats.

        Returns:
            Scalar float32.
        """
        if logits.shape != label.shape:
            raise InputError(
                f'logits are {tuple(logits.shape)} and label is {tuple(label.shape)}; model.cls_head.num_classes must '
                'be the number of AUs in the annotations'
            )
        for name, weight in (('pos_weight', self.pos_weight), ('au_weight', self.au_weight)):
            if weight is not None and len(weight) != logits.shape[-1]:
                raise InputError(f'loss_cls.{name} has {len(weight)} values for {logits.shape[-1]} AUs')
        known = label != UNKNOWN
        # Unknown entries are replaced before the loss, so not even a NaN logit there can reach the gradient.
        logits = torch.where(known, logits.float(), 0.0)
        target = torch.where(known, label.float(), 0.0)
        if self.label_smoothing:
            target = target * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        loss = F.binary_cross_entropy_with_logits(
            logits, target, weight=self.au_weight, pos_weight=self.pos_weight, reduction='none'
        )
        total = torch.where(known, loss, 0.0).sum()
        return self.loss_weight * total / known.sum().clamp(min=1)


def weight_vector(name: str, values: Sequence[float] | None) -> Tensor | None:
    """Return weights from a config as a float32 vector.

    Raises:
        InputError: if they are not one list of finite numbers >= 0.
    """
    if values is None:
        return None
    weight = torch.as_tensor(values, dtype=torch.float32)
    if weight.ndim != 1 or not bool(torch.isfinite(weight).all()) or bool((weight < 0).any()):
        raise InputError(f'loss_cls.{name} must be a list of finite numbers >= 0, one for each class; got {values}')
    return weight
