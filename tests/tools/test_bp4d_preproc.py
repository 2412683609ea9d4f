"""BP4D from its release's layout to an annotation, as the command is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from miniatures import (
    KnownFace,
    bp4d_intensity,
    bp4d_label,
    face_at,
    prepare_config,
    read_samples,
    write_bp4d,
    write_images,
    write_openface,
    write_skeletons,
    write_text,
    write_video,
)

from pyskl import cli
from pyskl.preprocess.bp4d import BP4D_AUS, BP4D_INTENSITY_AUS

SEQUENCES = ('F001_T1', 'F001_T3', 'F003_T1', 'F007_T8', 'M018_T2')


@pytest.fixture
def release(tmp_path):
    """Labels of frames 6 to 15 of videos with 20 frames, and OpenFace's keypoints."""
    folder = tmp_path / 'bp4d'
    write_bp4d(folder, SEQUENCES)
    for name in SEQUENCES:
        write_openface(folder / 'openface' / f'{name}.csv', range(1, 21), without_face=[3, 8])
    return folder


@pytest.fixture
def command(tool, release, capsys):
    """Run the command in this process as the shell does: (exit status, stdout, lines on stderr)."""

    def run(*arguments, source='openface', out='BP4D.pkl'):
        words = ['--annotations', release, f'--{source}', release / source, '--out', release / out, '--workers', 0]
        with pytest.raises(SystemExit) as stop:
            cli.run(tool('tools/data/bp4d_preproc.py'), [str(word) for word in (*words, *arguments)])
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err.strip().splitlines()

    return run


def test_every_frame_has_its_label_and_its_keypoints(command, release):
    assert command()[0] == 0
    samples, splits, metainfo = read_samples(release / 'BP4D.pkl')
    assert metainfo['dataset'] == 'BP4D'
    assert metainfo['aus'] == list(BP4D_AUS)
    assert list(samples) == list(SEQUENCES)
    for name, sample in samples.items():
        assert sample['total_frames'] == 20
        assert sample['subject'] == name[:4]
        assert sample['label'].dtype == np.int8
        assert 'intensity' not in sample
        assert sample['fps'] == pytest.approx(10)
        assert np.allclose(sample['timestamps'], np.arange(20) / 10)
        for row in range(20):
            frame = row + 1
            expected = [bp4d_label(au, frame) if 6 <= frame <= 15 else 9 for au in BP4D_AUS]
            assert sample['label'][row].tolist() == [-1 if value == 9 else value for value in expected]
            found = frame not in (3, 8)
            assert np.allclose(sample['keypoint'][0, row], face_at(row) if found else 0, atol=1e-3)
            assert (sample['keypoint_score'][0, row] > 0).all() == found
    assert splits['test_fold1'] == ['F001_T1', 'F001_T3']
    assert splits['test_fold2'] == ['F003_T1', 'M018_T2']
    assert splits['test_fold3'] == ['F007_T8']


def test_no_subject_is_in_training_and_test_of_a_fold(command, release):
    command()
    samples, splits, _ = read_samples(release / 'BP4D.pkl')
    assert len(splits) == 6
    for number in (1, 2, 3):
        train, test = (
            {samples[name]['subject'] for name in splits[f'{part}_fold{number}']} for part in ('train', 'test')
        )
        assert train and test
        assert not train & test
        assert train | test == {'F001', 'F003', 'F007', 'M018'}


def test_intensities_where_they_were_coded(command, release):
    assert command('--intensity', '--aus', 'AU1', 'au12', '6')[0] == 0
    samples, _, metainfo = read_samples(release / 'BP4D.pkl')
    assert metainfo['aus'] == ['AU1', 'AU12', 'AU6']
    for sample in samples.values():
        assert sample['intensity'].dtype == np.float32
        assert sample['intensity'].shape == sample['label'].shape == (20, 3)
        for row in range(20):
            for column, au in enumerate(metainfo['aus']):
                coded = au in BP4D_INTENSITY_AUS and 6 <= row + 1 <= 15
                assert sample['intensity'][row, column] == (bp4d_intensity(au, row + 1) if coded else -1)


