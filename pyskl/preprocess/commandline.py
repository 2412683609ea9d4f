"""What the preprocessing commands have in common: their arguments, and a run from the jobs to the summary."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyskl.errors import InputError
from pyskl.files import check_writable, replacing
from pyskl.preprocess.assemble import assemble, remove_parts, restore
from pyskl.preprocess.jobs import Job, Mode, Outcome, digest, one_line, run_jobs
from pyskl.preprocess.summary import Problem, Summary, summary_tables
from pyskl.preprocess.target import check_target, resolve_target, source_paths
from pyskl.progress import progress_bar

__all__ = ['add_arguments', 'run_preprocessing']

RESULT_VERSION = 1


@dataclass(frozen=True)
class Shard:
    """Share ``number`` (from 1) of ``count``."""

    number: int
    count: int


def _shard(text: str) -> Shard:
    match = re.fullmatch(r'(\d+)/(\d+)', text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"must read I/N with I from 1 to N, such as 3/20, not '{text}'")
    return Shard(int(match[1]), int(match[2]))


def _workers(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a number of 0 or more, not '{text}'")
    return int(text)


def available_cores() -> int:
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that :func:`run_preprocessing` reads."""
    result = parser.add_argument_group('result')
    target = result.add_mutually_exclusive_group(required=True)
    target.add_argument('--out', type=Path, metavar='FILE', help='annotation file (pickle) to write')
    target.add_argument('--store', type=Path, metavar='DIR', help='keypoint store to write: the same for any size')
    result.add_argument(
        '--skip-bad', action='store_true', help='leave out what cannot be used, list and count it; default: stop there'
    )
    result.add_argument('--force', action='store_true', help='make everything again, even what is there and unchanged')
    work = parser.add_argument_group('work')
    work.add_argument(
        '--workers', type=_workers, default=available_cores(), metavar='N',
        help='processes; 0: only this one; default: one per core (here %(default)s)',
    )  # fmt: skip
    work.add_argument(
        '--shard', type=_shard, metavar='I/N',
        help='make only share I (from 1) of N and leave its parts beside the result, for --merge',
    )  # fmt: skip
    work.add_argument('--merge', action='store_true', help='put the parts of all shards together')
    work.add_argument('--keep-parts', action='store_true', help='keep the part files once the result is written')


def run_preprocessing(
    jobs: Sequence[Job],
    args: argparse.Namespace,
    metainfo: Mapping[str, Any],
    recipe: Mapping[str, Any],
    problems: Sequence[Problem] = (),
    notes: Sequence[str] = (),
) -> int:
    """Make the samples of all jobs, or of a share of them, and write the result and its summary.

    Parts lie in ``<result>.parts`` until the result is complete; a run that was interrupted goes on with them. The
    result depends on the jobs, their order and ``metainfo`` only, not on workers, shards or interruptions.

    Args:
        jobs: one per video, in the order of the result.
        args: what :func:`add_arguments` added.
        metainfo: what the result says of itself: ``dataset``, ``aus``, ``keypoint_layout``...
        recipe: the settings all jobs share, in JSON's types.
        problems: what was found unusable while the jobs were listed; it counts as bad.
        notes: lines for the summary: what is worth a mention, but no fault.

    Returns:
        The exit status, 0.

    Raises:
        InputError: for anything bad without ``--skip-bad``, if nothing is left, if a shard's parts are missing, or if
            the result cannot be written.
    """
    return _Run(jobs, args, metainfo, recipe, problems, notes).go()


