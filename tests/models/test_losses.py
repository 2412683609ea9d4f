from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from pyskl.errors import InputError
from pyskl.models import CrossEntropyLoss, MaskedBCELoss

DRAW = torch.Generator().manual_seed(0)


def literal_bce(logits, label, pos_weight=None, au_weight=None, smoothing=0.0) -> float:
    total, count = 0.0, 0
    for row, known in zip(logits.tolist(), label.tolist(), strict=True):
        for au, (logit, truth) in enumerate(zip(row, known, strict=True)):
            if truth == -1:
                continue
            probability = 1 / (1 + math.exp(-logit))
            target = truth * (1 - smoothing) + smoothing / 2
            term = -(pos_weight[au] if pos_weight else 1) * target * math.log(probability)
            term -= (1 - target) * math.log(1 - probability)
            total += term * (au_weight[au] if au_weight else 1)
            count += 1
    return total / max(count, 1)


def batch(rows: int = 7, aus: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(rows, aus, generator=DRAW) * 3
    return logits, torch.randint(-1, 2, (rows, aus), generator=DRAW).to(torch.int8)


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'pos_weight': [1.0, 2.0, 0.5, 9.0]},
        {'au_weight': [0.0, 1.0, 2.5, 0.1]},
        {'pos_weight': [3.0, 1.0, 1.0, 2.0], 'au_weight': [1.0, 2.0, 3.0, 4.0], 'label_smoothing': 0.2},
    ],
)
def test_bce_equals_a_literal_loop(options):
    logits, label = batch()
    expected = literal_bce(
        logits, label, options.get('pos_weight'), options.get('au_weight'), options.get('label_smoothing', 0.0)
    )
    assert MaskedBCELoss(**options)(logits, label).item() == pytest.approx(expected, rel=1e-5)
    assert MaskedBCELoss(**options, loss_weight=2.0)(logits, label).item() == pytest.approx(2 * expected, rel=1e-5)


def test_bce_equals_sklearn_on_the_known_entries():
    logits, label = batch(50, 12)
    known = label.numpy() != -1
    expected = log_loss(label.numpy()[known], torch.sigmoid(logits).double().numpy()[known])
    assert MaskedBCELoss()(logits, label).item() == pytest.approx(expected, rel=1e-5)
    frames = MaskedBCELoss()(logits.reshape(5, 10, 12), label.reshape(5, 10, 12))
    assert frames.item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=6), st.randoms())
def test_unknown_entries_get_no_gradient_and_do_not_matter(label, random):
    label = torch.tensor(label)
    logits = torch.tensor([[random.uniform(-5, 5) for _ in row] for row in label], requires_grad=True)
    loss = MaskedBCELoss(pos_weight=[2.0, 1.0, 3.0])
    loss(logits, label).backward()
    assert torch.equal(logits.grad == 0, label == -1)
    other = torch.where(label == -1, torch.tensor(math.nan), logits.detach()).requires_grad_()
    value = loss(other, label)
    assert value.item() == pytest.approx(loss(logits, label).item())
    value.backward()
    torch.testing.assert_close(other.grad, logits.grad)


@pytest.mark.parametrize('options', [{}, {'pos_weight': [2.0] * 3, 'label_smoothing': 0.1}])
def test_batch_without_labels_gives_zero_and_no_gradient(options):
    logits = torch.randn(2, 3, requires_grad=True)
    loss = MaskedBCELoss(**options)(logits, torch.full((2, 3), -1))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(2, 3))


def test_bce_is_computed_in_float32_and_does_not_overflow():
    logits = torch.tensor([[300.0, -300.0]], dtype=torch.bfloat16)
    loss = MaskedBCELoss()(logits, torch.tensor([[0, 1]]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(300, rel=0.01)


def test_losses_add_nothing_to_the_state_dict():
    assert not MaskedBCELoss(pos_weight=[1.0], au_weight=[1.0]).state_dict()
    assert not CrossEntropyLoss(class_weight=[1.0]).state_dict()


@pytest.mark.parametrize('name', ['pos_weight', 'au_weight'])
def test_wrong_weights_are_an_input_error(name):
    logits, label = batch()
    with pytest.raises(InputError, match=f'{name} has 3 values for 4 AUs'):
        MaskedBCELoss(**{name: [1.0, 1.0, 1.0]})(logits, label)
    for bad in ([-1.0], [math.nan], [math.inf], 2.0):
        with pytest.raises(InputError, match=name):
            MaskedBCELoss(**{name: bad})


def test_shape_mismatch_is_an_input_error():
    with pytest.raises(InputError, match='num_classes'):
        MaskedBCELoss()(torch.zeros(2, 12), torch.zeros(2, 8))
    with pytest.raises(InputError, match='label_smoothing'):
        MaskedBCELoss(label_smoothing=1.0)


@pytest.mark.parametrize('weight', [None, [1.0, 2.0, 0.5, 3.0]])
def test_cross_entropy_equals_sklearn_on_the_known_clips(weight):
    logits = torch.randn(20, 4, generator=DRAW)
    label = torch.randint(-1, 4, (20,), generator=DRAW)
    known = label.numpy() >= 0
    expected = log_loss(
        label.numpy()[known],
        logits.softmax(1).double().numpy()[known],
        labels=range(4),
        sample_weight=None if weight is None else np.asarray(weight)[label.numpy()[known]],
    )
    assert CrossEntropyLoss(class_weight=weight)(logits, label).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('weight', [None, [1.0, 2.0, 0.5]])
def test_cross_entropy_without_labels_is_zero(weight):
    logits = torch.randn(2, 3, requires_grad=True)
    loss = CrossEntropyLoss(class_weight=weight)(logits, torch.tensor([-1, -1]))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


@pytest.mark.parametrize(
    'label', [torch.zeros(2, 3, dtype=torch.int8), torch.zeros(2), torch.zeros(3, dtype=torch.long)]
)
def test_cross_entropy_refuses_labels_of_another_kind(label):
    with pytest.raises(InputError, match='one integer label a clip'):
        CrossEntropyLoss()(torch.zeros(2, 3), label)
    with pytest.raises(InputError, match='class_weight'):
        CrossEntropyLoss(class_weight=[1.0])(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long))