def test_folds_of_ones_own(command, release, tmp_path):
    folds = write_text(tmp_path / 'folds.json', json.dumps([['F001', 'F003'], ['F007', 'M018']]))
    assert command('--folds', folds)[0] == 0
    _, splits, _ = read_samples(release / 'BP4D.pkl')
    assert len(splits) == 4
    assert splits['test_fold1'] == splits['train_fold2'] == ['F001_T1', 'F001_T3', 'F003_T1']


@pytest.mark.parametrize(
    ('source', 'form'),
    [('images', 'F001/T1'), ('videos', 'F001/T1'), ('videos', 'F001_T1'), ('skeletons', 'F001_T1')],
)
def test_the_other_sources_give_the_same(command, release, monkeypatch, source, form):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    for name in SEQUENCES:
        place = name.replace('_', '/') if '/' in form else name
        if source == 'images':
            write_images(release / source / place, range(1, 21))
        elif source == 'videos':
            write_video(release / source / f'{place}.avi', 20)
        else:
            write_skeletons(release / source, place, range(1, 21))
    assert command(source=source)[0] == 0
    samples, _, _ = read_samples(release / 'BP4D.pkl')
    assert list(samples) == list(SEQUENCES)
    for sample in samples.values():
        assert ('timestamps' in sample) == (source == 'videos')
        for row in range(20):
            assert np.allclose(sample['keypoint'][0, row], face_at(row), atol=1e-3)
            assert (sample['label'][row] >= 0).any() == (6 <= row + 1 <= 15)


def test_store_shards_and_workers_give_the_same_content(command, release, shell_python):
    command()
    whole = (release / 'BP4D.pkl').read_bytes()
    for number in (2, 1, 3):
        assert command('--shard', f'{number}/3', out='other.pkl')[0] == 0
        assert not (release / 'other.pkl').exists()
    assert command('--merge', out='other.pkl')[0] == 0
    assert (release / 'other.pkl').read_bytes() == whole
    words = ['--annotations', release, '--openface', release / 'openface', '--store', release / 'store', '--workers', 2]
    result = shell_python('tools/data/bp4d_preproc.py', *words)
    assert result.returncode == 0, result.stderr
    from pyskl.datasets.annotation import open_annotations

    store, pickle = open_annotations(release / 'store'), open_annotations(release / 'BP4D.pkl')
    assert store.splits == pickle.splits
    for name in SEQUENCES:
        for field in ('keypoint', 'keypoint_score', 'label', 'timestamps'):
            assert np.array_equal(store.samples[name][field], pickle.samples[name][field])


@pytest.fixture
def shell_python(root):
    """Run a script of the checkout in a process of its own."""

    def run(script, *arguments):
        path = os.pathsep.join([str(root), os.environ.get('PYTHONPATH', '')])
        return subprocess.run(
            [sys.executable, script, *map(str, arguments)],
            cwd=root, env={**os.environ, 'PYTHONPATH': path}, text=True, capture_output=True, check=False,
        )  # fmt: skip

    return run


def test_the_summary_counts_what_is_there(command, release):
    _, out, _ = command()
    assert 'test_fold1' in out
    summary = json.loads((release / 'BP4D.pkl.summary.json').read_text())
    fold = summary['splits']['test_fold1']
    assert (fold['videos'], fold['frames'], fold['labelled_frames'], fold['frames_without_face']) == (2, 40, 20, 4)
    frames = range(6, 16)
    for au in BP4D_AUS:
        known = [bp4d_label(au, frame) for frame in frames if bp4d_label(au, frame) != 9]
        assert fold['prevalence_percent'][au] == pytest.approx(100 * sum(known) / len(known), abs=1e-3)


def bad_line(path):
    lines = path.read_text().splitlines()
    cells = lines[4].split(',')
    cells[12] = '7'
    path.write_text('\n'.join([*lines[:4], ','.join(cells), *lines[5:]]))


