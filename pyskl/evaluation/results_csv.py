"""Results as CSV, one row per frame (or clip).

Columns: ``frame_dir``, ``frame`` (0-based; not for clips), ``face_found``, the probabilities ``AU01_p``, ``AU02_p``...
and the labels ``AU01``, ``AU02``... (or ``class``). Labels are 1, 0 and -1, and empty for a track without labels.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyskl.action_units import au_column, au_number
from pyskl.errors import InputError
from pyskl.evaluation.prediction import Level

__all__ = ['read_csv', 'write_csv']

_PROBABILITY = '_p'


def _column(name: str) -> str:
    try:
        return au_column(name)
    except InputError:
        return name


def _name(column: str) -> str:
    try:
        return f'AU{au_number(column)}'
    except InputError:
        return column


def write_csv(file: IO[bytes], level: Level, aus: Sequence[str], tracks: Iterable[Mapping[str, Any]]) -> None:
    """Write tracks whose arrays are lists.

    Raises:
        InputError: if two columns would have the same name.
    """
    columns = [_column(au) for au in aus]
    labels = ['class'] if level == 'single' else columns
    frame = ['frame'] if level == 'frame' else []
    header = ['frame_dir', *frame, 'face_found', *(c + _PROBABILITY for c in columns), *labels]
    if len(set(header)) != len(header):
        raise InputError(f'the columns of the CSV would not have names of their own: {", ".join(header)}')
    text = io.TextIOWrapper(file, encoding='utf-8', newline='')
    writer = csv.writer(text)
    writer.writerow(header)
    for track in tracks:
        name, score, label, found = (track[key] for key in ('frame_dir', 'score', 'label', 'face_found'))
        if level == 'frame':
            empty = [''] * len(labels)
            for row, index in enumerate(track['frame_inds']):
                truth = empty if label is None else label[row]
                writer.writerow([name, index, int(found[row]), *score[row], *truth])
        else:
            truth = [''] * len(labels) if label is None else [label] if level == 'single' else label
            writer.writerow([name, int(found), *score, *truth])
    text.flush()
    text.detach()


def read_csv(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the AU names and the tracks of a file :func:`write_csv` wrote.

    Raises:
        InputError: with the line, if a column is missing or a cell holds no number.
    """
    with path.open(encoding='utf-8', newline='') as file:
        reader = csv.reader(file)
        header = next(reader, [])
        columns = [name[: -len(_PROBABILITY)] for name in header if name.endswith(_PROBABILITY)]
        single = 'class' in header
        place = {name: i for i, name in enumerate(header)}
        wanted = ['frame_dir', 'face_found', *(['class'] if single else columns)]
        missing = [name for name in wanted if name not in place]
        if missing or not columns:
            raise InputError(f'columns are missing: {", ".join(missing) or "AU.._p"}')
        scores = [place[c + _PROBABILITY] for c in columns]
        labels = [place[c] for c in (['class'] if single else columns)]
        rows: dict[str, list[tuple[int, bool, list[float], list[int] | None]]] = {}
        for cells in reader:
            try:
                truth = [cells[i] for i in labels]
                rows.setdefault(cells[place['frame_dir']], []).append(
                    (
                        int(cells[place['frame']]) if 'frame' in place else 0,
                        bool(int(cells[place['face_found']])),
                        [float(cells[i]) for i in scores],
                        [int(cell) if cell else -1 for cell in truth] if any(truth) else None,
                    )
                )
            except (ValueError, IndexError) as error:
                raise InputError(f'line {reader.line_num}: {error}') from error
    per_frame = 'frame' in place
    tracks = [_track(name, track, per_frame, single) for name, track in rows.items()]
    return [_name(c) for c in columns], tracks


def _track(
    name: str, rows: Sequence[tuple[int, bool, list[float], list[int] | None]], per_frame: bool, single: bool
) -> dict[str, Any]:
    frames, found, scores, labels = zip(*rows, strict=True)
    unknown = [-1] * len(scores[0])
    label: Any = None
    if per_frame:
        if any(truth is not None for truth in labels):
            label = np.array([unknown if truth is None else truth for truth in labels])
        return {
            'frame_dir': name,
            'frame_inds': np.array(frames),
            'score': np.array(scores),
            'label': label,
            'face_found': np.array(found),
        }
    if len(rows) > 1:
        raise InputError(f"track '{name}' is predicted more than once")
    if labels[0] is not None:
        label = labels[0][0] if single else np.array(labels[0])
    return {'frame_dir': name, 'score': np.array(scores[0]), 'label': label, 'face_found': found[0]}
