"""The keypoint store holds what the pickle holds, and refuses what is damaged."""

from __future__ import annotations

import errno
import json
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import assert_same, sample, store_of

from pyskl.datasets import PoseDataset
from pyskl.datasets.annotation import open_annotations
from pyskl.datasets.checks import check_sample
from pyskl.datasets.store import StoreWriter, columns, open_store, write_store
from pyskl.errors import InputError


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_store_gives_every_sample_back(tmp_path_factory, data):
    kind = data.draw(st.sampled_from(['frame', 'clip', 'single', 'none']))
    samples = []
    for number in range(data.draw(st.integers(1, 5))):
        frames, persons = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
        rng = np.random.default_rng(number)
        label = {
            'frame': rng.integers(-1, 2, (frames, 4)).astype(np.int8),
            'clip': rng.integers(-1, 2, 4).astype(np.int8),
            'single': int(rng.integers(9)),
            'none': None,
        }[kind]
        if kind != 'single' and data.draw(st.booleans()):
            label = None
        samples.append(
            sample(
                f'track/{number}',
                frames,
                label=label,
                keypoint=rng.uniform(0, 2000, (persons, frames, 68, 2)).astype(np.float32),
                keypoint_score=rng.uniform(0, 1, (persons, frames, 68)).astype(np.float32),
                original_shape=data.draw(st.sampled_from([(1080, 1920), None])),
                timestamps=data.draw(st.sampled_from([None, np.arange(frames) / 25])),
                intensity=data.draw(st.sampled_from([None, rng.uniform(0, 5, (frames, 2)).astype(np.float32)])),
                subject=data.draw(st.sampled_from([None, 'F001', 'ein Mann mit Bärt'])),
                fps=29.97,
            )
        )
    path = store_of(tmp_path_factory.mktemp('stores') / 'store', *samples, dataset='drawn', aus=['AU1', 'AU2'])
    store = open_store(path)
    assert list(store) == [made['frame_dir'] for made in samples]
    assert store.metainfo == {'dataset': 'drawn', 'aus': ['AU1', 'AU2'], 'keypoint_layout': 'ibug68'}
    for made in samples:
        assert_same(store[made['frame_dir']], check_sample(made, None, 'x'))
    assert store.splits == {'all': list(store), 'first': list(store)[:1]}


def test_a_store_trains_like_the_pickle(tmp_path, ann_file, annotation_content):
    write_store(
        tmp_path / 'store',
        annotation_content['annotations'],
        annotation_content['split'],
        annotation_content['metainfo'],
    )
    pipeline = [
        dict(type='SampleWindow', clip_len=16, speed=(0.8, 1.25)),
        dict(type='PoseDecode'),
        dict(type='RandomAffine', rotation=5, jitter=0.01),
        dict(type='FormatShape', input_format='NMTVC'),
    ]
    scattered = [dict(type='UniformSampleFrames', clip_len=6), *pipeline[1:]]
    for split, test_mode, steps in (('train', False, pipeline), ('val', True, pipeline), ('train', False, scattered)):
        cut = {} if steps is scattered else dict(clip_len=16, stride=8)
        settings = dict(split=split, **cut, keypoint_layout='ibug51', test_mode=test_mode, seed=3)
        one, other = (PoseDataset(source, steps, **settings) for source in (ann_file, tmp_path / 'store'))
        assert len(one) == len(other) > 0
        assert one.metainfo == other.metainfo
        for left, right in zip(one.window_counts(), other.window_counts(), strict=True):
            np.testing.assert_array_equal(left, right)
        for number in range(len(one)):
            left, right = one[number], other[number]
            assert left.keys() == right.keys()
            for key in left.keys() - {'rng'}:
                np.testing.assert_array_equal(left[key], right[key], err_msg=key)


def test_columns_are_plain_numpy_files(tmp_path):
    made = [sample('a', 3), sample('b', 4, 1)]
    path = store_of(tmp_path / 'store', *made)
    np.testing.assert_array_equal(np.load(path / 'keypoint.npy'), np.concatenate([one['keypoint'][0] for one in made]))
    np.testing.assert_array_equal(np.load(path / 'label.npy'), np.concatenate([one['label'] for one in made]))


