"""The stem of a network on keypoints that are not drawn: which form of it is used, and running it."""

from __future__ import annotations

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from pyskl.errors import InputError, did_you_mean
from pyskl.models.kernels import load_kernels
from pyskl.models.layers.blob_conv import blob_conv
from pyskl.models.layers.blob_kernel import StemGeometry, blob_statistics, blob_stem
from pyskl.models.layers.blobs import KeypointBlobs
from pyskl.models.layers.conv_norm_act import update_running_statistics
from pyskl.models.layers.usual import is_usual_conv, without_hooks

__all__ = ['STEM_FORMS', 'run_stem', 'stem_form']

STEM_FORMS = ('auto', 'kernel', 'torch', 'dense')
"""How a stem can be computed: see :func:`stem_form`."""

MAX_WINDOW = 64  # pixels of a blob that the kernel has room for
MAX_POOL_STRIDE = 3  # beyond, rows lie between the windows
TORCH_PAYS_FROM = 4  # keypoints
BFLOAT16_TORCH_PAYS_FROM = 8


def stem_form(asked: str, blobs: KeypointBlobs, conv: ConvModule, pool: nn.Module | None) -> str:
    """Return how the stem is best computed.

    - ``'kernel'``: compiled C++ that never draws the volume and fuses norm, ReLU and pooling; on a CPU, where a
      compiler was found, for a convolution of single frames with batch norm.
    - ``'torch'``: plain PyTorch that never draws the volume; for a convolution of single frames.
    - ``'dense'``: the volume is drawn, and convolved like any other.

    ``'auto'`` takes the kernel where it can be had. Otherwise, on a CPU, ``'torch'`` from 4 keypoints on (8 in
    bfloat16, which makes the dense form cheap), and ``'dense'`` on a GPU; ``benchmarks/stem.py`` measures where the
    borders lie. The choice does not depend on the machine's load, so a run can be repeated.

    Args:
        asked: one of :data:`STEM_FORMS`.
        blobs: the input.
        conv: convolution, norm and activation.
        pool: the pooling after them, if any.

    Raises:
        InputError: if a form is asked for that cannot be had here.
    """
    if asked not in STEM_FORMS:
        raise InputError(f"model.backbone.stem_form: there is no '{asked}'; {did_you_mean(str(asked), STEM_FORMS)}")
    if asked == 'dense' or not blobs.left.numel():
        return 'dense'
    kernel_obstacle = _no_blobs(conv) or _no_kernel(blobs, conv, pool)
    torch_obstacle = _no_blobs(conv)
    if asked == 'auto':
        if not kernel_obstacle:
            return 'kernel'
        least = BFLOAT16_TORCH_PAYS_FROM if _dtype(conv.conv.weight) == torch.bfloat16 else TORCH_PAYS_FROM
        pays = conv.conv.weight.device.type == 'cpu' and blobs.left.shape[-1] >= least
        return 'torch' if pays and not torch_obstacle else 'dense'
    obstacle = kernel_obstacle if asked == 'kernel' else torch_obstacle
    if obstacle:
        raise InputError(f"model.backbone.stem_form='{asked}' cannot be had: {obstacle}; use 'auto'")
    return asked


def run_stem(form: str, blobs: KeypointBlobs, conv: ConvModule, pool: nn.Module | None) -> Tensor:
    """Return pool(conv(blobs)) in one of the forms.

    Args:
        form: what :func:`stem_form` has chosen.
        blobs: (B, V, T, H, W).
        conv: convolution, norm and activation. In training the running statistics of its norm are updated.
        pool: 3x3 max pooling, or None.

    Returns:
        (B, C, T, H', W'), of autocast's type where it is on.
    """
    if form == 'kernel':
        return _run_kernel(blobs, conv, pool)
    weight, dtype = conv.conv.weight, _dtype(conv.conv.weight)
    if form == 'torch':
        x = blob_conv(blobs, weight.to(dtype), conv.conv.stride[-1], conv.conv.padding[-1])
        if conv.conv.bias is not None:
            x = x + conv.conv.bias.to(dtype)[:, None, None, None]
        if conv.with_norm:
            x = conv.norm(x)
        x = conv.activate(x) if conv.with_activation else x
    else:
        x = conv(blobs.draw(dtype, channels_last=weight.device.type == 'cpu'))
    return x if pool is None else pool(x)


