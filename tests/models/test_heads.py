from __future__ import annotations

import pytest
import torch
from scipy.special import expit, softmax
from torch import nn

from pyskl.errors import InputError
from pyskl.models import AUHead, I3DHead, Recognizer3D

FEATURES = torch.rand(3, 8, 5, 2, 2, generator=torch.Generator().manual_seed(0))


def test_clip_logits_are_those_of_the_mean_feature():
    head = AUHead(num_classes=4, in_channels=8).eval()
    expected = FEATURES.numpy().mean((2, 3, 4)) @ head.fc_cls.weight.detach().numpy().T
    torch.testing.assert_close(head(FEATURES).detach(), torch.from_numpy(expected))
    assert list(head.state_dict()) == ['fc_cls.weight', 'fc_cls.bias']


def test_frame_logits_average_over_space_only():
    head = AUHead(num_classes=4, in_channels=8, per_frame=True).eval()
    logits = head(FEATURES)
    assert logits.shape == (3, 5, 4)
    for frame in range(5):
        torch.testing.assert_close(logits[:, frame], head.fc_cls(FEATURES[:, :, frame].mean((2, 3))))


def test_logits_are_float32_under_autocast():
    head = AUHead(num_classes=4, in_channels=8, per_frame=True).eval()
    features = FEATURES.bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = head(features)
    torch.testing.assert_close(logits, head(features.float()), rtol=0, atol=1e-6)


def test_probabilities():
    logits = torch.randn(3, 4)
    assert AUHead(4, 8).predict(logits).numpy() == pytest.approx(expit(logits.numpy()), abs=1e-6)
    assert I3DHead(4, 8).predict(logits).numpy() == pytest.approx(softmax(logits.numpy(), axis=1), abs=1e-6)
    assert AUHead(4, 8).predict(logits.bfloat16()).dtype == torch.float32


def test_losses_come_from_the_config():
    logits, label = torch.randn(3, 4), torch.tensor([[1, 0, -1, 1]] * 3)
    plain = AUHead(4, 8).loss(logits, label)
    heavy = AUHead(4, 8, loss_cls={'type': 'MaskedBCELoss', 'loss_weight': 2.0}).loss(logits, label)
    assert list(plain) == ['loss_cls']
    torch.testing.assert_close(heavy['loss_cls'], 2 * plain['loss_cls'])
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 3]))
    torch.testing.assert_close(I3DHead(4, 8).loss(logits, torch.tensor([0, 1, 3]))['loss_cls'], expected)


def test_dropout_has_two_names():
    assert AUHead(4, 8).dropout.p == I3DHead(4, 8).dropout.p == 0.5
    assert I3DHead(4, 8, dropout=0.2).dropout.p == I3DHead(4, 8, dropout_ratio=0.2).dropout.p == 0.2
    assert AUHead(4, 8, dropout=0.0).dropout.p == 0.0
    with pytest.raises(InputError, match='contradicts'):
        AUHead(4, 8, dropout=0.1, dropout_ratio=0.2)
    with pytest.raises(InputError, match='dropout_ratio'):
        AUHead(4, 8, dropout_ratio=1.5)


def test_initial_weights_have_the_given_spread():
    head = AUHead(100, 200, init_std=0.03)
    assert head.fc_cls.weight.std().item() == pytest.approx(0.03, rel=0.05)
    assert not head.fc_cls.bias.any()


def test_fewer_frames_than_labels_points_at_the_temporal_strides():
    head = AUHead(4, 8, per_frame=True)
    with pytest.raises(InputError, match='temporal strides of the backbone must be 1'):
        head.loss(head(FEATURES), torch.zeros(3, 10, 4))


def test_label_of_another_kind_points_at_per_frame():
    with pytest.raises(InputError, match='per_frame=True'):
        AUHead(4, 8).loss(torch.zeros(3, 4), torch.zeros(3, 5, 4))
    with pytest.raises(InputError, match='per_frame=False'):
        AUHead(4, 8, per_frame=True).loss(torch.zeros(3, 5, 4), torch.zeros(3, 4))


def test_features_of_another_shape_are_an_input_error():
    with pytest.raises(InputError, match=r'cls_head\.in_channels'):
        AUHead(4, 16)(FEATURES)
    with pytest.raises(InputError, match='out_indices'):
        AUHead(4, 8)((FEATURES, FEATURES))
    with pytest.raises(InputError, match='num_classes'):
        AUHead(0, 8)


def test_the_arguments_of_published_configs_are_understood():
    head = {'type': 'I3DHead', 'in_channels': 3, 'num_classes': 4, 'spatial_type': 'avg', 'average_clips': 'score'}
    preprocessor = {'type': 'PoseHeatmapPreprocessor', 'heatmap_size': (8, 8)}
    model = Recognizer3D(nn.Identity(), head, preprocessor)
    assert model.average_clips == 'score'
    assert Recognizer3D(nn.Identity(), head, preprocessor, test_cfg={'average_clips': 'prob'}).average_clips == 'prob'
    with pytest.raises(InputError, match='spatial_type'):
        I3DHead(4, 3, spatial_type='max')
