"""Reading pickles from strangers: data comes through, code does not."""

from __future__ import annotations

import os
import pickle
import subprocess
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from pyskl.datasets import dump_pickle, load_pickle
from pyskl.errors import InputError


@pytest.mark.parametrize('protocol', range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_through(tmp_path, protocol):
    content = {
        'array': np.arange(6, dtype=np.float32).reshape(2, 3),
        'scalar': np.float64(0.5),
        'fortran': np.asfortranarray(np.ones((2, 3), np.int8)),
        'names': ['a', ('b', None, True, 3)],
        'ordered': OrderedDict(a=1),
        'set': {1, 2},
        'bytes': b'raw',
        'empty': np.zeros((0, 3)),
        'range': range(3),
        'strings': np.array(['a', 'bc']),
        'big endian': np.arange(3, dtype='>i2'),
        'objects': np.array(['a', None, [1]], dtype=object),
    }
    path = tmp_path / 'data.pkl'
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    read = load_pickle(path)
    assert read.keys() == content.keys()
    np.testing.assert_array_equal(read['array'], content['array'])
    assert read['array'].dtype == np.float32
    np.testing.assert_array_equal(read['fortran'], content['fortran'])
    for key in ('empty', 'strings', 'big endian', 'objects'):
        np.testing.assert_array_equal(read[key], content[key])
        assert read[key].dtype.kind == content[key].dtype.kind
    for key in ('scalar', 'names', 'ordered', 'set', 'bytes', 'range'):
        assert read[key] == content[key]


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


@pytest.mark.parametrize(
    'function',
    [os.system, subprocess.call, eval, exec, Path.unlink, np.load, np.fromfile, getattr],
    ids=lambda function: function.__qualname__,
)
def test_a_pickle_that_calls_a_function_is_refused_and_nothing_runs(tmp_path, function):
    victim = tmp_path / 'touched'
    path = tmp_path / 'evil.pkl'
    path.write_bytes(pickle.dumps({'split': {}, 'annotations': [_Call(function, f'touch {victim}')]}))
    with pytest.raises(InputError) as error:
        load_pickle(path)
    assert str(path) in str(error.value)
    assert 'only arrays' in str(error.value)
    assert '\n' not in str(error.value)
    assert not victim.exists()


class _Build:
    """Pickles as a call whose result is given a state."""

    def __init__(self, function, args, state):
        self.reduced = function, args, state

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    ('spec', 'state'),
    [
        ('O8', (3, '|', None, None, None, -1, -1, 0)),  # objects that do not say so
        ('f8', (3, '<', None, None, None, -1, -1, 63)),  # numbers that say they were objects
        ('V8', (3, '|', None, ('a',), {'a': (np.dtype('O'), 0)}, 8, 1, 0)),  # objects hidden in a field
        ('S8', (3, '|', None, None, None, -8, 1, 0)),
    ],
)
def test_bytes_cannot_be_passed_off_as_addresses(tmp_path, spec, state):
    forged = _Build(np.dtype, (spec, False, True), state)
    empty = np.empty(0).__reduce__()
    array = _Build(empty[0], empty[1], (1, (1,), forged, False, b'A' * 8))
    path = tmp_path / 'forged.pkl'
    path.write_bytes(pickle.dumps({'split': {}, 'annotations': [array]}))
    with pytest.raises(InputError, match='unusual type'):
        load_pickle(path)


def test_attributes_of_other_things_cannot_be_set(tmp_path):
    path = tmp_path / 'poison.pkl'
    path.write_bytes(pickle.dumps(_Build(OrderedDict, (), {'update': 'x'})))
    with pytest.raises(InputError, match="sets the attributes of a 'OrderedDict'"):
        load_pickle(path)


def test_names_from_before_numpy_2_are_known(tmp_path):
    path = tmp_path / 'old.pkl'
    path.write_bytes(pickle.dumps(np.arange(4), protocol=0).replace(b'numpy._core', b'numpy.core'))
    np.testing.assert_array_equal(load_pickle(path), np.arange(4))


@pytest.mark.parametrize('content', [b'', b'not a pickle', b'\x80\x04', pickle.dumps({'a': np.zeros(1000)})[:500]])
def test_damaged_files_get_one_line(tmp_path, content):
    path = tmp_path / 'damaged.pkl'
    path.write_bytes(content)
    with pytest.raises(InputError, match='not a readable annotation pickle') as error:
        load_pickle(path)
    assert '\n' not in str(error.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match='no such file'):
        load_pickle(tmp_path / 'none.pkl')
    with pytest.raises(InputError, match='folder'):
        load_pickle(tmp_path)


def test_writing_keeps_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / 'data.pkl'
    dump_pickle({'old': 1}, path)
    with pytest.raises(AttributeError):
        dump_pickle({'new': lambda: None}, path)
    assert load_pickle(path) == {'old': 1}
    assert [file.name for file in tmp_path.iterdir()] == ['data.pkl']


def test_writing_into_a_file_used_as_folder_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='cannot be written'):
        dump_pickle({}, tmp_path / 'file' / 'data.pkl')
