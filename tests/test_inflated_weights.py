"""2-D networks as a starting point: ImageNet's ResNets inflate."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from pyskl.checkpoint import read_checkpoint
from pyskl.errors import InputError
from pyskl.models import ResNet3dSlowOnly
from pyskl.registry import MODELS
from pyskl.start_weights import fit_weights, start_weights


class Bottleneck(nn.Module):
    """A block of torchvision's ResNet, by its names."""

    def __init__(self, width: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        if stride != 1 or width != 4 * planes:
            conv = nn.Conv2d(width, 4 * planes, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(4 * planes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        shortcut = self.downsample(x) if hasattr(self, 'downsample') else x
        return (self.bn3(self.conv3(out)) + shortcut).relu()


class ResNet2d(nn.Module):
    """torchvision's ResNet, by its names."""

    def __init__(self, base: int, blocks: tuple[int, ...], channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, base, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(base)
        width = base
        for stage, count in enumerate(blocks):
            planes = base * 2**stage
            layers = []
            for number in range(count):
                layers.append(Bottleneck(width, planes, 2 if stage and number == 0 else 1))
                width = 4 * planes
            self.add_module(f'layer{stage + 1}', nn.Sequential(*layers))
        self.fc = nn.Linear(width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x


@pytest.fixture
def picture_network(tmp_path) -> tuple[ResNet2d, Path]:
    torch.manual_seed(0)
    network = ResNet2d(8, (1, 2, 2, 1))
    for value in network.state_dict().values():
        if value.ndim == 1:
            value.copy_(torch.rand_like(value) + 0.5)
    path = tmp_path / 'resnet.pth'
    torch.save(network.state_dict(), path)
    return network.eval(), path


INFLATED = {'base_channels': 8, 'stage_blocks': (1, 2, 2, 1)}


@pytest.mark.parametrize('advanced', [False, True])
@pytest.mark.parametrize('style', ['3x1x1', '3x3x3'])
def test_an_inflated_network_sees_in_a_film_that_stands_still_what_the_2d_network_saw(picture_network, style, advanced):
    network, path = picture_network
    backbone = ResNet3dSlowOnly(
        **INFLATED, inflate=1, inflate_style=style, conv1_kernel=(5, 7, 7), pretrained=path, advanced=advanced
    ).eval()
    weight = network.layer2[0].conv2.weight
    if style == '3x3x3':
        assert torch.equal(backbone.layer2[0].conv2.conv.weight, torch.stack([weight / 3] * 3, dim=2))
    assert torch.equal(backbone.conv1.conv.weight, torch.stack([network.conv1.weight / 5] * 5, dim=2))
    names = set(backbone.state_dict())
    assert fit_weights(backbone.state_dict(), torch.load(path, weights_only=True)).state.keys() == names
    if advanced:
        return  # its shortcuts average: the same weights, another network
    picture = torch.rand(1, 3, 64, 64)
    still = backbone(picture.unsqueeze(2).repeat(1, 1, 31, 1, 1))
    seen = network(picture)
    torch.testing.assert_close(still[:, :, 15], seen, atol=1e-4 * seen.abs().max().item(), rtol=1e-3)


def test_the_2d_filters_of_colours_become_filters_of_keypoints(picture_network, monkeypatch):
    network, path = picture_network
    log = []
    monkeypatch.setattr('pyskl.models.utils.checkpoint.print_log', lambda line, logger: log.append(line))
    backbone = ResNet3dSlowOnly(**INFLATED, in_channels=68, pretrained=path)
    for channel in (0, 67):
        torch.testing.assert_close(backbone.conv1.conv.weight[:, channel, 0], network.conv1.weight.sum(1) / 68)
    (told,) = log
    assert "mapping: torchvision's names, first convolution from 3 to 68 channels" in told
    assert '2-D filters repeated along time' in told


def test_2d_files_without_counters_or_in_conv_module_names_load_too(picture_network, tmp_path):
    network, path = picture_network
    plain = {k: v for k, v in network.state_dict().items() if not k.endswith('num_batches_tracked')}
    torch.save(plain, tmp_path / 'old.pth')
    expected = ResNet3dSlowOnly(**INFLATED, pretrained=path).state_dict()
    old = ResNet3dSlowOnly(**INFLATED, pretrained=tmp_path / 'old.pth').state_dict()
    assert all(torch.equal(old[n], v) for n, v in expected.items() if not n.endswith('num_batches_tracked'))
    modules = {f'backbone.{n}': v.mean(2) if v.ndim == 5 else v for n, v in
               ResNet3dSlowOnly(**INFLATED, inflate=0, pretrained=path).state_dict().items()}  # fmt: skip
    torch.save({'state_dict': modules}, tmp_path / 'mm.pth')
    named = ResNet3dSlowOnly(**INFLATED, pretrained=tmp_path / 'mm.pth', pretrained2d=True).state_dict()
    assert all(torch.equal(named[n], v) for n, v in expected.items())


def test_load_from_takes_2d_networks_for_the_backbone(picture_network):
    _, path = picture_network
    model = MODELS.build(
        {
            'type': 'Recognizer3D',
            'backbone': {'type': 'ResNet3dSlowOnly', 'in_channels': 68, **INFLATED},
            'cls_head': {'type': 'AUHead', 'in_channels': 256, 'num_classes': 12},
        }
    )
    start, line = start_weights(model, read_checkpoint(path), path)
    assert start.missing == ['cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']
    expected = ResNet3dSlowOnly(**INFLATED, in_channels=68, pretrained=path).state_dict()
    assert all(torch.equal(start.state[f'backbone.{name}'], value) for name, value in expected.items())
    assert "torchvision's names" in line


def test_2d_networks_that_do_not_fit_are_refused(picture_network):
    _, path = picture_network
    with pytest.raises(InputError, match=r'lacks layer1\.1\.conv1\.conv\.weight'):
        ResNet3dSlowOnly(base_channels=8, pretrained=path)
    with pytest.raises(InputError, match=r'layer1\.0\.conv1\.bn\.weight is \(8,\) there, \(16,\) in the model|conv1'):
        ResNet3dSlowOnly(base_channels=16, stage_blocks=(1, 2, 2, 1), pretrained=path)
    with pytest.raises(InputError, match=r'holds a 2-D network, but backbone\.pretrained2d is False'):
        ResNet3dSlowOnly(**INFLATED, pretrained=path, pretrained2d=False)


def test_a_3d_file_is_refused_where_a_2d_one_is_asked_for(tmp_path):
    torch.save(ResNet3dSlowOnly(**INFLATED).state_dict(), tmp_path / 'weights.pth')
    with pytest.raises(InputError, match='holds no 2-D network'):
        ResNet3dSlowOnly(**INFLATED, pretrained=tmp_path / 'weights.pth', pretrained2d=True)
