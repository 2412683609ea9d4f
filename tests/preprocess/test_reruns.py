"""Giving the same command again, and names that are hard to print."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import pytest
from preprocess_data import person, write_json
from preprocess_jobs import AUS, METAINFO, make_jobs, sample

from pyskl.errors import InputError
from pyskl.preprocess import COUNTS, Problem
from pyskl.preprocess.folds import hold_out
from pyskl.preprocess.handles import ExtractorSettings, Images, SourceSettings
from pyskl.preprocess.jobs import NAMED, part_path
from pyskl.preprocess.sources import _ImageSource, _SkeletonSource

SKELETONS = SourceSettings('ibug68')
PICTURES = SourceSettings('ibug68', extractor=ExtractorSettings('mediapipe', 1, False))


def test_renumbered_skeletons_are_other_skeletons(tmp_path):
    for frame in (1, 2):
        os.utime(write_json(tmp_path, 'v', frame, [person(50, 50, 40)]), (1, 1))
    before = _SkeletonSource(tmp_path, SKELETONS).find('v').fingerprint()
    (tmp_path / 'v.00002.predictions.json').rename(tmp_path / 'v.00003.predictions.json')
    assert _SkeletonSource(tmp_path, SKELETONS).find('v').fingerprint() != before


def test_renumbered_pictures_are_other_pictures_and_moved_ones_are_not(tmp_path):
    for name in ('1.jpg', '2.jpg'):
        (tmp_path / 'a' / 'v').mkdir(parents=True, exist_ok=True)
        (tmp_path / 'a' / 'v' / name).write_bytes(b'x')
        os.utime(tmp_path / 'a' / 'v' / name, (1, 1))
    before = _ImageSource(tmp_path / 'a', PICTURES).find('v').fingerprint()
    (tmp_path / 'a').rename(tmp_path / 'b')
    assert _ImageSource(tmp_path / 'b', PICTURES).find('v').fingerprint() == before
    (tmp_path / 'b' / 'v' / '2.jpg').rename(tmp_path / 'b' / 'v' / '3.jpg')
    assert _ImageSource(tmp_path / 'b', PICTURES).find('v').fingerprint() != before


def test_more_faces_are_looked_for_unless_the_user_said_how_many(tmp_path):
    by_default = SourceSettings('ibug68', extractor=ExtractorSettings('mediapipe', 1, False, is_default=True))
    handle = Images('v', tmp_path, by_default)
    assert handle.looking_for(2).settings.extractor.max_faces == 2
    assert handle.looking_for(1) is handle
    fixed = Images('v', tmp_path, PICTURES)
    assert fixed.looking_for(2) is fixed


def test_what_was_bad_is_tried_again_and_nothing_else(tmp_path, preprocess, capsys):
    jobs, out = make_jobs(tmp_path / 'in', log=tmp_path / 'log'), tmp_path / 'a.pkl'
    source = tmp_path / 'in' / '1.txt'
    source.write_text('bad')
    status = source.stat()
    preprocess(jobs, '--out', out, '--skip-bad', metainfo=METAINFO)
    (tmp_path / 'log').unlink()
    capsys.readouterr()
    preprocess(jobs, '--out', out, '--skip-bad', metainfo=METAINFO)
    assert (tmp_path / 'log').read_text().split() == ['v1']
    assert 'nothing has changed' in capsys.readouterr().out
    assert not (tmp_path / 'a.pkl.parts').exists()
    source.write_text('123')  # mended, and by size and time the same
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    preprocess(jobs, '--out', out, '--skip-bad', metainfo=METAINFO)
    assert json.loads((tmp_path / 'a.pkl.summary.json').read_text())['num_bad'] == 0


def test_new_notes_make_a_new_summary(tmp_path, preprocess):
    jobs, record = make_jobs(tmp_path / 'in', 2), tmp_path / 'a.pkl.summary.json'
    for notes in (['one'], ['two']):
        preprocess(jobs, '--out', tmp_path / 'a.pkl', metainfo=METAINFO, notes=notes)
        assert json.loads(record.read_text())['notes'] == notes


@pytest.mark.parametrize(('count', 'text'), [(1, 'the only video is bad: '), (2, 'all 2 videos are bad, the first: ')])
def test_when_nothing_is_left_no_folder_is_left_either(tmp_path, preprocess, count, text):
    jobs = make_jobs(tmp_path / 'in', count)
    for path in (tmp_path / 'in').iterdir():
        path.write_text('bad')
    with pytest.raises(InputError, match=text):
        preprocess(jobs, '--out', tmp_path / 'a.pkl', '--skip-bad', metainfo=METAINFO)
    assert [path.name for path in tmp_path.iterdir()] == ['in']


@dataclass(frozen=True)
class NamedJob:
    """Makes a track of any name, with a count that names it."""

    name: str
    COUNTED: ClassVar = MappingProxyType({NAMED[0]: 1})

    @property
    def splits(self) -> dict[str, tuple[str, ...]]:
        return {self.name: ('train',)}

    def fingerprint(self) -> dict:
        return {}

    def build(self) -> list[dict]:
        made = sample(self.name, np.random.default_rng(0), 4)
        return [made | {COUNTS: dict(self.COUNTED)}]


def test_tracks_without_a_face_are_named(tmp_path, preprocess, capsys):
    preprocess([NamedJob(f'v{n}') for n in range(7)], '--out', tmp_path / 'a.pkl', metainfo=METAINFO)
    assert 'note: tracks without any face: v0, v1, v2, v3, v4 and 2 more' in capsys.readouterr().out


@pytest.mark.parametrize('kind', ['--out', '--store'])
def test_names_that_are_no_text_are_kept_and_printed(tmp_path, preprocess, capsys, kind):
    name = os.fsdecode(b'caf\xe9')
    preprocess([NamedJob(name)], kind, tmp_path / os.fsdecode(b'out\xff'), metainfo=METAINFO)
    out = capsys.readouterr().out
    assert r'caf\udce9' in out and r'out\udcff' in out
    preprocess([NamedJob(name)], kind, tmp_path / os.fsdecode(b'out\xff'), metainfo=METAINFO)
    assert hold_out([name, 'b'], 0.5, 0)
    assert part_path(Path(), name).name.isascii()


def test_line_breaks_in_names_do_not_break_lines(tmp_path, preprocess, capsys):
    problems = [Problem('x', 'a\nb: is wrong')]
    with pytest.raises(InputError) as error:
        preprocess(make_jobs(tmp_path / 'in', 2), '--out', tmp_path / 'a', metainfo=METAINFO, problems=problems)
    assert '\n' not in str(error.value)
    write_json(tmp_path / 'sk', 'one\ntwo', 1, [person(50, 50, 40)])
    assert _SkeletonSource(tmp_path / 'sk', SKELETONS).find('one\ntwo').fingerprint()['files'] == 1


def test_brackets_in_names_are_not_read_as_markup(tmp_path, preprocess, capsys):
    metainfo = {'dataset': '[bold]x[/]', 'aus': ['[red]smile', *AUS[1:]], 'keypoint_layout': 'ibug51'}
    preprocess(make_jobs(tmp_path / 'in', 2), '--out', tmp_path / 'a.pkl', metainfo=metainfo)
    out = capsys.readouterr().out
    assert '[bold]x[/]' in out and '[red]smile active' in out
