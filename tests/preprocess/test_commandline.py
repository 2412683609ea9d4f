"""A run from jobs to a result: resumed, shared out, merged, and stopped by what is bad."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from preprocess_jobs import AUS, METAINFO, make_jobs

from pyskl.datasets.annotation import read_annotation_file
from pyskl.datasets.store import open_store
from pyskl.errors import InputError
from pyskl.preprocess import Problem

KINDS = ['--out', '--store']


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def whole(tmp_path, preprocess, content, kind) -> dict[str, bytes]:
    """What an uninterrupted run in one process writes."""
    target = tmp_path / 'whole' / 'result'
    assert preprocess(make_jobs(tmp_path / 'in'), kind, target, metainfo=METAINFO) == 0
    assert not target.with_name('result.parts').exists()
    return content(target)


def test_the_result_holds_what_the_jobs_made(tmp_path, preprocess):
    jobs = make_jobs(tmp_path / 'in')
    preprocess(jobs, '--out', tmp_path / 'a.pkl', metainfo=METAINFO)
    preprocess(jobs, '--store', tmp_path / 'a', metainfo=METAINFO)
    expected = [sample for job in jobs for sample in job.build()]
    plain = pickle.loads((tmp_path / 'a.pkl').read_bytes())
    safe = read_annotation_file(tmp_path / 'a.pkl')
    store = open_store(tmp_path / 'a')
    assert plain['split'] == {'train': [s['frame_dir'] for s in expected[:7]], 'val': ['v5', 'v6_left', 'v6_right']}
    assert plain['metainfo'] == METAINFO
    assert [sample['frame_dir'] for sample in plain['annotations']] == [sample['frame_dir'] for sample in expected]
    for number, sample in enumerate(expected):
        for read in (plain['annotations'][number], safe.samples[sample['frame_dir']], store.sample(number)):
            for field in ('keypoint', 'keypoint_score', 'label'):
                np.testing.assert_array_equal(read[field], sample[field])
                assert read[field].dtype == sample[field].dtype
            assert read['total_frames'] == 20
            assert tuple(read['img_shape']) == (100, 100)
            assert 'counts' not in read


@pytest.mark.parametrize('workers', [0, 2])
def test_shards_merged_are_the_unsharded_result(tmp_path, preprocess, content, kind, whole, workers, capsys):
    jobs, target = make_jobs(tmp_path / 'in'), tmp_path / 'result'
    for shard in (3, 1, 2):
        preprocess(jobs, kind, target, '--shard', f'{shard}/3', '--workers', workers, metainfo=METAINFO)
        assert not target.exists()
    assert 'shard 2/3: 2 of 7 videos: 2 made, 0 kept, 0 bad' in capsys.readouterr().out
    preprocess(jobs, kind, target, '--merge', metainfo=METAINFO)
    assert content(target) == whole
    assert not target.with_name('result.parts').exists()


def test_merging_names_the_missing_parts(tmp_path, preprocess):
    jobs = make_jobs(tmp_path / 'in')
    with pytest.raises(InputError, match='run the shards first'):
        preprocess(jobs, '--out', tmp_path / 'a.pkl', '--merge', metainfo=METAINFO)
    preprocess(jobs, '--out', tmp_path / 'a.pkl', '--shard', '1/2', metainfo=METAINFO)
    with pytest.raises(InputError, match=r"3 of 7 parts are missing or out of date: 'v1', 'v3', 'v5';"):
        preprocess(jobs, '--out', tmp_path / 'a.pkl', '--merge', metainfo=METAINFO)
    preprocess(jobs, '--out', tmp_path / 'a.pkl', '--shard', '2/2', metainfo=METAINFO)
    with pytest.raises(InputError, match='7 of 7 parts are missing or out of date'):
        preprocess(jobs, '--out', tmp_path / 'a.pkl', '--merge', metainfo=METAINFO, recipe={'other': 1})
    assert not (tmp_path / 'a.pkl').exists()


def test_shard_and_merge_exclude_each_other(tmp_path, preprocess):
    with pytest.raises(InputError, match='run all shards first'):
        preprocess(make_jobs(tmp_path / 'in'), '--out', tmp_path / 'a', '--merge', '--shard', '1/2', metainfo=METAINFO)


@pytest.mark.parametrize('text', ['0/3', '4/3', '1', 'a/b', '1/0', '-1/2'])
def test_shards_that_make_no_sense_are_refused(tmp_path, preprocess, text, capsys):
    with pytest.raises(SystemExit):
        preprocess([], '--out', tmp_path / 'a', f'--shard={text}', metainfo=METAINFO)
    assert 'must read I/N' in capsys.readouterr().err


RUN = """
import sys
from pathlib import Path
from dataclasses import replace
sys.path[:0] = {path!r}
import argparse
from preprocess_jobs import METAINFO, make_jobs
from pyskl.cli import run
from pyskl.preprocess import add_arguments, run_preprocessing

