#!/usr/bin/env python
"""What the data side costs at the size of a whole release: opening, memory, windows, transforms, preprocessing.

A synthetic store of 400 tracks and 1.8 million frames (68 keypoints, 12 AUs, 1.4 GiB) is made once in --folder; nothing
in it is a recording. Every measurement runs in a process of its own; imports are part of no time but that of
preprocessing. The unique set size (USS) of a process is the memory that it shares with no other. Times are medians;
where an "undisturbed" one stands beside them it is that of the fastest tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from processes import process_tree

from pyskl.cli import run

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'configs/posec3d/slowonly_r50_affwild_xsub/joint.py'
EPILOG = """
examples:
  python benchmarks/data.py                     # everything, at full size: about 5 minutes and 2.5 GiB of disk
  python benchmarks/data.py --quick             # at a fortieth of the size
  python benchmarks/data.py --only open window  # some of it
  python benchmarks/data.py --json data.json    # the numbers for other programs
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    claim: str
    measured: str
    goal: str = ''
    met: bool | None = None


@dataclass(frozen=True)
class Setting:
    """How large everything is."""

    folder: Path
    tracks: int
    frames: int
    windows: int
    images: int

    @property
    def store(self) -> str:
        """The folder of the store."""
        return str(self.folder / f'store_{self.frames}')

    @property
    def pickle(self) -> str:
        """The pickle of a tenth of the size."""
        return str(self.folder / f'tenth_{self.frames}.pkl')


def environment() -> dict[str, str]:
    """Return the environment of every process measured: one thread, and this checkout's package."""
    paths = [str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join(paths)}


def start_job(name: str, **arguments: object) -> subprocess.Popen:
    """Start one measurement."""
    command = [sys.executable, str(ROOT / 'benchmarks/data_jobs.py'), name, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())


def result_of(process: subprocess.Popen) -> dict:
    """Wait for a measurement and return what it found."""
    out, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f'a measurement failed: {process.args}')
    return json.loads(out.splitlines()[-1])


def job(name: str, **arguments: object) -> dict:
    """Run one measurement."""
    return result_of(start_job(name, **arguments))


def below(claim: str, value: float, goal: float, unit: str, more: str = '') -> Row:
    """Return a row whose value must be below a goal."""
    return Row(claim, f'{value:.3g} {unit}{more}', f'< {goal:g} {unit}', value < goal)


def opening(setting: Setting) -> list[Row]:
    """Opening the store, and the pickle of a tenth of it."""
    warm = min(job('open_time', source=setting.store, config=str(CONFIG))['seconds'] for _ in range(3))
    cold = job('open_time', source=setting.store, config=str(CONFIG), cold=True)
    plain = min(job('open_time', source=setting.pickle, config=str(CONFIG))['seconds'] for _ in range(2))
    size = f'{cold["tracks"]} tracks, {setting.frames:,} frames, {cold["windows"]:,} windows'
    return [
        below(f'open the store ({size}), files not in memory', cold['seconds'], 2, 's'),
        below('the same, files in memory', warm, 2, 's'),
        Row('open a pickle of a tenth of the frames', f'{plain:.3g} s ({10 * plain / warm:.0f} times the store, x 10)'),
    ]


