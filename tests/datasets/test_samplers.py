"""The sampler for rare AUs: against literal computations, across processes, epochs and configs."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.loops import _InfiniteDataloaderIterator
from scipy import stats

from pyskl.datasets import PoseDataset
from pyskl.datasets.samplers import BalancedAUSampler, RepeatFactors, balanced
from pyskl.datasets.samplers.balanced import draw_epoch
from pyskl.engine import load_config
from pyskl.errors import InputError


class Windows:
    """A stand-in for a data set: labels (W, T, A) of the frames of each window."""

    def __init__(self, label: np.ndarray, **fields) -> None:
        self.label = label
        self.__dict__.update(fields)

    def __len__(self) -> int:
        return len(self.label)

    def window_counts(self) -> tuple[np.ndarray, np.ndarray]:
        return (self.label == 1).sum(axis=1), (self.label != -1).sum(axis=1)


def imbalanced(num_windows: int = 400, seed: int = 0, **fields) -> Windows:
    """Four AUs, active in about 60, 20, 5 and 1 % of the windows, with unknown labels here and there."""
    rng = np.random.default_rng(seed)
    present = rng.random((num_windows, 1, 4)) < (0.6, 0.2, 0.05, 0.01)
    label = (present & (rng.random((num_windows, 8, 4)) < 0.7)).astype(np.int8)
    label[rng.random(label.shape) < 0.1] = -1
    label[rng.random((num_windows, 4)).argsort(axis=1)[:, 0] == 0, :, 1] = -1
    label[rng.random(num_windows) < 0.05] = -1
    return Windows(label, **fields)


def literal_factors(
    label: Sequence[np.ndarray], threshold: float, power: float, max_repeat: float
) -> tuple[list, list]:
    """(repeat factor of each AU, of each window), window by window."""
    factors = []
    for au in range(label[0].shape[1]):
        known = [window for window in label if any(value != -1 for value in window[:, au])]
        with_au = [window for window in known if any(value == 1 for value in window[:, au])]
        share = len(with_au) / len(known) if known else 0
        factors.append(min(max_repeat, max(1.0, (threshold / share) ** power)) if share else 1.0)
    weights = []
    for window in label:
        if (window == -1).all():
            weights.append(0.0)
        else:
            weights.append(max([1.0] + [factors[au] for au in range(label[0].shape[1]) if 1 in window[:, au]]))
    return factors, weights


@pytest.mark.parametrize(
    ('threshold', 'power', 'max_repeat'), [(0.3, 0.5, 5), (0.5, 1.0, 4), (1.0, 2, 1000), (0.2, 0, 9)]
)
def test_factors_prevalence_and_coverage_agree_with_a_literal_computation(threshold, power, max_repeat):
    windows = imbalanced()
    sampler = BalancedAUSampler(windows, threshold, power, max_repeat, seed=0)
    factors, weights = literal_factors(windows.label, threshold, power, max_repeat)
    report = sampler.report()
    assert report.factor == pytest.approx(factors)
    expected = np.array(weights) * len(windows) / sum(weights)
    assert sampler.weights == pytest.approx(expected, rel=1e-6)
    for au in range(4):
        before, after = [0.0, 0.0], [0.0, 0.0]
        for window, draws in zip(windows.label, expected, strict=True):
            positive, known = sum(window[:, au] == 1), sum(window[:, au] != -1)
            before = [before[0] + positive, before[1] + known]
            after = [after[0] + draws * positive, after[1] + draws * known]
        assert report.before[au] == pytest.approx(before[0] / before[1])
        assert report.after[au] == pytest.approx(after[0] / after[1], rel=1e-5)
    assert report.num_skipped == weights.count(0.0) > 0
    assert report.coverage == pytest.approx(np.mean([min(1, draws) for draws in expected if draws]), rel=1e-6)
    if power:
        assert report.after[3] > 1.3 * report.before[3]


def test_an_epoch_has_the_prevalence_that_the_report_promises():
    windows = imbalanced()
    sampler = BalancedAUSampler(windows, 0.5, 1.0, seed=3)
    positive, known = windows.window_counts()
    shares = []
    for epoch in range(40):
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        shares.append(positive[drawn].sum(axis=0) / known[drawn].sum(axis=0))
    np.testing.assert_allclose(np.mean(shares, axis=0), sampler.report().after, rtol=0.02)


def test_without_rare_aus_every_window_is_drawn_once():
    label = np.ones((50, 4, 2), np.int8)
    sampler = BalancedAUSampler(Windows(label), seed=0)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        assert sorted(drawn) == list(range(50))
        assert drawn != sorted(drawn)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.just(0.0), st.floats(1e-3, 1e3)), min_size=1, max_size=60).filter(any),
    st.integers(1, 300),
    st.integers(0, 1000),
)
def test_each_window_is_drawn_its_expected_number_of_times_rounded_down_or_up(weights, size, seed):
    weight = np.array(weights, np.float32)
    counts = np.bincount(draw_epoch(weight, size, np.random.default_rng(seed)), minlength=len(weight))
    expected = weight.astype(np.float64) * size / weight.sum(dtype=np.float64)
    assert len(counts) == len(weight) and counts.sum() == size
    assert (counts >= np.floor(expected - 1e-4)).all()
    assert (counts <= np.ceil(expected + 1e-4)).all()
    assert (counts[weight == 0] == 0).all()


def test_over_many_epochs_windows_are_drawn_in_proportion_to_their_weights():
    weight = np.random.default_rng(0).uniform(0.2, 1.8, 60)
    counts = np.zeros(60)
    rounds = 4000
    for epoch in range(rounds):
        counts += np.bincount(draw_epoch(weight, 60, np.random.default_rng((7, epoch))), minlength=60)
    expected = weight / weight.sum() * 60 * rounds
    # In an epoch a window is drawn one of two neighbouring numbers of times: a Bernoulli trial for the fraction.
    share = np.modf(expected / rounds)[0]
    score = (counts - expected) / np.sqrt(rounds * share * (1 - share))
    # The total is fixed, which takes one degree of freedom and makes the rest share its variance.
    statistic = (score**2).sum() * 59 / 60
    assert stats.chi2(59).cdf(statistic) < 0.999
    assert np.abs(score).max() < stats.norm.isf(1e-4 / 60)


def test_order_is_random_within_an_epoch():
    """Position and window number are independent: rank correlation within what chance gives."""
    drawn = draw_epoch(np.linspace(0.5, 1.5, 5000), 5000, np.random.default_rng(1))
    assert abs(stats.spearmanr(np.arange(5000), drawn).statistic) < 0.05
    assert (draw_epoch(np.linspace(0.5, 1.5, 50), 50, np.random.default_rng(1), shuffle=False)[1:] >= 0).all()
    ascending = draw_epoch(np.linspace(0.5, 1.5, 50), 50, np.random.default_rng(1), shuffle=False)
    assert (np.diff(ascending) >= 0).all()


@pytest.mark.parametrize('world_size', [1, 2, 3, 7])
def test_processes_share_one_list(monkeypatch, world_size):
    windows = imbalanced(101)
    parts = []
    for rank in range(world_size):
        monkeypatch.setattr(balanced, 'get_dist_info', lambda rank=rank: (rank, world_size))
        sampler = BalancedAUSampler(windows, seed=5)
        sampler.set_epoch(2)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler) == -(-101 // world_size)
    whole = sampler.draw().tolist()
    assert [index for indices in zip(*parts, strict=True) for index in indices] == whole
    assert len(whole) == len(parts[0]) * world_size


def test_order_depends_on_seed_and_epoch_only():
    windows = imbalanced()
    one, other = BalancedAUSampler(windows, seed=1), BalancedAUSampler(windows, seed=1)
    seen = []
    for epoch in range(5):
        one.set_epoch(epoch)
        seen.append(list(one))
    np.random.seed(3)  # noqa: NPY002 (the global generators have no say)
    torch.manual_seed(9)
    other.set_epoch(3)
    assert list(other) == seen[3] == list(other)
    assert len({tuple(drawn) for drawn in seen}) == 5
    assert list(BalancedAUSampler(windows, seed=2)) != seen[0]
    # Seed and epoch are not added up: (1, 1) and (2, 0) are different orders.
    assert seen[1] != list(BalancedAUSampler(windows, seed=2))


def test_windows_without_a_known_label_are_left_out_unless_asked_for():
    label = np.zeros((40, 4, 2), np.int8)
    label[::4] = -1
    assert set(BalancedAUSampler(Windows(label), seed=0)) == {i for i in range(40) if i % 4}
    kept = BalancedAUSampler(Windows(label), seed=0, skip_unlabelled=False)
    assert sorted(kept) == list(range(40))
    assert kept.report().num_skipped == 0


def test_aus_that_are_never_known_or_never_active_change_nothing():
    label = np.zeros((20, 4, 3), np.int8)
    label[:, :, 0] = -1
    label[0, 0, 2] = 1
    report = BalancedAUSampler(Windows(label, metainfo={'aus': ['AU1', 'AU2', 'AU4']}), seed=0).report()
    assert report.factor == pytest.approx([1, 1, (0.3 / 0.05) ** 0.5])
    assert np.isnan(report.before[0]) and report.before[1] == 0
    lines = str(report).splitlines()
    assert lines[2].split() == ['AU1', '-', '1.00', '-', '-']
    assert lines[3].split() == ['AU2', '0.0', '1.00', '0.0', '0.0']
    assert lines[4].startswith('AU4')


def relabelled(content: dict, label) -> dict:
    """The content with label(number, sample) in place of the labels."""
    annotations = [{**sample, 'label': label(number)} for number, sample in enumerate(content['annotations'])]
    return {**content, 'annotations': annotations}


def dataset_of(content: dict, tmp_path, **options) -> PoseDataset:
    from pyskl.datasets import dump_pickle

    dump_pickle(content, tmp_path / 'annotation.pkl')
    return PoseDataset(tmp_path / 'annotation.pkl', [], **options)


@pytest.mark.parametrize('clip_len', [None, 16])
def test_labels_of_whole_tracks(annotation_content, tmp_path, clip_len):
    rare = relabelled(annotation_content, lambda number: np.array([1, number == 2] + [-1] * 10, np.int8))
    dataset = dataset_of(rare, tmp_path, clip_len=clip_len)
    report = BalancedAUSampler(dataset, seed=0).report()
    owners = [dataset.windows[index][0] for index in range(len(dataset))]
    share = sum(dataset.tracks[owner]['label'][1] for owner in owners) / len(owners)
    assert report.window_share[:2] == pytest.approx([1, share])
    weights = BalancedAUSampler(dataset, seed=0).weights
    favoured = [dataset.tracks[owner]['label'][1] == 1 for owner in owners]
    assert (weights[favoured] > 1).all()
    assert np.ptp(weights[np.logical_not(favoured)]) < 1e-6


def test_class_numbers(annotation_content, tmp_path):
    content = relabelled(annotation_content, lambda number: 2 if number == 0 else 0)
    content['metainfo'] = {**content['metainfo'], 'aus': None}
    dataset = dataset_of(content, tmp_path)
    report = BalancedAUSampler(dataset, threshold=0.5, power=1, seed=0).report()
    share = 1 / len(dataset)
    assert report.window_share == pytest.approx([1 - share, 0, share])
    assert report.factor == pytest.approx([1, 1, min(5, 0.5 / share)])


def test_frame_labels_of_a_real_data_set(ann_file, annotation_content):
    dataset = PoseDataset(ann_file, [], 'train', clip_len=16)
    sampler = BalancedAUSampler(dataset, seed=0)
    samples = {sample['frame_dir']: sample for sample in annotation_content['annotations']}
    label = []
    for index in range(len(dataset)):
        number, window = dataset.windows[index]
        _, first, end = dataset.windows.span(number, window)
        label.append(samples[dataset.tracks[number]['frame_dir']]['label'][first:end])
    factors, weights = literal_factors(label, 0.3, 0.5, 5)
    assert sampler.report().factor == pytest.approx(factors)
    assert sampler.weights == pytest.approx(np.array(weights) * len(dataset) / sum(weights), rel=1e-6)
    assert sampler.report().aus == tuple(annotation_content['metainfo']['aus'])


def test_one_line_in_a_config_is_enough(tiny_config):
    overrides = {'train_dataloader.sampler.type': 'BalancedAUSampler', 'train_dataloader.batch_size': 4}
    loader = load_config(tiny_config, overrides).train_dataloader
    init_default_scope('pyskl')
    batches = []
    for _ in range(2):
        built = Runner.build_dataloader(copy.deepcopy(loader), seed=7)
        assert isinstance(built.sampler, BalancedAUSampler)
        assert built.sampler.seed == 7
        assert len(built.sampler) == len(built.dataset)
        batches.append([meta['sample_idx'] for batch in built for meta in batch['metas']])
    assert batches[0] == batches[1] == built.sampler.draw().tolist()[: len(batches[0])]


def test_a_misspelt_argument_in_a_config_is_named(tiny_config):
    overrides = {'train_dataloader.sampler': {'type': 'BalancedAUSampler', 'treshold': 0.2, '_delete_': True}}
    with pytest.raises(InputError, match="unknown argument 'treshold'; did you mean 'threshold'"):
        load_config(tiny_config, overrides)


def test_a_number_of_batches_an_epoch_draws_from_all_windows(tiny_config):
    overrides = {'train_dataloader.sampler.type': 'BalancedAUSampler', 'train_dataloader.num_batch_per_epoch': 2}
    init_default_scope('pyskl')
    loader = Runner.build_dataloader(load_config(tiny_config, overrides).train_dataloader, seed=7)
    assert len(loader) == 2
    seen = set()
    for epoch in range(30):
        loader.sampler.set_epoch(epoch)
        drawn = list(loader.sampler)
        assert len(drawn) == 2 * loader.batch_size
        seen |= set(drawn)
    assert max(seen) > 2 * loader.batch_size


def test_iteration_based_training_goes_on_where_it_was(monkeypatch):
    """mmengine starts the loader again after each pass with the next epoch, and a resumed run skips what was drawn."""
    monkeypatch.setattr('time.sleep', lambda seconds: None)  # mmengine waits before each pass
    loader = torch.utils.data.DataLoader(
        torch.arange(30), batch_size=4, sampler=BalancedAUSampler(imbalanced(30), seed=4)
    )
    first = _InfiniteDataloaderIterator(loader)
    seen = [next(first).tolist() for _ in range(25)]
    again = torch.utils.data.DataLoader(
        torch.arange(30), batch_size=4, sampler=BalancedAUSampler(imbalanced(30), seed=4)
    )
    second = _InfiniteDataloaderIterator(again)
    for _ in range(17):
        next(second)
    assert [next(second).tolist() for _ in range(8)] == seen[17:]
    assert seen[:8] != seen[8:16]


def test_what_it_does_is_logged_once(monkeypatch):
    messages = []
    monkeypatch.setattr(balanced, 'print_log', lambda text, logger: messages.append(text))
    sampler = BalancedAUSampler(imbalanced(), seed=0)
    assert not messages
    for epoch in range(3):
        sampler.set_epoch(epoch)
        list(sampler)
    assert len(messages) == 1
    assert messages[0] == str(sampler.report())
    assert messages[0].startswith('Balanced sampling: 400 draws an epoch from 400 windows')


def test_weights_of_a_million_windows_are_compact():
    label = np.zeros((1_000_000, 1, 2), np.int8)
    label[::50, 0, 1] = 1
    sampler = BalancedAUSampler(Windows(label), seed=0)
    assert sampler._weight.nbytes == 4_000_000
    drawn = sampler.draw()
    assert len(drawn) == 1_000_000
    assert (drawn % 50 == 0).mean() == pytest.approx(sampler.report().after[1], rel=0.01)
    indices = iter(sampler)
    assert [type(next(indices)) for _ in range(3)] == [int] * 3


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'threshold': 0}, 'threshold must be a number above 0'),
        ({'threshold': 1.5}, 'threshold'),
        ({'threshold': '0.3'}, "threshold .* is '0.3'"),
        ({'threshold': float('nan')}, 'threshold'),
        ({'threshold': True}, 'threshold'),
        ({'power': -1}, 'power'),
        ({'power': float('inf')}, 'power'),
        ({'max_repeat': 0.5}, 'max_repeat must be a number in 1'),
        ({'max_repeat': None}, 'max_repeat'),
        ({'seed': -1}, 'seed must be a whole number'),
        ({'seed': 1.5}, 'seed'),
        ({'seed': 'x'}, 'seed'),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(InputError, match=message) as error:
        BalancedAUSampler(imbalanced(), **arguments)
    assert '\n' not in str(error.value)


def test_data_that_cannot_be_balanced_is_refused(annotation_content, tmp_path):
    with pytest.raises(InputError, match='no label is known'):
        BalancedAUSampler(Windows(np.full((5, 4, 2), -1)), seed=0)
    with pytest.raises(InputError, match='no label is known'):
        BalancedAUSampler(Windows(np.zeros((0, 4, 2), np.int8)), seed=0)
    with pytest.raises(InputError, match=r'needs a PoseDataset.*list'):
        BalancedAUSampler([1, 2, 3], seed=0)
    with pytest.raises(InputError, match='is for training'):
        BalancedAUSampler(imbalanced(test_mode=True), seed=0)
    bare = [{k: v for k, v in s.items() if k != 'label'} for s in annotation_content['annotations']]
    dataset = dataset_of({**annotation_content, 'annotations': bare}, tmp_path, clip_len=16)
    with pytest.raises(InputError, match=r'annotation\.pkl: .*no labels'):
        BalancedAUSampler(dataset, seed=0)


def test_factors_are_at_least_one_and_fall_with_frequency():
    rule = RepeatFactors(0.4, 0.7, 3)
    factor = rule.of_aus(np.linspace(0.001, 1, 500))
    assert (np.diff(factor) <= 0).all()
    assert factor[0] == 3 and factor[-1] == 1
    assert rule.of_aus(np.array([np.nan, 0])).tolist() == [1, 1]
