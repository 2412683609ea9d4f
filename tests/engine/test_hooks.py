"""The hooks that make runs repeatable and checkpoints plain."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from pyskl.engine import EpochSeedHook, PlainCheckpointHook


class Epochs:
    def __init__(self) -> None:
        self.seen: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.seen.append(epoch)


def runner_of(dataset: object, seed: int = 1, epoch: int = 0, **cfg) -> SimpleNamespace:
    return SimpleNamespace(seed=seed, epoch=epoch, train_dataloader=SimpleNamespace(dataset=dataset), cfg=Config(cfg))


def draws(seed: int, epoch: int) -> tuple:
    EpochSeedHook().before_train_epoch(runner_of(None, seed, epoch))
    return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002


@pytest.fixture(autouse=True)
def _keep_generators():
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    torch.set_rng_state(states[2])


def test_random_numbers_depend_on_seed_and_epoch_alone():
    first = draws(1, 0)
    for _ in range(3):
        draws(1, 5)
    assert draws(1, 0) == first
    every = [first, draws(1, 1), draws(2, 0), draws(2, 1)]
    for kind in zip(*every, strict=True):
        assert len(set(kind)) == len(every)


def test_ranks_draw_different_numbers(monkeypatch):
    first = draws(1, 0)
    monkeypatch.setattr('pyskl.engine.hooks.epoch_seed.get_rank', lambda: 1)
    assert not set(first) & set(draws(1, 0))


def test_the_data_set_is_told_the_epoch():
    dataset = Epochs()
    for epoch in (3, 4):
        EpochSeedHook().before_train_epoch(runner_of(dataset, epoch=epoch))
    assert dataset.seen == [3, 4]


def deployment(metainfo: dict | None, **cfg) -> dict:
    checkpoint = {'message_hub': {'loss': HistoryBuffer([1.0], [1])}, 'meta': {'time': np.float64(2)}}
    dataset = SimpleNamespace() if metainfo is None else SimpleNamespace(metainfo=metainfo)
    PlainCheckpointHook().before_save_checkpoint(runner_of(dataset, model={'type': 'M'}, **cfg), checkpoint)
    assert type(checkpoint['meta']['time']) is float
    assert checkpoint['message_hub']['loss'].keys() == {'__history__', 'counts'}
    return checkpoint['meta']['pyskl']


def test_the_pipeline_stored_is_that_of_testing_else_validation_else_training():
    loaders = {
        f'{part}_dataloader': {'dataset': {'pipeline': [{'type': part}], 'clip_len': length}}
        for part, length in (('train', 1), ('val', 2), ('test', 3))
    }
    assert deployment({}, **loaders)['pipeline'] == [{'type': 'test'}]
    del loaders['test_dataloader']
    assert deployment({}, **loaders)['pipeline'] == [{'type': 'val'}]
    del loaders['val_dataloader']
    stored = deployment({}, **loaders)
    assert (stored['pipeline'], stored['clip_len'], stored['stride']) == ([{'type': 'train'}], 1, None)


def test_data_that_says_nothing_of_itself_is_unknown():
    loader = {'dataset': {'pipeline': []}}
    for stored in (deployment(None, train_dataloader=loader), deployment({}, train_dataloader=loader)):
        assert (stored['trained_on'], stored['aus'], stored['keypoint_layout']) == ('unknown', None, None)


def test_loading_drops_config_text_and_takes_files_without_history():
    checkpoint = {'meta': {'config': 'raise SystemExit', 'epoch': 1}}
    PlainCheckpointHook().after_load_checkpoint(None, checkpoint)
    assert checkpoint == {'meta': {'epoch': 1}}
    PlainCheckpointHook().after_load_checkpoint(None, {'state_dict': {}})