def test_arrays_cannot_be_written_and_survive_giving_pages_back(tmp_path):
    store = open_store(store_of(tmp_path / 'store', sample()))
    taken = store['a']['keypoint']
    before = taken.copy()
    with pytest.raises(ValueError, match='read-only'):
        taken[:] = 0
    store.release()
    np.testing.assert_array_equal(taken, before)


def test_another_process_opens_it_again(tmp_path):
    store = open_store(store_of(tmp_path / 'store', sample()))
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    assert_same(pickle.loads(sent)['a'], store['a'])


def test_writing_holds_one_track_at_a_time(tmp_path):
    frames = 2000
    size = frames * 68 * 3 * 4
    tracemalloc.start()
    try:
        write_store(tmp_path / 'store', (sample(f't{n}', frames, n) for n in range(20)), {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * size  # the whole set has twenty times the size of a track


@pytest.mark.parametrize('name', ['keypoint.npy', 'keypoint_score.npy', 'label.npy', 'index.npy', 'rows.npy'])
@pytest.mark.parametrize('damage', ['cut', 'gone', 'empty', 'other'])
def test_a_damaged_array_is_named(tmp_path, name, damage):
    path = store_of(tmp_path / 'store', sample(frames=40))
    file = path / name
    if damage == 'cut':
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == 'gone':
        file.unlink()
    elif damage == 'empty':
        file.write_bytes(b'')
    else:
        np.save(file, np.zeros((3, 3)))
    with pytest.raises(InputError, match=name) as error:
        open_store(path)
    assert '\n' not in str(error.value)


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    path = store_of(tmp_path / 'store', sample())
    np.save(path / 'keypoint.npy', np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match='not a column'):
        open_store(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda meta: meta.update(format='x'), 'does not belong'),
        (lambda meta: meta.update(version=99), 'version 99'),
        (lambda meta: meta.update(names=['../../etc']), r'splits: must be lists|index.npy'),
        (lambda meta: meta['columns'].update({'../../x': {'dtype': '<f4', 'row': [1]}}), 'is no column'),
        (lambda meta: meta['columns'].update(extra={'dtype': '|O', 'row': [1]}), 'is no column'),
        (lambda meta: meta['columns'].pop('keypoint'), 'keypoint'),
        (lambda meta: meta['columns']['label'].update(dtype='<f8'), 'label'),
        (lambda meta: meta['splits'].update(all=[7]), 'splits'),
        (lambda meta: meta['splits'].update(all='abc'), 'splits'),
        (lambda meta: meta.update(extras=[{'keypoint': 1}, {}]), 'extras'),
        (lambda meta: meta['label'].update(kind='weird'), 'weird'),
        (lambda meta: meta.pop('metainfo'), 'metainfo'),
        (lambda meta: meta['metainfo'].update(keypoint_layout='ibug86'), 'ibug86'),
        (lambda meta: meta['metainfo'].update(keypoint_layout=None), 'does not fit the layout'),
        (lambda meta: meta['metainfo'].update(keypoint_layout='ibug51'), 'does not fit the layout'),
    ],
)
def test_damaged_metadata_are_refused(tmp_path, change, message):
    path = store_of(tmp_path / 'store', sample('a'), sample('b'))
    meta = json.loads((path / 'meta.json').read_text())
    change(meta)
    (path / 'meta.json').write_text(json.dumps(meta))
    with pytest.raises(InputError, match=message) as error:
        open_store(path)
    assert '\n' not in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize('text', ['', '{', '[' * 100000, '\x00'])
def test_metadata_that_are_no_json_are_refused(tmp_path, text):
    path = store_of(tmp_path / 'store', sample())
    (path / 'meta.json').write_text(text)
    with pytest.raises(InputError, match=r'meta\.json: is damaged'):
        open_store(path)


def test_labels_out_of_range_are_refused(tmp_path):
    path = store_of(tmp_path / 'store', sample())
    label = np.load(path / 'label.npy')
    label[2, 1] = 7
    np.save(path / 'label.npy', label)
    with pytest.raises(InputError, match=r'label\.npy: values must be 1, 0 or -1'):
        open_store(path)


