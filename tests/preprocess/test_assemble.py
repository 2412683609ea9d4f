"""The annotation file that is written a sample at a time."""

from __future__ import annotations

import io
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from preprocess_jobs import AUS, METAINFO, FileJob, make_jobs, sample

from pyskl.datasets.safe_pickle import load_pickle
from pyskl.errors import InputError
from pyskl.preprocess.assemble import PickleWriter, assemble, remove_parts
from pyskl.preprocess.jobs import Outcome, part_path, read_part, run_jobs
from pyskl.preprocess.summary import Summary


def written(samples, splits) -> bytes:
    file = io.BytesIO()
    writer = PickleWriter(file, METAINFO)
    for item in samples:
        writer.add(item)
    writer.finish(splits)
    return file.getvalue()


def test_a_plain_pickle_load_gives_the_plain_dict(tmp_path):
    samples = [sample(f'v{i}', np.random.default_rng(i), 5) for i in range(3)]
    (tmp_path / 'a.pkl').write_bytes(content := written(samples, {'train': ['v0', 'v1'], 'val': ['v2']}))
    for read in (pickle.loads(content), load_pickle(tmp_path / 'a.pkl')):
        assert type(read) is dict
        assert type(read['annotations']) is list
        assert read['split'] == {'train': ['v0', 'v1'], 'val': ['v2']}
        assert read['metainfo'] == METAINFO
        np.testing.assert_equal(read['annotations'], samples)
        assert read['annotations'][0]['keypoint'].dtype == np.float32
        assert read['annotations'][0]['label'].dtype == np.int8


def test_no_sample_at_all_is_an_empty_list():
    assert pickle.loads(written([], {})) == {'metainfo': METAINFO, 'annotations': [], 'split': {}}


def test_the_bytes_depend_on_the_content_and_not_on_what_is_shared():
    shared = {'frame_dir': 'name', 'shape': (3, 4), 'array': np.arange(4.0)}
    apart = [{'frame_dir': ''.join(['na', 'me']), 'shape': tuple([3, 4]), 'array': np.arange(4.0)} for _ in range(2)]
    assert written([shared, shared], {}) == written(apart, {})


def test_thousands_of_samples_and_large_arrays_come_through():
    samples = [{'frame_dir': str(i), 'array': np.full(2 + 40_000 * (i % 700 == 0), i)} for i in range(2_500)]
    read = pickle.loads(written(samples, {}))['annotations']
    assert len(read) == 2_500
    assert all(np.array_equal(a['array'], b['array']) for a, b in zip(read, samples, strict=True))


@pytest.mark.parametrize('form', ['pickle', 'store'])
def test_memory_does_not_grow_with_the_number_of_samples(tmp_path, form):
    """40 parts of 1.2 MB each are assembled within the memory of a few of them."""
    jobs = make_jobs(tmp_path / 'in', 40, frames=1000)
    jobs = [FileJob(job.source, job.name, {job.name: ('train',)}, 1000) for job in jobs]
    folder = tmp_path / 'parts'
    folder.mkdir()
    outcomes = list(run_jobs(jobs, range(40), folder, {}, 0))
    size = part_path(folder, 'v0').stat().st_size
    assert size > 600_000
    tracemalloc.start()
    try:
        assemble(jobs, outcomes, folder, tmp_path / 'result', form, METAINFO, Summary(AUS))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * size


def test_a_part_that_vanished_is_named(tmp_path):
    jobs = make_jobs(tmp_path / 'in', 2)
    outcomes = list(run_jobs(jobs, range(2), tmp_path, {}, 0))
    part_path(tmp_path, 'v1').unlink()
    with pytest.raises(InputError, match=r"the part of 'v1' has changed"):
        assemble(jobs, outcomes, tmp_path, tmp_path / 'result', 'pickle', METAINFO, Summary(AUS))
    assert not (tmp_path / 'result').exists()


@pytest.mark.parametrize('content', [b'', b'junk', pickle.dumps({'fingerprint': 'x'}), pickle.dumps([1])])
def test_a_damaged_part_counts_as_missing(tmp_path, content):
    (tmp_path / 'a.part').write_bytes(content)
    assert read_part(tmp_path / 'a.part') is None
    assert read_part(tmp_path / 'none.part') is None


def test_names_of_parts_differ_also_where_case_does_not_count():
    names = ['a', 'A', '..', '../a', 'x' * 300, 'x' * 301, 'a/b', 'a%2Fb', 'ä', 'con.', '-']
    paths = [part_path(Path('f'), name) for name in names]
    assert len({path.name.lower() for path in paths}) == len(names)
    assert all(path.parent == Path('f') and len(path.name) < 130 and path.name[0] != '.' for path in paths)


def test_a_bad_sample_is_the_jobs_fault(tmp_path):
    job = make_jobs(tmp_path / 'in', 1)[0]

    class Infinite(type(job)):
        def build(self):
            samples = super().build()
            samples[0]['keypoint'][0, 1, 2] = np.inf
            return samples

    bad = Infinite(job.source, job.name, job.splits)
    (outcome,) = run_jobs([bad], [0], tmp_path, {}, 0)
    assert isinstance(outcome, Outcome)
    assert outcome.state == 'bad'
    assert 'NaN or infinite at person 0, frame 1, keypoint 2' in outcome.error


def test_removing_parts_touches_nothing_else(tmp_path):
    folder = tmp_path / 'a.parts'
    (folder / 'replaced').mkdir(parents=True)
    for name in ('v.part', '.v.1234.part', 'assembled', '.assembled.12', 'replaced/x.npy', 'thesis.txt'):
        (folder / name).touch()
    remove_parts(folder)
    assert [path.name for path in folder.iterdir()] == ['thesis.txt']
    (folder / 'thesis.txt').unlink()
    remove_parts(folder)
    assert not folder.exists()
