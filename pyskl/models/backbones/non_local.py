"""Residual blocks followed by a non-local operation: Wang et al. 2018 (arXiv 1711.07971)."""

from __future__ import annotations

from typing import Any

from mmcv.cnn import NonLocal3d
from torch import Tensor, nn

from pyskl.models.backbones.blocks import BasicBlock3d, Bottleneck3d

__all__ = ['NonLocalBasicBlock3d', 'NonLocalBottleneck3d', 'non_local_kind']


class _WithNonLocal(nn.Module):
    """Adds ``non_local_block`` behind a residual block; each position then sees all frames and pixels.

    Args:
        non_local_cfg: arguments of :class:`mmcv.cnn.NonLocal3d`.
        *args: arguments of the residual block.
        **kwargs: arguments of the residual block.
    """

    def __init__(self, *args: Any, non_local_cfg: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.non_local_block = NonLocal3d(self.last_norm.num_features, **non_local_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, planes * expansion, T', H', W')."""
        return self.non_local_block(super().forward(x))


class NonLocalBasicBlock3d(_WithNonLocal, BasicBlock3d):
    """A :class:`BasicBlock3d` followed by a non-local operation."""


class NonLocalBottleneck3d(_WithNonLocal, Bottleneck3d):
    """A :class:`Bottleneck3d` followed by a non-local operation."""


def non_local_kind(block: type[nn.Module]) -> type[nn.Module]:
    """Return the kind of a residual block that is followed by a non-local operation."""
    return {BasicBlock3d: NonLocalBasicBlock3d, Bottleneck3d: NonLocalBottleneck3d}[block]
