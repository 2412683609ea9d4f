"""Make a synthetic data set: an annotation file's content, from nothing but a preset and a seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pyskl.progress import progress_bar
from pyskl.synth.parallel import in_order
from pyskl.synth.presets import PRESETS, Preset, get_preset
from pyskl.synth.summary import SplitCounts
from pyskl.synth.track import OCCURRENCE_INTENSITY, check_seed, label_columns, load_model, simulate_track

__all__ = [
    'OCCURRENCE_INTENSITY', 'PRESETS', 'SYNTH_VERSION', 'Preset', 'make_dataset', 'metainfo_of', 'simulate_track',
    'simulate_tracks', 'write_pickle', 'write_store',
]  # fmt: skip

SYNTH_VERSION = '4'
"""Changes whenever the same preset and seed give other tracks."""

Task = tuple[int, str, int, Preset]


def _simulate(task: Task) -> dict[str, object]:
    return simulate_track(*task)


@contextmanager
def simulate_tracks(
    preset: str | Preset, seed: int = 0, workers: int = 0, progress: bool = False
) -> Iterator[Iterator[dict[str, object]]]:
    """Give the tracks of a data set one by one: those of each split in turn.

    Args:
        preset: preset name or record.
        seed: seed of the data set.
        workers: number of processes; 0 works in this one. The tracks are the same whatever their number.
        progress: show a progress bar on stderr.

    Yields:
        An iterator over the annotations; see :func:`simulate_track`.

    Raises:
        InputError: if the preset is unknown, the seed is negative, or the face model lacks a label.
    """
    record = get_preset(preset)
    check_seed(seed)
    label_columns(record, load_model(record.layout))
    tasks: list[Task] = [
        (int(seed), split, number, record) for split, count in record.tracks.items() for number in range(count)
    ]
    with (
        closing(in_order(_simulate, tasks, workers)) as tracks,
        progress_bar(tracks, 'simulating synthetic faces', len(tasks), progress) as shown,
    ):
        yield iter(shown)


def splits_of(preset: Preset) -> dict[str, list[str]]:
    """Return the ids of the tracks of each split."""
    return {split: [f'synth_{split}_{number:04d}' for number in range(count)] for split, count in preset.tracks.items()}


def metainfo_of(preset: str | Preset, seed: int) -> dict[str, object]:
    """Return what a data set says of itself."""
    record = get_preset(preset)
    name = next((name for name, known in PRESETS.items() if known is record), 'custom')
    model = load_model(record.layout)
    metainfo = {
        'dataset': 'synthetic',
        'synthetic': True,
        'aus': [model.au_names[column] for column in label_columns(record, model)],
        'keypoint_layout': record.layout,
        'seed': int(seed),
        'preset': preset if isinstance(preset, str) else name,
        'version': SYNTH_VERSION,
        'occurrence_intensity': OCCURRENCE_INTENSITY,
    }
    if len(record.rates) == 1:
        metainfo['fps'] = record.rates[0]
    return metainfo


def make_dataset(preset: str | Preset, seed: int = 0, progress: bool = False, workers: int = 0) -> dict[str, object]:
    """Make a synthetic data set in memory.

    Args:
        preset: preset name or record.
        seed: same seed, same bytes. A preset with more tracks contains those of one with fewer.
        progress: show a progress bar on stderr.
        workers: number of processes; 0 works in this one.

    Returns:
        The content of an annotation file: ``split`` (name -> list of ``frame_dir``), ``annotations`` (as
        :func:`simulate_track` returns them) and ``metainfo``. No person is in two splits.

    Raises:
        InputError: if the preset is unknown or the seed is negative.
    """
    with simulate_tracks(preset, seed, workers, progress) as tracks:
        annotations = list(tracks)
    return {
        'split': splits_of(get_preset(preset)),
        'annotations': annotations,
        'metainfo': metainfo_of(preset, seed),
    }


def _counted(
    tracks: Iterator[dict[str, object]], splits: dict[str, list[str]], counts: dict[str, SplitCounts]
) -> Iterator[dict[str, object]]:
    owner = {name: split for split, names in splits.items() for name in names}
    for track in tracks:
        counts[owner[track['frame_dir']]].add(track)
        yield track


def write_pickle(
    path: Path, preset: str | Preset, seed: int = 0, workers: int = 0, progress: bool = False
) -> dict[str, dict[str, object]]:
    """Write an annotation file, one track at a time; nothing is there before it is complete.

    Returns:
        The summary of each split, see :func:`pyskl.synth.summary.summarize`.

    Raises:
        InputError: as :func:`make_dataset`, or if the file cannot be written.
    """
    from pyskl.files import replacing
    from pyskl.preprocess.assemble import PickleWriter

    splits, metainfo = splits_of(get_preset(preset)), metainfo_of(preset, seed)
    counts = {split: SplitCounts(metainfo['aus']) for split in splits}
    with (
        simulate_tracks(preset, seed, workers, progress) as tracks,
        replacing(path, make_folder=True) as temporary,
        temporary.open('xb') as file,
    ):
        writer = PickleWriter(file, metainfo)
        for track in _counted(tracks, splits, counts):
            writer.add(track)
        writer.finish(splits)
    return {split: count.result() for split, count in counts.items()}


def write_store(
    path: Path, preset: str | Preset, seed: int = 0, workers: int = 0, progress: bool = False
) -> dict[str, dict[str, object]]:
    """Write a keypoint store; like :func:`write_pickle`."""
    from pyskl.datasets.store import StoreWriter

    splits, metainfo = splits_of(get_preset(preset)), metainfo_of(preset, seed)
    counts = {split: SplitCounts(metainfo['aus']) for split in splits}
    with simulate_tracks(preset, seed, workers, progress) as tracks, StoreWriter(path, metainfo) as writer:
        for track in _counted(tracks, splits, counts):
            writer.add(track)
        writer.finish(splits)
    return {split: count.result() for split, count in counts.items()}
