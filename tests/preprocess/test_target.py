"""What may be written over, and what never."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from preprocess_jobs import METAINFO, make_jobs

from pyskl.datasets.annotation import read_annotation_file
from pyskl.datasets.store import open_store
from pyskl.errors import InputError
from pyskl.preprocess.target import check_target, source_paths

FOREIGN = {
    'video.mp4': b'\x00\x00\x00\x20ftypisom',
    'labels.csv': b'video,frame,AU1\na,1,0\n',
    'text.pkl': b'annotations',
    'other.pkl': pickle.dumps({'weights': [1.0]}),
}


@pytest.mark.parametrize('name', FOREIGN)
def test_a_file_that_is_no_annotation_is_never_replaced(tmp_path, preprocess, name):
    path = tmp_path / name
    path.write_bytes(FOREIGN[name])
    with pytest.raises(InputError, match='is there and is no annotation file'):
        preprocess(make_jobs(tmp_path / 'in', 2), '--out', path, '--force', metainfo=METAINFO)
    assert path.read_bytes() == FOREIGN[name]


@pytest.mark.parametrize('content', [b'', pickle.dumps({'split': {}, 'annotations': []}, 2)])
def test_an_older_annotation_or_an_empty_file_is_replaced(tmp_path, preprocess, content):
    path = tmp_path / 'a.pkl'
    path.write_bytes(content)
    preprocess(make_jobs(tmp_path / 'in', 2), '--out', path, metainfo=METAINFO)
    assert len(read_annotation_file(path).samples) == 3


def test_a_source_is_never_replaced_even_under_another_name(tmp_path):
    labels = tmp_path / 'labels.pkl'
    labels.write_bytes(pickle.dumps({'annotations': []}))
    (tmp_path / 'link.pkl').symlink_to(labels)
    arguments = {'labels': labels, 'out': tmp_path / 'link.pkl', 'workers': 2}
    assert list(source_paths(arguments)) == [('--labels', labels)]
    with pytest.raises(InputError, match=r'is what --labels reads; give another name'):
        check_target(tmp_path / 'link.pkl', Path('link.pkl'), source_paths(arguments))


def test_a_pipe_is_refused_also_behind_a_link(tmp_path, preprocess):
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'link').symlink_to(tmp_path / 'pipe')
    for name in ('pipe', 'link'):
        with pytest.raises(InputError, match='no regular file'):
            preprocess(make_jobs(tmp_path / 'in', 2), '--out', tmp_path / name, metainfo=METAINFO)
    assert (tmp_path / 'pipe').is_fifo()


@pytest.mark.parametrize('kind', ['--out', '--store'])
@pytest.mark.parametrize('dangling', [False, True])
def test_a_link_stays_and_what_it_points_to_is_written(tmp_path, preprocess, content, kind, dangling):
    jobs = make_jobs(tmp_path / 'in', 2)
    real, link = tmp_path / 'disk' / 'result', tmp_path / 'link'
    real.parent.mkdir()
    link.symlink_to(real)
    if not dangling:
        preprocess(jobs[:1], kind, real, metainfo=METAINFO)
    preprocess(jobs, kind, link, metainfo=METAINFO)
    preprocess(jobs, kind, tmp_path / 'plain', metainfo=METAINFO)
    assert link.is_symlink()
    assert content(real) == content(tmp_path / 'plain')
    assert not (tmp_path / 'link.parts').exists()


def test_links_in_a_circle_are_one_line(tmp_path, preprocess):
    (tmp_path / 'a').symlink_to(tmp_path / 'b')
    (tmp_path / 'b').symlink_to(tmp_path / 'a')
    with pytest.raises(InputError, match='cannot write'):
        preprocess(make_jobs(tmp_path / 'in', 2), '--out', tmp_path / 'a', metainfo=METAINFO)


def test_a_store_that_was_moved_away_when_the_run_was_killed_comes_back(tmp_path, preprocess, content):
    jobs, store = make_jobs(tmp_path / 'in', 2), tmp_path / 'store'
    preprocess(jobs, '--store', store, metainfo=METAINFO)
    before = content(store)
    parts = tmp_path / 'store.parts'
    parts.mkdir()
    store.rename(parts / 'replaced')  # as far as a killed run may come
    (tmp_path / 'in' / '0.txt').write_text('bad')
    with pytest.raises(InputError, match='is bad'):
        preprocess(jobs, '--store', store, metainfo=METAINFO)
    assert content(store) == before and len(open_store(store)) == 3
