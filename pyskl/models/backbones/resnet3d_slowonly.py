"""SlowOnly: the slow pathway of SlowFast (arXiv 1812.03982), the backbone of PoseConv3D (arXiv 2104.13586)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyskl.errors import InputError
from pyskl.models.backbones.resnet3d import ResNet3d
from pyskl.registry import MODELS

__all__ = ['ResNet3dSlowOnly']


@MODELS.register_module()
class ResNet3dSlowOnly(ResNet3d):
    """A 3-D ResNet whose stem and early stages look at single frames.

    Args:
        conv1_kernel: (t, h, w) kernel of the stem.
        inflate: which stages look along time.
        with_pool2: whether the first stage is followed by a pooling that halves the frames.
        lateral: accepted for configs of other toolboxes; there is no second pathway, so it must be False.
        **kwargs: all other arguments of :class:`ResNet3d`.

    Example:
        >>> ResNet3dSlowOnly(in_channels=68, base_channels=32, num_stages=3, out_indices=(2,), stage_blocks=(4, 6, 3),
        ...                  conv1_stride=(1, 1), pool1_stride=(1, 1), inflate=(0, 1, 1), spatial_strides=(2, 2, 2),
        ...                  temporal_strides=(1, 1, 2))
    """

    def __init__(
        self,
        *,
        conv1_kernel: int | Sequence[int] = (1, 7, 7),
        inflate: int | Sequence[int | Sequence[int]] = (0, 0, 1, 1),
        with_pool2: bool = False,
        lateral: bool = False,
        **kwargs: Any,
    ) -> None:
        if lateral:
            raise InputError('backbone.lateral is True; SlowOnly has no second pathway to be joined to')
        super().__init__(conv1_kernel=conv1_kernel, inflate=inflate, with_pool2=with_pool2, **kwargs)