def test_a_keypoint_that_is_no_number_is_found_when_it_is_read(tmp_path):
    path = store_of(tmp_path / 'store', sample(frames=40))
    keypoint = np.load(path / 'keypoint.npy')
    keypoint[20, 3] = np.nan
    np.save(path / 'keypoint.npy', keypoint)
    dataset = PoseDataset(
        path, [dict(type='SampleWindow', clip_len=8), dict(type='PoseDecode')], clip_len=8, test_mode=True
    )
    dataset[0]
    with pytest.raises(InputError, match=r"track 'a': keypoint: NaN or infinite in the frames 16 to 23"):
        dataset[2]


@pytest.mark.parametrize(
    ('second', 'message'),
    [
        (sample('a'), 'added before'),
        (sample('b', keypoint=np.ones((1, 5, 133, 2)), keypoint_score=None), "'coco_wholebody133'.*one layout"),
        (sample('b', label=np.zeros((5, 4), np.int8)), 'another kind or size'),
        (sample('b', label=3), 'another kind or size'),
        (sample('b', keypoint_score=np.full((1, 5, 68), 2.0)), 'must lie in 0..1'),
        (sample('b', extra={1, 2}), "field 'extra' can't be stored"),
        (sample('b', original_shape=(480, 640, 3)), 'original_shape: must be'),
        (sample('b', original_shape='x'), 'original_shape: must be'),
        (sample('b', img_shape=(1e10, 5)), 'img_shape: must be'),
        (sample('b', label=np.zeros((5, 0), np.int8)), 'label: its shape'),
    ],
)
def test_samples_that_do_not_go_together_are_refused(tmp_path, second, message):
    first = sample('a', intensity=np.zeros((5, 3), np.float32))
    with pytest.raises(InputError, match=message):
        store_of(tmp_path / 'store', first, second)
    assert list(tmp_path.iterdir()) == []


def test_a_new_store_replaces_the_old_one_and_nothing_else(tmp_path):
    path = store_of(tmp_path / 'store', sample('a'))
    store_of(path, sample('b'))
    assert list(open_store(path)) == ['b']
    assert [item.name for item in tmp_path.iterdir()] == ['store']
    folder = tmp_path / 'thesis'
    folder.mkdir()
    (folder / 'chapter.txt').write_text('years of work')
    with pytest.raises(InputError, match='is no keypoint store; give another name'):
        store_of(folder, sample('b'))
    assert (folder / 'chapter.txt').read_text() == 'years of work'


def test_a_full_disk_leaves_the_old_store_whole(tmp_path, monkeypatch):
    path = store_of(tmp_path / 'store', sample('a'))

    def full(self, rows):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(columns.ColumnWriter, 'append', full)
    with pytest.raises(InputError, match='No space left on device'):
        store_of(path, sample('b'))
    assert list(open_store(path)) == ['a']
    assert [item.name for item in tmp_path.iterdir()] == ['store']


def test_a_file_size_limit_leaves_the_old_store_whole(tmp_path, root):
    path = store_of(tmp_path / 'store', sample('a'))
    script = (
        'import resource, signal, sys\n'
        'from pyskl.errors import InputError\n'
        'sys.path.insert(0, "tests/datasets")\n'
        'from stores import sample, store_of\n'
        'from pathlib import Path\n'
        'signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
        'resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n'
        'try:\n'
        '    store_of(Path(sys.argv[1]), sample("b", 400))\n'
        'except InputError as error:\n'
        '    print(error)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', script, str(path)], capture_output=True, text=True, cwd=root, check=True
    )
    assert 'File too large' in done.stdout
    assert list(open_store(path)) == ['a']
    assert [item.name for item in tmp_path.iterdir()] == ['store']


def test_unfinished_work_leaves_nothing(tmp_path):
    with StoreWriter(tmp_path / 'store') as writer:
        writer.add(sample())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('splits', [{'all': ['ghost']}, {'all': ['a', 'a']}, {'all': 'a'}])
def test_splits_of_tracks_that_are_not_there_are_refused(tmp_path, splits):
    with pytest.raises(InputError, match=r"split: |split 'all'"):
        write_store(tmp_path / 'store', [sample('a')], splits)


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match='no keypoint store'):
        open_annotations(tmp_path)
    with pytest.raises(InputError, match='no such folder'):
        open_store(tmp_path / 'none')


