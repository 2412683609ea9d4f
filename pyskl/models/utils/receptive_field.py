"""How far a network looks along time: worked out from its layers, not measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce, singledispatch

from mmcv.cnn import ConvModule
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pyskl.errors import InputError
from pyskl.models.backbones import BasicBlock3d, Bottleneck3d, ResNet3d
from pyskl.models.backbones.non_local import NonLocalBasicBlock3d, NonLocalBottleneck3d
from pyskl.models.heads import BaseHead

__all__ = ['TemporalField', 'receptive_field', 'temporal_halo']


@dataclass(frozen=True)
class TemporalField:
    """Which frames of its input an output depends on: output t on the frames ``stride * t - before .. + after``.

    Attributes:
        before: frames before its own.
        after: frames after its own.
        stride: frames from one output to the next.
    """

    before: int = 0
    after: int = 0
    stride: int = 1

    @property
    def size(self) -> int:
        """Length of the field in frames."""
        return self.before + 1 + self.after

    def then(self, following: TemporalField) -> TemporalField:
        """Return the field of this layer with another one on top of it."""
        return TemporalField(
            self.before + self.stride * following.before,
            self.after + self.stride * following.after,
            self.stride * following.stride,
        )

    def beside(self, other: TemporalField) -> TemporalField:
        """Return the field of the sum of two layers that look at the same input."""
        return TemporalField(max(self.before, other.before), max(self.after, other.after), self.stride)


def temporal_halo(backbone: nn.Module, head: nn.Module) -> int:
    """Return how many frames before and after a frame its prediction depends on.

    A network that predicts every frame can be run on a part of a track: with so many frames on either side, the
    predictions in the middle are those for the whole track. In evaluation mode only: batch norm mixes all frames of a
    batch in training.

    Raises:
        InputError: if the network is not dense in time, that is, does not make one prediction from the surroundings of
            each frame; the message says why.
    """
    field = receptive_field(backbone).then(receptive_field(head))
    if field.stride != 1:
        raise InputError(
            f'the network is not dense in time: it makes one prediction for {field.stride} frames; set '
            'temporal_strides, conv1_stride_t and pool1_stride_t of model.backbone to 1, and with_pool2 to False'
        )
    if field.before != field.after:
        raise InputError(
            'the network is not dense in time: its padding does not keep the number of frames; use odd kernels along '
            'time, such as model.backbone.conv1_kernel=(3, 7, 7)'
        )
    return field.before


@singledispatch
def receptive_field(module: nn.Module) -> TemporalField:
    """Return the temporal receptive field of a backbone, a head or a layer in evaluation mode.

    A backbone of your own says its field so::

        @receptive_field.register(MyBackbone)
        def _(module: MyBackbone) -> TemporalField:
            return receptive_field(module.conv).then(receptive_field(module.layers))

    Raises:
        InputError: if it is not known how the module looks along time, or it looks at the whole clip.
    """
    return _unknown(module)


def _unknown(module: nn.Module) -> TemporalField:
    raise InputError(
        f'it is not known how {type(module).__name__} looks along time; register a rule with '
        'pyskl.models.utils.receptive_field.receptive_field.register'
    )


def _chain(*modules: nn.Module) -> TemporalField:
    return reduce(TemporalField.then, map(receptive_field, modules), TemporalField())


@receptive_field.register(nn.Identity)
@receptive_field.register(nn.ReLU)
@receptive_field.register(nn.ReLU6)
@receptive_field.register(nn.LeakyReLU)
@receptive_field.register(nn.PReLU)
@receptive_field.register(nn.ELU)
@receptive_field.register(nn.GELU)
@receptive_field.register(nn.SiLU)
@receptive_field.register(nn.Hardswish)
@receptive_field.register(nn.Sigmoid)
@receptive_field.register(nn.Tanh)
@receptive_field.register(nn.Dropout)
@receptive_field.register(nn.Dropout3d)
def _(module: nn.Module) -> TemporalField:
    return TemporalField()


@receptive_field.register
def _(module: _BatchNorm) -> TemporalField:
    if module.running_mean is None:
        raise InputError('batch norm without running statistics looks at the whole clip')
    return TemporalField()


@receptive_field.register(nn.GroupNorm)
@receptive_field.register(nn.InstanceNorm3d)
@receptive_field.register(nn.AdaptiveAvgPool3d)
@receptive_field.register(nn.AdaptiveMaxPool3d)
def _(module: nn.Module) -> TemporalField:
    raise InputError(f'{type(module).__name__} looks at the whole clip')


@receptive_field.register(nn.Conv3d)
@receptive_field.register(nn.MaxPool3d)
@receptive_field.register(nn.AvgPool3d)
def _(module: nn.Conv3d | nn.MaxPool3d | nn.AvgPool3d) -> TemporalField:
    if getattr(module, 'padding_mode', 'zeros') != 'zeros' or isinstance(module.padding, str):
        raise InputError(f'{type(module).__name__} pads in a way of its own (padding={module.padding!r})')
    kernel, stride, padding = (
        value if isinstance(value, int) else value[0] for value in (module.kernel_size, module.stride, module.padding)
    )
    dilation = getattr(module, 'dilation', 1)
    dilation = dilation if isinstance(dilation, int) else dilation[0]
    return TemporalField(padding, (kernel - 1) * dilation - padding, stride)


@receptive_field.register
def _(module: nn.Sequential) -> TemporalField:
    return _chain(*module)


@receptive_field.register
def _(module: ConvModule) -> TemporalField:
    if module.with_explicit_padding:
        raise InputError(f'{type(module).__name__} pads in a way of its own')
    parts = {'conv': module.conv, 'norm': module.norm, 'act': getattr(module, 'activate', None)}
    return _chain(*(parts[name] for name in module.order if parts[name] is not None))


@receptive_field.register(BasicBlock3d)
@receptive_field.register(Bottleneck3d)
def _(module: BasicBlock3d | Bottleneck3d) -> TemporalField:
    if type(module).forward is not BasicBlock3d.forward:
        return _unknown(module)
    names = ('conv1', 'conv2', 'conv3')
    residual = _chain(*(getattr(module, name) for name in names if hasattr(module, name)))
    shortcut = TemporalField() if module.downsample is None else receptive_field(module.downsample)
    return residual.beside(shortcut).then(receptive_field(module.relu))


@receptive_field.register(NonLocalBasicBlock3d)
@receptive_field.register(NonLocalBottleneck3d)
def _(module: nn.Module) -> TemporalField:
    raise InputError('a non-local operation looks at the whole clip (model.backbone.non_local)')


@receptive_field.register
def _(module: ResNet3d) -> TemporalField:
    for name in ('forward', 'stem'):
        if getattr(type(module), name) is not getattr(ResNet3d, name):
            return _unknown(module)
    layers = module._stem_modules() + [module.maxpool] * module.with_pool1
    for index, name in enumerate(module.res_layers[: max(module.out_indices) + 1]):
        layers.append(getattr(module, name))
        if index == 0 and module.with_pool2:
            layers.append(module.pool2)
    return _chain(*layers)


@receptive_field.register
def _(module: BaseHead) -> TemporalField:
    if not module.per_frame:
        raise InputError('the network is not dense in time: its head judges whole clips (cls_head.per_frame=False)')
    if type(module).forward is not BaseHead.forward:
        return _unknown(module)
    return TemporalField()
