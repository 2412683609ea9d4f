"""The file that ``--out`` writes: one record per track with its probabilities, and labels where they are known.

Frame numbers are 0-based positions in the track; the image or video frame a user counts from 1 is one higher.
"""

from __future__ import annotations

import csv
import json
import math
import os
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pyskl.errors import InputError
from pyskl.evaluation.predictions import Predictions, collect_predictions
from pyskl.evaluation.results_csv import read_csv, write_csv
from pyskl.files import check_writable, replacing

__all__ = ['RESULT_SUFFIXES', 'Results', 'check_results_path', 'read_results', 'write_results']

_FORMAT = 'pyskl-results'
_VERSION = 1
_UNREADABLE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, csv.Error)


@dataclass(frozen=True)
class Results:
    """What a results file holds.

    Attributes:
        predictions: one record per track.
        aus: names of the AUs (or classes), one per score.
        metadata: plain values, such as the data set's name and the scores; empty for a CSV.
    """

    predictions: Predictions
    aus: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def tracks(self) -> list[dict[str, Any]]:
        """One dict per track: frame_dir, frame_inds (per frame only), score, label or None, face_found."""
        return [_without_index(record) for record in self.predictions.records()]


def check_results_path(path: str | os.PathLike[str]) -> Path:
    """Make sure, before a long run starts, that results can be written. Nothing is written or made yet.

    Raises:
        InputError: for a suffix without a format, or a place that cannot be written.
    """
    path = Path(path)
    _format_of(path)
    if path.is_dir():
        raise InputError(f'{path}: is a folder; name a file for the results')
    check_writable(path, 'results')
    return path


def write_results(
    path: str | os.PathLike[str],
    records: Predictions | Iterable[Mapping[str, Any]],
    aus: Sequence[str],
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write predictions in the format the suffix names; the file is whole, or as it was before.

    Args:
        path: ``.pkl``, ``.json``, ``.yaml``, ``.yml`` or ``.csv``.
        records: merged predictions, or dicts as :func:`~pyskl.evaluation.as_prediction` takes them; windows of a
            track are joined and put in the order of their frames.
        aus: names of the AUs (or classes), one per score.
        metadata: plain values kept beside the predictions; a CSV has no place for them.

    Returns:
        The path written.

    Raises:
        InputError: if the suffix is unknown, a frame occurs twice, there is not one name per score, a metadata value
            is not plain, or the file cannot be written.
    """
    path = check_results_path(path)
    predictions = records if isinstance(records, Predictions) else collect_predictions(records)
    if len(aus) != predictions.score.shape[1]:
        raise InputError(f'{path}: {len(aus)} AU names are given for {predictions.score.shape[1]} scores per row')
    results = Results(predictions, tuple(str(au) for au in aus), _plain(dict(metadata or {}), 'metadata'))
    writer = _format_of(path).write
    with replacing(path, make_folder=True) as temporary, temporary.open('xb') as file:
        writer(file, results)
    return path


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read a results file. No code in it is run, whatever its format.

    Raises:
        InputError: naming the file, if it is missing, damaged, or no results file.
    """
    path = Path(path)
    reader = _format_of(path).read
    if not path.is_file():
        raise InputError(f'{path}: no such file')
    try:
        content = reader(path)
        if not isinstance(content, Mapping) or content.get('format') != _FORMAT:
            raise InputError("not a results file of this toolbox (its 'format' is missing)")
        if content.get('version') != _VERSION:
            raise InputError(f'its version is {content.get("version")!r}; this toolbox reads version {_VERSION}')
        predictions = collect_predictions(content['tracks'])
        aus = tuple(str(au) for au in content['aus'])
    except InputError as error:
        raise InputError(f'{path}: {error}') from error
    except _UNREADABLE as error:
        raise InputError(f'{path}: not a readable results file ({" ".join(str(error).split())})') from error
    if len(aus) != predictions.score.shape[1]:
        raise InputError(f'{path}: {len(aus)} AU names for {predictions.score.shape[1]} scores per row')
    return Results(predictions, aus, dict(content.get('metadata') or {}))


def _without_index(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != 'sample_idx'}


def _header(results: Results) -> dict[str, Any]:
    return {'format': _FORMAT, 'version': _VERSION, 'aus': list(results.aus), 'metadata': results.metadata}


def _listed(track: Mapping[str, Any]) -> dict[str, Any]:
    """Return a track with lists in place of arrays, its scores in as few digits as bring them back exactly."""
    listed = {**track, 'score': _shortest(track['score'])}
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in listed.items()}


