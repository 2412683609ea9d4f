"""DISFA from its release's layout to an annotation, as the command is typed."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from miniatures import (
    KnownFace,
    disfa_intensity,
    face_at,
    prepare_config,
    read_samples,
    write_disfa,
    write_images,
    write_openface,
    write_text,
    write_video,
)

from pyskl import cli
from pyskl.preprocess.disfa import DISFA_AUS

SUBJECTS = ('SN001', 'SN002', 'SN003', 'SN013')


@pytest.fixture
def release(tmp_path):
    """Labels of 20 frames, and OpenFace's keypoints of the left camera."""
    folder = tmp_path / 'disfa'
    write_disfa(folder, SUBJECTS)
    for subject in SUBJECTS:
        write_openface(folder / 'openface' / f'LeftVideo{subject}_comp.csv', range(1, 21), without_face=[3])
    return folder


@pytest.fixture
def command(tool, release, capsys):
    """Run the command in this process as the shell does: (exit status, stdout, lines on stderr)."""

    def run(*arguments, source='openface'):
        words = ['--annotations', release, f'--{source}', release / source, '--out', release / 'DISFA.pkl']
        with pytest.raises(SystemExit) as stop:
            cli.run(tool('tools/data/disfa_preproc.py'), [str(word) for word in (*words, '--workers', 0, *arguments)])
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err.strip().splitlines()

    return run


@pytest.mark.parametrize('threshold', [1, 2, 5])
def test_labels_follow_from_intensities(command, release, threshold):
    words = [] if threshold == 2 else ['--threshold', threshold]
    assert command('--intensity', *words)[0] == 0
    samples, splits, metainfo = read_samples(release / 'DISFA.pkl')
    assert metainfo['aus'] == list(DISFA_AUS)
    assert metainfo['threshold'] == threshold
    assert list(samples) == list(SUBJECTS)
    for sample in samples.values():
        for row in range(20):
            intensities = [disfa_intensity(au, row + 1) for au in DISFA_AUS]
            assert sample['intensity'][row].tolist() == intensities
            assert sample['label'][row].tolist() == [int(value >= threshold) for value in intensities]
            assert np.allclose(sample['keypoint'][0, row], face_at(row) if row != 2 else 0, atol=1e-3)
    assert splits['test_fold1'] == ['SN001', 'SN002']
    assert splits['test_fold2'] == ['SN013']
    assert splits['test_fold3'] == ['SN003']


def test_no_subject_is_in_training_and_test_of_a_fold(command, release):
    command()
    _, splits, _ = read_samples(release / 'DISFA.pkl')
    assert len(splits) == 6
    for number in (1, 2, 3):
        train, test = set(splits[f'train_fold{number}']), set(splits[f'test_fold{number}'])
        assert not train & test
        assert train | test == set(SUBJECTS)


def test_other_aus(command, release):
    assert command('--aus', 'AU5', 'AU1')[0] == 0
    samples, _, metainfo = read_samples(release / 'DISFA.pkl')
    assert metainfo['aus'] == ['AU5', 'AU1']
    assert samples['SN001']['label'][0].tolist() == [int(disfa_intensity(au, 1) >= 2) for au in ('AU5', 'AU1')]
    status, _, lines = command('--aus', 'AU7')
    assert status == 1
    assert lines[0].startswith('error: --aus: AU7 is not coded in this data set')


@pytest.mark.parametrize('camera', ['left', 'right'])
def test_videos_of_either_camera(command, release, monkeypatch, camera):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    for subject in SUBJECTS:
        write_video(release / 'videos' / 'Videos_LeftCamera' / f'LeftVideo{subject}_comp.avi', 20)
        write_video(release / 'videos' / 'Videos_RightCamera' / f'RightVideo{subject}_comp.avi', 19)
    assert command('--camera', camera, source='videos')[0] == 0
    sample = read_samples(release / 'DISFA.pkl')[0]['SN001']
    assert sample['keypoint_score'][0].any(axis=1).sum() == (20 if camera == 'left' else 19)
    assert sample['total_frames'] == 20  # the last frame is labelled in any case


