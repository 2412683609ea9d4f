"""Convolutions of single pixels as matrix products, against PyTorch's convolution."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pyskl.models.layers.pointwise import fits_pointwise, pointwise_conv


@settings(max_examples=60, deadline=None)
@given(
    frames=st.integers(1, 6),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.sampled_from([(1, 1), (2, 2), (1, 3)]),
    channels=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    clips=st.integers(1, 3),
)
def test_output_and_gradients(frames, kernel, stride, channels, size, clips):
    torch.manual_seed(0)
    conv = nn.Conv3d(*channels, (kernel, 1, 1), (1, *stride), (kernel // 2, 0, 0), bias=False).double()
    x = torch.randn(clips, channels[0], frames, *size, dtype=torch.double).to(memory_format=torch.channels_last_3d)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = conv(one)
    gradient = torch.randn_like(expected)
    expected.backward(gradient)
    of_weight = conv.weight.grad.clone()
    conv.zero_grad()
    found = pointwise_conv(other, conv.weight, stride)
    found.backward(gradient)
    for value, wanted in ((found, expected), (other.grad, one.grad), (conv.weight.grad, of_weight)):
        torch.testing.assert_close(value, wanted, rtol=1e-12, atol=1e-12)


def test_under_autocast_it_is_bfloat16_with_gradients_in_float32():
    conv = nn.Conv3d(8, 16, 1, (1, 2, 2), bias=False)
    x = torch.randn(2, 8, 3, 6, 6).to(memory_format=torch.channels_last_3d)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert fits_pointwise(conv, x)
        out = pointwise_conv(x, conv.weight, (2, 2))
        torch.testing.assert_close(out, conv(x), rtol=1e-2, atol=1e-2)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16 and conv.weight.grad.dtype == torch.float32


@pytest.mark.parametrize(
    ('conv', 'fits'),
    [
        (nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0), bias=False), True),
        (nn.Conv3d(8, 8, 1, stride=(1, 2, 2), bias=False), True),
        (nn.Conv3d(8, 8, 1), False),  # a bias
        (nn.Conv3d(8, 8, (1, 3, 3), padding=(0, 1, 1), bias=False), False),
        (nn.Conv3d(8, 8, 1, stride=(2, 2, 2), bias=False), False),
        (nn.Conv3d(8, 8, (3, 1, 1), bias=False), False),  # it shortens the clip
        (nn.Conv3d(8, 8, 1, groups=2, bias=False), False),
        (nn.Conv3d(8, 8, (3, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1), bias=False), False),
    ],
)
def test_which_convolutions_it_is_for(conv, fits):
    x = torch.randn(2, 8, 4, 6, 6).to(memory_format=torch.channels_last_3d)
    assert fits_pointwise(conv, x) is fits
    assert not fits_pointwise(conv, x.contiguous())
