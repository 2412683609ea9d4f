"""One's own labels: a single table for a folder of videos.

Three forms are told apart by their columns: a row per frame (``video, frame, AU...``), per segment (``video,
start_frame, end_frame`` or ``start_s, end_s, AU...``) or per clip (``video, AU...``).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.preprocess.csv_labels import FrameTable, frame_number, iter_rows
from pyskl.preprocess.jobs import digest
from pyskl.preprocess.segments import SegmentTable, segment_of
from pyskl.preprocess.sources import VIDEO_SUFFIXES

__all__ = ['CustomTable', 'CustomVideo', 'read_custom_table', 'video_name']

PLACES = {'frame': ('frame',), 'segment in frames': ('start_frame', 'end_frame'), 'segment': ('start_s', 'end_s')}
RESERVED = ('video', 'frame', 'start_frame', 'end_frame', 'start_s', 'end_s', 'subject', 'split')
VALUES = {'1': 1, '0': 0, '-1': -1, '': -1, '1.0': 1, '0.0': 0, '-1.0': -1, 'nan': -1, 'NaN': -1}


@dataclass(frozen=True)
class CustomVideo:
    """What the table says of one video.

    Attributes:
        name: the video, without suffix; with folders where the table names them.
        subject: who is in it; None if the table has no such column.
        splits: the splits it joins; None if the table has no such column.
        line: where the table names it first.
        labels: the labels, by frame number, by segment, or for the whole clip: (A,) int8.
    """

    name: str
    subject: str | None
    splits: tuple[str, ...] | None
    line: int
    labels: FrameTable | SegmentTable | np.ndarray

    @property
    def last_frame(self) -> int:
        """The highest frame number that is labelled; 0 where frames are not numbered."""
        return self.labels.last_frame if isinstance(self.labels, FrameTable | SegmentTable) else 0

    @property
    def last_second(self) -> float:
        """The latest time that is labelled, in seconds; 0 where labels do not go by time."""
        return self.labels.last_second if isinstance(self.labels, SegmentTable) else 0.0

    def read(self) -> CustomVideo:
        """Return the labels: they were read with the table."""
        return self

    def fingerprint(self) -> str:
        """Return a digest of the labels, so that a change in the table makes only the videos anew that it is about."""
        if isinstance(self.labels, np.ndarray):
            return digest(self.labels.tolist())
        return self.labels.digest()

    def placed_intensity(self, timestamps: np.ndarray) -> None:
        """Return None: a table has no intensities."""

    def placed(self, timestamps: np.ndarray) -> np.ndarray:
        """Return the labels of every frame.

        Args:
            timestamps: (T,) float64, when each frame is shown, in seconds; used for segments in seconds only.

        Returns:
            (T, A) int8; the label of a clip is given to each of its frames.

        Raises:
            InputError: if times are needed and not known.
        """
        if isinstance(self.labels, SegmentTable):
            return self.labels.placed(timestamps, f"video '{self.name}'")
        if isinstance(self.labels, FrameTable):
            return self.labels.placed(len(timestamps))
        return np.tile(self.labels, (len(timestamps), 1))


@dataclass(frozen=True)
class CustomTable:
    """A table of labels.

    Attributes:
        path: the file.
        form: 'frame', 'segment in frames', 'segment' (in seconds) or 'clip'.
        label_names: A names, ``AU1`` for any spelling of an AU's column.
        videos: by name, in the table's order.
        unused: the columns that were not read.
    """

    path: Path
    form: str
    label_names: tuple[str, ...]
    videos: dict[str, CustomVideo]
    unused: tuple[str, ...]


@dataclass
class _Rows:
    """The rows of one video while the table is read; flat arrays, because there may be millions."""

    subject: str | None
    splits: tuple[str, ...] | None
    lines: array = field(default_factory=lambda: array('q'))
    places: array = field(default_factory=lambda: array('d'))
    values: array = field(default_factory=lambda: array('b'))


@dataclass(frozen=True)
class _Columns:
    form: str
    video: int
    place: tuple[int, ...]
    labels: dict[str, int]
    subject: int | None
    split: int | None
    unused: tuple[str, ...]


def video_name(text: str) -> str:
    """Return a video's name as the table means it: without suffix, with ``/`` between folders.

    Raises:
        InputError: if it is empty or leaves the folder.
    """
    name = text.replace('\\', '/').removeprefix('./')
    for suffix in VIDEO_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    if not name or name.startswith('/') or ':' in name or any(part in ('', '.', '..') for part in name.split('/')):
        raise InputError(f"'{text}' is no name of a video within the folder")
    return name


def read_custom_table(
    path: Path | str, label_columns: Sequence[str] | None = None, first_frame: int = 1, outside: int = -1
) -> CustomTable:
    """Read a table of labels.

    Args:
        path: comma, semicolon or tab between cells; the first row names the columns. Labels are 1, 0, and -1 or
            nothing for unknown. ``subject`` and ``split`` (one or several names with blanks between) are optional.
        label_columns: the columns that are labels; by default those named like an AU (``AU1``, ``AU01``, ``AU01_c``).
        first_frame: the number that the table gives to a video's first frame, 1 or 0.
        outside: what the labels of a frame in no segment are: -1 unknown, 0 absent.

    Raises:
        InputError: naming the file and line that cannot be used: unknown or doubled columns, a row that is too long
            or too short, a value that is no label, a frame named twice, segments that contradict each other, a video
            with two subjects or splits.
    """
    path = Path(path)
    rows = iter_rows(path)
    line, header = next(rows)
    columns = _find_columns(header, label_columns, f'{path}: line {line}')
    found: dict[str, _Rows] = {}
    names: dict[str, str] = {}
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(f'{path}: line {line}: has {len(cells)} cells, but the first row has {len(header)}')
        text = cells[columns.video]
        if text not in names:
            try:
                names[text] = video_name(text)
            except InputError as error:
                raise InputError(f'{path}: line {line}: {error}') from None
        name = names[text]
        subject = None if columns.subject is None else cells[columns.subject]
        splits = None if columns.split is None else tuple(dict.fromkeys(cells[columns.split].split()))
        video = found.get(name)
        if video is None:
            video = found[name] = _Rows(subject, splits)
        if subject != video.subject or splits != video.splits or subject == '' or splits == ():
            raise _mixed(video, subject, splits, f"{path}: line {line}: video '{name}'")
        _add_row(video, cells, columns, first_frame, path, line)
    if not found:
        raise InputError(f'{path}: has no row of labels below its first row')
    width = len(columns.labels)
    videos = {
        name: CustomVideo(name, rows.subject, rows.splits, rows.lines[0], _labels(rows, columns, width, outside, path))
        for name, rows in found.items()
    }
    return CustomTable(path, columns.form, tuple(columns.labels), videos, columns.unused)


def _find_columns(header: Sequence[str], wanted: Sequence[str] | None, where: str) -> _Columns:
    folded = [name.lower() for name in header]
    if 'video' not in folded:
        raise InputError(f"{where}: there is no column 'video'; the columns are {', '.join(header[:20])}")
    twice = [header[number] for number, name in enumerate(folded) if name and name in folded[:number]]
    if twice:
        raise InputError(f"{where}: the column '{twice[0]}' stands there twice")
    forms = [form for form, names in PLACES.items() if any(name in folded for name in names)]
    if len(forms) > 1:
        raise InputError(
            f'{where}: the columns must be those of one form: frame, start_frame and end_frame, or start_s and end_s'
        )
    ambiguous = [name for name in ('start', 'end') if name in folded and not forms]
    if ambiguous:
        raise InputError(
            f"{where}: is '{ambiguous[0]}' a frame or a time? name the columns start_frame and end_frame, "
            'or start_s and end_s'
        )
    form = forms[0] if forms else 'clip'
    absent = [name for name in PLACES.get(form, ()) if name not in folded]
    if absent:
        raise InputError(f"{where}: there is no column '{absent[0]}'")
    labels = _label_columns(header, wanted, where)
    used = {*labels.values(), *(folded.index(name) for name in RESERVED if name in folded)}
    return _Columns(
        form,
        folded.index('video'),
        tuple(folded.index(name) for name in PLACES.get(form, ())),
        labels,
        folded.index('subject') if 'subject' in folded else None,
        folded.index('split') if 'split' in folded else None,
        tuple(name for number, name in enumerate(header) if name and number not in used),
    )


def _label_columns(header: Sequence[str], wanted: Sequence[str] | None, where: str) -> dict[str, int]:
    """Label name -> column."""
    if wanted is None:
        chosen = [number for number, name in enumerate(header) if _au_name(name)]
        if not chosen:
            raise InputError(
                f'{where}: no column is named like an Action Unit (AU1, AU01, AU01_c); '
                'name the label columns with --label-columns'
            )
    else:
        unknown = [name for name in wanted if name not in header or name.lower() in RESERVED]
        if unknown:
            known = [name for name in header if name and name.lower() not in RESERVED]
            raise InputError(f"{where}: there is no label column '{unknown[0]}'; {did_you_mean(unknown[0], known)}")
        chosen = [header.index(name) for name in wanted]
    labels: dict[str, int] = {}
    for number in chosen:
        name = _au_name(header[number]) or header[number]
        if name in labels:
            raise InputError(f"{where}: the columns '{header[labels[name]]}' and '{header[number]}' both are {name}")
        labels[name] = number
    return labels


def _au_name(column: str) -> str | None:
    match = re.fullmatch(r'AU0*([1-9]\d?)(_c)?', column, re.IGNORECASE)
    return f'AU{match.group(1)}' if match else None


def _mixed(video: _Rows, subject: str | None, splits: tuple[str, ...] | None, where: str) -> InputError:
    if subject == '' or splits == ():
        return InputError(f'{where}: its {"subject" if subject == "" else "split"} is empty')
    if subject != video.subject:
        return InputError(f"{where}: its subject is '{subject}' here and '{video.subject}' on line {video.lines[0]}")
    here, before = ' '.join(splits or ()), ' '.join(video.splits or ())
    return InputError(f"{where}: its split is '{here}' here and '{before}' on line {video.lines[0]}")


def _add_row(video: _Rows, cells: list[str], columns: _Columns, first_frame: int, path: Path, line: int) -> None:
    if columns.form == 'clip' and video.lines:
        raise InputError(
            f'{path}: line {line}: the video stands on line {video.lines[0]} already; a table with '
            'several rows for a video needs a column frame, or start_frame and end_frame'
        )
    if columns.form == 'frame':
        video.places.append(_frame(cells[columns.place[0]], first_frame, path, line))
    elif columns.form == 'segment in frames':
        bounds = [_frame(cells[column], first_frame, path, line) for column in columns.place]
        if bounds[1] < bounds[0]:
            raise InputError(f'{path}: line {line}: the segment ends before it starts')
        video.places.extend(bounds)
    elif columns.form == 'segment':
        video.places.extend(segment_of(*(cells[column] for column in columns.place), f'{path}: line {line}'))
    try:
        video.values.extend([VALUES[cells[column]] for column in columns.labels.values()])
    except KeyError as error:
        name = next(name for name, column in columns.labels.items() if cells[column] == error.args[0])
        raise InputError(f"{path}: line {line}: {name} is '{error.args[0]}', it must be 1, 0, -1 or empty") from None
    video.lines.append(line)


def _frame(text: str, first_frame: int, path: Path, line: int) -> int:
    if first_frame == 0:
        if text in ('0', '0.0'):
            return 1
        return frame_number(text, path, line) + 1
    if text in ('0', '0.0'):
        raise InputError(f'{path}: line {line}: frame 0; frames are counted from 1, or give --first-frame 0')
    return frame_number(text, path, line)


def _labels(
    rows: _Rows, columns: _Columns, width: int, outside: int, path: Path
) -> FrameTable | SegmentTable | np.ndarray:
    values = np.frombuffer(rows.values, np.int8).reshape(-1, width)
    if columns.form == 'clip':
        return values[0].copy()
    places, lines = np.frombuffer(rows.places, np.float64), np.frombuffer(rows.lines, np.int64)
    if columns.form != 'frame':
        unit = 's' if columns.form == 'segment' else 'frame'
        table = SegmentTable(places.reshape(-1, 2).copy(), values.copy(), unit, outside)
        table.check(lines, tuple(columns.labels), path)
        return table
    order = np.argsort(places, kind='stable')
    frames = places[order].astype(np.int64)
    doubled = np.flatnonzero(frames[1:] == frames[:-1]) + 1
    if len(doubled):
        where = doubled[np.argmin(lines[order][doubled])]
        first = order[np.searchsorted(frames, frames[where])]
        raise InputError(
            f'{path}: line {lines[order][where]}: this frame of the video stands on line {lines[first]} already'
        )
    return FrameTable(frames, values[order])
