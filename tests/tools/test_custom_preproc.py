"""A folder of videos and one table of labels to an annotation, as the command is typed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from miniatures import (
    KnownFace,
    face_at,
    prepare_config,
    read_samples,
    write_images,
    write_openface,
    write_skeletons,
    write_text,
    write_video,
)

from pyskl import cli

VIDEOS = ('anna_1', 'anna_2', 'ben_1', 'cleo_1', 'dan_1')


def label_of(video, frame):
    """What the table says: AU12 and AU6."""
    return [str((len(video) + frame) % 2), ('0', '1', '-1', '')[(frame + VIDEOS.index(video)) % 4]]


@pytest.fixture
def folder(tmp_path):
    """A table with a row per frame, out of order, and OpenFace's keypoints of 20 frames of each video."""
    rows = [[f'{video}.mp4', frame, video[:-2], *label_of(video, frame)] for video in VIDEOS for frame in range(1, 20)]
    np.random.default_rng(0).shuffle(rows)
    write_table(tmp_path, ['video,frame,subject,AU12,AU06_c', *(','.join(map(str, row)) for row in rows)])
    for video in VIDEOS:
        write_openface(tmp_path / 'openface' / f'{video}.csv', range(1, 21))
    return tmp_path


def write_table(folder, lines):
    return write_text(folder / 'labels.csv', '\n'.join(lines) + '\n')


@pytest.fixture
def command(tool, folder, capsys):
    """Run the command in this process as the shell does: (exit status, stdout, lines on stderr)."""

    def run(*arguments, source='openface'):
        words = ['--labels', folder / 'labels.csv', f'--{source}', folder / source, '--out', folder / 'a.pkl']
        with pytest.raises(SystemExit) as stop:
            cli.run(tool('tools/data/custom_preproc.py'), [str(word) for word in (*words, '--workers', 0, *arguments)])
        printed = capsys.readouterr()
        return stop.value.code, printed.out, printed.err.strip().splitlines()

    return run


def expected_label(video, row):
    return [int(value or -1) for value in label_of(video, row + 1)] if row < 19 else [-1, -1]


def test_every_frame_has_its_label_and_its_keypoints(command, folder):
    assert command()[0] == 0
    samples, splits, metainfo = read_samples(folder / 'a.pkl')
    assert metainfo['aus'] == ['AU12', 'AU6']
    assert list(samples) == list(VIDEOS)
    for video, sample in samples.items():
        assert sample['subject'] == video[:-2]
        for row in range(20):
            assert sample['label'][row].tolist() == expected_label(video, row)
            assert np.allclose(sample['keypoint'][0, row], face_at(row), atol=1e-3)
    assert set(splits) == {'train', 'val'}
    assert not {samples[name]['subject'] for name in splits['train']} & {
        samples[name]['subject'] for name in splits['val']
    }


@pytest.mark.parametrize('source', ['images', 'videos', 'skeletons'])
def test_the_other_sources_give_the_same(command, folder, monkeypatch, source):
    monkeypatch.setattr('pyskl.landmarks.make_extractor', KnownFace)
    for video in VIDEOS:
        if source == 'images':
            write_images(folder / source / video, range(1, 21))
        elif source == 'videos':
            write_video(folder / source / f'{video}.mp4', 20)
        else:
            write_skeletons(folder / source, video, range(1, 21))
    assert command(source=source)[0] == 0
    for video, sample in read_samples(folder / 'a.pkl')[0].items():
        for row in range(20):
            assert sample['label'][row].tolist() == expected_label(video, row)
            assert np.allclose(sample['keypoint'][0, row], face_at(row), atol=1e-3)


def test_the_share_and_the_seed_decide_who_is_in_val(command, folder):
    chosen = set()
    for seed in range(6):
        assert command('--val-fraction', 0.25, '--seed', seed)[0] == 0
        samples, splits, _ = read_samples(folder / 'a.pkl')
        people = {part: {samples[name]['subject'] for name in names} for part, names in splits.items()}
        assert len(people['val']) == 1
        assert len(people['train']) == 3  # so nobody is in both
        chosen.add(tuple(splits['val']))
    assert len(chosen) > 1
    assert command('--val-fraction', 0)[0] == 0
    assert read_samples(folder / 'a.pkl')[1] == {'train': list(VIDEOS)}


