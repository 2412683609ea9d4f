"""What every registered backbone has to do: register one and it is tested here."""

from __future__ import annotations

import copy

import pytest
import torch

from pyskl.errors import InputError
from pyskl.models import AUHead, I3DHead, fuse_conv_bn
from pyskl.registry import MODELS

ALL_FRAMES = {  # the arguments with which a backbone keeps every frame
    'C3D': {'temporal_downsample': False},
    'ResNet3d': {'with_pool2': False},
    'ResNet3dSlowOnly': {},
    'X3D': {},
}
REACH = {'C3D': 1 + 2 * 8}  # frames that one output frame sees, where the architecture fixes it: 8 convolutions of 3


def registered_backbones() -> list[str]:
    return sorted(
        name for name, part in MODELS.module_dict.items() if part.__module__.startswith('pyskl.models.backbones')
    )


def build(name: str, **kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build({'type': name, 'in_channels': 5, 'base_channels': 8, **kwargs})


def volume(frames: int = 8, channels: int = 5, samples: int = 2) -> torch.Tensor:
    return torch.rand(samples, channels, frames, 32, 32, generator=torch.Generator().manual_seed(1))


def after_training(backbone: torch.nn.Module) -> torch.nn.Module:
    """Give the norms statistics that are not those of a fresh network, and all weights a part in the output."""
    for parameter in backbone.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    backbone.train()(volume())
    return backbone


@pytest.mark.parametrize('name', registered_backbones())
def test_forward_and_backward(name):
    backbone = after_training(build(name))
    x = volume().requires_grad_()
    features = backbone(x)
    assert features.ndim == 5
    assert features.shape[:2] == (2, backbone.feat_dim)
    features.square().mean().backward()
    assert torch.isfinite(x.grad).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() and p.grad.any() for p in backbone.parameters())


@pytest.mark.parametrize('name', registered_backbones())
def test_the_state_dict_makes_another_instance_the_same(name, tmp_path):
    source = after_training(build(name)).eval()
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    target = build(name)
    with torch.no_grad():
        for parameter in target.parameters():
            parameter.fill_(7.0)
    target.load_state_dict(torch.load(tmp_path / 'weights.pth', weights_only=True))
    assert torch.equal(target.eval()(volume()), source(volume()))
    named = build(name, pretrained=str(tmp_path / 'weights.pth')).eval()
    assert torch.equal(named(volume()), source(volume()))


@pytest.mark.parametrize('name', registered_backbones())
def test_samples_do_not_see_each_other_outside_training(name):
    backbone = after_training(build(name)).eval()
    x = volume(samples=3)
    alone = backbone(x[1:2])
    torch.testing.assert_close(backbone(x)[1:2], alone, atol=1e-5 * alone.abs().max().item(), rtol=1e-4)
    assert torch.equal(backbone(x), copy.deepcopy(backbone)(x))


@pytest.mark.parametrize('name', registered_backbones())
def test_another_number_of_heatmaps_is_an_error_that_names_the_setting(name):
    with pytest.raises(InputError, match=r'7 heatmap channels, model\.backbone\.in_channels is 5'):
        build(name)(volume(channels=7))


@pytest.mark.parametrize('frames', [1, 8])
@pytest.mark.parametrize('name', registered_backbones())
def test_with_both_heads(name, frames):
    backbone = build(name, **ALL_FRAMES[name]).eval()
    features = backbone(volume(frames))
    assert features.shape[2] == frames
    assert AUHead(12, backbone.feat_dim, per_frame=True)(features).shape == (2, frames, 12)
    assert AUHead(12, backbone.feat_dim)(features).shape == (2, 12)
    assert I3DHead(60, backbone.feat_dim)(features).shape == (2, 60)


@pytest.mark.parametrize('name', registered_backbones())
def test_a_frame_does_not_depend_on_frames_out_of_reach(name):
    backbone = after_training(build(name, **ALL_FRAMES[name])).eval()
    x = volume(24)
    changed = x.clone()
    changed[:, :, -1] = 1 - changed[:, :, -1]
    differs = (backbone(x) != backbone(changed)).flatten(3).any(-1).any(0).any(0)
    assert differs[-1]
    if name in REACH:
        assert int(differs.sum()) <= REACH[name] // 2 + 1
        assert not differs[: 24 - REACH[name] // 2 - 1].any()


@pytest.mark.parametrize('name', registered_backbones())
def test_folded_batch_norms_compute_the_same(name):
    backbone = after_training(build(name)).eval()
    expected = backbone(volume())
    fused = fuse_conv_bn(copy.deepcopy(backbone))
    assert not any(isinstance(module, torch.nn.BatchNorm3d) for module in fused.modules())
    torch.testing.assert_close(fused(volume()), expected, atol=1e-4 * expected.abs().max().item(), rtol=1e-4)