class _Run:
    def __init__(
        self,
        jobs: Sequence[Job],
        args: argparse.Namespace,
        metainfo: Mapping[str, Any],
        recipe: Mapping[str, Any],
        problems: Sequence[Problem],
        notes: Sequence[str],
    ) -> None:
        self.jobs, self.args, self.metainfo = jobs, args, dict(metainfo)
        self.recipe = json.loads(json.dumps(recipe))  # as the record gives it back
        self.problems = [Problem(problem.name, one_line(problem.message)) for problem in problems]
        self.notes = [one_line(note) for note in notes]
        self.form = 'pickle' if args.store is None else 'store'
        self.target = resolve_target(args.store or args.out)
        self.shown = args.store or args.out
        self.folder = self.target.with_name(f'{self.target.name}.parts')
        inside = self.form == 'store'
        self.record = (
            self.target / 'summary.json' if inside else self.target.with_name(f'{self.target.name}.summary.json')
        )

    def go(self) -> int:
        restore(self.target, self.folder)
        self._check()
        merging, shard = self.args.merge, self.args.shard
        if shard is not None:
            return self._make_shard(shard)
        if not self.args.force and not (merging and self.folder.is_dir()):
            summary = self._unchanged()
            if summary is not None:
                self._print(summary)
                self._say(f'{self.shown} is already there and nothing has changed; --force makes it again')
                return 0
        outcomes = self._look() if merging else self._make(range(len(self.jobs)))
        summary = Summary(self.metainfo.get('aus', ()), bad=list(self.problems), notes=list(self.notes))
        if not self.args.keep_parts and all(outcome.state == 'bad' for outcome in outcomes):
            remove_parts(self.folder)
        assemble(self.jobs, outcomes, self.folder, self.target, self.form, self.metainfo, summary)
        content = {
            'dataset': self.metainfo.get('dataset'),
            'keypoint_layout': self.metainfo.get('keypoint_layout'),
            **summary.to_json(),
            'recipe': self.recipe,
            'sources': self._sources(outcomes),
            'files': _sizes(self.target),
        }
        with replacing(self.record) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
        if not self.args.keep_parts:
            remove_parts(self.folder)
        self._print(content)
        self._say(f'written: {self.shown}, and the summary to {self.record.name}')
        return 0

    def _check(self) -> None:
        args = self.args
        if args.shard is not None and args.merge:
            raise InputError('--shard and --merge: run all shards first, then --merge alone')
        if self.problems and not args.skip_bad:
            raise InputError(f'{self.problems[0].message}{self._advice(len(self.problems) - 1)}')
        if not self.jobs:
            raise InputError('nothing to do: no video is left')
        _check_unique((job.name for job in self.jobs), 'two sources have the name')
        _check_unique((track for job in self.jobs for track in job.splits), 'two sources give the track')
        if self.form == 'pickle':
            check_target(self.target, self.shown, source_paths(vars(args)))
        if self.form == 'store' and self.target.exists():
            from pyskl.datasets.store import is_store

            if not self.target.is_dir() or (any(self.target.iterdir()) and not is_store(self.target)):
                raise InputError(f'--store: {self.shown} is there and is no keypoint store; give another name')
        check_writable(self.target.parent, '--out' if self.form == 'pickle' else '--store')

    def _advice(self, others: int) -> str:
        more = f' (and {others} more)' if others else ''
        return f'{more}; --skip-bad leaves it out'

    def _sources(self, outcomes: Sequence[Outcome]) -> str:
        return digest(
            {
                'version': RESULT_VERSION,
                'metainfo': self.metainfo,
                'jobs': [
                    (job.name, {track: list(names) for track, names in job.splits.items()}, outcome.fingerprint)
                    for job, outcome in zip(self.jobs, outcomes, strict=True)
                ],
                'problems': [(problem.name, problem.message) for problem in self.problems],
                'notes': self.notes,
            }
        )

    def _unchanged(self) -> dict[str, Any] | None:
        """Return the summary of a result that is whole and made from the same sources, or None."""
        try:
            summary = json.loads(self.record.read_text(encoding='utf-8'))
            whole = summary['recipe'] == self.recipe and summary['files'] == _sizes(self.target)
            if not whole or (summary['num_bad'] and not self.args.skip_bad):
                return None
            same = summary['sources'] == self._sources(self._run(range(len(self.jobs)), 'fingerprint', 'comparing'))
            same = same and self._still_bad(summary)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return summary if same else None

    def _still_bad(self, summary: Mapping[str, Any]) -> bool:
        """Try the jobs again that were bad; tell whether all are, for the same reasons.

        What was wrong need not be in the sources: a package was missing, or a disk did not answer.
        """
        before = {entry['name']: entry['error'] for entry in summary['bad']}
        numbers = [number for number, job in enumerate(self.jobs) if job.name in before]
        if not numbers:
            return True
        outcomes = self._make(numbers)
        if any(outcome.error != before[self.jobs[outcome.number].name] for outcome in outcomes):
            return False
        if not self.args.keep_parts:
            remove_parts(self.folder)
        return True

    def _make(self, numbers: Sequence[int]) -> list[Outcome]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'{self.folder}: cannot be written ({error.strerror})') from None
        return self._run(numbers, 'remake' if self.args.force else 'make', 'preprocessing')

    def _run(self, numbers: Sequence[int], mode: Mode, title: str) -> list[Outcome]:
        aus = self.metainfo.get('aus')
        run = run_jobs(self.jobs, numbers, self.folder, self.recipe, self.args.workers, mode, len(aus) if aus else None)
        outcomes = {}
        shown = sys.stderr.isatty()
        with closing(run), progress_bar(run, title, len(numbers), shown=shown) as passed:
            for outcome in passed:
                if outcome.state == 'bad' and not self.args.skip_bad:
                    raise InputError(f'{outcome.error}{self._advice(0)}')
                outcomes[outcome.number] = outcome
        return [outcomes[number] for number in numbers]

    def _look(self) -> list[Outcome]:
        if not self.folder.is_dir():
            raise InputError(f'--merge: {self.folder} does not exist; run the shards first, with the same arguments')
        outcomes = self._run(range(len(self.jobs)), 'check', 'checking the parts')
        missing = [job.name for job, outcome in zip(self.jobs, outcomes, strict=True) if outcome.state == 'missing']
        if missing:
            names = ', '.join(f"'{name}'" for name in missing[:5]) + (', ...' if len(missing) > 5 else '')
            raise InputError(
                f'--merge: {len(missing)} of {len(self.jobs)} parts are missing or out of date: {names}; run their '
                'shards again, with the same arguments'
            )
        return outcomes

    def _make_shard(self, shard: Shard) -> int:
        numbers = range(shard.number - 1, len(self.jobs), shard.count)
        outcomes = self._make(numbers)
        states = [outcome.state for outcome in outcomes]
        for outcome in outcomes:
            if outcome.state == 'bad':
                self._say(f'bad: {outcome.error}')
        self._say(
            f'shard {shard.number}/{shard.count}: {len(numbers)} of {len(self.jobs)} videos: {states.count("made")} '
            f'made, {states.count("kept")} kept, {states.count("bad")} bad; when all shards are done, run --merge'
        )
        return 0

    def _print(self, summary: Mapping[str, Any]) -> None:
        table, lines = summary_tables(summary, str(summary.get('dataset') or self.target.name))
        _console().print(table)
        for line in lines:
            self._say(line)

    def _say(self, line: str) -> None:
        _console().print(line, markup=False, highlight=False, soft_wrap=True)


def _console() -> Any:
    from rich.console import Console

    if hasattr(sys.stdout, 'reconfigure'):
        # Names of files need not be text, and the output need not be UTF-8.
        sys.stdout.reconfigure(errors='backslashreplace')
    return Console(width=None if sys.stdout.isatty() else 120)


def _check_unique(names: Any, what: str) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise InputError(f"{what} '{name}'; each must occur once")
        seen.add(name)


def _sizes(target: Path) -> dict[str, int]:
    """Return the size of each file of a result, in bytes; the summary itself is left out."""
    files = [target] if target.is_file() else []
    with suppress(OSError):
        files += [file for file in target.iterdir() if file.is_file() and file.name != 'summary.json']
    return {file.name: file.stat().st_size for file in sorted(files)}