def test_pictures_named_by_number_or_by_subject_and_number(command, release, monkeypatch):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    for subject, pattern in zip(SUBJECTS, ('{:05d}.jpg', 'SN002_{:04d}.jpg', '{}.png', 'SN013_{}.jpg'), strict=True):
        write_images(release / 'images' / subject, [*range(1, 8), *range(9, 21)], pattern)
    assert command(source='images')[0] == 0
    for sample in read_samples(release / 'DISFA.pkl')[0].values():
        found = sample['keypoint_score'][0].any(axis=1)
        assert np.flatnonzero(~found).tolist() == [7]
        assert (sample['label'][7] >= 0).all()


BAD = {
    'value': (
        lambda folder: write_text(folder / 'ActionUnit_Labels/SN002/SN002_au9.txt', '1,0\n2,6\n'),
        "SN002_au9.txt: line 2: '6' is no valid value",
    ),
    'twice': (
        lambda folder: write_text(folder / 'ActionUnit_Labels/SN002/SN002_au9.txt', '1,0\n1,0\n'),
        'SN002_au9.txt: line 2: frame 1 stands there twice',
    ),
    'missing': (
        lambda folder: (folder / 'ActionUnit_Labels/SN002/SN002_au9.txt').unlink(),
        'SN002_au9.txt: cannot be read',
    ),
    'no keypoints': (
        lambda folder: (folder / 'openface/LeftVideoSN002_comp.csv').unlink(),
        'SN002: .*openface: there is no LeftVideoSN002_comp or .* for --openface',
    ),
    'too many rows': (
        lambda folder: write_disfa(folder, ['SN002'], 4845),
        'go up to frame 4845, but its last .* is 20',
    ),
    'a file for a folder': (
        lambda folder: (
            [path.unlink() for path in (folder / 'ActionUnit_Labels/SN002').iterdir()],
            (folder / 'ActionUnit_Labels/SN002').rmdir(),
            write_text(folder / 'ActionUnit_Labels/SN002', ''),
        ),
        'SN002_au1.txt: cannot be read',
    ),
}


@pytest.mark.parametrize('case', BAD)
def test_a_bad_subject_stops_the_run_or_is_left_out_and_listed(command, release, case):
    spoil, message = BAD[case]
    spoil(release)
    status, _, lines = command()
    assert status == 1
    assert len(lines) == 1
    assert re.search(message, lines[0])
    assert not (release / 'DISFA.pkl').exists()
    status, out, _ = command('--skip-bad')
    assert status == 0
    assert re.search(message, out)
    assert list(read_samples(release / 'DISFA.pkl')[0]) == ['SN001', 'SN003', 'SN013']
    assert json.loads((release / 'DISFA.pkl.summary.json').read_text())['num_bad'] == 1


def test_a_subject_of_no_fold_is_an_error(command, release):
    write_disfa(release, ['SN014'])
    write_openface(release / 'openface' / 'LeftVideoSN014_comp.csv', range(1, 21))
    status, _, lines = command()
    assert status == 1
    assert "subject 'SN014' is in no fold of DISFA's customary folds" in lines[0]


def test_the_config_takes_the_annotation(command, release):
    command()
    _, loaders, model = prepare_config('slowonly_r50_disfa_xsub', release / 'DISFA.pkl')
    assert model.cls_head.num_classes == 8
    subjects = {part: {track['subject'] for track in loader.dataset.tracks} for part, loader in loaders.items()}
    assert subjects == {'train': {'SN003', 'SN013'}, 'val': {'SN001', 'SN002'}, 'test': {'SN001', 'SN002'}}


def test_names_in_other_case_are_read_and_others_are_listed(command, release):
    place = release / 'ActionUnit_Labels'
    (place / 'SN001').rename(place / 'sn001')
    (place / 'SN002').rename(place / 'SN002 (copy)')
    write_openface(release / 'openface' / 'RightVideoSN001_comp.csv', range(1, 21))
    status, out, lines = command()
    assert (status, lines) == (0, [])
    assert {*read_samples(release / 'DISFA.pkl')[0]} == {*SUBJECTS} - {'SN002'}
    assert 'note: of the labels 1 is not named like SN001, and not read: SN002 (copy)' in out
    assert 'note: 1 video has keypoints and no labels: LeftVideoSN002_comp' in out


def test_pictures_may_be_numbered_behind_the_subject(command, release, monkeypatch):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    for subject in SUBJECTS:
        write_images(release / 'images' / subject, range(1, 21), subject + '_{:05d}.jpg')
    assert command(source='images')[0] == 0
    sample = read_samples(release / 'DISFA.pkl')[0]['SN001']
    assert np.allclose(sample['keypoint'][0, 11], face_at(11), atol=1e-3)
