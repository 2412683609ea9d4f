"""Synthetic data in the raw form of Aff-Wild2, and the way back through the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pyskl.datasets.annotation import open_annotations
from pyskl.errors import InputError
from pyskl.synth import raw_layout
from pyskl.synth.presets import PRESETS, Preset, with_labels
from pyskl.synth.raw_layout import LABELS, SKELETONS, SUBSETS, write_raw
from pyskl.synth.track import simulate_track

ROOT = Path(__file__).resolve().parents[2]
SMALL = Preset(tracks={'train': 5, 'val': 3, 'test': 2}, seconds=(1.0, 1.6), losses=25.0, extent=0.6)


@pytest.fixture(scope='module')
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('raw')
    write_raw(folder, SMALL, seed=5)
    return folder


def people_of(folder: Path) -> dict[str, list[int]]:
    """Video -> number of people in each of its files."""
    found: dict[str, list[int]] = {}
    for path in sorted((folder / SKELETONS).rglob('*.json')):
        found.setdefault(path.name.split('.')[0], []).append(len(json.loads(path.read_text())))
    return found


def test_the_preprocessing_command_gives_back_labels_and_keypoints(raw, tmp_path):
    out = tmp_path / 'x.pkl'
    command = ['tools/data/affwild_preproc_full.py', '--annotations', raw / LABELS, '--skeletons', raw / SKELETONS]
    done = subprocess.run(
        [sys.executable, *map(str, command), '--out', str(out)],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content = open_annotations(out)
    assert {split: len(names) for split, names in content.splits.items()} == {'train': 5, 'val': 3}
    for split, names in content.splits.items():
        for number, name in enumerate(names):
            truth, got = simulate_track(5, split, number, SMALL), content.samples[name]
            assert name == truth['frame_dir'] and got['total_frames'] == truth['total_frames']
            np.testing.assert_array_equal(got['label'], truth['label'])
            np.testing.assert_array_equal(got['keypoint_score'] > 0, truth['keypoint_score'] > 0)
            np.testing.assert_allclose(got['keypoint'], truth['keypoint'], atol=0.0051)
            np.testing.assert_allclose(got['keypoint_score'], truth['keypoint_score'], atol=0.0051)


def test_some_videos_have_a_bystander_who_comes_first_and_some_frames_have_nobody(raw):
    people = people_of(raw)
    assert len(people) == 8
    crowded = [name for name, counts in people.items() if max(counts) == 2]
    assert 0 < len(crowded) < 8
    files = (json.loads(path.read_text()) for path in (raw / SKELETONS).rglob(f'{crowded[0]}.*.json'))
    both = next(found for found in files if len(found) == 2)
    first, second = (np.array(person['keypoints']).reshape(133, 3)[23:91] for person in both)
    assert np.ptp(first[:, 1]) < 0.7 * np.ptp(second[:, 1])
    rows = {path.stem: len(path.read_text().splitlines()) - 1 for path in (raw / LABELS).rglob('*.txt')}
    assert any(len(people[name]) < rows[name] for name in rows)  # pictures left out
    assert any(min(people[name]) == 0 for name in rows)  # and empty lists


def test_a_person_has_133_keypoints_with_the_face_in_its_place(raw):
    path = sorted((raw / SKELETONS / 'Train_Set').iterdir())[0]
    person = np.array(json.loads(path.read_text())[-1]['keypoints']).reshape(133, 3)
    assert (person[23:91, 2] > 0).all() and (person[91:] == 0).all()
    nose, right_shoulder, left_shoulder = person[0], person[6], person[5]
    face = person[23:91]
    assert face[:, 0].min() < nose[0] < face[:, 0].max() and face[27, 1] < nose[1] < face[8, 1]
    assert right_shoulder[0] < nose[0] < left_shoulder[0] and right_shoulder[1] > face[:, 1].mean()


def test_the_number_of_workers_changes_nothing(raw, tmp_path):
    write_raw(tmp_path, SMALL, seed=5, workers=2)
    for folder in (LABELS, SKELETONS):
        ours = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / folder).rglob('*.*')}
        theirs = {path.relative_to(raw): path.read_bytes() for path in (raw / folder).rglob('*.*')}
        assert ours == theirs and len(ours) > 7


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(task):
        if task[2] == 2:
            raise KeyboardInterrupt
        return write(task)

    write = raw_layout._write_video
    monkeypatch.setattr(raw_layout, '_write_video', interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_raw(tmp_path, SMALL)
    assert list(tmp_path.iterdir()) == []


def test_other_labels_or_a_folder_that_is_there_are_refused(tmp_path):
    assert set(SUBSETS) == {'train', 'val'}
    for preset in (with_labels('tiny', 'disfa', None), with_labels('tiny', None, 'mediapipe478')):
        with pytest.raises(InputError, match='twelve Action Units'):
            write_raw(tmp_path, preset)
    (tmp_path / SKELETONS).mkdir()
    with pytest.raises(InputError, match='is already there'):
        write_raw(tmp_path, PRESETS['tiny'])
    assert [path.name for path in tmp_path.iterdir()] == [SKELETONS]
