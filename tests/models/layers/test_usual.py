"""Layers that are not the usual ones are called, and short clips in bfloat16 have right gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyskl.models.layers import ConvNormAct, norm_act
from pyskl.models.layers.usual import is_usual_conv, short_conv


def poisoned() -> None:
    """Leave large numbers in the memory that the next tensors get."""
    junk = [torch.full((size,), 1e30, dtype=torch.bfloat16) for size in range(64, 40_000, 512)]
    del junk


@pytest.mark.parametrize('kernel', [(3, 1, 1), (3, 3, 3), (5, 3, 3)])
@pytest.mark.parametrize('frames', [1, 2, 3, 4, 5])
@pytest.mark.parametrize('autocast', [True, False])
def test_gradients_of_clips_shorter_than_the_kernel(kernel, frames, autocast):
    torch.manual_seed(0)
    conv = nn.Conv3d(8, 16, kernel, padding=tuple(size // 2 for size in kernel), bias=False)
    x = torch.randn(2, 8, frames, 6, 6).bfloat16().float()
    conv.weight.data = conv.weight.data.bfloat16().float()
    conv(x).sum().backward()
    expected = conv.weight.grad.clone()
    conv.zero_grad()
    poisoned()
    if not autocast:
        conv, x = conv.bfloat16(), x.bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=autocast):
        out = short_conv(conv, x)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert (conv.weight.grad.float() - expected).abs().max() < 2e-2 * expected.abs().max()


def test_whole_modules_train_on_short_clips():
    module = ConvNormAct(
        8, 8, (3, 1, 1), padding=(1, 0, 0), bias=False, conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'BN3d'}
    )
    x = torch.randn(2, 8, 2, 6, 6).to(memory_format=torch.channels_last_3d)
    gradients = []
    for enabled in (False, True):
        poisoned()
        module.zero_grad()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=enabled):
            out = module(x)
        out.float().square().mean().backward()
        gradients.append(module.conv.weight.grad.clone())
    assert (gradients[0] - gradients[1]).norm() < 0.1 * gradients[0].norm()


class Standardised(nn.Conv3d):
    """Weights without a mean: a convolution whose weight does not say all."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


@pytest.mark.parametrize('size', [(1, 1, 1), (3, 1, 1)])
def test_a_convolution_of_another_kind_is_called(size):
    conv = Standardised(4, 6, size, padding=(size[0] // 2, 0, 0), bias=False)
    module = ConvNormAct(4, 6, size, conv_cfg={'type': 'Conv3d'}, bias=False, act_cfg=None)
    module.conv = conv
    x = torch.randn(2, 4, 3, 5, 5).to(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(module(x), conv(x))
    assert not is_usual_conv(conv) and is_usual_conv(nn.Conv3d(4, 4, 1))


def test_hooks_are_called():
    module = ConvNormAct(4, 6, 1, conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'BN3d'}, bias=False)
    x = torch.randn(2, 4, 3, 5, 5).to(memory_format=torch.channels_last_3d)
    expected, seen = module(x), []
    for part in (module.conv, module.norm, module.activate):
        part.register_forward_hook(lambda layer, _, out: seen.append((type(layer), tuple(out.shape))))
    torch.testing.assert_close(module(x), expected, rtol=1e-5, atol=1e-5)
    assert len(seen) == 3 and {shape for _, shape in seen} == {(2, 6, 3, 5, 5)}


@pytest.mark.parametrize('ratio', [10, 1000])
def test_norms_of_channels_far_from_zero_keep_their_digits(ratio):
    torch.manual_seed(0)
    x = torch.randn(2, 16, 4, 8, 8) + ratio
    wide = x.double().requires_grad_()
    norm, exact = nn.BatchNorm3d(16), nn.BatchNorm3d(16).double()
    gradient = torch.randn(x.shape)
    expected = exact(wide).relu()
    expected.backward(gradient.double())
    near = x.to(memory_format=torch.channels_last_3d).requires_grad_()
    out = norm_act(near, norm, nn.ReLU())
    out.backward(gradient)
    limit = 1e-7 * ratio + 1e-6
    assert (out - expected).abs().max() < 10 * limit
    assert (near.grad - wide.grad).abs().max() < 20 * limit
    torch.testing.assert_close(norm.running_var, exact.running_var.float(), rtol=1e-4, atol=0)


def test_norms_for_other_channels_are_refused_as_usual():
    x = torch.randn(1, 32, 2, 4, 4).to(memory_format=torch.channels_last_3d)
    with pytest.raises(RuntimeError, match='32'):
        norm_act(x, nn.BatchNorm3d(16).eval())