def _shortest(score: NDArray[np.float32]) -> NDArray[np.float64]:
    """Round to nine significant digits: enough to bring back every float32, and short when printed."""
    exact = score.astype(np.float64)
    digits = np.floor(np.log10(np.abs(exact), out=np.zeros_like(exact), where=exact != 0))
    scale = 10.0 ** np.minimum(8 - digits, 22)  # powers of ten are exact doubles up to 1e22
    rounded = np.round(exact * scale) / scale
    return np.where(rounded.astype(np.float32) == score, rounded, exact)


def _write_pickle(file: IO[bytes], results: Results) -> None:
    pickle.dump({**_header(results), 'tracks': results.tracks}, file, protocol=4)


def _read_pickle(path: Path) -> Any:
    from pyskl.datasets.safe_pickle import load_pickle

    return load_pickle(path)


def _write_json(file: IO[bytes], results: Results) -> None:
    """Write one track per line, so that a file of millions of frames is never a string in memory."""
    file.write(json.dumps({**_header(results), 'tracks': []})[:-2].encode())
    for i, track in enumerate(results.tracks):
        file.write((',\n' if i else '\n').encode() + json.dumps(_listed(track)).encode())
    file.write(b'\n]}\n')


def _read_json(path: Path) -> Any:
    with path.open(encoding='utf-8') as file:
        return json.load(file)


def _write_yaml(file: IO[bytes], results: Results) -> None:
    import yaml

    dumper = getattr(yaml, 'CSafeDumper', yaml.SafeDumper)
    options: dict[str, Any] = {
        'Dumper': dumper,
        'default_flow_style': None,
        'sort_keys': False,
        'allow_unicode': True,
        'encoding': 'utf-8',
        'width': 1_000_000,
    }
    yaml.dump(_header(results), file, **options)
    file.write(b'tracks:\n')
    for track in results.tracks:
        yaml.dump([_listed(track)], file, **options)


def _read_yaml(path: Path) -> Any:
    import yaml

    try:
        with path.open('rb') as file:
            return yaml.load(file, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise InputError(f'not readable YAML ({" ".join(str(error).split())})') from error


def _write_csv(file: IO[bytes], results: Results) -> None:
    write_csv(file, results.predictions.level, results.aus, (_listed(track) for track in results.tracks))


def _read_csv(path: Path) -> Any:
    aus, tracks = read_csv(path)
    return {'format': _FORMAT, 'version': _VERSION, 'aus': aus, 'tracks': tracks}


@dataclass(frozen=True)
class _FileFormat:
    write: Callable[[IO[bytes], Results], None]
    read: Callable[[Path], Any]


_YAML = _FileFormat(_write_yaml, _read_yaml)
_FORMATS = {
    '.pkl': _FileFormat(_write_pickle, _read_pickle),
    '.json': _FileFormat(_write_json, _read_json),
    '.yaml': _YAML,
    '.yml': _YAML,
    '.csv': _FileFormat(_write_csv, _read_csv),
}
RESULT_SUFFIXES: tuple[str, ...] = tuple(_FORMATS)
"""Suffixes of the formats that results can be written in."""


def _format_of(path: Path) -> _FileFormat:
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        known = ', '.join(RESULT_SUFFIXES)
        raise InputError(f"{path}: no results format has the suffix '{path.suffix}'; known: {known}") from None


def _plain(value: Any, where: str) -> Any:
    """Return ``value`` built of dicts with text keys, lists, text, numbers and None (also for what is not finite)."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no NaN
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, f'{where}.{key}') for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, where) for item in value]
    raise InputError(f'{where}: a {type(value).__name__} cannot be kept in a results file')
