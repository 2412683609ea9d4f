"""tools/data/affwild_preproc_full.py, as typed: from a release to an annotation, and what happens to bad files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pyskl.action_units import AFFWILD_AUS
from pyskl.assets import fetch_asset
from pyskl.datasets.annotation import read_annotation_file
from pyskl.datasets.store import open_store
from pyskl.errors import InputError

TOOL = 'tools/data/affwild_preproc_full.py'
HEADER = ','.join(AFFWILD_AUS)
VIDEOS = {'Train_Set': ('1-30-640x360', '2-30-640x360', 'video3_left'), 'Validation_Set': ('4-24-1920x1080',)}
FRAMES = 30


def label_rows(seed: int, count: int = FRAMES) -> np.ndarray:
    return np.random.default_rng(seed).integers(-1, 2, (count, 12))


def write_labels(path: Path, rows: np.ndarray) -> None:
    path.write_text('\n'.join([HEADER, *(','.join(map(str, row)) for row in rows.tolist())]) + '\n')


@pytest.fixture(scope='module')
def original(tmp_path_factory) -> Path:
    """A small release: every fifth picture is missing, frame 7 lists nobody, frame 8 two people."""
    root = tmp_path_factory.mktemp('release')
    for subset, videos in VIDEOS.items():
        (root / 'labels' / subset).mkdir(parents=True)
        (root / 'skeletons' / subset).mkdir(parents=True)
        for number, video in enumerate(videos):
            write_labels(root / 'labels' / subset / f'{video}.txt', label_rows(number))
            for frame in range(1, FRAMES + 1):
                rng = np.random.default_rng(number * 100 + frame)
                keypoints = np.round(np.c_[rng.uniform(20, 90, (133, 2)), rng.uniform(0.2, 1, 133)], 3)
                keypoints[23:91, :2] += frame / 100
                people = [{'keypoints': keypoints.ravel().tolist()}]
                small = np.c_[5 + keypoints[:, :2] / 10, keypoints[:, 2]]
                people = (
                    [] if frame == 7 else [{'keypoints': small.ravel().tolist()}, *people] if frame == 8 else people
                )
                if frame % 5:
                    name = f'{video.removesuffix("_left")}.{frame:05d}.predictions.json'
                    (root / 'skeletons' / subset / name).write_text(json.dumps(people))
    return root


@pytest.fixture
def release(original, tmp_path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(original, tmp_path / 'release'))


@pytest.fixture
def command(tool):
    def run(release: Path, *words: object, workers: int = 0) -> int:
        arguments = [
            '--annotations',
            release / 'labels',
            '--skeletons',
            release / 'skeletons',
            '--workers',
            workers,
            *words,
        ]
        return tool(TOOL)([str(word) for word in arguments])

    return run


@pytest.fixture(scope='module')
def typed(original, root, tmp_path_factory) -> tuple[subprocess.CompletedProcess, Path]:
    """The command in a process of its own, with two workers."""
    out = tmp_path_factory.mktemp('typed') / 'AffWild_train_full.pkl'
    arguments = ['--annotations', original / 'labels', '--skeletons', original / 'skeletons', '--out', out]
    done = subprocess.run(
        [sys.executable, TOOL, *map(str, arguments), '--workers', '2'],
        cwd=root,
        env={**os.environ, 'PYTHONPATH': str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done, out


def test_the_release_becomes_an_annotation(typed):
    done, out = typed
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    annotation = read_annotation_file(out)
    assert annotation.splits == {'train': list(VIDEOS['Train_Set']), 'val': list(VIDEOS['Validation_Set'])}
    assert annotation.metainfo == {'dataset': 'Aff-Wild2', 'aus': list(AFFWILD_AUS), 'keypoint_layout': 'ibug68'}
    for number, video in enumerate(VIDEOS['Train_Set']):
        sample = annotation.samples[video]
        assert sample['keypoint'].shape == (1, FRAMES, 68, 2)
        np.testing.assert_array_equal(sample['label'], label_rows(number))
        for frame in range(1, FRAMES + 1):
            if frame % 5 == 0 or frame == 7:
                assert not sample['keypoint_score'][0, frame - 1].any()
                continue
            rng = np.random.default_rng(number * 100 + frame)
            expected = np.round(rng.uniform(20, 90, (133, 2)), 3)[23:91] + frame / 100
            np.testing.assert_allclose(sample['keypoint'][0, frame - 1], expected, atol=1e-3)
    assert {path.name for path in out.parent.iterdir()} == {out.name, f'{out.name}.summary.json'}


def test_the_summary_says_what_is_in_it_as_text_and_json(typed):
    done, out = typed
    summary = json.loads(Path(f'{out}.summary.json').read_text())
    train = summary['splits']['train']
    assert (train['videos'], train['tracks'], train['frames'], train['frames_without_face']) == (3, 3, 90, 21)
    rows = np.concatenate([label_rows(number) for number in range(3)])
    assert train['labelled_frames'] == (rows >= 0).any(axis=1).sum()
    for column, au in enumerate(AFFWILD_AUS):
        known = rows[rows[:, column] >= 0, column]
        assert train['prevalence_percent'][au] == pytest.approx(100 * known.mean(), abs=1e-4)
    assert summary['counts']['frames with more than one face'] == 4
    assert summary['num_bad'] == 0
    for text in ('AU12 active, %', 'without a face', 'frames with more than one face: 4', str(out)):
        assert text in done.stdout


def test_shards_merged_and_a_store_are_the_same(typed, original, command, tmp_path, capsys):
    _, out = typed
    target = tmp_path / 'sharded.pkl'
    for shard in (2, 1):
        assert command(original, '--out', target, '--shard', f'{shard}/2') == 0
    assert command(original, '--out', target, '--merge') == 0
    assert target.read_bytes() == out.read_bytes()
    assert command(original, '--store', tmp_path / 'store') == 0
    store, annotation = open_store(tmp_path / 'store'), read_annotation_file(out)
    assert store.splits == annotation.splits
    for number, name in enumerate(store.names):
        stored, sample = store.sample(number), annotation.samples[name]
        assert stored.keys() >= sample.keys()
        for field, value in sample.items():
            np.testing.assert_array_equal(stored[field], value)
    assert (tmp_path / 'store' / 'summary.json').is_file()
    capsys.readouterr()
    assert command(original, '--store', tmp_path / 'store') == 0
    assert 'nothing has changed' in capsys.readouterr().out


def cut_json(release: Path) -> str:
    path = release / 'skeletons' / 'Train_Set' / '1-30-640x360.00003.predictions.json'
    path.write_bytes(path.read_bytes()[:1000])
    return r'1-30-640x360\.00003\.predictions\.json: not valid JSON at line 1'


def wrong_header(release: Path) -> str:
    path = release / 'labels' / 'Train_Set' / '1-30-640x360.txt'
    path.write_text(path.read_text().replace('AU1,AU2', 'AU2,AU1'))
    return r'1-30-640x360\.txt: line 1: the header names the AUs in another order'


def too_many_rows(release: Path) -> str:
    write_labels(release / 'labels' / 'Train_Set' / '1-30-640x360.txt', label_rows(0, 60))
    return r'1-30-640x360\.txt: line 31: too many rows'


def wrong_value(release: Path) -> str:
    rows = label_rows(0)
    rows[9, 4] = 3
    write_labels(release / 'labels' / 'Train_Set' / '1-30-640x360.txt', rows)
    return r"1-30-640x360\.txt: line 11: AU7 is '3', must be 1, 0 or -1"


def two_annotations(release: Path) -> str:
    labels = release / 'labels'
    shutil.copy(labels / 'Train_Set' / '1-30-640x360.txt', labels / 'Validation_Set' / '1-30-640x360.txt')
    return r'two annotations .*Train_Set/1-30-640x360\.txt and .*Validation_Set/1-30-640x360\.txt'


def no_keypoints(release: Path) -> str:
    for path in (release / 'skeletons' / 'Train_Set').glob('1-30-640x360.*'):
        path.unlink()
    return r"1-30-640x360\.txt: no keypoints for the video '1-30-640x360'"


def not_text(release: Path) -> str:
    (release / 'labels' / 'Train_Set' / '1-30-640x360.txt').write_bytes(f'{HEADER}\n'.encode() + b'\xff\xfe')
    return r'1-30-640x360\.txt: line 2: not a text file'


@pytest.mark.parametrize(
    'damage', [cut_json, wrong_header, too_many_rows, wrong_value, two_annotations, no_keypoints, not_text]
)
def test_what_is_bad_stops_the_run_or_is_listed_and_counted(release, command, tmp_path, damage, capsys):
    message, out = damage(release), tmp_path / 'a.pkl'
    with pytest.raises(InputError, match=message) as error:
        command(release, '--out', out)
    assert '\n' not in str(error.value)
    assert str(error.value).endswith('--skip-bad leaves it out')
    assert not out.exists()
    assert command(release, '--out', out, '--skip-bad') == 0
    summary = json.loads((tmp_path / 'a.pkl.summary.json').read_text())
    assert summary['num_bad'] == len(summary['bad']) == 1
    assert '1-30-640x360' in summary['bad'][0]['name']
    assert 'left out: 1' in capsys.readouterr().out
    kept = read_annotation_file(out)
    assert sorted(kept.samples) == ['2-30-640x360', '4-24-1920x1080', 'video3_left']
    assert kept.splits['train'] == ['2-30-640x360', 'video3_left']


def test_a_mistake_gets_one_line_on_stderr(root, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            TOOL,
            '--annotations',
            str(tmp_path),
            '--skeletons',
            str(tmp_path),
            '--out',
            str(tmp_path / 'a'),
        ],
        cwd=root,
        env={**os.environ, 'PYTHONPATH': str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f'error: --annotations: {tmp_path} holds neither')
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_help_shows_examples(tool, capsys):
    with pytest.raises(SystemExit):
        tool(TOOL)(['--help'])
    printed = capsys.readouterr().out
    for word in ('--annotations', '--skeletons', '--images', '--videos', '--openface', '--store', '--shard', '--merge'):
        assert word in printed
    assert 'examples:' in printed


def test_openface_tables_are_a_source_too(original, tool, tmp_path):
    names = ['frame', 'face_id', 'timestamp', 'confidence', 'success']
    names += [f'{axis}_{i}' for axis in 'xy' for i in range(68)]
    points = np.random.default_rng(0).uniform(100, 400, (68, 2))
    for video in ('1-30-640x360', '2-30-640x360', 'video3', '4-24-1920x1080'):
        rows = [[frame, 0, frame / 30, 0.9, 1, *points[:, 0], *points[:, 1]] for frame in range(1, FRAMES + 1)]
        text = '\n'.join(', '.join(map(str, row)) for row in [names, *rows])
        (tmp_path / f'{video}.csv').write_text(text + '\n')
    arguments = ['--annotations', original / 'labels', '--openface', tmp_path, '--out', tmp_path / 'a.pkl']
    options = ['--img-shape', 480, 640, '--keypoint-layout', 'ibug51', '--workers', 0]
    assert tool(TOOL)([str(word) for word in arguments + options]) == 0
    annotation = read_annotation_file(tmp_path / 'a.pkl')
    sample = annotation.samples['video3_left']
    assert annotation.metainfo['keypoint_layout'] == 'ibug51'
    assert tuple(sample['img_shape']) == (480, 640)
    np.testing.assert_allclose(sample['keypoint'][0], np.broadcast_to(points[17:], (FRAMES, 51, 2)), rtol=1e-6)
    assert sample['fps'] == pytest.approx(30)


def test_a_truncated_video_is_left_out_and_counted(tool, tmp_path):
    whole = next(fetch_asset('pyfeat_videos').glob('**/single_face.mp4'))
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'labels' / 'Train_Set').mkdir(parents=True)
    shutil.copy(whole, tmp_path / 'videos' / 'whole.mp4')
    (tmp_path / 'videos' / 'cut.mp4').write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for video in ('whole', 'cut'):
        write_labels(tmp_path / 'labels' / 'Train_Set' / f'{video}.txt', label_rows(0, 72))
    arguments = ['--annotations', tmp_path / 'labels', '--videos', tmp_path / 'videos', '--out', tmp_path / 'a.pkl']
    words = [str(word) for word in (*arguments, '--workers', 0)]
    with pytest.raises(InputError, match=r'cut\.mp4: .*incomplete'):
        tool(TOOL)(words)
    assert tool(TOOL)([*words, '--skip-bad']) == 0
    summary = json.loads((tmp_path / 'a.pkl.summary.json').read_text())
    assert [problem['name'] for problem in summary['bad']] == ['train/cut']
    sample = read_annotation_file(tmp_path / 'a.pkl').samples['whole']
    assert sample['keypoint_score'].any(axis=2).all()
    np.testing.assert_array_equal(sample['label'], label_rows(0, 72))