def test_splits_of_the_table(command, folder):
    lines = [
        'video,subject,split,AU1',
        'anna_1,anna,train,1',
        'anna_2,anna,val,0',
        'ben_1,ben,train_fold1 test_fold2,1',
    ]
    write_table(folder, lines)
    status, out, _ = command()
    assert status == 0
    _, splits, _ = read_samples(folder / 'a.pkl')
    assert splits == {'train': ['anna_1'], 'val': ['anna_2'], 'train_fold1': ['ben_1'], 'test_fold2': ['ben_1']}
    assert 'note: subjects both trained on and scored: anna: scores' in out
    assert 'note: 2 videos have no labels and are left out: cleo_1, dan_1' in out


def test_videos_without_labels_can_be_kept(command, folder):
    write_table(folder, ['video,AU1', 'anna_1,1', 'ben_1,0'])
    assert command('--keep-unlabelled')[0] == 0
    samples, splits, _ = read_samples(folder / 'a.pkl')
    assert splits['unlabelled'] == ['anna_2', 'cleo_1', 'dan_1']
    assert (samples['dan_1']['label'] == -1).all()
    assert samples['dan_1']['label'].shape == (20, 1)


def test_segments_in_seconds_need_times(command, folder):
    write_table(folder, ['video;start_s;end_s;AU1', 'anna_1;0,5;1,0;1', 'ben_1.mp4;0;0,3;1'])
    assert command()[0] == 0
    samples, _, _ = read_samples(folder / 'a.pkl')
    assert np.flatnonzero(samples['anna_1']['label'][:, 0] == 1).tolist() == [5, 6, 7, 8, 9]
    assert set(samples['anna_1']['label'][:, 0].tolist()) == {1, -1}
    assert np.flatnonzero(samples['ben_1']['label'][:, 0] == 1).tolist() == [0, 1, 2]
    command('--outside-segments', 'absent')
    assert set(read_samples(folder / 'a.pkl')[0]['anna_1']['label'][:, 0].tolist()) == {1, 0}
    for video in ('anna_1', 'ben_1'):
        write_skeletons(folder / 'skeletons', video, range(1, 21))
    status, _, lines = command(source='skeletons')
    assert status == 1
    assert "video 'anna_1': its segments are in seconds, but its frames have no times; give --fps" in lines[0]
    assert command('--fps', 20, source='skeletons')[0] == 0
    sample = read_samples(folder / 'a.pkl')[0]['anna_1']
    assert np.flatnonzero(sample['label'][:, 0] == 1).tolist() == list(range(10, 20))
    assert sample['fps'] == 20


def test_other_labels_than_aus(command, folder):
    write_table(folder, ['video,smile,frown,rater', 'anna_1,1,0,x', 'ben_1,0,,x'])
    status, out, _ = command('--label-columns', 'smile', 'frown')
    assert status == 0
    assert 'columns that are not used: rater' in out
    samples, _, metainfo = read_samples(folder / 'a.pkl')
    assert metainfo['aus'] == ['smile', 'frown']
    assert samples['ben_1']['label'].tolist() == [[0, -1]] * 20


def test_videos_in_folders(command, folder):
    for day in ('monday', 'tuesday'):
        write_openface(folder / 'openface' / day / 'x.csv', range(1, 21))
    write_table(folder, ['video,AU1', 'monday/x,1', 'tuesday\\x.avi,0'])
    assert command()[0] == 0
    samples, _, _ = read_samples(folder / 'a.pkl')
    assert {name: sample['label'][0, 0] for name, sample in samples.items()} == {'monday/x': 1, 'tuesday/x': 0}
    write_table(folder, ['video,AU1', 'monday/x,1', 'x,0'])
    status, _, lines = command()
    assert status == 1
    assert "line 3: two sources for 'x'" in lines[0]
    write_openface(folder / 'openface' / 'monday' / 'only.csv', range(1, 21))
    write_table(folder, ['video,AU1', 'monday/only,1', 'only,0'])
    status, _, lines = command()
    assert status == 1
    assert re.search("line 3: 'only' and 'monday/only' are the same video", lines[0])


BAD = {
    'no such video': (
        ['video,AU1', 'anna_1,1', 'eve_1,0', 'ben_1,0'],
        'line 3: .*openface: there is no eve_1 for --open',
    ),
    'too many rows': (
        ['video,frame,AU1', 'anna_1,1,1', 'ben_1,1,1', *(f'cleo_1,{frame},0' for frame in range(1, 90))],
        'openface/cleo_1.csv: the labels go up to frame 89, but its last frame is 20',
    ),
}


