"""Keypoints found by OpenPifPaf's whole-body model: one JSON file per picture.

OpenPifPaf: Kreiss et al., OpenPifPaf: Composite Fields for Semantic Keypoint Detection and Spatio-Temporal Association,
2021. Each file holds a list of people; each has ``keypoints``, 133 x (x, y, score) in the order of COCO-WholeBody.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any, NoReturn

import numpy as np

from pyskl.errors import InputError
from pyskl.landmarks.tracking import FaceTracker, tracking_points
from pyskl.landmarks.types import Face, FrameFaces

__all__ = ['OPENPIFPAF_LAYOUT', 'parse_openpifpaf', 'read_openpifpaf']

OPENPIFPAF_LAYOUT = 'coco_wholebody133'
_NUM_VALUES = 133 * 3
_NUMBERS = frozenset({int, float})
_FACE = slice(23, 91)


def parse_openpifpaf(path: PathLike[str] | str) -> list[Face]:
    """Read the people of one picture.

    Args:
        path: the JSON file: a list of dicts with ``keypoints``, flat, and possibly other keys, which are not read.

    Returns:
        One face for each person of whom at least one face keypoint was found, in the order of the file, as
        (133, 2) keypoints and (133,) scores in the layout ``coco_wholebody133``. Where the score is 0 so are x and y.

    Raises:
        InputError: if the file cannot be read, is no JSON, or has another content. The message names the file, and the
            line and column of a syntax error.
    """
    try:
        with open(path, 'rb') as file:  # noqa: PTH123 - Path.open costs as much again for a file this small
            content = file.read()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    if not content.strip():
        raise InputError(f'{path}: the file is empty; a picture without people is an empty list, []')
    try:
        people = _DECODER.decode(content.removeprefix(codecs.BOM_UTF8).decode('utf-8'))
    except json.JSONDecodeError as error:
        raise InputError(
            f'{path}: not valid JSON at line {error.lineno}, column {error.colno}: {error.msg.lower()}; '
            'it may be cut short'
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f'{path}: not a text file in UTF-8 (byte {error.start + 1})') from None
    except RecursionError:
        raise InputError(f'{path}: its lists are nested too deep for a file of OpenPifPaf') from None
    except ValueError as error:
        raise InputError(f'{path}: {error}') from None
    if not isinstance(people, list):
        raise InputError(f'{path}: must hold a list of people, holds {_kind(people)}')
    faces = []
    for number, person in enumerate(people, 1):
        face = _face(person, number, path)
        if face is not None:
            faces.append(face)
    return faces


def read_openpifpaf(files: Iterable[tuple[int, PathLike[str] | str]]) -> Iterator[FrameFaces]:
    """Read the pictures of a video and follow the people in it by their faces.

    Args:
        files: frame number, counted from 1, and JSON file of each picture, in order; numbers may be left out. See
            :func:`pyskl.landmarks.index_openpifpaf`.

    Yields:
        One record per file, with ``index`` the number minus 1, an unknown timestamp (NaN) and an unknown size (0, 0).

    Raises:
        InputError: as :func:`parse_openpifpaf`, or if a number occurs twice, is below 1 or comes out of order.
    """
    tracker, last = FaceTracker(tracking_points(OPENPIFPAF_LAYOUT)), 0
    for number, path in files:
        if number <= last:
            what = 'a second file for' if number == last else f'after frame {last} comes'
            raise InputError(f'{path}: {what} frame {number}; frames count up from 1')
        last = number
        yield FrameFaces(number - 1, float('nan'), (0, 0), tracker.update(number - 1, parse_openpifpaf(path)))


def _face(person: Any, number: int, path: PathLike[str] | str) -> Face | None:
    try:
        values = person['keypoints']
    except (TypeError, KeyError, IndexError):
        what = "without 'keypoints'" if isinstance(person, dict) else f'which is {_kind(person)}, not a dict'
        raise InputError(f'{path}: the list holds person {number} {what}') from None
    if not isinstance(values, list) or len(values) != _NUM_VALUES:
        size = f'{len(values)} values' if isinstance(values, list) else _kind(values)
        raise InputError(
            f'{path}: keypoints of person {number}: {size}, must be {_NUM_VALUES}: x, y and score of 133 points '
            '(the whole-body model)'
        )
    if not set(map(type, values)) <= _NUMBERS:
        place = next(at for at, it in enumerate(values) if type(it) not in _NUMBERS)
        raise InputError(
            f'{path}: keypoints of person {number}: value {place + 1} is {_kind(values[place])}, not a number'
        )
    try:
        array = np.array(values, np.float64)
    except OverflowError:
        array = np.array([np.inf])
    if not np.abs(array).max() < 1e6:
        raise InputError(f'{path}: keypoints of person {number}: a value is beyond 1,000,000 pixels')
    triples = array.reshape(133, 3)
    score = triples[:, 2]
    if score.min() < 0:
        raise InputError(f'{path}: keypoints of person {number}: a score is below 0')
    if not score[_FACE].any():
        return None
    triples = triples.astype(np.float32)
    score = np.minimum(triples[:, 2], 1)
    keypoint = triples[:, :2].copy()
    keypoint[score == 0] = 0
    return Face(keypoint, score)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f'holds {constant}, which is no number')


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _kind(value: Any) -> str:
    names = {dict: 'a dict', list: 'a list', str: 'a string', bool: 'a boolean', type(None): 'null'}
    return names.get(type(value), 'a number')
