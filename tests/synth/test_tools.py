"""The commands that make the synthetic data and build the face."""

from __future__ import annotations

import importlib
import io
import json
import pickle
from pathlib import Path

import pytest

from pyskl.errors import InputError

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'data'


@pytest.fixture
def make(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module('make_synthetic').main


def test_make_synthetic_writes_annotation_summary_and_preview(make, tmp_path, capsys):
    out = tmp_path / 'new' / 'data'
    assert make(['--preset', 'tiny', '--seed', '4', '--out', str(out), '--preview']) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        'annotation.pkl', 'preview.gif', 'preview.png', 'summary.json',
    ]  # fmt: skip
    dataset = pickle.loads((out / 'annotation.pkl').read_bytes())
    assert dataset['metainfo']['seed'] == 4
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['synthetic'] is True
    assert summary['splits']['train']['tracks'] == len(dataset['split']['train'])
    assert (out / 'preview.png').read_bytes().startswith(b'\x89PNG')
    assert (out / 'preview.gif').read_bytes().startswith(b'GIF8')
    assert 'synthetic' in capsys.readouterr().out


def test_make_synthetic_leaves_an_intact_result_alone(make, tmp_path, capsys):
    args = ['--preset', 'tiny', '--out', str(tmp_path)]
    make(args)
    path = tmp_path / 'annotation.pkl'
    content, stamp = path.read_bytes(), path.stat().st_mtime_ns
    make(args)
    assert 'already there' in capsys.readouterr().out
    assert path.stat().st_mtime_ns == stamp
    path.write_bytes(content[:100])  # a damaged file is made again
    make(args)
    assert path.read_bytes() == content
    make([*args, '--seed', '1'])  # another recipe replaces it
    assert path.read_bytes() != content
    make([*args, '--force'])
    assert path.read_bytes() == content
    assert sorted(item.name for item in tmp_path.iterdir()) == ['annotation.pkl', 'summary.json']


def test_make_synthetic_draws_what_it_made(make, tmp_path, capsys):
    from PIL import Image

    args = ['--preset', 'tiny', '--preview', '--out', str(tmp_path)]
    pictures = [tmp_path / 'preview.png', tmp_path / 'preview.gif']

    def drawn(*options):
        make([*args, *options])
        assert all(picture.is_file() for picture in pictures)
        return [picture.read_bytes() for picture in pictures]

    first = drawn()
    assert drawn('--seed', '1')[1] != first[1]  # another film
    mesh = drawn('--layout', 'mediapipe478')
    assert mesh[0] != first[0] and mesh[1] != first[1]
    few = drawn('--aus', 'AU6,AU12')
    heights = [Image.open(io.BytesIO(content[0])).height for content in (few, first)]
    assert heights[0] < heights[1]
    assert drawn() == first
    for picture in pictures:  # one that is gone, or somebody's scribble over it, is drawn again
        picture.unlink()
        assert drawn() == first
        picture.write_bytes(b'scribble')
        assert drawn() == first
    capsys.readouterr()
    assert drawn() == first
    assert 'preview.gif: already there' in capsys.readouterr().out
    make([*args[:2], '--out', str(tmp_path), '--seed', '2'])  # no pictures of other data stay
    assert sorted(path.name for path in tmp_path.iterdir()) == ['annotation.pkl', 'summary.json']


def test_make_synthetic_refuses_bad_arguments(make, tmp_path, capsys):
    with pytest.raises(SystemExit):
        make(['--preset', 'tiny', '--out', ''])
    assert 'must name a folder' in capsys.readouterr().err
    with pytest.raises(InputError, match="did you mean 'tiny'"):
        make(['--preset', 'tinny', '--out', str(tmp_path)])
    with pytest.raises(InputError, match='seed'):
        make(['--preset', 'tiny', '--seed', '-2', '--out', str(tmp_path)])
    blocked = tmp_path / 'file'
    blocked.write_text('')
    with pytest.raises(InputError, match='cannot be written'):
        make(['--preset', 'tiny', '--out', str(blocked / 'folder')])
    assert sorted(item.name for item in tmp_path.iterdir()) == ['file']
