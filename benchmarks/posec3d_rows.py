"""The rows of benchmarks/posec3d.py: who is measured at what, in turn, and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from posec3d_jobs import Setting
from posec3d_ours import config_of
from posec3d_peer import FOLDER
from posec3d_tracks import make_setting
from processes import Worker, peak_memory

HERE = Path(__file__).resolve().parent
OURS, FLOAT32, PEER = 'ours', 'ours, float32 alone', 'MMAction2'


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        work: what is done.
        ours, peer: seconds (or MiB) of one, one value a round.
        unit: what the values are shown in: a name and how many of it one second (or MiB) is.
        goal: how many times better ours should be.
    """

    work: str
    ours: list[float]
    peer: list[float] = field(default_factory=list)
    unit: tuple[str, float] = ('ms', 1000.0)
    goal: float | None = None

    @property
    def times(self) -> float | None:
        """How many times the peer's median is ours."""
        return median(self.peer) / median(self.ours) if self.peer else None

    @property
    def spread(self) -> tuple[float, float] | None:
        """The least and the greatest ratio of a round."""
        ratios = [peer / ours for ours, peer in zip(self.ours, self.peer, strict=bool(self.peer))]
        return (min(ratios), max(ratios)) if ratios else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached."""
        return None if self.goal is None or self.times is None else self.times >= self.goal


@dataclass(frozen=True)
class Detail:
    """What a training run does with its device.

    Attributes:
        work: what is done.
        side: by whom.
        samples_per_second: clips.
        teraflops: arithmetic of the dense network by the time of an iteration, in 10^12 a second.
        not_convolution: share of the device's time in an iteration.
        gpu_memory: largest memory of tensors on the GPU in MiB.
    """

    work: str
    side: str
    samples_per_second: float
    teraflops: float
    not_convolution: float
    gpu_memory: float


def in_turn(units: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure everyone in turn, round by round, so that a change of the machine's speed meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in units}
    for _ in range(rounds):
        for name, unit in units.items():
            found[name].append(unit())
    return found


@dataclass(frozen=True)
class Bench:
    """How to measure.

    Attributes:
        folder: for made-up data.
        peer: the peer's folder; None: ours alone.
        rounds: of every row.
        threads: of each process measured.
        track: frames of the track that is read.
        gpu: whether the work is done on a GPU.
        quick: sizes so small that only the script itself is tested.
        tell: called with what is being done.
    """

    folder: Path
    peer: Path | None
    rounds: int
    threads: int
    track: int
    gpu: bool
    quick: bool
    tell: Callable[[str], None]

    def environment(self) -> dict[str, str]:
        """Return the environment of the processes measured."""
        threads = {name: str(self.threads) for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')}
        return threads | ({FOLDER: str(self.peer.resolve())} if self.peer else {})

    def script(self, name: str) -> Path:
        """Return the file that measures a side."""
        return HERE / ('posec3d_peer.py' if name.startswith(PEER) else 'posec3d_ours.py')

    @contextmanager
    def workers(self, names: Iterable[str]) -> Iterator[dict[str, Worker]]:
        """Yield a process for each name; the peer's are left out when ours is measured alone."""
        with ExitStack() as stack:
            yield {
                name: stack.enter_context(Worker(self.script(name), self.environment()))
                for name in names
                if self.peer or not name.startswith(PEER)
            }

    def start(self, work: str, job: str, workers: Mapping[str, Worker], arguments: Mapping[str, dict]) -> None:
        """Make all workers ready for a job and check that it is the same work for all of them.

        Raises:
            RuntimeError: if what they tell about it differs.
        """
        facts = {}
        for name, worker in workers.items():
            self.tell(f'{work}: starting {name}')
            facts[name] = worker.call('start', job=job, **arguments[name])
        check_equal(work, facts, 1e-4)

    def measure(
        self, title: str, workers: Mapping[str, Worker], counts: Mapping[str, int], rounds: int
    ) -> dict[str, list[float]]:
        """Return the seconds of each worker's unit of work, one value a round."""

        def unit(name: str) -> float:
            self.tell(f'{title}: {name}')
            answer = workers[name].call('unit', count=1 if self.quick else counts[name])
            if not math.isfinite(answer.get('loss', 0.0)):
                raise RuntimeError(f'{title}: {name}: the loss is {answer["loss"]}')
            return answer['seconds']

        return in_turn({name: lambda name=name: unit(name) for name in workers}, rounds)

    def setting(self, layout: str, frames: int, tracks: int = 32, **options: Any) -> Setting:
        """Return the work at full size, or a tiny one."""
        if self.quick:
            tiny = {'size': 14, 'batch_size': 2, 'workers': 1, 'base_channels': 8, 'stage_blocks': (1, 1, 1)}
            return make_setting(self.folder, layout, 2, 40, threads=self.threads, **{**options, **tiny, 'clip_len': 4})
        return make_setting(self.folder, layout, tracks, frames, threads=self.threads, **options)


def heatmaps(bench: Bench) -> tuple[list[Row], list[Detail]]:
    """GeneratePoseTarget."""
    rows = []
    with bench.workers([OURS, PEER]) as workers:
        for num_keypoints, clip_len, goal in ((133, 12, 20), (68, 32, 15), (478, 16, 10)):
            work = f'GeneratePoseTarget, {num_keypoints} keypoints x {clip_len} frames, CPU'
            sample = {'num_keypoints': num_keypoints, 'clip_len': clip_len, 'size': 56, 'threads': bench.threads}
            bench.start(work, 'heatmaps', workers, {OURS: sample, PEER: sample})
            found = bench.measure(work, workers, {OURS: 40, PEER: 4}, bench.rounds)
            rows.append(Row(work, found[OURS], found.get(PEER, []), goal=goal))
    return rows, []


