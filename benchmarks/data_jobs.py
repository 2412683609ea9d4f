"""What benchmarks/data.py measures, each in a process of its own: ``data_jobs.py NAME ARGUMENTS`` prints JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

CLIP = 32
MIB = 1 << 20


def own_memory(pid: int | str = 'self') -> float:
    """Return the unique set size of a process in MiB: the pages that no other process has."""
    fields = {}
    for line in Path(f'/proc/{pid}/smaps_rollup').read_text(encoding='utf-8').splitlines()[1:]:
        name, value = line.split(':')
        fields[name] = int(value.split()[0]) / 1024
    return fields['Private_Clean'] + fields['Private_Dirty']


def forget(path: Path) -> None:
    """Ask the system to drop a file, or a folder's files, from its page cache."""
    for file in [path] if path.is_file() else path.iterdir():
        with file.open('rb') as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def one_core() -> None:
    """Stay on one core, with one thread."""
    import torch

    torch.set_num_threads(1)
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def dataset_of(source: str, config: str | None = None) -> Any:
    """Return the training set of a source: with the pipeline of a config, or none."""
    if config is None:
        from pyskl.datasets import PoseDataset

        return PoseDataset(source, [], 'train', clip_len=CLIP)
    from pyskl.engine.config import load_config
    from pyskl.registry import DATASETS

    return DATASETS.build(load_config(config, {'ann_file': source}).train_dataloader.dataset)


def open_time(source: str, config: str, cold: bool = False) -> dict[str, float]:
    """Open a data set; imports are done before the clock starts."""
    from pyskl.engine.config import load_config
    from pyskl.registry import DATASETS

    settings = load_config(config, {'ann_file': source}).train_dataloader.dataset
    DATASETS.get('PoseDataset')
    if cold:
        forget(Path(source))
    start = time.perf_counter()
    dataset = DATASETS.build(settings)
    return {'seconds': time.perf_counter() - start, 'windows': len(dataset), 'tracks': len(dataset.tracks)}


def rank_memory(source: str | None, config: str, windows: int, seed: int, ready: str, peers: int) -> dict[str, float]:
    """Memory of a process that has imported everything and, with a source, opened it and drawn random windows."""
    import pyskl.datasets.transforms
    import pyskl.models  # noqa: F401
    from pyskl.engine.config import load_config
    from pyskl.registry import DATASETS

    load_config(config, {'ann_file': 'none'})
    DATASETS.get('PoseDataset')
    start = time.perf_counter()
    if source is not None:
        dataset = dataset_of(source, config)
        indices = np.random.default_rng(seed).integers(0, len(dataset), windows).tolist()
        for index in indices:
            dataset[index]
    # All are measured while all are alive: pages are shared only then.
    Path(f'{ready}.{seed}').touch()
    while len(list(Path(ready).parent.glob(f'{Path(ready).name}.*'))) < peers:
        time.sleep(0.05)
    memory = own_memory()
    if source is not None:  # memory rises and falls as pages are touched and given back: what counts is the most
        for number, index in enumerate(indices[:1000]):
            dataset[index]
            if number % 7 == 0:
                memory = max(memory, own_memory())
    time.sleep(1)
    return {'uss': memory, 'seconds': time.perf_counter() - start}


def worker_memory(source: str, config: str, workers: int, windows: int) -> dict[str, Any]:
    """Memory of each loader worker after all of them together have drawn ``windows`` random windows each."""
    import multiprocessing
    import warnings

    import torch
    from torch.utils.data import DataLoader, RandomSampler

    from pyskl.datasets.collate import pose_collate

    warnings.filterwarnings('ignore', 'This DataLoader will create')  # more workers than cores, on purpose
    torch.set_num_threads(1)
    dataset = dataset_of(source, config)
    sampler = RandomSampler(dataset, replacement=True, num_samples=windows * workers)
    loader = DataLoader(
        dataset,
        batch_size=16,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=True,
        collate_fn=pose_collate,
        multiprocessing_context='fork',
    )
    start, count, most = time.perf_counter(), 0, 0.0
    for number, batch in enumerate(loader):
        count += len(batch['metas'])
        # Memory rises and falls as pages are touched and given back: what counts is the most.
        if number % 5 == 0 and number * 2 > len(loader):
            most = max(most, *(own_memory(process.pid) for process in multiprocessing.active_children()))
    return {'uss': most, 'samples_per_second': count / (time.perf_counter() - start)}


