"""Fresh weights."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['init_layers']


def init_layers(module: nn.Module) -> None:
    """Draw the weights of all 3-D convolutions and norms inside a module.

    Convolutions are drawn as in arXiv 1502.01852 (normal, fan out), norms start at one, biases at zero.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode='fan_out', nonlinearity='relu')
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, (_BatchNorm, nn.GroupNorm)) and layer.weight is not None:
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
