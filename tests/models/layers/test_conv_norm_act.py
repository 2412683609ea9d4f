"""Norm, shortcut and activation together, against PyTorch's layers one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pyskl.models.kernels import load_kernels
from pyskl.models.layers import ConvNormAct, norm_act

needs_kernel = pytest.mark.skipif(load_kernels() is None, reason='there is no C++ compiler here')


def channels_last(*shape: int) -> torch.Tensor:
    return (torch.randn(*shape) * 3 + 1).to(memory_format=torch.channels_last_3d)


def batch_norm(channels: int, training: bool, momentum: float | None = 0.1) -> nn.BatchNorm3d:
    norm = nn.BatchNorm3d(channels, momentum=momentum).train(training)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return norm


@needs_kernel
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@pytest.mark.parametrize('channels', [16, 24, 32, 200])
@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('with_shortcut', [True, False])
@pytest.mark.parametrize('training', [True, False])
def test_kernel_gives_what_the_layers_give(dtype, channels, relu, with_shortcut, training):
    torch.manual_seed(channels)
    norm = batch_norm(channels, training)
    x, beside = channels_last(2, channels, 3, 7, 9).to(dtype), torch.randn(2, channels, 3, 7, 9).to(dtype)
    gradient = torch.randn(2, channels, 3, 7, 9).to(dtype)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    results = []
    for together in (True, False):
        norm.load_state_dict(before)
        norm.zero_grad()
        one, other = x.clone().requires_grad_(), beside.clone().requires_grad_()
        if together:
            out = norm_act(one, norm, nn.ReLU() if relu else None, other if with_shortcut else None)
            assert out.dtype == dtype and type(out.grad_fn).__name__ == '_NormActBackward'
        else:  # in float32, so that only the kernel rounds
            out = norm(one.float()) + (other.float() if with_shortcut else 0)
            out = out.relu() if relu else out
        out.backward(gradient.to(out.dtype))
        grads = [one.grad, norm.weight.grad, norm.bias.grad, *([other.grad] if with_shortcut else [])]
        results.append([value.detach().float().clone() for value in (out, *grads, *norm.buffers())])
    limit = 3e-6 if dtype == torch.float32 else 5e-3
    for found, expected in zip(*results, strict=True):
        assert (found - expected).abs().max() <= limit * expected.abs().max()


@needs_kernel
@pytest.mark.parametrize('momentum', [0.3, None])
def test_running_statistics_follow_as_usual(momentum):
    norm, usual = batch_norm(8, True, momentum), nn.BatchNorm3d(8, momentum=momentum)
    usual.load_state_dict(norm.state_dict())
    for _ in range(3):
        x = channels_last(2, 8, 2, 5, 5)
        norm_act(x, norm)
        usual(x)
    for name, value in norm.state_dict().items():
        torch.testing.assert_close(value, usual.state_dict()[name], rtol=1e-5, atol=1e-6)


@needs_kernel
def test_not_a_number_stays_one():
    x = channels_last(1, 16, 2, 4, 4)
    x[0, 3, 0, 0, 0] = float('nan')
    out = norm_act(x, batch_norm(16, True), nn.ReLU())
    assert out[:, 3].isnan().all() and out[:, :3].isfinite().all()


@pytest.mark.parametrize(
    'norm',
    [nn.GroupNorm(2, 16), nn.SyncBatchNorm(16).eval(), nn.BatchNorm3d(16, affine=False), nn.Identity(), None],
)
def test_what_the_kernel_does_not_know_is_done_step_by_step(norm):
    x, beside = channels_last(2, 16, 2, 4, 4), torch.randn(2, 16, 2, 4, 4)
    out = norm_act(x, norm, nn.LeakyReLU(), beside)
    torch.testing.assert_close(out, nn.functional.leaky_relu((x if norm is None else norm(x)) + beside))


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last_3d])
def test_module_is_mmcv_s_with_a_shortcut(layout):
    torch.manual_seed(0)
    module = ConvNormAct(6, 8, (3, 1, 1), padding=(1, 0, 0), conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'BN3d'})
    assert {name.split('.')[0] for name in module.state_dict()} == {'conv', 'bn'}
    x = torch.randn(2, 6, 4, 5, 5).to(memory_format=layout)
    beside = torch.randn(2, 8, 4, 5, 5)
    plain = nn.functional.conv3d(x, module.conv.weight, padding=(1, 0, 0))
    plain = nn.functional.batch_norm(plain, None, None, module.norm.weight, module.norm.bias, training=True)
    torch.testing.assert_close(module(x), plain.relu(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(module(x, beside, nn.Tanh()), (plain + beside).tanh(), rtol=1e-5, atol=1e-5)


def test_gradients_flow_through_a_chain_of_modules():
    torch.manual_seed(0)
    chain = [ConvNormAct(4, 4, 1, bias=False, conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'BN3d'}) for _ in range(2)]
    results = []
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        x = torch.randn(2, 4, 3, 5, 5, generator=torch.Generator().manual_seed(1)).to(memory_format=layout)
        x.requires_grad_()
        chain[1](chain[0](x), x).square().sum().backward()
        results.append([x.grad] + [parameter.grad.clone() for module in chain for parameter in module.parameters()])
        for module in chain:
            module.zero_grad()
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