def _run_kernel(blobs: KeypointBlobs, conv: ConvModule, pool: nn.Module | None) -> Tensor:
    weight, norm = conv.conv.weight, conv.norm if conv.with_norm else None
    geometry = StemGeometry(
        conv.conv.kernel_size[-1],
        conv.conv.stride[-1],
        conv.conv.padding[-1],
        0 if pool is None else pool.stride[-1],
        conv.with_activation,
    )
    channels = weight.shape[0]
    mean, deviation = torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64)
    if not isinstance(norm, nn.BatchNorm3d):
        scale = torch.ones(channels)
        shift = torch.zeros(channels) if conv.conv.bias is None else conv.conv.bias
        return blob_stem(blobs, weight, scale, shift, geometry, mean, deviation, False, _dtype(weight))
    counted = norm.training or norm.running_mean is None
    if counted:
        mean, variance, count = blob_statistics(blobs, weight, geometry)
        update_running_statistics(norm, mean, variance, count)
    else:
        mean, variance = norm.running_mean.double(), norm.running_var.double()
        if conv.conv.bias is not None:
            mean = mean - conv.conv.bias.detach().double()
    deviation = (variance + norm.eps).sqrt()
    return blob_stem(blobs, weight, norm.weight, norm.bias, geometry, mean, deviation, counted, _dtype(weight))


def _dtype(weight: Tensor) -> torch.dtype:
    kind = weight.device.type
    autocast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    return torch.get_autocast_dtype(kind) if autocast else weight.dtype


def _no_blobs(conv: ConvModule) -> str:
    """Return why the convolution of a stem cannot work on blobs; empty: it can."""
    layer = conv.conv
    single = (
        is_usual_conv(layer)
        and layer.kernel_size[0] == 1
        and layer.stride[0] == 1
        and layer.padding[0] == 0
        and layer.groups == 1
        and layer.padding_mode == 'zeros'
        and set(layer.dilation) == {1}
        and all(pair[1] == pair[2] for pair in (layer.kernel_size, layer.stride, layer.padding))
    )
    return '' if single else 'the first convolution does not look at single frames with a square kernel'


def _no_kernel(blobs: KeypointBlobs, conv: ConvModule, pool: nn.Module | None) -> str:
    """Return why a stem cannot be computed by the kernel; empty: it can."""
    weight, norm = conv.conv.weight, conv.norm if conv.with_norm else None
    if weight.device.type != 'cpu' or blobs.left.device.type != 'cpu':
        return 'the kernel runs on a CPU only'
    if _dtype(weight) not in (torch.float32, torch.bfloat16) or blobs.across.dtype != torch.float32:
        return 'the kernel computes in float32 or bfloat16'
    if conv.order != ('conv', 'norm', 'act') or (conv.with_activation and type(conv.activate) is not nn.ReLU):
        return 'the kernel knows a norm and a ReLU after the convolution'
    if isinstance(norm, nn.BatchNorm3d):
        if type(norm) is not nn.BatchNorm3d or not norm.affine:
            return 'the kernel knows plain batch norm with a weight and a bias'
        if norm.training and conv.conv.bias is not None:
            return 'the kernel trains convolutions without a bias'
    elif norm is not None and not isinstance(norm, nn.Identity):
        return 'the kernel knows no norm but batch norm'
    elif torch.is_grad_enabled() and any(parameter.requires_grad for parameter in conv.parameters()):
        return 'the kernel trains convolutions with batch norm only'
    if pool is not None and (
        (pool.kernel_size, pool.padding, pool.stride[0]) != ((1, 3, 3), (0, 1, 1), 1)
        or pool.stride[1] != pool.stride[2]
        or pool.stride[1] > MAX_POOL_STRIDE
    ):
        return 'the kernel knows 3x3 pooling of single frames with a stride of 1 to 3'
    if not without_hooks(norm, conv.activate if conv.with_activation else None, pool):
        return 'a hook listens to a layer that the kernel does not call'
    if blobs.window > MAX_WINDOW:
        return f'sigma is too large: the kernel has room for blobs of {MAX_WINDOW} pixels'
    if torch.compiler.is_compiling():
        return 'torch.compile does not know the kernel'
    return '' if load_kernels() is not None else 'it was not compiled'