@pytest.mark.parametrize('case', BAD)
def test_a_bad_video_stops_the_run_or_is_left_out_and_listed(command, folder, case):
    lines, message = BAD[case]
    write_table(folder, lines)
    status, _, errors = command()
    assert status == 1
    assert len(errors) == 1
    assert re.search(message, errors[0])
    status, out, _ = command('--skip-bad')
    assert status == 0
    assert re.search(message, out)
    assert list(read_samples(folder / 'a.pkl')[0]) == ['anna_1', 'ben_1']
    assert json.loads((folder / 'a.pkl.summary.json').read_text())['num_bad'] == 1


@pytest.mark.parametrize(
    ('lines', 'words', 'message'),
    [
        (['video,frame,AU1', 'anna_1,1,2'], [], "labels.csv: line 2: AU1 is '2'"),
        (['video,AU1', '../../etc/passwd,1'], [], 'line 2: .* is no name of a video within the folder'),
        (['video,AU1', 'anna_1,1'], [], "there is only 1 subject .*--val-fraction 0"),
        (['video,AU1', 'anna_1,1', 'ben_1,1'], ['--val-fraction', 1], '--val-fraction must be 0 or more and below 1'),
        (['video,AU1', 'anna_1,1', 'ben_1,1'], ['--fps', 0], '--fps must be above 0'),
        (['video,AU1', 'anna_1,1', 'ben_1,1'], ['--labels', 'nowhere.csv'], 'nowhere.csv: cannot be read'),
        (['video,AU1', 'anna_1,1', 'ben_1,1'], ['--label-columns', 'AU2'], "there is no label column 'AU2'"),
    ],
)  # fmt: skip
def test_tables_and_arguments_that_cannot_be(command, folder, lines, words, message):
    write_table(folder, lines)
    status, _, errors = command(*words)
    assert status == 1
    assert len(errors) == 1
    assert re.search(message, errors[0])
    assert not (folder / 'a.pkl').exists()


def test_a_change_of_the_table_makes_only_those_videos_again(command, folder):
    write_table(folder, ['video,AU1', 'anna_1,1', 'ben_1,0', 'cleo_1,1'])
    command('--keep-parts')
    before = {path.name: path.stat().st_mtime_ns for path in (folder / 'a.pkl.parts').iterdir()}
    write_table(folder, ['video,AU1', 'cleo_1,1', 'anna_1,1', 'ben_1,1'])
    command('--keep-parts')
    after = {path.name: path.stat().st_mtime_ns for path in (folder / 'a.pkl.parts').iterdir()}
    assert [name[:5] for name in before if before[name] != after[name]] == ['ben_1']
    assert read_samples(folder / 'a.pkl')[0]['ben_1']['label'].tolist() == [[1]] * 20


def test_the_config_takes_the_annotation(command, folder):
    names = [f'AU{number}' for number in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26)]
    rows = [f'{video},{",".join("01"[(place + len(video)) % 2] for place in range(12))}' for video in VIDEOS]
    write_table(folder, [f'video,{",".join(names)}', *rows])
    assert command()[0] == 0
    _, loaders, model = prepare_config('slowonly_r50_custom', folder / 'a.pkl')
    assert model.cls_head.num_classes == 12
    assert {part: len(loader.dataset.tracks) for part, loader in loaders.items()} == {'train': 4, 'val': 1, 'test': 1}


def test_a_store_of_videos_that_know_different_things(command, folder, tool):
    """One has no times, one no labels and no subject."""
    lines = (folder / 'openface' / 'ben_1.csv').read_text().splitlines()
    cells = [line.split(', ') for line in lines]
    write_text(folder / 'openface' / 'ben_1.csv', '\n'.join(', '.join(row[:2] + row[3:]) for row in cells))
    write_table(folder, ['video,subject,AU1', 'anna_1,anna,1', 'ben_1,ben,0'])
    assert command('--keep-unlabelled')[0] == 0
    (folder / 'a.pkl').rename(folder / 'b.pkl')
    from pyskl.datasets.annotation import open_annotations

    words = [str(folder / name) for name in ('labels.csv', 'openface', 'store')]
    arguments = ['--labels', words[0], '--openface', words[1], '--store', words[2], '--keep-unlabelled']
    assert tool('tools/data/custom_preproc.py')([*arguments, '--workers', '0']) == 0
    one, other = open_annotations(folder / 'b.pkl'), open_annotations(folder / 'store')
    assert one.splits == other.splits
    for name in VIDEOS:
        assert one.samples[name].keys() == other.samples[name].keys()
        for field, value in one.samples[name].items():
            assert np.array_equal(value, other.samples[name][field]), field