def _blocks(work: Callable[[int], object], indices: list[int], block: int) -> dict[str, float]:
    """Return the seconds one call takes, from the times of blocks of calls.

    ``typical`` is the median; ``undisturbed`` the fastest tenth, which comes nearer to the cost of the code where other
    programs compete for the core. On a quiet machine the two agree.
    """
    times = []
    for begin in range(0, len(indices) - block + 1, block):
        part = indices[begin : begin + block]
        start = time.perf_counter()
        for index in part:
            work(index)
        times.append((time.perf_counter() - start) / block)
    return {'typical': float(np.median(times)), 'undisturbed': float(np.quantile(times, 0.1))}


def window_time(source: str, windows: int) -> dict[str, dict[str, float]]:
    """A random window: finding it, choosing its frames and reading them."""
    from pyskl.datasets.transforms import PoseDecode, SampleWindow

    one_core()
    dataset = dataset_of(source)
    sample, decode = SampleWindow(CLIP), PoseDecode()
    indices = np.random.default_rng(0).integers(0, len(dataset), windows).tolist()

    def read(index: int) -> object:
        return decode(sample(dataset.prepare(index)))

    _blocks(read, indices, 100)
    return {
        'prepare': _blocks(dataset.prepare, indices, 50),
        'read': _blocks(read, indices, 50),
    }


def pipeline_rate(source: str, config: str, windows: int) -> dict[str, float]:
    """Samples a second through the whole training pipeline, on one core."""
    one_core()
    dataset = dataset_of(source, config)
    indices = np.random.default_rng(1).integers(0, len(dataset), windows).tolist()
    _blocks(dataset.__getitem__, indices[:500], 100)
    return {name: 1 / seconds for name, seconds in _blocks(dataset.__getitem__, indices, 50).items()}


def sampling_time(frames: int) -> dict[str, dict[str, float]]:
    """Choosing the frames of a window, in a track of that length."""
    from pyskl.datasets.transforms import SampleWindow, UniformSampleFrames
    from pyskl.datasets.windows import WindowIndex

    one_core()
    index = WindowIndex([frames] * 400, CLIP, CLIP // 2)
    numbers = np.random.default_rng(0).integers(0, len(index), 6000).tolist()
    generator = np.random.default_rng(0)
    found = {}
    for mode in ('train', 'test'):
        uniform = UniformSampleFrames(CLIP, test_mode=mode == 'test')
        window = SampleWindow(CLIP)
        fixed = {'total_frames': frames, 'rng': generator, 'test_mode': mode == 'test', 'start_index': 0}
        fixed['window_fixed'] = mode == 'test'

        def draw_uniform(number: int, transform: Any = uniform, fixed: dict = fixed) -> None:
            transform(dict(fixed))

        def draw_window(number: int, transform: Any = window, fixed: dict = fixed) -> None:
            start, first, end = index.span(*index[number])
            transform({**fixed, 'window_start': start, 'owned': (first, end)})

        for name, draw in (('UniformSampleFrames', draw_uniform), ('SampleWindow', draw_window)):
            _blocks(draw, numbers[:500], 100)
            found[f'{name} {mode}'] = _blocks(draw, numbers, 100)
    return found


def balance_time(source: str) -> dict[str, float]:
    """Making the sampler for rare AUs, and drawing an epoch with it."""
    from pyskl.datasets.samplers import BalancedAUSampler

    one_core()
    dataset = dataset_of(source)
    start = time.perf_counter()
    sampler = BalancedAUSampler(dataset, seed=0)
    made = time.perf_counter() - start
    start = time.perf_counter()
    sampler.draw()
    return {'make': made, 'draw': time.perf_counter() - start, 'windows': len(dataset)}


JOBS = {
    job.__name__: job
    for job in (
        open_time,
        rank_memory,
        worker_memory,
        window_time,
        pipeline_rate,
        sampling_time,
        balance_time,
    )
}

if __name__ == '__main__':
    print(json.dumps(JOBS[sys.argv[1]](**json.loads(sys.argv[2]))))