def ranks(setting: Setting) -> list[Row]:
    """Memory of each of two processes that train on the same store."""

    def measure(source: str | None, windows: int, name: str) -> float:
        ready = setting.folder / f'ready_{name}_{os.getpid()}'
        arguments = {'source': source, 'config': str(CONFIG), 'windows': windows, 'ready': str(ready), 'peers': 2}
        processes = [start_job('rank_memory', seed=seed, **arguments) for seed in range(2)]
        found = [result_of(process)['uss'] for process in processes]
        for seed in range(2):
            Path(f'{ready}.{seed}').unlink()
        return max(found)

    bare = measure(None, 0, 'bare')
    store = measure(setting.store, setting.windows, 'store') - bare
    plain = measure(setting.pickle, setting.windows // 10, 'pickle') - bare
    return [
        below(
            f'each of 2 ranks, {setting.windows:,} random windows: USS beyond the imports', store, 60, 'MiB',
            f' (imports alone: {bare:.0f})',
        ),
        Row(
            'each rank on a pickle of a tenth of the frames',
            f'{plain:.0f} MiB (at full size {10 * plain / max(store, 1):.0f} times the store)',
        ),
    ]  # fmt: skip


def workers(setting: Setting) -> list[Row]:
    """Memory of loader workers."""
    rows = []
    for count in (1, 2, 4):
        found = job('worker_memory', source=setting.store, config=str(CONFIG), workers=count, windows=setting.windows)
        rows.append(
            below(
                f'{count} loader worker(s), {setting.windows:,} random windows each: USS of the largest',
                found['uss'], 60, 'MiB', f' ({found["samples_per_second"]:.0f} samples/s in all)',
            )
        )  # fmt: skip
    return rows


def windows(setting: Setting) -> list[Row]:
    """Random windows, and the whole pipeline."""
    found = job('window_time', source=setting.store, windows=setting.windows)
    rate = job('pipeline_rate', source=setting.store, config=str(CONFIG), windows=setting.windows)
    read, prepare = found['read'], found['prepare']
    return [
        below(
            'random window of 32 frames: prepare, SampleWindow, PoseDecode', 1000 * read['typical'], 0.2, 'ms',
            f' (undisturbed: {1000 * read["undisturbed"]:.3g}; prepare alone: {1000 * prepare["typical"]:.3g})',
        ),
        Row(
            'training pipeline of joint.py, keypoints out, one core',
            f'{rate["typical"]:.0f} samples/s (undisturbed: {rate["undisturbed"]:.0f})',
            '> 2000 samples/s',
            rate['typical'] > 2000,
        ),
    ]  # fmt: skip


def sampling(setting: Setting) -> list[Row]:
    """Choosing frames in short and in long tracks."""
    short, long = (job('sampling_time', frames=frames) for frames in (300, 100_000))
    rows = []
    for name in short:
        what = f'{name} mode' if name.startswith('Uniform') else f'WindowIndex and {name} mode'
        few, many = 1000 * short[name]['typical'], 1000 * long[name]['typical']
        rows.append(
            below(
                f'{what}, track of 300 / 100,000 frames', max(few, many), 0.05, 'ms',
                f' (300: {few:.3g}, 100,000: {many:.3g})',
            )
        )  # fmt: skip
    return rows


def balance(setting: Setting) -> list[Row]:
    """The sampler for rare AUs."""
    found = job('balance_time', source=setting.store)
    return [
        below(f'BalancedAUSampler over {found["windows"]:,} windows: making it', found['make'], 1, 's',
              f' (an epoch drawn in {1000 * found["draw"]:.3g} ms)'),
    ]  # fmt: skip


def _peak_memory(process: subprocess.Popen) -> tuple[float, float]:
    """Watch a process and its children until it ends; (largest RSS of it, of one child) in MiB."""
    peak = {'parent': 0.0, 'child': 0.0}

    def watch() -> None:
        while process.poll() is None:
            try:
                for pid in process_tree(process.pid):
                    pages = int(Path(f'/proc/{pid}/statm').read_text(encoding='utf-8').split()[1])
                    kind = 'parent' if pid == process.pid else 'child'
                    peak[kind] = max(peak[kind], pages * os.sysconf('SC_PAGE_SIZE') / (1 << 20))
            except (OSError, ValueError, IndexError):
                pass  # a process has ended while it was looked at
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, errors = process.communicate()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f'preprocessing failed: {errors.strip()[-500:]}')
    return peak['parent'], peak['child']


