"""Metric functions per AU against scikit-learn and literal loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from pyskl.errors import InputError
from pyskl.evaluation import functional as fn

NUM_AUS = 4


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    label = (rng.random((400, NUM_AUS)) < [0.6, 0.3, 0.1, 0.02]).astype(np.int8)
    label[0] = 1
    label[rng.random(label.shape) < 0.2] = -1
    probability = rng.random(label.shape).astype(np.float32)
    return label, probability


def per_au(label, probability, score):
    """Score each AU over its known entries, one AU after the other."""
    values = []
    for a in range(label.shape[1]):
        rows = [i for i in range(len(label)) if label[i, a] != -1]
        values.append(score(label[rows, a], probability[rows, a]))
    return values


@st.composite
def labelled(draw, min_frames: int = 0):
    frames = draw(st.integers(min_frames, 12))
    label = draw(hnp.arrays(np.int8, (frames, NUM_AUS), elements=st.integers(-1, 1)))
    unit = st.floats(0, 1, width=32)
    return (
        label,
        draw(hnp.arrays(np.float32, label.shape, elements=unit)),
        draw(hnp.arrays(np.float32, label.shape, elements=unit)),
    )


def test_f1_equals_scikit_learn(data):
    label, probability = data
    expected = per_au(label, probability, lambda y, p: sk.f1_score(y, p >= np.float32(0.5)))
    np.testing.assert_allclose(fn.f1_per_au(label, probability), expected)


def test_f1_takes_one_threshold_per_au(data):
    label, probability = data
    thresholds = [0.2, 0.4, 0.6, 0.9]
    expected = [fn.f1_per_au(label[:, [a]], probability[:, [a]], t)[0] for a, t in enumerate(thresholds)]
    np.testing.assert_allclose(fn.f1_per_au(label, probability, thresholds), expected)
    assert not np.allclose(expected, fn.f1_per_au(label, probability))


def test_a_float32_probability_reaches_the_threshold_it_is_printed_as():
    probability = np.full((2, 2), 0.7, np.float32)
    label = np.ones((2, 2), np.int8)
    np.testing.assert_array_equal(fn.f1_per_au(label, probability, 0.7), [1, 1])
    np.testing.assert_array_equal(fn.f1_per_au(label, probability, [0.7, 0.7]), [1, 1])


def test_floor_is_the_f1_of_calling_everything_active(data):
    label, _ = data
    np.testing.assert_allclose(fn.all_positive_f1(label), fn.f1_per_au(label, np.ones(label.shape)))


def test_floor_of_the_affwild_prevalences_is_the_published_one():
    prevalence = [11.8, 5.0, 15.4, 26.6, 39.7, 34.4, 24.5, 2.8, 3.1, 2.6, 62.7, 7.4]
    label = np.zeros((1000, 12), np.int8)
    for a, percent in enumerate(prevalence):
        label[: round(percent * 10), a] = 1
    assert fn.mean_of_known(fn.all_positive_f1(label)) == pytest.approx(0.295, abs=1e-3)


def test_f1_without_positive_labels_and_predictions_is_zero_and_flagged():
    label = np.array([[0, 0, -1], [0, 0, -1]], np.int8)
    probability = np.array([[0.1, 0.9, 0.9], [0.2, 0.1, 0.9]])
    confusion = fn.confusion_per_au(label, probability)
    np.testing.assert_array_equal(confusion.f1, [0, 0, np.nan])
    np.testing.assert_array_equal(confusion.f1_undefined, [True, False, False])
    assert sk.f1_score([0, 0], [0, 0], zero_division=0) == 0
    np.testing.assert_array_equal(fn.all_positive_f1(label), [0, 0, np.nan])


def test_official_f1_drops_a_frame_with_any_unknown(data):
    label, probability = data
    rows = [i for i in range(len(label)) if min(label[i]) >= 0]
    assert 0 < len(rows) < len(label)
    called = probability[rows] >= np.float32(0.5)
    expected = sk.f1_score(label[rows], called, average=None, zero_division=0)
    np.testing.assert_allclose(fn.f1_drop_any(label, probability), expected)


def test_official_f1_without_a_complete_frame_is_nan():
    label = np.array([[1, -1], [-1, 0]], np.int8)
    assert np.isnan(fn.f1_drop_any(label, np.full((2, 2), 0.6))).all()


def test_average_precision_and_auc_equal_scikit_learn(data):
    label, probability = data
    np.testing.assert_allclose(
        fn.average_precision_per_au(label, probability), per_au(label, probability, sk.average_precision_score)
    )
    np.testing.assert_allclose(fn.roc_auc_per_au(label, probability), per_au(label, probability, sk.roc_auc_score))


def test_auc_is_the_share_of_pairs_in_the_right_order(data):
    label, probability = data
    known = label[:, 1] != -1
    active, inactive = probability[label[:, 1] == 1, 1], probability[known & (label[:, 1] == 0), 1]
    pairs = [(p > n) + 0.5 * (p == n) for p in active for n in inactive]
    assert fn.roc_auc_per_au(label, probability)[1] == pytest.approx(np.mean(pairs))


def test_aus_of_one_class_have_no_order():
    label = np.array([[1, 0, 1, -1], [1, 0, 0, -1]], np.int8)
    probability = np.array([[0.9, 0.1, 0.8, 0.5], [0.8, 0.3, 0.2, 0.5]])
    expected = [np.nan, np.nan, 1, np.nan]
    np.testing.assert_array_equal(fn.average_precision_per_au(label, probability), expected)
    np.testing.assert_array_equal(fn.roc_auc_per_au(label, probability), expected)
    assert fn.mean_of_known(expected) == 1
    assert np.isnan(fn.mean_of_known([np.nan, np.nan]))


def test_balanced_accuracy_equals_scikit_learn(data):
    label, probability = data
    expected = per_au(label, probability, lambda y, p: sk.balanced_accuracy_score(y, p >= np.float32(0.5)))
    np.testing.assert_allclose(fn.balanced_accuracy_per_au(label, probability), expected)


@pytest.mark.filterwarnings('ignore:y_pred contains classes')
def test_balanced_accuracy_of_one_class_is_its_recall():
    label = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]], np.int8)
    probability = np.array([[0.9, 0.9, 0.1], [0.9, 0.1, 0.1], [0.1, 0.2, 0.3]])
    expected = [sk.balanced_accuracy_score(label[:, a], probability[:, a] >= 0.5) for a in (0, 1)]
    np.testing.assert_allclose(fn.balanced_accuracy_per_au(label, probability), [*expected, np.nan])


def top_k_by_hand(label, probability, k):
    hits = []
    for truth, scores in zip(label.tolist(), probability.tolist(), strict=True):
        if 1 not in truth:
            continue
        candidates = [a for a in range(len(truth)) if truth[a] != -1]
        best = sorted(candidates, key=lambda a: (-scores[a], a))[:k]
        hits.append(any(truth[a] == 1 for a in best))
    return sum(hits) / len(hits) if hits else float('nan')


@settings(max_examples=100, deadline=None)
@given(labelled(), st.integers(1, 6))
def test_top_k_equals_a_loop(sample, k):
    label, probability, _ = sample
    np.testing.assert_equal(fn.top_k_accuracy(label, probability, k), top_k_by_hand(label, probability, k))


def test_an_unknown_au_takes_no_place_among_the_k():
    label = np.array([[-1, 1, 0]], np.int8)
    probability = np.array([[0.9, 0.8, 0.1]])
    assert fn.top_k_accuracy(label, probability, 1) == 1


@settings(max_examples=60, deadline=None)
@given(labelled(min_frames=1))
def test_probabilities_of_unknown_entries_change_nothing(sample):
    label, probability, other = sample
    changed = np.where(label == -1, other, probability)
    for score in (
        fn.f1_per_au,
        fn.f1_drop_any,
        fn.balanced_accuracy_per_au,
        fn.average_precision_per_au,
        fn.roc_auc_per_au,
        fn.top_k_accuracy,
    ):
        np.testing.assert_array_equal(score(label, probability), score(label, changed), err_msg=score.__name__)


@settings(max_examples=60, deadline=None)
@given(labelled(min_frames=1))
def test_scores_stay_within_bounds_and_counts_add_up(sample):
    label, probability, _ = sample
    confusion = fn.confusion_per_au(label, probability)
    np.testing.assert_array_equal(confusion.scored, (label != -1).sum(axis=0))
    np.testing.assert_array_equal(confusion.positives, (label == 1).sum(axis=0))
    for value in (confusion.f1, confusion.balanced_accuracy):
        assert np.array_equal(np.isnan(value), confusion.scored == 0)
        assert ((value[confusion.scored > 0] >= 0) & (value[confusion.scored > 0] <= 1)).all()


@pytest.mark.parametrize(
    ('label', 'probability', 'message'),
    [
        ([1, 0], [0.1, 0.2], 'matrix'),
        ([[2, 0]], [[0.1, 0.2]], 'label 2 in row 0, column 0'),
        ([[0.5, 0]], [[0.1, 0.2]], 'label 0.5'),
        ([[float('nan'), 0]], [[0.1, 0.2]], 'label nan'),
        ([[1, 0]], [[0.1, 0.2, 0.3]], 'shape'),
        ([[1, 0]], [[0.1, float('nan')]], 'column 1'),
        ([[1, 0]], [[3.5, 0.1]], 'sigmoid'),
    ],
)
def test_unusable_arrays_are_refused(label, probability, message):
    for score in (fn.f1_per_au, fn.roc_auc_per_au, fn.top_k_accuracy, fn.f1_drop_any):
        with pytest.raises(InputError, match=message):
            score(label, probability)


@pytest.mark.parametrize('threshold', [1.5, -0.1, float('nan'), [0.5, 0.5, 0.5], [[0.5, 0.5]], 'high'])
def test_unusable_thresholds_are_refused(threshold):
    with pytest.raises(InputError, match='threshold'):
        fn.f1_per_au([[1, 0]], [[0.1, 0.2]], threshold)


@pytest.mark.parametrize('k', [0, -1, 1.5, True, 'one'])
def test_unusable_k_is_refused(k):
    with pytest.raises(InputError, match='top-k'):
        fn.top_k_accuracy([[1, 0]], [[0.1, 0.2]], k)