BAD = {
    'value': (lambda folder: bad_line(folder / 'AU_OCC/F003_T1.csv'), "AU_OCC/F003_T1.csv: line 5: AU12 is '7'"),
    'empty': (lambda folder: write_text(folder / 'AU_OCC/F003_T1.csv', ''), 'AU_OCC/F003_T1.csv: the file is empty'),
    'no keypoints': (
        lambda folder: (folder / 'openface/F003_T1.csv').unlink(),
        'AU_OCC/F003_T1.csv: .*openface: there is no F003_T1 or F003/T1 for --openface',
    ),
    'too long': (
        lambda folder: write_bp4d(folder, ['F003_T1'], range(6, 400)),
        'openface/F003_T1.csv: the labels go up to frame 399, but its last frame is 20',
    ),
    'keypoints': (
        lambda folder: write_text(folder / 'openface/F003_T1.csv', 'frame,confidence\n1,1\n'),
        'openface/F003_T1.csv, line 1: no column',
    ),
    'no face': (
        lambda folder: write_openface(folder / 'openface/F003_T1.csv', range(1, 21), range(1, 21)),
        'openface/F003_T1.csv: no face was found in any of its 20 frames',
    ),
    'folder': (
        lambda folder: ((folder / 'AU_OCC/F003_T1.csv').unlink(), (folder / 'AU_OCC/F003_T1.csv').mkdir()),
        'AU_OCC/F003_T1.csv: cannot be read',
    ),
}  # fmt: skip


@pytest.mark.parametrize('case', BAD)
def test_a_bad_sequence_stops_the_run_or_is_left_out_and_listed(command, release, case):
    import re

    spoil, message = BAD[case]
    spoil(release)
    status, _, lines = command()
    assert status == 1
    assert len(lines) == 1
    assert re.search(message, lines[0])
    assert '--skip-bad' in lines[0]
    assert not (release / 'BP4D.pkl').exists()
    status, out, lines = command('--skip-bad')
    assert (status, lines) == (0, [])
    assert re.search(message, out)
    samples, _, _ = read_samples(release / 'BP4D.pkl')
    assert list(samples) == [name for name in SEQUENCES if name != 'F003_T1']
    summary = json.loads((release / 'BP4D.pkl.summary.json').read_text())
    assert summary['num_bad'] == 1
    assert re.search(message, summary['bad'][0]['error'])


def test_a_subject_of_no_fold_is_an_error(command, release):
    write_bp4d(release, ['F024_T1'])
    write_openface(release / 'openface' / 'F024_T1.csv', range(1, 21))
    status, _, lines = command()
    assert status == 1
    assert "F024_T1.csv: subject 'F024' is in no fold of BP4D's customary folds" in lines[0]
    assert '--folds FILE' in lines[0]


def test_a_few_labels_beyond_the_last_picture_are_kept_and_counted(command, release):
    write_bp4d(release, ['F003_T1'], range(10, 24))
    assert command()[0] == 0
    sample = read_samples(release / 'BP4D.pkl')[0]['F003_T1']
    assert sample['total_frames'] == 23
    assert not sample['keypoint_score'][0, 20:].any()
    assert (sample['label'][20:] >= 0).any(axis=1).all()
    assert np.allclose(sample['timestamps'], np.arange(23) / 10)
    summary = json.loads((release / 'BP4D.pkl.summary.json').read_text())
    assert summary['counts']['labelled frames beyond the last picture'] == 3


def test_more_labels_beyond_the_last_picture_must_be_admitted(command, release):
    write_bp4d(release, ['F003_T1'], range(10, 40))
    status, _, lines = command()
    assert status == 1
    assert 'go up to frame 39, but its last frame is 20' in lines[0]
    assert '--row-tolerance' in lines[0]
    assert command('--row-tolerance', 100)[0] == 0
    assert read_samples(release / 'BP4D.pkl')[0]['F003_T1']['total_frames'] == 39


