"""What both sides of benchmarks/posec3d.py share: the setting, the answering of requests, and training as a job."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Setting:
    """The work: a SlowOnly-R50 of PoseConv3D on clips of keypoint heatmaps.

    Attributes:
        tracks: the annotation file, a pickle in PYSKL's form.
        layout: of its keypoints.
        num_keypoints: of that layout.
        left, right: keypoints that change places in the mirror.
        clip_len: frames of a clip.
        size: height and width of the heatmaps.
        batch_size: clips of a batch.
        workers: processes that load data.
        base_channels, stage_blocks: of the network.
        threads: of the process that computes.
    """

    tracks: str
    layout: str
    num_keypoints: int
    left: tuple[int, ...]
    right: tuple[int, ...]
    clip_len: int = 12
    size: int = 56
    batch_size: int = 8
    workers: int = 2
    base_channels: int = 32
    stage_blocks: tuple[int, ...] = (4, 6, 3)
    threads: int = 2

    @property
    def num_features(self) -> int:
        """Channels of the network's last stage."""
        return 16 * self.base_channels


def serve(jobs: Mapping[str, Callable[..., Any]]) -> None:
    """Answer requests, one JSON object a line, until the input ends.

    ``{"call": "start", "job": NAME, ...}`` makes the job; every other call is a method of it. What libraries print goes
    to stderr.
    """
    answers = os.fdopen(os.dup(1), 'w', encoding='utf-8', buffering=1)
    os.dup2(2, 1)
    job = None
    for line in sys.stdin:
        request = json.loads(line)
        call = request.pop('call')
        if call == 'start':
            job = jobs[request.pop('job')](**request)
            answer = job.facts()
        else:
            answer = getattr(job, call)(**request)
        print(json.dumps(answer), file=answers)


def heatmap_sample(num_keypoints: int, clip_len: int, size: int) -> dict[str, Any]:
    """Return a sample of keypoints all over the picture."""
    rng = np.random.default_rng(0)
    return {
        'keypoint': rng.uniform(0, size, (1, clip_len, num_keypoints, 2)).astype(np.float32),
        'keypoint_score': rng.uniform(0.2, 1, (1, clip_len, num_keypoints)).astype(np.float32),
        'img_shape': (size, size),
    }


class Heatmaps:
    """Drawing the heatmaps of one sample on the CPU."""

    def __init__(self, transform: Callable[[dict], dict], num_keypoints: int, clip_len: int, size: int) -> None:
        self.transform = transform
        self.sample = heatmap_sample(num_keypoints, clip_len, size)

    def facts(self) -> dict[str, Any]:
        """Return the sum of the volume, by which the two sides are compared."""
        volume = self.transform(dict(self.sample))['imgs']
        return {'shape': volume.shape, 'sum': float(volume.sum(dtype=np.float64))}

    def unit(self, count: int) -> dict[str, float]:
        """Return the seconds of one drawing."""
        start = time.perf_counter()
        for _ in range(count):
            self.transform(dict(self.sample))
        return {'seconds': (time.perf_counter() - start) / count}


class Training:
    """Training iterations with everything that belongs to them, loading the data included.

    Args:
        model: with mmengine's ``train_step``.
        loader: of its training batches; without an end.
        optim_wrapper: mmengine's.
        batch_size: samples of a batch.
    """

    def __init__(self, model: Any, loader: Any, optim_wrapper: Any, batch_size: int) -> None:
        self.model = model.train()
        self.batches: Iterator = iter(loader)
        self.optim_wrapper = optim_wrapper
        self.batch_size = batch_size
        self.unit(2)

    def facts(self) -> dict[str, Any]:
        """Return what must be equal on both sides: the network's size."""
        return {'parameters': sum(parameter.numel() for parameter in self.model.parameters())}

    def unit(self, count: int) -> dict[str, float]:
        """Return the seconds of one iteration and its loss."""
        start = time.perf_counter()
        for _ in range(count):
            log = self.model.train_step(next(self.batches), self.optim_wrapper)
        loss = float(log['loss'])  # waits for a GPU
        return {'seconds': (time.perf_counter() - start) / count, 'loss': loss}

    def memory(self) -> dict[str, float]:
        """Return the largest memory that tensors have had on the GPU, in MiB; 0 without one."""
        import torch

        return {'gpu': torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0}

    def profile(self) -> dict[str, float]:
        """Return the share of the device's time in an iteration that is not convolution, by torch's profiler."""
        import torch
        from torch.autograd import DeviceType
        from torch.profiler import ProfilerActivity, profile

        activities = [ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(ProfilerActivity.CUDA)
        batch = next(self.batches)
        with profile(activities=activities) as profiler:
            self.model.train_step(batch, self.optim_wrapper)
        field = 'self_device_time_total' if torch.cuda.is_available() else 'self_cpu_time_total'
        # On a GPU a kernel's time is told twice: with the operation that started it, which counts here, and by itself.
        events = [event for event in profiler.key_averages() if event.device_type == DeviceType.CPU]
        times = {event.key: getattr(event, field) for event in events}
        convolution = sum(spent for key, spent in times.items() if re.search('conv(?!ert)', key, re.IGNORECASE))
        return {'not_convolution': 1 - convolution / sum(times.values())}


def endless(dataset: Any, setting: Setting, **options: Any) -> Any:
    """Return a loader of random batches that has no end, as the two sides' users would set it up."""
    import torch
    from torch.utils.data import DataLoader, RandomSampler

    sampler = RandomSampler(dataset, replacement=True, num_samples=10**7)
    if setting.workers:
        options |= {'persistent_workers': True, 'multiprocessing_context': 'fork'}
    torch.manual_seed(0)
    return DataLoader(dataset, setting.batch_size, sampler=sampler, num_workers=setting.workers, **options)


def use_threads(threads: int) -> str:
    """Set what both sides have in common and return the device."""
    import torch

    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = True
    return 'cuda' if torch.cuda.is_available() else 'cpu'
