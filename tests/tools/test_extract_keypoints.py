"""From videos and folders of pictures to an annotation file, with the real extractor on a few frames."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from pyskl import cli
from pyskl.assets import fetch_asset
from pyskl.errors import InputError
from pyskl.preprocess.extraction import SPLIT, ExtractionJob, ExtractionSettings, find_sources, name_sources
from pyskl.preprocess.jobs import COUNTS
from pyskl.video import VideoWriter, iter_frames

TOOL = 'tools/extract_keypoints.py'


@pytest.fixture(scope='module')
def clips(tmp_path_factory) -> Path:
    """Six frames of a face as a video of two formats and as pictures, three frames without a face, and other files."""
    folder = tmp_path_factory.mktemp('clips')
    source = fetch_asset('pyfeat_videos') / 'single_face.mp4'
    images = [frame.image for frame in iter_frames(source) if frame.index < 6]
    with VideoWriter(folder / 'talk.mp4', fps=30) as writer:
        for image in images:
            writer.write(image)
    shutil.copy(folder / 'talk.mp4', folder / 'talk.mov')
    (folder / 'day.2' / 'talk').mkdir(parents=True)
    for number, image in enumerate(images[:4], 1):
        cv2.imwrite(str(folder / 'day.2' / 'talk' / f'{3 * number:05d}.jpg'), image[..., ::-1])
    with VideoWriter(folder / 'day.2' / 'empty.mp4', fps=30) as writer:
        for _ in range(3):
            writer.write(np.full((90, 160, 3), 100, np.uint8))
    (folder / 'notes.txt').write_text('x')
    return folder


@pytest.fixture
def command(tool, capsys):
    """Run the command in this process as the shell does: (exit status, stdout, lines on stderr)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.run(tool(TOOL), [str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return stop.value.code, streams.out, streams.err.strip().splitlines()

    return run


NAMES = ['day.2/talk', 'talk.mov', 'talk.mp4']


@pytest.fixture(scope='module')
def result(clips, tmp_path_factory, tool) -> Path:
    path = tmp_path_factory.mktemp('result') / 'all.pkl'
    arguments = [clips, '--out', path, '--workers', 0, '--skip-bad', '--min-frames', 2]
    assert tool(TOOL)([str(argument) for argument in arguments]) == 0
    return path


def test_annotation_has_a_sample_for_each_source_with_a_face(result):
    content = pickle.loads(result.read_bytes())
    assert content['metainfo']['dataset'] == 'extracted keypoints'
    assert content['metainfo']['keypoint_layout'] == 'ibug68'
    samples = {sample['frame_dir']: sample for sample in content['annotations']}
    assert sorted(samples) == sorted(content['split'][SPLIT]) == NAMES
    assert not any('label' in sample or COUNTS in sample for sample in samples.values())
    assert samples['talk.mp4']['keypoint'].shape == (1, 6, 68, 2)
    assert samples['talk.mp4']['keypoint_score'].all()
    assert np.array_equal(samples['talk.mp4']['keypoint'], samples['talk.mov']['keypoint'])
    found = samples['day.2/talk']['keypoint_score'][0].any(axis=1)
    assert np.flatnonzero(found).tolist() == [2, 5, 8, 11] and len(found) == 12
    summary = json.loads(result.with_name('all.pkl.summary.json').read_text())
    assert [bad['name'] for bad in summary['bad']] == ['empty']
    assert 'empty.mp4: no face' in summary['bad'][0]['error']
    assert sorted(path.name for path in result.parent.iterdir()) == ['all.pkl', 'all.pkl.summary.json']


def test_data_set_reads_it(result):
    from pyskl.datasets import PoseDataset

    dataset = PoseDataset(result, [], split=SPLIT, clip_len=4)
    assert len(dataset.tracks) == 3
    assert PoseDataset(result, [], clip_len=4).tracks[0]['keypoint'].shape[2:] == (68, 2)


def test_second_run_makes_nothing_anew(result, clips, command):
    before = result.stat().st_mtime_ns
    status, out, _ = command(clips, '--out', result, '--workers', 0, '--skip-bad', '--min-frames', 2)
    assert status == 0 and 'already there' in out
    assert result.stat().st_mtime_ns == before


def test_store_made_by_a_worker_holds_the_same(result, clips, tmp_path, command):
    from pyskl.datasets.store import open_store

    sources = [clips / name for name in ('day.2/talk', 'talk.mov', 'talk.mp4')]
    status, _, _ = command(*sources, '--store', tmp_path / 'store', '--workers', 1, '--min-frames', 2)
    assert status == 0
    store = open_store(tmp_path / 'store')
    content = {sample['frame_dir']: sample for sample in pickle.loads(result.read_bytes())['annotations']}
    names = [store.sample(number)['frame_dir'] for number in range(len(store))]
    assert names == NAMES
    for number, expected in enumerate(NAMES):
        assert np.array_equal(store.sample(number)['keypoint'], content[expected]['keypoint'])


def test_bad_video_stops_the_run_with_one_line(clips, tmp_path, command):
    status, _, lines = command(clips / 'day.2' / 'empty.mp4', '--out', tmp_path / 'a.pkl', '--workers', 0)
    assert status == 1 and len(lines) == 1
    assert lines[0].startswith('error: ') and 'empty.mp4: no face was found in any of its 3 frames' in lines[0]
    assert not (tmp_path / 'a.pkl').exists()


def test_truncated_video_is_named(clips, tmp_path, command):
    content = (clips / 'talk.mp4').read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(content[: len(content) // 2])
    status, _, lines = command(tmp_path / 'cut.mp4', '--out', tmp_path / 'a.pkl', '--workers', 0)
    assert status == 1 and len(lines) == 1 and 'cut.mp4' in lines[0] and 'incomplete' in lines[0]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['absent.mp4'], 'no such video or folder: absent.mp4'),
        (['{folder}'], 'neither a video nor a picture'),
        (['{video}', '--keypoint-layout', 'ibug86'], "did you mean 'ibug"),
        (['{video}', '--keypoint-layout', 'coco_wholebody133'], 'coco_wholebody133'),
        (['{video}', '--model', 'absent.task'], 'absent.task'),
        (['{video}', '--model', '{model}', '--workers', '0'], 'bad.task: not a MediaPipe face landmarker model'),
    ],
)
def test_wrong_arguments_are_one_line_before_any_work(clips, tmp_path, command, arguments, message):
    (tmp_path / 'folder').mkdir()
    model = tmp_path / 'folder' / 'bad.task'
    if '{model}' in arguments:
        model.write_text('no model')
    places = {'folder': tmp_path / 'folder', 'video': clips / 'talk.mp4', 'model': model}
    status, _, lines = command(*(it.format(**places) for it in arguments), '--out', tmp_path / 'a.pkl')
    assert status == 1 and len(lines) == 1 and message in lines[0] and '--skip-bad' not in lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['folder']


@pytest.mark.parametrize('arguments', [['--max-faces', '0'], ['--min-frames', 'x'], ['--small-faces', 'maybe']])
def test_values_out_of_range_are_usage_errors(clips, command, arguments):
    status, _, lines = command(clips, '--out', 'a.pkl', *arguments)
    assert status == 2 and arguments[0] in lines[-1]


def test_help_as_typed(root):
    done = subprocess.run([sys.executable, TOOL, '--help'], cwd=root, capture_output=True, text=True, check=False,
                          env={'PYTHONPATH': str(root), 'PATH': ''})  # fmt: skip
    assert done.returncode == 0 and 'examples:' in done.stdout and '--max-faces' in done.stdout


def test_sources_are_found_in_folders_below(clips):
    found = [path.relative_to(clips).as_posix() for path in find_sources(clips)]
    assert found == ['day.2/empty.mp4', 'day.2/talk', 'talk.mov', 'talk.mp4']
    assert find_sources(clips / 'day.2' / 'talk') == [clips / 'day.2' / 'talk']
    assert find_sources(clips / 'notes.txt') == [clips / 'notes.txt']  # asked for by name: refused when it is read


def test_pictures_beside_a_video_are_no_sequence(clips, tmp_path):
    for folder in ('mixed', 'mixed/below'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '00001.jpg').touch()
    (tmp_path / 'mixed' / 'talk.mp4').touch()
    notes: list[str] = []
    assert [path.name for path in find_sources(tmp_path, notes)] == ['below', 'talk.mp4']
    assert len(notes) == 1 and 'mixed: holds videos, so its pictures are passed over' in notes[0]


def test_second_face_and_a_file_of_that_name_are_told_apart(tmp_path):
    sources = [tmp_path / name for name in ('x.mp4', 'x_face2.mp4', 'x_face21.mp4', 'y_face2.mov')]
    assert list(name_sources(sources)) == ['x', 'x_face2', 'x_face21', 'y_face2']
    several = name_sources(sources, several_faces=True)
    assert list(several) == ['x', 'x_face2.mp4', 'x_face21', 'y_face2']
    settings = ExtractionSettings(max_faces=3)
    tracks = [track for name, path in several.items() for track in ExtractionJob(name, path, settings).splits]
    assert len(tracks) == len(set(tracks))


def test_one_photo_and_a_few_stills_are_enough(tmp_path, command):
    photo = fetch_asset('pyfeat_videos') / 'single_face.jpg'
    (tmp_path / 'stills').mkdir()
    for number in (1, 2, 3):
        shutil.copy(photo, tmp_path / 'stills' / f'{number}.jpg')
    status, out, _ = command(photo, tmp_path / 'stills', '--out', tmp_path / 'a.pkl', '--workers', 0)
    assert status == 0
    samples = pickle.loads((tmp_path / 'a.pkl').read_bytes())['annotations']
    assert [sample['total_frames'] for sample in samples] == [1, 3]
    assert 'labelled' not in out
    summary = json.loads((tmp_path / 'a.pkl.summary.json').read_text())
    assert summary['videos'] == [
        {'name': 'single_face', 'tracks': 1, 'frames': 1, 'frames_with_face': 1, 'changes': 0},
        {'name': 'stills', 'tracks': 1, 'frames': 3, 'frames_with_face': 3, 'changes': 0},
    ]
    status, _, lines = command(photo, '--max-faces', 2, '--out', tmp_path / 'b.pkl', '--workers', 0)
    assert status == 1 and 'at most in 1; ask for fewer (--min-frames)' in lines[0]


def test_change_of_the_one_face_is_noted(tmp_path, command):
    folder = fetch_asset('pyfeat_videos')
    with VideoWriter(tmp_path / 'cut.mp4', fps=30) as writer:
        for name in ('single_face.mp4', 'WolfgangLanger_Pexels.mp4', 'single_face.mp4'):
            for frame in iter_frames(folder / name):
                if frame.index < 8:
                    writer.write(frame.image)
    status, out, _ = command(tmp_path / 'cut.mp4', '--out', tmp_path / 'one.pkl', '--workers', 0)
    assert status == 0
    assert 'note: cut: the face changes 2 times; --max-faces 2 keeps people apart' in out
    summary = json.loads((tmp_path / 'one.pkl.summary.json').read_text())
    assert summary['videos'] == [{'name': 'cut', 'tracks': 1, 'frames': 24, 'frames_with_face': 24, 'changes': 2}]
    arguments = ('--max-faces', 2, '--min-frames', 2, '--small-faces', 'off', '--workers', 0)
    status, out, _ = command(tmp_path / 'cut.mp4', '--out', tmp_path / 'two.pkl', *arguments)
    assert status == 0 and 'the face changes' not in out
    samples = pickle.loads((tmp_path / 'two.pkl').read_bytes())['annotations']
    seen = [np.flatnonzero(sample['keypoint_score'][0].any(axis=1)).tolist() for sample in samples]
    assert sorted(seen) == [list(range(8)), list(range(8, 16)), list(range(16, 24))]


def test_links_are_followed_but_not_in_circles(clips, tmp_path):
    (tmp_path / 'linked').symlink_to(clips / 'day.2')
    (tmp_path / 'circle').symlink_to(tmp_path)
    assert [path.name for path in find_sources(tmp_path)] == ['empty.mp4', 'talk']


@pytest.mark.parametrize(
    ('sources', 'names'),
    [
        (['a.mp4', 'b.mp4'], ['a', 'b']),
        (['a.mp4', 'a.mov', 'b.mp4'], ['a.mp4', 'a.mov', 'b']),
        (['x/a.mp4', 'y/a.mp4'], ['x/a.mp4', 'y/a.mp4']),
        (['x/a.mp4', 'y/a.mp4', 'y/a.mov'], ['x/a.mp4', 'y/a.mp4', 'a.mov']),
        (['p/x/a.mp4', 'q/x/a.mp4'], ['p/x/a.mp4', 'q/x/a.mp4']),
        (['a.b.mp4', 'a.mp4'], ['a.b', 'a']),
        (['a.mp4', './a.mp4'], ['a']),
    ],
)
def test_names_tell_sources_apart(tmp_path, monkeypatch, sources, names):
    monkeypatch.chdir(tmp_path)
    assert list(name_sources([Path(source) for source in sources])) == names


def test_folder_and_video_of_one_name(tmp_path):
    (tmp_path / 'a').mkdir()
    named = name_sources([tmp_path / 'a', tmp_path / 'a.mp4'])
    assert list(named) == [f'{tmp_path.name}/a', 'a.mp4']


def test_job_announces_every_name_it_can_give_and_changes_with_its_source(clips, tmp_path):
    job = ExtractionJob('talk', clips / 'talk.mp4', ExtractionSettings(max_faces=2))
    assert list(job.splits)[:3] == ['talk', 'talk_face2', 'talk_face3']
    assert list(ExtractionJob('talk', clips, ExtractionSettings()).splits) == ['talk']
    assert pickle.loads(pickle.dumps(job)) == job
    folder = shutil.copytree(clips / 'day.2' / 'talk', tmp_path / 'talk')
    pictures = ExtractionJob('talk', folder, ExtractionSettings())
    before = json.dumps(pictures.fingerprint())
    assert json.dumps(pictures.fingerprint()) == before
    (folder / '00003.jpg').rename(folder / '00004.jpg')
    assert json.dumps(pictures.fingerprint()) != before


def test_model_is_told_by_its_content(tmp_path):
    (tmp_path / 'a.task').write_bytes(b'1')
    (tmp_path / 'b.task').write_bytes(b'1')
    first, second = (ExtractionSettings(model=tmp_path / name).to_json() for name in ('a.task', 'b.task'))
    assert first == second != ExtractionSettings().to_json()


def test_several_faces_of_pictures(tmp_path):
    image = fetch_asset('pyfeat_videos') / 'multi_face.jpg'
    for number in (1, 2):
        shutil.copy(image, tmp_path / f'{number}.jpg')
    job = ExtractionJob('group', tmp_path, ExtractionSettings(max_faces=8, min_frames=2, layout='ibug51'))
    samples = job.build()
    assert [sample['frame_dir'] for sample in samples] == ['group', *(f'group_face{n}' for n in range(2, 6))]
    assert {sample['keypoint'].shape for sample in samples} == {(1, 2, 51, 2)}
    assert set(job.splits) >= {sample['frame_dir'] for sample in samples}
    with pytest.raises(InputError, match='3 frames or more'):
        ExtractionJob('group', tmp_path, ExtractionSettings(max_faces=8, min_frames=3)).build()