def test_a_truncated_video_is_refused_by_name(command, release, monkeypatch):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    for name in SEQUENCES:
        write_video(release / 'videos' / f'{name}.avi', 20)
    path = release / 'videos' / 'F003_T1.avi'
    path.write_bytes(path.read_bytes()[:-200])
    status, _, lines = command(source='videos')
    assert status == 1
    assert len(lines) == 1
    assert str(path) in lines[0]


def test_a_change_makes_only_that_sequence_again(command, release):
    command('--keep-parts')
    before = {path: path.stat().st_mtime_ns for path in (release / 'BP4D.pkl.parts').iterdir()}
    write_bp4d(release, ['F003_T1'], range(8, 12))
    command('--keep-parts')
    changed = [path.name for path, stamp in before.items() if path.stat().st_mtime_ns != stamp]
    assert len(changed) == 1
    assert changed[0].startswith('F003_T1')
    assert (read_samples(release / 'BP4D.pkl')[0]['F003_T1']['label'] >= 0).any(axis=1).sum() == 4


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--aus', 'AU0'], 'AU0 is not coded in this data set'),
        (['--aus', 'smile'], "'AUSMILE' is no Action Unit name|'smile' is no"),
        (['--aus', 'AU1', 'AU01'], 'AU1 is named twice'),
        (['--folds', 'nowhere.json'], 'nowhere.json: cannot be read'),
        (['--keypoint-layout', 'ibug86'], 'ibug86'),
        (['--annotations', 'nowhere'], 'nowhere: cannot be read'),
        (['--annotations', __file__], 'test_bp4d_preproc.py: cannot be read'),
        (['--openface', __file__], '--openface: no such folder: .*test_bp4d_preproc.py'),
    ],
)
def test_arguments_that_cannot_be(command, words, message):
    import re

    status, _, lines = command(*words)
    assert status == 1
    assert len(lines) == 1
    assert re.search(message, lines[0])


def test_the_config_takes_the_annotation(command, release):
    command()
    _, loaders, model = prepare_config('slowonly_r50_bp4d_xsub', release / 'BP4D.pkl')
    assert model.cls_head.num_classes == 12
    subjects = {part: {track['subject'] for track in loader.dataset.tracks} for part, loader in loaders.items()}
    assert subjects['val'] == subjects['test'] == {'F001'}
    assert subjects['train'] == {'F003', 'F007', 'M018'}


def test_windows_that_are_not_coded_are_not_trained_on(command, release):
    for name in SEQUENCES:  # 200 frames of which the release codes 10
        write_openface(release / 'openface' / f'{name}.csv', range(1, 201))
    command()
    _, loaders, _ = prepare_config('slowonly_r50_bp4d_xsub', release / 'BP4D.pkl')
    windows = {part: len(loader.dataset) for part, loader in loaders.items()}
    assert windows == {'train': 3, 'val': 2, 'test': 2 * 7}


def test_names_in_other_case_are_read_and_others_are_listed(command, release):
    place = release / 'AU_OCC'
    (place / 'F001_T1.csv').rename(place / 'f001_t1.csv')
    (place / 'F003_T1.csv').rename(place / 'F003-T1.csv')
    (release / 'openface' / 'F007_T8.csv').rename(release / 'openface' / 'f007_t8.csv')
    status, out, lines = command('--intensity')
    assert (status, lines) == (0, [])
    assert {*read_samples(release / 'BP4D.pkl')[0]} == {*SEQUENCES} - {'F003_T1'}
    assert 'note: of the labels 1 is not named like F001_T1.csv, and not read: F003-T1.csv' in out
    assert 'note: 1 video has keypoints and no labels: F003_T1' in out
    (place / 'F001_T1.csv').write_text('')
    assert 'is of the same sequence' in command()[2][0]


def test_a_file_with_nothing_below_its_header_is_refused(command, release):
    path = release / 'AU_OCC' / 'F001_T1.csv'
    path.write_text(path.read_text().splitlines()[0] + '\n')
    status, _, lines = command()
    assert status == 1 and 'F001_T1.csv: line 2: there is a first row, but no row' in lines[0]
