"""Subject-exclusive folds: who is tested when.

With K folds an annotation file holds 2 K splits: fold k is tested in ``test_fold<k>``, and everybody else is in
``train_fold<k>``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyskl.errors import InputError
from pyskl.preprocess.csv_labels import check_regular, iter_rows

__all__ = ['Folds', 'hold_out', 'read_folds']


class Folds:
    """A division of subjects into folds.

    Args:
        folds: the subjects of each fold.
        source: where the division comes from, for messages.

    Raises:
        InputError: if there are fewer than two folds, one is empty, or a subject is in two.
    """

    def __init__(self, folds: Sequence[Sequence[str]], source: str) -> None:
        self.source = source
        self.folds = tuple(tuple(str(subject) for subject in fold) for fold in folds)
        if len(self.folds) < 2:
            raise InputError(f'{source}: there must be two folds or more, not {len(self.folds)}')
        self._fold_of: dict[str, int] = {}
        for number, fold in enumerate(self.folds, 1):
            if not fold:
                raise InputError(f'{source}: fold {number} is empty')
            for subject in fold:
                if subject in self._fold_of:
                    raise InputError(
                        f"{source}: subject '{subject}' is in fold {self._fold_of[subject]} and in fold {number}"
                    )
                self._fold_of[subject] = number

    def splits(self, subject: str) -> tuple[str, ...]:
        """Return the names of the splits that a subject's tracks join, one for each fold.

        Raises:
            InputError: if the subject is in no fold.
        """
        if subject not in self._fold_of:
            raise InputError(
                f"subject '{subject}' is in no fold of {self.source}; name the folds of all subjects with --folds FILE"
            )
        tested = self._fold_of[subject]
        return tuple(
            f'{"test" if number == tested else "train"}_fold{number}' for number in range(1, len(self.folds) + 1)
        )

    @property
    def split_names(self) -> tuple[str, ...]:
        """All names of splits, fold by fold, training first."""
        numbers = range(1, len(self.folds) + 1)
        return tuple(f'{part}_fold{number}' for number in numbers for part in ('train', 'test'))


def read_folds(path: Path | str) -> Folds:
    """Read folds of one's own.

    Two forms: JSON, a list of lists of subjects (the first list is fold 1); or a table with the columns ``subject``
    and ``fold``, folds numbered from 1.

    Raises:
        InputError: if the file is neither, or the folds cannot be used (see :class:`Folds`).
    """
    path = Path(path)
    return Folds(_from_json(path) if path.suffix.lower() == '.json' else _from_table(path), str(path))


def _from_json(path: Path) -> list[list[str]]:
    check_regular(path)
    try:
        content: Any = json.loads(path.read_text(encoding='utf-8-sig'))
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror or error})') from None
    except RecursionError:
        raise InputError(f'{path}: is nested too deeply to be folds') from None
    except ValueError as error:
        raise InputError(f'{path}: no valid JSON ({error})') from None
    if not isinstance(content, list) or not all(isinstance(fold, list) for fold in content):
        raise InputError(f'{path}: must be a list of folds, each a list of subjects: [["S1", "S2"], ["S3"]]')
    wrong = [subject for fold in content for subject in fold if not isinstance(subject, str)]
    if wrong:
        raise InputError(f'{path}: subjects must be text in quotes, but one is {wrong[0]!r}')
    return content


def _from_table(path: Path) -> list[list[str]]:
    rows = iter_rows(path)
    line, header = next(rows)
    names = [name.lower() for name in header]
    if sorted(names) != ['fold', 'subject']:
        raise InputError(f'{path}: line {line}: the columns must be subject and fold, not {", ".join(header)}')
    folds: dict[int, list[str]] = {}
    for line, cells in rows:
        record: Mapping[str, str] = dict(zip(names, cells, strict=False))
        number = record.get('fold', '')
        number = number.lstrip('0') if number.isascii() and number.isdecimal() else ''
        if len(cells) != 2 or not record['subject'] or not number or len(number) > 9:
            raise InputError(f'{path}: line {line}: must be a subject and the number of its fold, from 1')
        folds.setdefault(int(number), []).append(record['subject'])
    if sorted(folds) != list(range(1, len(folds) + 1)):
        raise InputError(f'{path}: folds must be numbered from 1 without a gap, not {sorted(folds)[:10]}')
    return [folds[number] for number in sorted(folds)]


def hold_out(subjects: Iterable[str], fraction: float, seed: int) -> set[str]:
    """Choose the subjects that are kept for validation.

    Whether a subject is chosen depends on its name and the seed, not on the order, so that data added later moves few.

    Args:
        subjects: all of them; repeated names count once.
        fraction: share of the subjects to choose, 0 up to below 1; at least one and not all, unless it is 0.
        seed: another seed, another choice.

    Raises:
        InputError: if the fraction cannot be, or there is one subject only.
    """
    if not 0 <= fraction < 1:
        raise InputError(f'--val-fraction must be 0 or more and below 1, not {fraction:g}')
    names = set(subjects)
    if fraction == 0:
        return set()
    if len(names) < 2:
        raise InputError(
            f'there is only {len(names)} subject (or video), which cannot be divided into training and validation; '
            'give a column split, or --val-fraction 0'
        )

    def rank(name: str) -> tuple[bytes, str]:
        return hashlib.sha256(f'{seed}:{name}'.encode('utf-8', 'surrogatepass')).digest(), name

    ranked = sorted(names, key=rank)
    return set(ranked[: min(max(round(fraction * len(names)), 1), len(names) - 1)])