def main(argv=None):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    jobs = make_jobs(Path({folder!r}), log=Path({log!r}))
    victim = jobs[{victim}]
    jobs[{victim}] = replace(victim, kill=Path({kill!r}), interrupt=Path({kill!r}).with_name('interrupt'))
    return run_preprocessing(jobs, parser.parse_args(argv), METAINFO, {{}})

if __name__ == '__main__':
    run(main)
"""


def run_script(tmp_path: Path, root: Path, *words: object) -> subprocess.CompletedProcess:
    script = tmp_path / 'script.py'
    path = [str(root), str(root / 'tests' / 'preprocess')]
    script.write_text(
        RUN.format(
            path=path, folder=str(tmp_path / 'in'), log=str(tmp_path / 'log'), victim=4, kill=str(tmp_path / 'kill')
        )
    )
    command = [sys.executable, str(script), *map(str, words)]
    # A session of its own, so that what it does to its process group does not reach the tests.
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, start_new_session=True)


def test_killed_in_the_middle_it_goes_on_where_it_stopped(tmp_path, preprocess, content, kind, whole, root):
    target = tmp_path / 'result'
    (tmp_path / 'kill').touch()
    killed = run_script(tmp_path, root, kind, target, '--workers', 0)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / 'log').read_text().split() == ['v0', 'v1', 'v2', 'v3', 'v4']
    assert not target.exists()
    (tmp_path / 'kill').unlink()
    (tmp_path / 'log').unlink()
    done = run_script(tmp_path, root, kind, target, '--workers', 0)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'log').read_text().split() == ['v4', 'v5', 'v6']
    assert content(target) == whole


def test_a_killed_worker_gets_one_line_that_names_the_video(tmp_path, content, whole, kind, root):
    target = tmp_path / 'result'
    (tmp_path / 'kill').touch()
    killed = run_script(tmp_path, root, kind, target, '--workers', 1)
    assert killed.returncode == 1
    assert killed.stderr.startswith("error: a worker process was killed while it made 'v4' (out of memory?)")
    assert len(killed.stderr.strip().splitlines()) == 1
    (tmp_path / 'kill').unlink()
    assert run_script(tmp_path, root, kind, target, '--workers', 2).returncode == 0
    assert content(target) == whole


def test_ctrl_c_in_the_middle_of_a_job_loses_nothing_and_leaves_no_process(tmp_path, content, whole, kind, root):
    """Worker 5 of 7 interrupts the command and would go on for ever; the command ends only when it has ended."""
    target = tmp_path / 'result'
    (tmp_path / 'interrupt').touch()
    interrupted = run_script(tmp_path, root, kind, target, '--workers', 1)
    assert interrupted.returncode == 130
    assert interrupted.stderr == 'interrupted\n'
    (tmp_path / 'interrupt').unlink()
    (tmp_path / 'log').unlink()
    done = run_script(tmp_path, root, kind, target, '--workers', 0)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'log').read_text().split() == ['v4', 'v5', 'v6']
    assert content(target) == whole


def test_shards_that_run_at_the_same_time_do_not_disturb_each_other(tmp_path, content, whole, kind, root):
    target = tmp_path / 'result'
    assert run_script(tmp_path, root, kind, target, '--shard', '1/3', '--workers', 0).returncode == 0
    command = [sys.executable, str(tmp_path / 'script.py'), kind, str(target), '--workers', '0']
    running = [subprocess.Popen([*command, '--shard', f'{shard}/3'], stdout=subprocess.DEVNULL) for shard in (1, 2, 3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert run_script(tmp_path, root, kind, target, '--merge').returncode == 0
    assert content(target) == whole


def test_a_changed_source_or_setting_or_a_damaged_part_is_made_again(tmp_path, preprocess, content, kind):
    jobs, target, log = make_jobs(tmp_path / 'in', log=tmp_path / 'log'), tmp_path / 'result', tmp_path / 'log'
    run = lambda jobs, **more: preprocess(jobs, kind, target, '--keep-parts', metainfo=METAINFO, **more)  # noqa: E731
    run(jobs)
    parts = sorted(target.with_name('result.parts').iterdir())
    assert len(parts) == 7
    first = content(target)
    (tmp_path / 'in' / '2.txt').write_text('77')
    jobs[3] = replace(jobs[3], setting=5)
    parts[1].write_bytes(parts[1].read_bytes()[:-100])
    log.unlink()
    run(jobs)
    assert log.read_text().split() == ['v1', 'v2', 'v3']
    assert content(target) != first
    log.unlink()
    run(jobs, recipe={'layout': 'other'})
    assert len(log.read_text().split()) == 7


def test_a_finished_run_is_not_repeated(tmp_path, preprocess, kind, capsys):
    jobs, target, log = make_jobs(tmp_path / 'in', log=tmp_path / 'log'), tmp_path / 'result', tmp_path / 'log'
    preprocess(jobs, kind, target, metainfo=METAINFO, recipe={'size': (1, 2)})
    log.unlink()
    capsys.readouterr()
    preprocess(jobs, kind, target, metainfo=METAINFO, recipe={'size': (1, 2)})
    printed = capsys.readouterr().out
    assert 'already there and nothing has changed' in printed
    assert 'AU1 active, %' in printed
    assert not log.exists()
    assert not target.with_name('result.parts').exists()
    preprocess(jobs, kind, target, '--force', metainfo=METAINFO, recipe={'size': (1, 2)})
    assert len(log.read_text().split()) == 7
    log.unlink()
    (tmp_path / 'in' / '6.txt').write_text('66')
    preprocess(jobs, kind, target, metainfo=METAINFO, recipe={'size': (1, 2)})
    assert 'v6' in log.read_text()


def test_bad_videos_stop_the_run_or_are_listed_and_counted(tmp_path, preprocess, kind, capsys):
    jobs, target = make_jobs(tmp_path / 'in'), tmp_path / 'result'
    for number in (2, 5):
        (tmp_path / 'in' / f'{number}.txt').write_text('bad')
    with pytest.raises(InputError, match=r'2\.txt: line 1: is bad; --skip-bad leaves it out'):
        preprocess(jobs, kind, target, metainfo=METAINFO)
    assert not target.exists()
    assert preprocess(jobs, kind, target, '--skip-bad', metainfo=METAINFO) == 0
    record = target / 'summary.json' if kind == '--store' else tmp_path / 'result.summary.json'
    summary = json.loads(record.read_text())
    assert summary['num_bad'] == 2
    assert [entry['name'] for entry in summary['bad']] == ['v2', 'v5']
    assert all('line 1: is bad' in entry['error'] for entry in summary['bad'])
    printed = capsys.readouterr().out
    assert 'left out: 2' in printed
    assert '5.txt: line 1: is bad' in printed
    assert preprocess(jobs, kind, target, '--skip-bad', metainfo=METAINFO) == 0
    with pytest.raises(InputError, match='is bad; --skip-bad'):
        preprocess(jobs, kind, target, metainfo=METAINFO)


def test_bad_videos_of_shards_reach_the_merged_result(tmp_path, preprocess, capsys):
    jobs, target = make_jobs(tmp_path / 'in'), tmp_path / 'result'
    (tmp_path / 'in' / '2.txt').write_text('bad')
    for shard in (1, 2):
        preprocess(jobs, '--out', target, '--shard', f'{shard}/2', '--skip-bad', metainfo=METAINFO)
    assert '2.txt: line 1: is bad' in capsys.readouterr().out
    with pytest.raises(InputError, match='is bad; --skip-bad'):
        preprocess(jobs, '--out', target, '--merge', metainfo=METAINFO)
    preprocess(jobs, '--out', target, '--merge', '--skip-bad', metainfo=METAINFO)
    assert json.loads((tmp_path / 'result.summary.json').read_text())['num_bad'] == 1


def test_problems_found_before_count_as_bad_and_notes_do_not(tmp_path, preprocess, capsys):
    jobs, problems = make_jobs(tmp_path / 'in'), [Problem('x.txt', 'x.txt: no keypoints')]
    with pytest.raises(InputError, match=r'^x\.txt: no keypoints; --skip-bad leaves it out$'):
        preprocess(jobs, '--out', tmp_path / 'a', metainfo=METAINFO, problems=problems)
    more = {'problems': problems, 'notes': ['y has no labels']}
    assert preprocess(jobs, '--out', tmp_path / 'a', '--skip-bad', metainfo=METAINFO, **more) == 0
    summary = json.loads((tmp_path / 'a.summary.json').read_text())
    assert summary['bad'] == [{'name': 'x.txt', 'error': 'x.txt: no keypoints'}]
    assert summary['notes'] == ['y has no labels']


def test_when_nothing_is_left_the_old_result_stays(tmp_path, preprocess, content, kind):
    jobs, target = make_jobs(tmp_path / 'in', 2), tmp_path / 'result'
    preprocess(jobs, kind, target, metainfo=METAINFO)
    old = content(target)
    for number in range(2):
        (tmp_path / 'in' / f'{number}.txt').write_text('bad')
    with pytest.raises(InputError, match='nothing is left to write: all 2 videos are bad'):
        preprocess(jobs, kind, target, '--skip-bad', metainfo=METAINFO)
    assert content(target) == old
    with pytest.raises(InputError, match='nothing to do'):
        preprocess([], kind, target, metainfo=METAINFO)


def test_the_summary_counts_what_is_in_the_file(tmp_path, preprocess):
    jobs = make_jobs(tmp_path / 'in')
    preprocess(jobs, '--out', tmp_path / 'a', metainfo=METAINFO)
    summary = json.loads((tmp_path / 'a.summary.json').read_text())
    assert summary['counts'] == {'frames with extra faces': 20}
    samples = [sample for job in jobs[:5] for sample in job.build()]
    train = summary['splits']['train']
    assert (train['videos'], train['tracks'], train['frames']) == (5, 7, 140)
    without, labelled, positive, known = 0, 0, [0, 0, 0], [0, 0, 0]
    for sample in samples:
        for frame in range(20):
            without += max(sample['keypoint_score'][0, frame]) == 0
            labelled += any(value >= 0 for value in sample['label'][frame])
            for au in range(3):
                known[au] += sample['label'][frame, au] >= 0
                positive[au] += sample['label'][frame, au] == 1
    assert (train['frames_without_face'], train['labelled_frames']) == (without, labelled)
    assert train['labelled_frames_per_au'] == dict(zip(AUS, known, strict=True))
    for au, share in train['prevalence_percent'].items():
        assert share == pytest.approx(100 * positive[AUS.index(au)] / known[AUS.index(au)], abs=1e-4)


def test_a_full_disk_leaves_the_old_result_whole(tmp_path, root, preprocess, content, kind):
    """The process may write no file beyond 8 KiB: what a full disk or quota does, without filling one."""
    target, jobs = tmp_path / 'result', make_jobs(tmp_path / 'in')
    preprocess(jobs[:1], kind, target, metainfo=METAINFO)
    old, names = content(target), {path.name for path in tmp_path.iterdir()}
    assert run_script(tmp_path, root, kind, target, '--shard', '1/1').returncode == 0
    script = tmp_path / 'script.py'
    limits = 'import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
    limits += 'resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n'
    script.write_text(limits + script.read_text())
    command = [sys.executable, str(script), kind, str(target), '--workers', '0']
    full = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert full.returncode == 1
    assert len(full.stderr.strip().splitlines()) == 1
    assert 'cannot be written' in full.stderr
    assert content(target) == old
    parts = list((tmp_path / 'result.parts').iterdir())
    assert len(parts) == 7
    shutil.rmtree(tmp_path / 'result.parts')
    full = subprocess.run([*command, '--skip-bad'], capture_output=True, text=True, check=False, timeout=120)
    assert full.returncode == 1
    assert 'cannot be written' in full.stderr
    assert content(target) == old
    assert not list((tmp_path / 'result.parts').iterdir())
    assert {path.name for path in tmp_path.iterdir()} == names | {'result.parts', 'script.py', 'log'}


def test_names_cannot_lead_out_of_the_folder(tmp_path, preprocess):
    (tmp_path / 'deep').mkdir()
    jobs = make_jobs(tmp_path / 'in', 3)
    jobs = [replace(jobs[0], name='../../x'), replace(jobs[1], name='..'), replace(jobs[2], name='y' * 5000)]
    preprocess(jobs, '--out', tmp_path / 'deep' / 'a', '--keep-parts', metainfo=METAINFO)
    assert {path.name for path in tmp_path.iterdir()} == {'deep', 'in'}
    assert len(list((tmp_path / 'deep' / 'a.parts').iterdir())) == 3


def test_things_in_the_way_are_not_touched(tmp_path, preprocess):
    jobs = make_jobs(tmp_path / 'in', 3)
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.txt').write_text('x')
    for kind, message in (('--out', 'is a folder'), ('--store', 'is no keypoint store')):
        with pytest.raises(InputError, match=message):
            preprocess(jobs, kind, tmp_path / 'mine', metainfo=METAINFO)
    assert (tmp_path / 'mine' / 'thesis.txt').read_text() == 'x'
    with pytest.raises(InputError, match='two sources give the track'):
        preprocess([jobs[0], replace(jobs[0], name='z')], '--out', tmp_path / 'a', metainfo=METAINFO)
    with pytest.raises(InputError, match='two sources have the name'):
        preprocess([jobs[0], replace(jobs[1], name='v0')], '--out', tmp_path / 'a', metainfo=METAINFO)


def test_an_unwritable_folder_gets_one_line_before_any_work(tmp_path, preprocess, kind, monkeypatch):
    jobs = make_jobs(tmp_path / 'in', log=tmp_path / 'log')

    def refuse(*args, **more):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('tempfile.mkdtemp', refuse)  # the tests may run as a user whom no permission stops
    with pytest.raises(InputError, match=r'cannot be written: .*Permission denied'):
        preprocess(jobs, kind, tmp_path / 'a', metainfo=METAINFO)
    assert not (tmp_path / 'log').exists()
