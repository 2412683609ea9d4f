"""tools/browse_dataset.py as a user types it."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest

from pyskl import cli
from pyskl.datasets import dump_pickle


@pytest.fixture
def browse(tool, capsys):
    """Run the command in this process as the shell does: (exit status, stdout, lines on stderr)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.run(tool('tools/browse_dataset.py'), [str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return stop.value.code, captured.out, captured.err.strip().splitlines()

    return run


def check_pictures(folder, *patterns):
    """Every picture of the page is there and not blank."""
    page = (folder / 'index.html').read_text()
    for pattern in patterns:
        files = list(folder.glob(pattern))
        assert files, pattern
        for file in files:
            assert f'src="{file.name}"' in page
            if file.suffix == '.png':
                assert cv2.imread(str(file)).std() > 5


def test_annotation_file(browse, ann_file, tmp_path):
    status, out, err = browse(ann_file, '--number', 3, '--out', tmp_path / 'made' / 'here')
    assert (status, err) == (0, [])
    check_pictures(tmp_path / 'made' / 'here', 'faces.png', 'prevalence.png', 'timeline_*.png', 'clip.gif')
    assert 'frames without a face' in out
    assert '640x480' in out
    assert 'index.html written to' in out


def test_store_and_pickle_show_the_same(browse, ann_file, annotation_content, tmp_path):
    from pyskl.datasets.store import write_store

    store = tmp_path / 'store'
    write_store(
        store,
        copy.deepcopy(annotation_content['annotations']),
        annotation_content['split'],
        annotation_content['metainfo'],
    )
    arguments = ('--split', 'val', '--number', 4, '--seed', 2)
    status, from_store, err = browse(store, *arguments, '--out', tmp_path / 'one')
    assert (status, err) == (0, [])
    _, from_pickle, _ = browse(ann_file, *arguments, '--out', tmp_path / 'two')
    counts = [[line for line in text.splitlines() if '│' in line] for text in (from_store, from_pickle)]
    assert counts[0] == counts[1]
    one, two = (cv2.imread(str(tmp_path / name / 'faces.png')) for name in ('one', 'two'))
    assert np.array_equal(one[60:], two[60:])  # below the title, which names the file


def test_windows_with_an_au(browse, ann_file, annotation_content, tmp_path):
    status, _, err = browse(ann_file, '--au', 'AU12', '--number', 2, '--clip-len', 8, '--out', tmp_path)
    assert (status, err) == (0, [])
    assert ', AU12 active' in (tmp_path / 'index.html').read_text()
    status, _, err = browse(ann_file, '--au', 'AU21', '--out', tmp_path)
    assert status == 1
    assert len(err) == 1 and 'no such AU; did you mean' in err[0]


def test_config(browse, tiny_config, tmp_path):
    status, out, err = browse(tiny_config, '--index', 2, 0, '--draws', 2, '--out', tmp_path)
    assert (status, err) == (0, [])
    check_pictures(tmp_path, 'input_0000000.png', 'input_0000002.png')
    assert 'SampleWindow(clip_len=16)' in out


def test_config_with_balanced_sampling_tells_what_it_does(browse, tiny_config, tmp_path):
    path = tmp_path / 'balanced.py'
    sampler = "sampler=dict(_delete_=True, type='BalancedAUSampler')"
    path.write_text(f"_base_ = ['{tiny_config}']\ntrain_dataloader = dict({sampler})\n")
    status, out, _ = browse(path, '--number', 1, '--draws', 1, '--out', tmp_path / 'out')
    assert status == 0
    assert 'Balanced sampling:' in out
    status, out, _ = browse(path, '--pipeline', 'test', '--number', 1, '--draws', 1, '--out', tmp_path / 'out')
    assert status == 0
    assert 'Balanced sampling:' not in out


def test_names_of_tracks_cannot_leave_the_folder(browse, annotation_content, tmp_path):
    content = copy.deepcopy(annotation_content)
    names = {}
    for number, sample in enumerate(content['annotations']):
        names[sample['frame_dir']] = sample['frame_dir'] = f'../../../{number}/<b>\x00..\\é' + 'x' * 200
        content['split']['train'] = [names.get(name, name) for name in content['split']['train']]
    content['split'] = {'train': [sample['frame_dir'] for sample in content['annotations']]}
    dump_pickle(content, tmp_path / 'hostile.pkl')
    out = tmp_path / 'a' / 'b' / 'c' / 'out'
    status, _, err = browse(tmp_path / 'hostile.pkl', '--number', 3, '--out', out)
    assert (status, err) == (0, [])
    assert all(path.is_relative_to(out) or path.is_dir() for path in tmp_path.rglob('*') if path.suffix == '.png')
    assert len(list(out.glob('timeline_*.png'))) >= 1
    assert '<b>' not in (out / 'index.html').read_text()
    check_pictures(out, 'timeline_*.png')


@pytest.mark.parametrize('label', [None, 1, 'clip'])
def test_other_labels(browse, annotation_content, tmp_path, label):
    content = copy.deepcopy(annotation_content)
    content['metainfo']['aus'] = None if label != 'clip' else content['metainfo']['aus']
    for sample in content['annotations']:
        del sample['label']
        if label is not None:
            sample['label'] = np.eye(12, dtype=np.int8)[3] if label == 'clip' else label
    dump_pickle(content, tmp_path / 'other.pkl')
    out = tmp_path / 'out'
    status, text, err = browse(tmp_path / 'other.pkl', '--number', 2, '--out', out)
    assert (status, err) == (0, [])
    kind = {None: 'none', 1: 'class number', 'clip': 'whole track'}[label]
    assert kind in text
    assert (out / 'prevalence.png').exists() == (label == 'clip')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{absent}.pkl'], 'does not exist'),
        (['{folder}'], 'no keypoint store'),
        (['{absent}.py'], 'no such config file'),
        (['{file}', '--split', 'trian'], "there is no split 'trian'; did you mean 'train'"),
        (['{file}', '--index', '999'], '--index 999: there are windows 0 to'),
        (['{file}', '--number', '0'], '--number: must be at least 1'),
        (['{file}', '--seed', '-1'], '--seed: must be 0 or more'),
        (['{file}', '--draws', '2'], '--draws needs a config'),
        (['{config}', '--clip-len', '8'], '--clip-len is set in the config'),
        (['{config}', '--draws', '0'], '--draws: must be at least 1'),
    ],
)
def test_mistakes_give_one_line_and_no_files(browse, ann_file, tiny_config, tmp_path, arguments, message):
    folder = tmp_path / 'empty'
    folder.mkdir()
    places = {'absent': tmp_path / 'absent', 'folder': folder, 'file': ann_file, 'config': tiny_config}
    status, _, err = browse(*[argument.format(**places) for argument in arguments], '--out', tmp_path / 'out')
    assert status == 1
    assert len(err) == 1 and err[0].startswith('error: ') and message in err[0]
    assert not (tmp_path / 'out').exists()


def test_output_that_is_a_file_is_refused(browse, ann_file, tmp_path):
    (tmp_path / 'out').write_text('mine')
    status, _, err = browse(ann_file, '--out', tmp_path / 'out')
    assert status == 1 and 'is a file' in err[0]
    assert (tmp_path / 'out').read_text() == 'mine'


def test_help_shows_examples(browse):
    status, out, _ = browse('--help')
    assert status == 0
    assert 'examples:' in out and '--au AU12' in out
