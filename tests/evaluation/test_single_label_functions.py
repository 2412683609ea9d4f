"""Single-label accuracies against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from pyskl.errors import InputError
from pyskl.evaluation import functional as fn


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.integers(0, 6, 200), rng.random((200, 6)).astype(np.float32)


@pytest.mark.parametrize('k', [1, 2, 5])
def test_top_k_equals_scikit_learn(data, k):
    label, score = data
    assert fn.class_top_k_accuracy(label, score, k) == pytest.approx(sk.top_k_accuracy_score(label, score, k=k))


def test_mean_class_accuracy_is_the_mean_recall(data):
    label, score = data
    expected = sk.recall_score(label, score.argmax(axis=1), average=None)
    np.testing.assert_allclose(fn.class_recall(label, score), expected)
    assert fn.mean_class_accuracy(label, score) == pytest.approx(
        sk.balanced_accuracy_score(label, score.argmax(axis=1))
    )


def test_a_class_without_clips_is_in_no_mean():
    score = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0]])
    np.testing.assert_array_equal(fn.class_recall([0, 1, 1], score), [1, 0.5, np.nan])
    assert fn.mean_class_accuracy([0, 1, 1], score) == 0.75


def test_unknown_classes_are_left_out(data):
    label, score = data
    unknown = label.copy()
    unknown[::3] = -1
    known = unknown != -1
    assert fn.class_top_k_accuracy(unknown, score, 2) == fn.class_top_k_accuracy(label[known], score[known], 2)
    assert fn.mean_class_accuracy(unknown, score) == fn.mean_class_accuracy(label[known], score[known])
    assert np.isnan(fn.class_top_k_accuracy(np.full(200, -1), score))
    assert np.isnan(fn.mean_class_accuracy(np.full(200, -1), score))


@pytest.mark.parametrize(
    ('label', 'score', 'message'),
    [
        ([0, 3], [[0.1, 0.2], [0.3, 0.4]], 'class 3'),
        ([0, -2], [[0.1, 0.2], [0.3, 0.4]], 'class -2'),
        ([0.0, 1.0], [[0.1, 0.2], [0.3, 0.4]], 'whole numbers'),
        ([0], [[0.1, 0.2], [0.3, 0.4]], 'do not fit'),
        ([0, 1], [[0.1, 0.2], [0.3, float('inf')]], 'row 1'),
    ],
)
def test_unusable_arrays_are_refused(label, score, message):
    with pytest.raises(InputError, match=message):
        fn.class_top_k_accuracy(label, score)
    with pytest.raises(InputError, match=message):
        fn.mean_class_accuracy(label, score)
