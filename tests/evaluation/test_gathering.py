"""Two processes that share the work score as one does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from pyskl.errors import InputError
from pyskl.evaluation import AUMetric

AUS = ['AU1', 'AU2', 'AU4']


def evaluate(share: list[dict[str, Any]], size: int) -> dict[str, float] | str:
    metric = AUMetric()
    metric.dataset_meta = {'aus': AUS}
    for sample in share:
        metric.process(None, [sample])
    try:
        return metric.evaluate(size)
    except InputError as error:
        return str(error)


def work(rank: int, folder: str, cases: list[tuple[list[list[dict[str, Any]]], int]]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', init_method=Path(folder, 'store').as_uri(), rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    outcomes = [evaluate(shares[rank], size) for shares, size in cases]
    torch.save(outcomes, Path(folder, f'{rank}.pt'))
    dist.destroy_process_group()


def test_two_processes_score_as_one(windows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = windows(num_tracks=4, num_windows=2) + [
        {**sample, 'frame_dir': 'odd', 'sample_idx': 8} for sample in windows(num_tracks=1, num_windows=1, seed=9)
    ]
    interleaved = [samples[0::2], [*samples[1::2], samples[0]]]  # the last batch is filled up with the first sample
    uneven = [samples[:2], samples[2:] + samples[:3]]
    idle = [[], samples]
    logits = {**samples[3], 'score': np.full((5, 4), 0.5), 'label': None}
    broken = [samples[:3], [logits]]
    clash = [samples[:2], [{**samples[0], 'sample_idx': 77}]]
    cases = [(interleaved, 9), (uneven, 9), (idle, 9), (broken, 4), (clash, 3), (idle, 5)]
    mp.spawn(work, args=(str(tmp_path), cases), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pt', weights_only=True) for rank in (0, 1))
    alone = evaluate(samples, 9)
    assert alone['num_frames'] == 45
    for outcome in (*first[:3], *second[:3]):
        assert outcome == alone
    assert first[3:] == second[3:]  # both processes stop, with the same words
    assert '4 scores per row' in first[3]
    assert 'more than once' in first[4]
    assert 'the data set has 5' in first[5]
    assert sorted(path.suffix for path in tmp_path.iterdir()) in (['', '.pt', '.pt'], ['.pt', '.pt'])
