"""Small jobs for the tests of the machinery; importable by worker processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.errors import InputError
from pyskl.preprocess import COUNTS

AUS = ['AU1', 'AU2', 'AU4']
METAINFO = {'dataset': 'test', 'aus': AUS, 'keypoint_layout': 'ibug51'}


@dataclass(frozen=True)
class FileJob:
    """Makes a track from a text file with one number: the seed. ``bad`` in the file makes it bad."""

    source: Path
    name: str
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    frames: int = 20
    setting: int = 0
    log: Path | None = None
    kill: Path | None = None
    interrupt: Path | None = None

    def fingerprint(self) -> dict[str, Any]:
        stat = self.source.stat()
        return {'size': stat.st_size, 'mtime': stat.st_mtime_ns, 'setting': self.setting}

    def build(self) -> list[dict[str, Any]]:
        if self.log is not None:
            with self.log.open('a') as file:
                file.write(f'{self.name}\n')
        if self.kill is not None and self.kill.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if self.interrupt is not None and self.interrupt.exists():
            os.killpg(os.getpgrp(), signal.SIGINT)  # as a terminal does
            signal.pause()
        text = self.source.read_text()
        if 'bad' in text:
            raise InputError(f'{self.source}: line 1: is bad')
        rng = np.random.default_rng(int(text) + self.setting)
        return [sample(name, rng, self.frames) for name in self.splits]


def sample(name: str, rng: np.random.Generator, frames: int) -> dict[str, Any]:
    """A random track; every third frame has no face, every fourth no label."""
    keypoint = rng.uniform(1, 100, (1, frames, 51, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, (1, frames, 51)).astype(np.float32)
    keypoint[:, ::3], score[:, ::3] = 0, 0
    label = rng.integers(-1, 2, (frames, 3)).astype(np.int8)
    label[::4] = -1
    return {
        'frame_dir': name,
        'total_frames': frames,
        'img_shape': (100, 100),
        'original_shape': (100, 100),
        'keypoint': keypoint,
        'keypoint_score': score,
        'label': label,
        COUNTS: {'frames with extra faces': 2},
    }


def make_jobs(folder: Path, count: int = 7, **options: Any) -> list[FileJob]:
    """Jobs over new files; every third one has two tracks, the last two jobs are the split ``val``."""
    folder.mkdir(exist_ok=True)
    jobs = []
    for number in range(count):
        source = folder / f'{number}.txt'
        if not source.exists():
            source.write_text(str(number))
        names = [f'v{number}_left', f'v{number}_right'] if number % 3 == 0 else [f'v{number}']
        split = ('val',) if number >= count - 2 else ('train',)
        jobs.append(FileJob(source, f'v{number}', {name: split for name in names}, **options))
    return jobs
