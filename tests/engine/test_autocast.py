"""Mixed precision on a CPU."""

from __future__ import annotations

import pytest
import torch
from mmengine.device import get_device
from torch import nn

from pyskl.engine import AutocastOptimWrapper, load_config
from pyskl.errors import InputError
from pyskl.registry import MODELS, OPTIM_WRAPPERS


def wrapper_of(model: nn.Module, **kwargs) -> AutocastOptimWrapper:
    return AutocastOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1), **kwargs)


def test_the_forward_pass_computes_in_bfloat16_and_weights_stay_float32():
    model = nn.Linear(4, 2).to(get_device())
    wrapper = wrapper_of(model)
    x = torch.ones(3, 4, device=get_device())
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(x)
    assert out.dtype == torch.bfloat16
    assert model(x).dtype == torch.float32
    wrapper.update_params(out.float().sum())
    assert model.weight.dtype == torch.float32
    expected = before - 0.1 * x.sum(0)  # every output's gradient is the sum of the inputs
    torch.testing.assert_close(model.weight.detach(), expected, atol=1e-2, rtol=0)


def test_the_convolutions_of_a_training_step_compute_in_bfloat16(tiny_config):
    model = MODELS.build(load_config(tiny_config).model).to(get_device())
    seen = set()
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(lambda *arguments: seen.add(arguments[2].dtype))
    data = {
        'keypoint': torch.rand(2, 1, 1, 4, 51, 2) * 32,
        'keypoint_score': torch.ones(2, 1, 1, 4, 51),
        'img_shape': torch.full((2, 2), 32.0),
        'label': torch.ones(2, 1, 4, 12, dtype=torch.int8),
    }
    losses = model.train_step(data, wrapper_of(model))
    assert seen == {torch.bfloat16}
    assert torch.isfinite(losses['loss'])


def test_float16_can_be_asked_for():
    model = nn.Linear(1, 1)
    assert wrapper_of(model, dtype='float16').dtype is torch.float16


def test_float32_is_no_mixed_precision():
    model = nn.Linear(4, 4)
    wrapper = AutocastOptimWrapper(dtype='float32', optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    with wrapper.optim_context(model):
        assert model(torch.ones(2, 4)).dtype == torch.float32


@pytest.mark.parametrize('dtype', ['float64', 'bf16', '', None])
def test_an_unknown_dtype_is_refused(dtype):
    model = nn.Linear(1, 1)
    with pytest.raises(InputError, match='dtype must be auto, float32, bfloat16 or float16'):
        wrapper_of(model, dtype=dtype)


def test_a_config_names_it_and_hands_on_the_other_arguments():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    built = OPTIM_WRAPPERS.build(
        {'type': 'AutocastOptimWrapper', 'optimizer': optimizer, 'clip_grad': {'max_norm': 1}, 'accumulative_counts': 2}
    )
    assert isinstance(built, AutocastOptimWrapper)
    assert built.clip_grad_kwargs == {'max_norm': 1}


def test_auto_takes_bfloat16_only_where_the_device_computes_in_it(monkeypatch):
    model = nn.Linear(4, 4)
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr('pyskl.engine.autocast.has_bfloat16', lambda device, native=native: native)
        wrapper = AutocastOptimWrapper(dtype='auto', optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
        with wrapper.optim_context(model):
            assert model(torch.ones(2, 4)).dtype == expected
