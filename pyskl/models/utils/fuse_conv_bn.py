"""Folding of batch norms into the convolutions before them, for faster inference."""

from __future__ import annotations

from mmcv.cnn import ConvModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ['fuse_conv_bn']


def fuse_conv_bn(model: nn.Module) -> nn.Module:
    """Fold the batch norm of every ``ConvModule`` into its convolution.

    The model is changed in place and put into evaluation mode; what it computes there stays the same, but it can no
    longer be trained and its parameter names differ from those of a checkpoint. A second call changes nothing.

    Args:
        model: any module.

    Returns:
        The same model.
    """
    model.eval()
    for module in model.modules():
        if isinstance(module, ConvModule) and isinstance(module.norm, _BatchNorm) and _norm_follows_conv(module):
            module.conv = fuse_conv_bn_eval(module.conv, module.norm)
            setattr(module, module.norm_name, nn.Identity())
    return model


def _norm_follows_conv(module: ConvModule) -> bool:
    return module.order.index('norm') == module.order.index('conv') + 1