def preprocessing(setting: Setting) -> list[Row]:
    """From whole-body JSON, one file a picture, to an annotation."""
    from synthetic_store import make_skeletons

    videos = 12
    peaks, rates, busy = {}, {}, 0.0
    for factor in (1, 3):
        count = setting.images * factor // 3 // videos
        data = setting.folder / f'json_{videos}x{count}'
        make_skeletons(data, videos, count)
        out = setting.folder / f'preprocessed_{factor}'
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        command = [sys.executable, str(ROOT / 'tools/data/affwild_preproc_full.py')]
        command += ['--annotations', str(data / 'labels'), '--skeletons', str(data / 'skeletons')]
        command += ['--store', str(out / 'store'), '--workers', '2']
        start, before = time.perf_counter(), os.times()
        process = subprocess.Popen(
            command, env=environment(), text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        peaks[factor] = _peak_memory(process)
        rates[factor] = (videos * count, time.perf_counter() - start)
        after = os.times()
        busy = after.children_user + after.children_system - before.children_user - before.children_system
        shutil.rmtree(out)
    many, seconds = rates[3]
    growth = max(after - before for before, after in zip(peaks[1], peaks[3], strict=True))
    kinds = zip(('main', 'worker'), peaks[1], peaks[3], strict=True)
    memory = ', '.join(f'{name} {before:.0f} -> {after:.0f}' for name, before, after in kinds)
    return [
        Row(
            f'preprocessing from JSON, 2 workers, {many:,} images, start and imports included',
            f'{many / seconds:.0f} images/s (by processor time of 2 cores: {2 * many / busy:.0f})',
            '>= 3000 images/s',
            many / seconds >= 3000,
        ),
        Row('peak memory (RSS, MiB) at three times the images', memory, 'flat (+ < 30)', growth < 30),
    ]  # fmt: skip


PARTS = {
    'open': opening,
    'ranks': ranks,
    'workers': workers,
    'window': windows,
    'sampling': sampling,
    'balance': balance,
    'preprocessing': preprocessing,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/benchmarks/data'), help='for the made-up data')
    parser.add_argument('--quick', action='store_true', help='a small size: shows that it runs, not what it costs')
    parser.add_argument('--only', nargs='+', choices=PARTS, metavar='PART', help=f'some of: {", ".join(PARTS)}')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the table there too')
    args = parser.parse_args(argv)
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from synthetic_store import make_pickle, make_store

    from pyskl.files import replacing

    args.folder.mkdir(parents=True, exist_ok=True)
    full = Setting(args.folder, tracks=400, frames=1_800_000, windows=5000, images=36_000)
    setting = Setting(args.folder, tracks=40, frames=45_000, windows=500, images=1800) if args.quick else full
    make_store(Path(setting.store), setting.tracks, setting.frames)
    make_pickle(Path(setting.pickle), setting.tracks // 10, setting.frames // 10)
    rows: list[Row] = []
    console = Console(width=None if sys.stdout.isatty() else 200)
    for name in args.only or PARTS:
        with console.status(name):
            rows += PARTS[name](setting)
    title = 'data, synthetic' + (' (QUICK: sizes too small to compare with the goals)' if args.quick else '')
    table = Table(title=title, box=box.MARKDOWN)
    for column in ('claim', 'measured', 'goal', 'met'):
        table.add_column(column)
    for row in rows:
        table.add_row(row.claim, row.measured, row.goal, {None: '', True: 'yes', False: 'NO'}[row.met])
    console.print(table)
    load = f'{os.getloadavg()[1]:.1f}' if hasattr(os, 'getloadavg') else 'unknown'
    machine = (
        f'{date.today()}, {platform.machine()}, {os.cpu_count()} cores, load average {load} (this benchmark included), '
        f'Python {platform.python_version()}'
    )
    print(machine)
    if args.json is not None:
        content = {'machine': machine, 'quick': args.quick, 'rows': [asdict(row) for row in rows]}
        with replacing(args.json) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    run(main)
