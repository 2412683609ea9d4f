"""Checks before a run starts: do the data, the model and the settings fit each other?

What a config names may be spelled right and yet not work together. It shows here, in one line and before anything is
written, rather than in a traceback after the first epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from pyskl.apis.config_errors import config_errors
from pyskl.apis.schedule_checks import check_training
from pyskl.datasets import PoseDataset
from pyskl.errors import InputError, did_you_mean
from pyskl.evaluation import AUMetric
from pyskl.registry import METRICS

__all__ = ['check_run', 'shared_tracks']


def check_run(cfg: Config, loaders: Mapping[str, DataLoader], model: nn.Module) -> None:
    """Check that a run can begin.

    Args:
        cfg: the config.
        loaders: the data loaders by part ('train', 'val', 'test').
        model: the model, on the CPU; its weights are not changed.

    Raises:
        InputError: if a loader yields no batch, labels are missing or of a kind that the head does not learn, a sample
            does not go through the model, or the optimiser, a metric or the choice of the best checkpoint cannot be
            made.
    """
    for part, loader in loaders.items():
        where = f'{cfg.filename}: {part}_dataloader'
        if len(loader) == 0:
            raise InputError(
                f'{where}: {len(loader.dataset)} samples do not fill one batch of {loader.batch_size}; use a smaller '
                f'batch_size, or drop_last=False'
            )
        _check_labels(loader.dataset, part)
        _check_first_sample(loader, model, part, where)
        if part != 'train' and isinstance(loader.dataset, PoseDataset):
            _check_frames(loader, model, where)
    if 'train' in loaders:
        check_training(cfg, len(loaders['train']), model)
    for part in ('val', 'test'):
        if part in loaders:
            _check_evaluator(cfg, part, loaders[part].dataset)


def shared_tracks(loaders: Mapping[str, DataLoader]) -> list[str]:
    """Return one warning for each scored part that shares tracks with the training split."""
    datasets = {part: loader.dataset for part, loader in loaders.items() if isinstance(loader.dataset, PoseDataset)}
    warnings = []
    for (one, first), (other, second) in combinations(datasets.items(), 2):
        common = set(first.tracks.names) & set(second.tracks.names)
        if one == 'train' and common and first.ann_file == second.ann_file:
            warnings.append(
                f"{first.ann_file}: {len(common)} tracks are in the splits of both '{one}' and '{other}', such as "
                f"'{min(common)}': scores of '{other}' say nothing about unseen faces"
            )
    return warnings


def _check_labels(dataset: object, part: str) -> None:
    if part != 'test' and isinstance(dataset, PoseDataset) and not dataset.has_known_labels:
        purpose = 'learned' if part == 'train' else 'scored'
        raise InputError(f"{dataset.ann_file}: split '{dataset.split}': no label is known, so nothing can be {purpose}")


def _check_first_sample(loader: DataLoader, model: nn.Module, part: str, where: str) -> None:
    dataset = loader.dataset
    source = f' of {dataset.ann_file}' if isinstance(dataset, PoseDataset) else ''
    model.eval()
    try:
        with torch.no_grad(), config_errors(f'{where}: the first sample{source} does not go through the model'):
            batch = loader.collate_fn([dataset[0]])
            if part == 'train':
                model(**model.data_preprocessor(batch, training=True), mode='loss')
                return
            model.val_step(batch)
    except InputError as error:
        if str(error).startswith(where):
            raise
        raise InputError(f'{where}: the first sample{source}: {error}') from error
    finally:
        model.train()


def _check_frames(loader: DataLoader, model: nn.Module, where: str) -> None:
    """Check on the longest track that every frame of a window is predicted, and no other."""
    dataset: PoseDataset = loader.dataset
    number = dataset.windows.longest()
    track, window = dataset.windows[number]
    model.eval()
    try:
        with torch.no_grad(), config_errors(f"{where}: track '{dataset.tracks.names[track]}'", name_it=True):
            (record,) = model.val_step(loader.collate_fn([dataset[number]]))
    finally:
        model.train()
    span = dataset.windows.span(track, window)
    if 'frame_inds' in record and sorted(record['frame_inds'].tolist()) != list(range(span.first, span.end)):
        raise InputError(
            f"{where}: of track '{dataset.tracks.names[track]}' {len(record['frame_inds'])} frames are predicted where "
            f'the window has {span.end - span.first}; a head with per_frame=True is tested with SampleWindow and the '
            f'same clip_len in the data set'
        )


def _check_evaluator(cfg: Config, part: str, dataset: object) -> None:
    metrics = cfg[f'{part}_evaluator']
    built = []
    for number, metric in enumerate(metrics if isinstance(metrics, list | tuple) else [metrics]):
        with config_errors(f'{cfg.filename}: {part}_evaluator[{number}]', name_it=True):
            built.append(METRICS.build(metric))
            if isinstance(built[-1], AUMetric):
                built[-1].check_dataset(dataset)
    wanted = ((cfg.get('default_hooks') or {}).get('checkpoint') or {}).get('save_best')
    if part != 'val' or not wanted or not all(isinstance(metric, AUMetric) for metric in built):
        return
    names = [name for metric in built for name in metric.score_names(dataset)]
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in names and name != 'auto':
            raise InputError(
                f"{cfg.filename}: default_hooks.checkpoint.save_best: '{name}' is none of the scores that "
                f'val_evaluator gives for this data; {did_you_mean(name, names)}'
            )