def test_arrays_of_any_length_come_back(tmp_path):
    made = [
        sample('a', 4, bbox=np.arange(4.0), embedding=np.arange(3, dtype=np.int16)),
        sample('b', 5, bbox=np.arange(4.0), embedding=np.arange(7, dtype=np.int16), has=np.ones(2, bool)),
        sample('c', 5, bbox=np.arange(4, dtype=np.float32), embedding=np.ones((2, 3)), rows=1),
        sample('d', 6, embedding=np.zeros((0, 3)), timestamps=np.arange(6)),
        sample('e', 6, timestamps=np.arange(6) / 30),
    ]
    store = open_store(store_of(tmp_path / 'store', *made))
    made[3]['embedding'] = []  # nothing is left of the shape of an empty array
    for one in made:
        assert_same(store[one['frame_dir']], check_sample(one, None, 'x'))


def test_a_store_that_is_replaced_while_it_is_read_stays_what_it_was(tmp_path):
    steps = [dict(type='SampleWindow', clip_len=4), dict(type='PoseDecode')]
    path = store_of(tmp_path / 'store', *(sample(name, 8, seed) for seed, name in enumerate('ab')))
    dataset = PoseDataset(path, steps, clip_len=4, test_mode=True)
    sent = pickle.dumps(dataset.tracks._store)
    before = [dataset.prepare(number)['keypoint'].copy() for number in range(4)]
    store_of(path, *(sample(name, 8, seed + 9) for seed, name in enumerate('ba')))
    for number in range(4):
        start = dataset.prepare(number)['window_start']
        np.testing.assert_array_equal(dataset[number]['keypoint'], before[number][:, start : start + 4])
    with pytest.raises(InputError, match='another keypoint store has taken its place'):
        pickle.loads(sent)


def test_a_link_to_a_store_stays_a_link(tmp_path):
    real = store_of(tmp_path / 'disk' / 'store', sample('a'))
    link = tmp_path / 'store'
    link.symlink_to(real)
    store_of(link, sample('b'))
    assert link.is_symlink()
    assert list(open_store(real)) == ['b']


def test_scores_out_of_range_are_found_when_they_are_read(tmp_path):
    path = store_of(tmp_path / 'store', sample(frames=8))
    score = np.load(path / 'keypoint_score.npy')
    score[3, 5] = 5
    np.save(path / 'keypoint_score.npy', score)
    with pytest.raises(InputError, match=r"track 'a': keypoint_score: values must lie in 0\.\.1"):
        PoseDataset(path, [dict(type='PoseDecode')])[0]


@pytest.mark.parametrize('field', ['img_shape', 'original_shape'])
def test_impossible_sizes_are_refused(tmp_path, field):
    path = store_of(tmp_path / 'store', sample())
    index = np.load(path / 'index.npy')
    index[field] = -5
    np.save(path / 'index.npy', index)
    with pytest.raises(InputError, match=r'index\.npy: holds an impossible size'):
        open_store(path)


@pytest.mark.parametrize(('column', 'rows'), [(0, 0), (1, 3), (0, -1), (2, 2**62)])
def test_rows_that_do_not_fit_are_refused(tmp_path, column, rows):
    path = store_of(tmp_path / 'store', sample())
    table = np.load(path / 'rows.npy')
    table[0, column] = rows
    np.save(path / 'rows.npy', table)
    with pytest.raises(InputError, match=r'rows\.npy'):
        open_store(path)


def test_a_pipe_in_place_of_a_column_is_refused(tmp_path):
    import os

    path = store_of(tmp_path / 'store', sample())
    (path / 'keypoint.npy').unlink()
    os.mkfifo(path / 'keypoint.npy')
    with pytest.raises(InputError, match=r'keypoint\.npy: is no regular file'):
        open_store(path)


def test_shapes_that_overflow_are_refused(tmp_path):
    path = store_of(tmp_path / 'store', sample(extra=np.zeros((5, 4))))
    meta = json.loads((path / 'meta.json').read_text())
    meta['columns']['extra']['row'] = [2**62, 4]
    (path / 'meta.json').write_text(json.dumps(meta))
    with pytest.raises(InputError, match='impossible rows'):
        open_store(path)