def training(bench: Bench) -> tuple[list[Row], list[Detail]]:
    """Training iterations, end to end."""
    whole = _train(bench, 'coco_wholebody133', 12, 2, {OURS: 8, FLOAT32: 2.5})
    face = _train(bench, 'ibug68', 48, 1, {OURS: 6})
    return whole[0] + face[0], whole[1] + face[1]


def _train(
    bench: Bench, layout: str, clip_len: int, iterations: int, goals: Mapping[str, float]
) -> tuple[list[Row], list[Detail]]:
    work = bench.setting(layout, 300, clip_len=clip_len)
    title = (
        f'training iteration, {work.num_keypoints} keypoints x {work.clip_len} frames, '
        f'batch {work.batch_size}, {work.workers} loader workers'
    )
    arguments = {name: {'setting': asdict(work), 'bfloat16': name == OURS} for name in goals}
    arguments[PEER] = _of_peer(work)
    counts = dict.fromkeys(arguments, iterations * (10 if bench.gpu else 1))
    rows, details = [], []
    with bench.workers(arguments) as workers:
        bench.start(title, 'training', workers, arguments)
        found = bench.measure(title, workers, counts, bench.rounds)
        bench.tell(f'{title}: profiling')
        flops = workers[OURS].call('flops')['flops']
        for name, worker in workers.items():
            seconds = median(found[name])
            share, memory = worker.call('profile')['not_convolution'], worker.call('memory')['gpu']
            details.append(Detail(title, name, work.batch_size / seconds, flops / seconds / 1e12, share, memory))
    for name, goal in goals.items():
        told = title if name == OURS else f'{title}: {name}'
        rows.append(Row(told, found[name], found.get(PEER, []), goal=goal))
    return rows, details


def frames(bench: Bench) -> tuple[list[Row], list[Detail]]:
    """One prediction for every frame of a long track."""
    length = 40 if bench.quick else bench.track
    work = bench.setting('coco_wholebody133', length, tracks=1)
    title = f'AUs of every frame, {work.num_keypoints} keypoints, track of {length:,} frames'
    clips = {f'{PEER}, clips of {clip_len}': clip_len for clip_len in (12, 48)}
    arguments = {OURS: {'setting': asdict(work), 'frames': length}}
    arguments |= {name: {'setting': asdict(replace(work, clip_len=clip_len))} for name, clip_len in clips.items()}
    counts = {OURS: 1, **{name: 192 // clip_len * (10 if bench.gpu else 1) for name, clip_len in clips.items()}}
    with bench.workers(arguments) as workers:
        bench.start(title, 'frames', workers, arguments)
        found = bench.measure(title, workers, counts, min(bench.rounds, 3))
    unit = ('ms a frame', 1000.0)
    return [Row(f'{title}; {name}', found[OURS], found.get(name, []), unit, goal=30) for name in clips], []


def memory(bench: Bench) -> tuple[list[Row], list[Detail]]:
    """Memory of the training process and its loader workers; each side alone."""
    work = bench.setting('coco_wholebody133', 300)
    title = f'peak memory of training, {work.num_keypoints} keypoints x {work.clip_len} frames, loader workers included'
    peaks: dict[str, list[float]] = {OURS: [], PEER: []}
    for name in [OURS, PEER] if bench.peer else [OURS]:
        bench.tell(f'{title}: {name}')
        arguments = _of_peer(work) if name == PEER else {'setting': asdict(work)}
        with Worker(bench.script(name), bench.environment()) as worker, peak_memory(worker.pid) as watched:
            worker.call('start', job='training', **arguments)
            worker.call('unit', count=1 if bench.quick else 6)
        peaks[name].append(watched['peak'])
    return [Row(title, peaks[OURS], peaks[PEER], ('MiB', 1.0), goal=3)], []


def _of_peer(work: Setting) -> dict[str, Any]:
    """Return the arguments of the peer's training: the same work and the same optimiser, in float32."""
    optim_wrapper = config_of(work, per_frame=False).optim_wrapper.to_dict()
    optimizer = {key: optim_wrapper[key] for key in ('optimizer', 'clip_grad') if key in optim_wrapper}
    return {'setting': asdict(work), 'optimizer': {'type': 'OptimWrapper', **optimizer}}


def check_equal(work: str, facts: Mapping[str, Mapping[str, Any]], tolerance: float) -> None:
    """Check that all tell the same of a work.

    Raises:
        RuntimeError: if what they tell about it differs.
    """
    first, *others = facts.items()
    for name, told in others:
        for key, value in told.items():
            expected = first[1][key]
            same = math.isclose(value, expected, rel_tol=tolerance) if isinstance(value, float) else value == expected
            if not same:
                raise RuntimeError(f'{work}: {key} is {value} for {name}, but {expected} for {first[0]}')


PARTS: Mapping[str, Callable[[Bench], tuple[Sequence[Row], Sequence[Detail]]]] = {
    'heatmaps': heatmaps,
    'training': training,
    'frames': frames,
    'memory': memory,
}