def test_a_real_video(command, folder):
    from pyskl.assets import fetch_asset

    write_table(folder, ['video,start_frame,end_frame,AU12', 'single_face.mp4,11,20,1'])
    (folder / 'videos').mkdir()
    (folder / 'videos' / 'single_face.mp4').write_bytes((fetch_asset('pyfeat_videos') / 'single_face.mp4').read_bytes())
    assert command('--val-fraction', 0, source='videos')[0] == 0
    sample = read_samples(folder / 'a.pkl')[0]['single_face']
    assert sample['total_frames'] == 72
    assert (sample['keypoint_score'] > 0).all(axis=(0, 2)).mean() > 0.9
    assert np.flatnonzero(sample['label'][:, 0] == 1).tolist() == list(range(10, 20))
    height, width = sample['img_shape']
    found = sample['keypoint'][sample['keypoint_score'] > 0]
    assert ((found >= 0) & (found <= [width, height])).mean() > 0.95


def segments(folder, end):
    write_table(folder, ['video,subject,start_s,end_s,AU1', *(f'{video},{video},0,{end},1' for video in VIDEOS)])


def test_a_segment_far_beyond_the_end_is_of_another_video(command, folder):
    segments(folder, 2.9)  # nine frames of ten a second
    assert command()[0] == 0
    segments(folder, 3.2)
    status, _, lines = command()
    assert status == 1 and re.search(
        r'anna_1\.csv: the labels go up to 3\.2 s, but its last frame is at 1\.9', lines[0]
    )
    assert command('--row-tolerance', 70)[0] == 0


def test_times_that_go_back_are_named_where_seconds_are_used(command, folder):
    path = folder / 'openface' / 'anna_1.csv'
    lines = path.read_text().splitlines()
    cells = lines[8].split(', ')
    lines[8] = ', '.join([*cells[:2], '0.1', *cells[3:]])
    path.write_text('\n'.join(lines) + '\n')
    assert command()[0] == 0  # by frame
    segments(folder, 1)
    status, _, printed = command()
    assert status == 1 and 'anna_1.csv: line 9: frame 8: its time goes back, from 0.6 s to 0.1 s' in printed[0]


def test_files_without_labels_that_share_a_name_are_all_counted(command, folder):
    for name in ('x.csv', 'deep/x.csv'):
        write_openface(folder / 'openface' / name, range(1, 21))
    status, out, _ = command()
    assert status == 0 and 'note: 2 videos have no labels and are left out: deep/x, x.csv' in out
    assert command('--keep-unlabelled')[0] == 0
    assert read_samples(folder / 'a.pkl')[1]['unlabelled'] == ['deep/x', 'x.csv']


def test_a_video_under_two_names_is_refused_or_mentioned(command, folder):
    link = folder / 'openface' / 'link.csv'
    link.symlink_to(folder / 'openface' / 'anna_1.csv')
    status, out, _ = command('--keep-unlabelled')
    assert status == 0 and "note: 'link' is a link to 'anna_1' and is left out" in out
    write_table(folder, ['video,subject,AU1', 'anna_1,a,1', 'link,b,0', 'ben_1,b,0'])
    status, _, lines = command()
    assert status == 1 and re.search("line 3: 'link' and 'anna_1' are the same video", lines[0])


def test_a_table_that_is_a_pipe_is_refused(command, folder):
    (folder / 'labels.csv').unlink()
    os.mkfifo(folder / 'labels.csv')
    status, _, lines = command()
    assert status == 1 and lines[0].endswith('labels.csv: is no regular file')


def test_the_table_is_not_written_over(command, folder):
    before = (folder / 'labels.csv').read_bytes()
    status, _, lines = command('--out', folder / 'labels.csv')
    assert status == 1 and 'is what --labels reads' in lines[0]
    assert (folder / 'labels.csv').read_bytes() == before


def test_output_that_is_not_utf_8_stops_nothing(command, folder, root):
    assert command()[0] == 0
    for video in VIDEOS:
        path = folder / 'openface' / f'{video}.csv'
        path.rename(path.with_name(f'é日{video}.csv'))
    labels = folder / 'labels.csv'
    labels.write_text(labels.read_text().replace('\n', '\né日'), encoding='utf-8')
    labels.write_text(labels.read_text(encoding='utf-8').removesuffix('é日'), encoding='utf-8')
    words = ['--labels', labels, '--openface', folder / 'openface', '--out', folder / 'é日.pkl', '--workers', 0]
    done = subprocess.run(
        [sys.executable, 'tools/data/custom_preproc.py', *map(str, words)],
        cwd=root,
        env={**os.environ, 'PYTHONPATH': str(root), 'PYTHONIOENCODING': 'ascii:strict'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert r'written: ' in done.stdout and r'\xe9\u65e5.pkl' in done.stdout
