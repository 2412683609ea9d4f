"""The forms of a stem: the dense convolution is the measure, the others must not differ from it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.cnn import ConvModule
from torch import nn

from pyskl.errors import InputError
from pyskl.models import ResNet3dSlowOnly
from pyskl.models.kernels import load_kernels
from pyskl.models.layers import keypoint_blobs, run_stem, stem_form
from pyskl.models.layers import stem as stem_module

needs_kernel = pytest.mark.skipif(load_kernels() is None, reason='there is no C++ compiler here')
FORMS = ['torch', pytest.param('kernel', marks=needs_kernel)]


def layers(keypoints: int, channels: int, kernel: int, stride: int, pool_stride: int, training: bool, **options):
    """Convolution with a norm that does something, and pooling."""
    options = {'norm_cfg': {'type': 'BN3d'}, 'bias': False, **options}
    conv = ConvModule(
        keypoints, channels, (1, kernel, kernel), stride=(1, stride, stride), padding=(0, kernel // 2, kernel // 2),
        conv_cfg={'type': 'Conv3d'}, **options,
    )  # fmt: skip
    if conv.with_norm:
        nn.init.normal_(conv.norm.weight)
        nn.init.normal_(conv.norm.bias)
        conv.norm.running_mean.normal_()
        conv.norm.running_var.uniform_(0.5, 2)
    pool = nn.MaxPool3d((1, 3, 3), (1, pool_stride, pool_stride), (0, 1, 1)) if pool_stride else None
    return conv.train(training), pool


def blobs_of(rng: np.random.Generator, clips: int, frames: int, keypoints: int, size: tuple[int, int], sigma: float):
    """Blobs inside, across the border and outside; some without a score, on top of each other, or not finite."""
    place = rng.uniform(-6, np.array(size[::-1]) + 6, (clips, frames, keypoints, 2))
    place[rng.random(place.shape[:3]) < 0.1] = np.nan
    if keypoints > 1:
        place[:, :, 1] = place[:, :, 0]
    score = rng.uniform(0, 1, place.shape[:3]) * (rng.random(place.shape[:3]) > 0.2)
    blobs = keypoint_blobs(torch.tensor(place).float(), torch.tensor(score).float(), size, sigma)
    return blobs.mirrored(torch.arange(keypoints).flip(0)) if rng.random() < 0.5 else blobs


def outcome(form: str, blobs, conv: ConvModule, pool, gradient: torch.Tensor | None, dtype=torch.float32) -> dict:
    """Output, gradients and statistics of one pass, without changing the layers."""
    before = {name: value.clone() for name, value in conv.state_dict().items()}
    conv.zero_grad()
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        out = run_stem(form, blobs, conv, pool)
    out.backward(torch.ones_like(out) if gradient is None else gradient.to(out.dtype))
    result = {'out': out.detach().float()}
    result |= {f'gradient of {name}': value.grad.clone() for name, value in conv.named_parameters()}
    result |= {name: value.clone().float() for name, value in conv.named_buffers()}
    conv.load_state_dict(before)
    return result


def differences(one: dict, other: dict) -> dict[str, float]:
    """The largest difference of each entry, relative to the largest value of the second.

    A ReLU may leave next to nothing of an output: what is rounded is about 1, so it counts as 0.1 at least.
    """
    assert one.keys() == other.keys()
    least = {name: 0.1 if name == 'out' else 1e-6 for name in one}
    return {
        name: float((one[name] - other[name]).abs().max() / other[name].abs().max().clamp(min=least[name]))
        for name in one
    }


@pytest.mark.parametrize('form', FORMS)
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.tuples(st.integers(7, 20), st.integers(7, 20)),
    kernel=st.sampled_from([3, 5, 7]),
    stride=st.sampled_from([1, 2, 3]),
    pool_stride=st.sampled_from([0, 1, 2, 3]),
    sigma=st.sampled_from([0.6, 1.1, 2.0]),
    keypoints=st.integers(1, 6),
    channels=st.sampled_from([1, 5, 16]),
    training=st.booleans(),
)
def test_any_shape_gives_what_the_dense_form_gives(
    form, seed, size, kernel, stride, pool_stride, sigma, keypoints, channels, training
):
    torch.manual_seed(seed)
    blobs = blobs_of(np.random.default_rng(seed), 2, 2, keypoints, size, sigma)
    conv, pool = layers(keypoints, channels, kernel, stride, pool_stride, training)
    with torch.no_grad():
        responses = conv.conv(blobs.draw())
        spread = responses.std((0, 2, 3, 4), correction=0)
    gradient = torch.randn(run_stem('dense', blobs, conv.eval(), pool).shape)
    conv.train(training)
    expected = outcome('dense', blobs, conv, pool, gradient)
    found = differences(outcome(form, blobs, conv, pool, gradient), expected)
    # Where all responses of a channel are nearly alike, batch norm takes a difference of like numbers and divides it by
    # nearly nothing: whatever way it is computed, float32 then has that many digits less.
    loss = float((responses.abs().amax((0, 2, 3, 4)) / spread.clamp(min=1e-3)).max()) if training else 1.0
    assert found.pop('out') < 1e-5 * max(1, loss / 10)
    assert max(found.values()) < 1e-4 * max(1, loss / 10), found


@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('training', [True, False])
def test_in_bfloat16_it_stays_close_to_float32(form, training, relu):
    torch.manual_seed(0)
    blobs = blobs_of(np.random.default_rng(0), 3, 4, 20, (24, 24), 0.6)
    conv, _ = layers(20, 16, 7, 1, 0, training, act_cfg={'type': 'ReLU'} if relu else None)
    gradient = torch.randn(3, 16, 4, 24, 24).bfloat16().float()
    exact = outcome('dense', blobs, conv, None, gradient)
    found = differences(outcome(form, blobs, conv, None, gradient, torch.bfloat16), exact)
    assert found['out'] < 2e-2
    if form == 'torch' and relu:
        # Its ReLU sees rounded responses and cuts others off, as that of the dense form does.
        usual = differences(outcome('dense', blobs, conv, None, gradient, torch.bfloat16), exact)
        assert all(value <= max(1.2 * usual[name], 2e-2) for name, value in found.items())
    else:
        assert max(found.values()) < 2e-2


@needs_kernel
def test_the_kernel_s_output_is_channels_last_and_of_autocast_s_type():
    conv, pool = layers(4, 8, 7, 1, 1, True)
    blobs = blobs_of(np.random.default_rng(0), 2, 3, 4, (12, 12), 0.6)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = run_stem('kernel', blobs, conv, pool)
    assert out.dtype == torch.bfloat16 and out.shape == (2, 8, 3, 12, 12)
    assert out.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize('form', FORMS)
def test_no_keypoint_at_all_gives_the_response_to_nothing(form):
    conv, pool = layers(3, 8, 7, 1, 1, True)
    blobs = keypoint_blobs(torch.full((2, 2, 3, 2), float('nan')), torch.ones(2, 2, 3), (12, 12))
    found, expected = outcome(form, blobs, conv, pool, None), outcome('dense', blobs, conv, pool, None)
    for name, value in found.items():
        assert value.isfinite().all(), name
        torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-4)


@needs_kernel
def test_weights_that_are_not_finite_show_in_the_output():
    conv, pool = layers(3, 8, 7, 1, 1, True)
    blobs = blobs_of(np.random.default_rng(4), 2, 2, 3, (12, 12), 0.6)
    conv.conv.weight.data[2] = float('nan')
    out = run_stem('kernel', blobs, conv, pool)
    assert out[:, 2].isnan().all() and out[:, :2].isfinite().all() and out[:, 3:].isfinite().all()


@needs_kernel
@pytest.mark.parametrize('threads', [1, 2, 3])
def test_the_number_of_threads_does_not_matter(threads):
    torch.manual_seed(0)
    conv, pool = layers(5, 8, 7, 1, 1, True)
    blobs = blobs_of(np.random.default_rng(5), 2, 5, 5, (14, 14), 0.6)
    gradient = torch.randn(2, 8, 5, 14, 14)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = outcome('kernel', blobs, conv, pool, gradient)
        torch.set_num_threads(threads)
        assert max(differences(outcome('kernel', blobs, conv, pool, gradient), expected).values()) < 1e-5
    finally:
        torch.set_num_threads(before)


@needs_kernel
@pytest.mark.parametrize('momentum', [0.1, None])
def test_running_statistics_are_counted_as_batch_norm_counts_them(momentum):
    conv, pool = layers(4, 8, 7, 1, 1, True)
    conv.norm.momentum = momentum
    state = {name: value.clone() for name, value in conv.state_dict().items()}
    after = []
    for form in ('kernel', 'dense'):
        conv.load_state_dict(state)
        for seed in range(3):
            run_stem(form, blobs_of(np.random.default_rng(seed), 2, 2, 4, (12, 12), 0.6), conv, pool)
        after.append({name: value.clone() for name, value in conv.norm.state_dict().items()})
    for name, value in after[0].items():
        torch.testing.assert_close(value, after[1][name], rtol=1e-5, atol=1e-6)
    assert after[0]['num_batches_tracked'] == 3


@needs_kernel
def test_a_folded_norm_is_a_bias():
    from pyskl.models.utils import fuse_conv_bn

    conv, pool = layers(4, 8, 7, 1, 1, False)
    blobs = blobs_of(np.random.default_rng(0), 2, 2, 4, (12, 12), 0.6)
    with torch.no_grad():
        expected = run_stem('dense', blobs, conv, pool)
        fuse_conv_bn(conv)
        assert stem_form('auto', blobs, conv, pool) == 'kernel'
        torch.testing.assert_close(run_stem('kernel', blobs, conv, pool), expected, rtol=1e-5, atol=1e-5)


def test_an_empty_batch_leaves_the_statistics_alone():
    conv, pool = layers(3, 8, 7, 1, 1, True)
    blobs = keypoint_blobs(torch.zeros(0, 2, 3, 2), torch.ones(0, 2, 3), (12, 12))
    assert stem_form('auto', blobs, conv, pool) == 'dense'


def test_the_torch_form_without_a_norm():
    conv = ConvModule(3, 4, (1, 3, 3), padding=(0, 1, 1), bias=False, conv_cfg={'type': 'Conv3d'}, norm_cfg=None)
    blobs = blobs_of(np.random.default_rng(0), 2, 2, 3, (12, 12), 0.6)
    torch.testing.assert_close(run_stem('torch', blobs, conv, None), run_stem('dense', blobs, conv, None))


# Which form is chosen.


@needs_kernel
def test_pooling_that_skips_rows_is_left_to_the_others():
    blobs = blobs_of(np.random.default_rng(0), 2, 2, 3, (24, 24), 0.6)
    assert stem_form('auto', blobs, *layers(3, 8, 7, 1, 3, True)) == 'kernel'
    assert stem_form('auto', blobs, *layers(3, 8, 7, 1, 4, True)) != 'kernel'


def test_without_a_compiler_plain_pytorch_does_it(monkeypatch):
    monkeypatch.setattr(stem_module, 'load_kernels', lambda: None)
    blobs = blobs_of(np.random.default_rng(0), 1, 2, 70, (12, 12), 0.6)
    conv, pool = layers(70, 8, 7, 1, 1, True)
    assert stem_form('auto', blobs, conv, pool) == 'torch'
    few = blobs_of(np.random.default_rng(0), 1, 2, 3, (12, 12), 0.6)
    assert stem_form('auto', few, layers(3, 8, 7, 1, 1, True)[0], pool) == 'dense'
    with pytest.raises(InputError, match='not compiled'):
        stem_form('kernel', blobs, conv, pool)


def test_other_convolutions_are_dense():
    blobs = blobs_of(np.random.default_rng(0), 1, 2, 4, (12, 12), 0.6)
    over_time = ConvModule(4, 8, (3, 7, 7), padding=(1, 3, 3), conv_cfg={'type': 'Conv3d'}, norm_cfg={'type': 'BN3d'})
    assert stem_form('auto', blobs, over_time, None) == 'dense'
    with pytest.raises(InputError, match='single frames'):
        stem_form('torch', blobs, over_time, None)
    with pytest.raises(InputError, match="did you mean 'dense'"):
        stem_form('dence', blobs, over_time, None)


@needs_kernel
@pytest.mark.parametrize(
    'options',
    [
        {'norm_cfg': {'type': 'GN', 'num_groups': 2}},
        {'act_cfg': {'type': 'LeakyReLU'}},
        {'norm_cfg': None, 'bias': True},
        {'order': ('norm', 'conv', 'act')},
    ],
)
def test_what_the_kernel_does_not_know_is_left_to_the_others(options):
    blobs = blobs_of(np.random.default_rng(0), 1, 2, 4, (12, 12), 0.6)
    options = {'norm_cfg': {'type': 'BN3d'}, 'bias': False, **options}
    conv = ConvModule(4, 4, (1, 7, 7), padding=(0, 3, 3), conv_cfg={'type': 'Conv3d'}, **options)
    assert stem_form('auto', blobs, conv, None) != 'kernel'


def test_the_backbone_gives_the_same_for_blobs_and_for_the_volume():
    torch.manual_seed(0)
    settings_of = {
        'in_channels': 6, 'base_channels': 8, 'num_stages': 2, 'out_indices': (1,), 'stage_blocks': (1, 1),
        'inflate': (0, 1), 'spatial_strides': (2, 2), 'temporal_strides': (1, 1), 'pool1_stride_s': 1,
    }  # fmt: skip
    net = ResNet3dSlowOnly(**settings_of).eval()
    blobs = blobs_of(np.random.default_rng(0), 2, 4, 6, (24, 24), 0.6)
    expected = net(blobs.draw())
    for form in ('auto', 'torch', 'dense'):
        net.stem_form = form
        torch.testing.assert_close(net(blobs), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match='heatmap channels'):
        net(blobs_of(np.random.default_rng(0), 2, 4, 5, (24, 24), 0.6))
    with pytest.raises(InputError, match='stem_form'):
        ResNet3dSlowOnly(**settings_of, stem_form='fast')
