"""tools/browse_dataset.py as a user types it."""

from __future__ import annotations

import copy
import shutil
import warnings

import cv2
import numpy as np
import pytest

from pyskl import cli
from pyskl.datasets import dump_pickle
from pyskl.visualization.lettering import drawable


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
        (['{video}'], 'talk.mp4: is no annotation (pickle), keypoint store or config'),
        (['{text}'], 'notes.txt: is no annotation (pickle), keypoint store or config'),
        (['{file}', '--clip-len', '0'], '--clip-len: must be at least 1'),
        (['{file}', '--au', 'twelve'], '--au twelve: the labels have no such AU'),
        (['{file}', '--au', 'au'], '--au au: the labels have no such AU'),
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
    (folder / 'talk.mp4').write_bytes(b'\x00\x00\x00\x20ftypisom' + bytes(99))
    (folder / 'notes.txt').write_text('some notes\n')
    texts = (
        {'video': folder / 'talk.mp4', 'text': folder / 'notes.txt'} if arguments[0] in ('{video}', '{text}') else {}
    )
    if not texts:
        shutil.rmtree(folder)
        folder.mkdir()
    places = texts | {'absent': tmp_path / 'absent', 'folder': folder, 'file': ann_file, 'config': tiny_config}
    status, _, err = browse(*[argument.format(**places) for argument in arguments], '--out', tmp_path / 'out')
    assert status == 1
    assert len(err) == 1 and err[0].startswith('error: ') and message in err[0]
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('text', ['12', 'au12', 'AU 12', 'au_12'])
def test_an_au_can_be_written_in_short(browse, ann_file, tmp_path, text):
    status, _, err = browse(ann_file, '--au', text, '--number', 1, '--out', tmp_path)
    assert (status, err) == (0, [])
    assert ', AU12 active' in (tmp_path / 'index.html').read_text()


def test_names_the_font_lacks_are_drawn_as_escapes(browse, annotation_content, tmp_path):
    content = copy.deepcopy(annotation_content)
    for number, sample in enumerate(content['annotations']):
        sample['frame_dir'] = f'\u5f20\u4e09 {number}'
    content['split'] = {'\u8bad\u7ec3': [sample['frame_dir'] for sample in content['annotations']]}
    dump_pickle(content, tmp_path / '\u6570\u636e.pkl')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        status, _, err = browse(tmp_path / '\u6570\u636e.pkl', '--number', 2, '--out', tmp_path / 'out')
    assert (status, err) == (0, [])
    assert '\u5f20\u4e09' in (tmp_path / 'out' / 'index.html').read_text(encoding='utf-8')


def test_letters_the_font_has_stay():
    assert drawable('Zo\xeb \u03b1 \u0416') == 'Zo\xeb \u03b1 \u0416'
    assert drawable('a\u5f20\U00020000') == 'a\\u5f20\\U00020000'


def test_pictures_of_an_earlier_run_go_and_nothing_else(browse, ann_file, tmp_path):
    status, _, _ = browse(ann_file, '--number', 4, '--clip-len', 8, '--out', tmp_path)
    assert status == 0
    before = {path.name for path in tmp_path.glob('timeline_*.png')}
    for name in ('timeline_99_mine.png', 'input_0000009.png', 'holiday.png'):  # not on the page
        (tmp_path / name).write_bytes(b'mine')
    page = tmp_path / 'index.html'
    page.write_text(page.read_text() + '<img src="holiday.png" alt="">\n<img src="..%2Ffaces.png" alt="">\n')
    (tmp_path.parent / 'faces.png').write_bytes(b'mine')
    status, _, _ = browse(ann_file, '--index', 0, '--out', tmp_path)
    assert status == 0
    after = {path.name for path in tmp_path.glob('timeline_*.png')}
    assert len(before) > 1 and not before & after
    assert len(after) == 2
    assert {'timeline_99_mine.png', 'input_0000009.png', 'holiday.png'} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path.parent / 'faces.png').read_bytes() == b'mine'


def test_page_that_is_none_of_ours_names_no_pictures(browse, ann_file, tmp_path):
    (tmp_path / 'index.html').write_text('<img src="input_0000001.png" alt="mine">\n')
    (tmp_path / 'input_0000001.png').write_bytes(b'mine')
    assert browse(ann_file, '--index', 0, '--out', tmp_path)[0] == 0
    assert (tmp_path / 'input_0000001.png').read_bytes() == b'mine'


def test_output_that_is_a_file_is_refused(browse, ann_file, tmp_path):
    (tmp_path / 'out').write_text('mine')
    status, _, err = browse(ann_file, '--out', tmp_path / 'out')
    assert status == 1 and 'is a file' in err[0]
    assert (tmp_path / 'out').read_text() == 'mine'


def test_help_shows_examples(browse):
    status, out, _ = browse('--help')
    assert status == 0
    assert 'examples:' in out and '--au AU12' in out
