"""Random people: plausible neutral faces, the same in both layouts, that move more or less."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.synth.camera import rotations
from pyskl.synth.face_model import FaceModel
from pyskl.synth.identity import GAIN_RANGE, RESTING, random_identity

MODEL = FaceModel.load()
MESH = FaceModel.load(layout='mediapipe478')
PEOPLE = [random_identity(np.random.default_rng(seed), MODEL) for seed in range(300)]
FACES = np.array([person.neutral for person in PEOPLE])


def distance(first: int, second: int) -> np.ndarray:
    return np.linalg.norm(FACES[:, first] - FACES[:, second], axis=1)


def variation(values: np.ndarray) -> float:
    """Coefficient of variation in percent."""
    return 100 * float(values.std() / values.mean())


OUTER_EYES = distance(36, 45)

# Anthropometry of adults (Farkas, Anthropometry of the Head and Face, 1994) has coefficients of variation of 4 to 8 %
# within one sex and origin; all people together vary more, and so do soft parts.
MEASURES = {
    'eye width': (distance(36, 39) / OUTER_EYES, 0.27, 0.36, 3, 9),
    'between the eyes': (distance(39, 42) / OUTER_EYES, 0.33, 0.46, 4, 11),
    'face width': (distance(1, 15) / OUTER_EYES, 1.45, 1.75, 3, 9),
    'face height to width': (distance(27, 8) / distance(1, 15), 0.75, 1.0, 4, 11),
    'nose length': (distance(27, 33) / OUTER_EYES, 0.45, 0.65, 4, 12),
    'nose width': (distance(31, 35) / OUTER_EYES, 0.24, 0.36, 6, 15),
    'mouth width': (distance(48, 54) / OUTER_EYES, 0.5, 0.72, 4, 11),
    'brow to eye': (distance(19, 37) / OUTER_EYES, 0.2, 0.35, 5, 15),
}


@pytest.mark.parametrize('measure', MEASURES)
def test_faces_vary_as_people_do(measure):
    values, least, greatest, low, high = MEASURES[measure]
    assert least < values.mean() < greatest
    assert low < variation(values) < high


def test_faces_are_faces():
    y = FACES[..., 1]
    for upper, lower in [(19, 37), (24, 44), (37, 41), (44, 46), (41, 33), (33, 51), (51, 62), (66, 57), (57, 8)]:
        assert (y[:, upper] >= y[:, lower]).all()
    np.testing.assert_allclose(FACES[:, 36:48].mean(axis=1), 0, atol=1e-5)


def test_resting_faces_are_not_average():
    corner = 100 * (FACES[:, [48, 54], 1].mean(axis=1) - FACES[:, [62, 66], 1].mean(axis=1))
    assert corner.min() < -3 and corner.max() > 2  # hanging and raised corners, in % of the outer-eye distance
    gap = 100 * (FACES[:, 62, 1] - FACES[:, 66, 1])
    assert 0.05 < (gap > 1.5).mean() < 0.4  # some mouths stand open
    lids = FACES[:, 37, 1] - FACES[:, 41, 1]
    assert lids.max() > 2 * lids.min() > 0
    assert set(RESTING) <= set(MODEL.au_names)


def test_resting_eyes_and_mouths_lie_about_those_of_real_faces():
    """In percent of the distance of the eyes' centres, as five real faces at rest were measured: 12.5 and 0.5."""
    eyes = np.linalg.norm(FACES[:, [36, 39]].mean(axis=1) - FACES[:, [42, 45]].mean(axis=1), axis=1)
    opening = 100 * (FACES[:, [37, 38, 43, 44], 1] - FACES[:, [41, 40, 47, 46], 1]).mean(axis=1) / eyes
    middle = (FACES[:, 51, 1] + FACES[:, 57, 1]) / 2
    corners = 100 * (FACES[:, [48, 54], 1].mean(axis=1) - middle) / eyes
    assert 11.5 < opening.mean() < 15 and 1.8 < opening.std() < 3.5
    assert -3 < corners.mean() < 2 and 1.5 < corners.std() < 4


@pytest.mark.parametrize('model', [MODEL, MESH], ids=lambda model: model.layout)
def test_a_blink_shuts_everyones_eyes_from_corner_to_corner(model):
    weights = np.zeros((1, len(model.au_names), 2), dtype=np.float32)
    blink = model.au_names.index('AU45')
    lids = model.seam.rest == 0
    for seed in range(300):
        person = random_identity(np.random.default_rng(seed), model)
        weights[0, blink] = person.au_gains[blink]
        shut = model.deform(person.neutral, weights)[0]
        assert (shut[model.seam.upper[lids], 1] - shut[model.seam.lower[lids], 1]).max() < 0.003


@pytest.mark.parametrize('pitch', [-10, 0, 10])
@pytest.mark.parametrize('yaw', [-15, 0, 15])
def test_the_jaw_line_is_an_arc_from_wherever_it_is_seen(yaw, pitch):
    """On real faces it turns by 8 to 15 degrees at landmarks 4, 8 and 12, and the angle at the chin is 162 to 173."""
    turn = rotations(np.deg2rad([[yaw, pitch, 0]]))[0]
    seen = (FACES[:200, :17] @ turn.T)[..., :2]
    edges = np.diff(seen[..., 0] - 1j * seen[..., 1], axis=1)
    bends = -np.rad2deg(np.angle(edges[:, 1:] / edges[:, :-1]))
    assert bends.min() > -4 and (bends < 0).mean() < 0.005  # at the ears it runs straight
    assert bends.mean(axis=0)[1:-1].min() > 4 and bends.mean(axis=0).max() < 25
    assert bends.std(axis=0).max() < 4
    if yaw == pitch == 0:
        assert 7 < bends[:, 7].mean() < 15 and np.percentile(bends[:, 7], 2) > 0 and bends[:, 7].max() < 25


def test_the_rim_of_the_mesh_is_as_even_as_the_jaw_line():
    """Its angles on five real faces seen from the front: 0 to 24 degrees, differing by 2 to 4 between them."""
    faces = np.array([random_identity(np.random.default_rng(seed), MESH).neutral for seed in range(200)])
    half = [10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152]
    rim = [*half, *get_layout('mediapipe478').mirror[half[-2:0:-1]]]
    assert set(rim) == set(MESH.outline)
    for yaw, pitch in ((0, 0), (15, 0), (0, 10), (0, -10)):
        seen = (faces[:, [*rim, *rim[:2]]] @ rotations(np.deg2rad([[yaw, pitch, 0]]))[0].T)[..., :2]
        edges = np.diff(seen[..., 0] - 1j * seen[..., 1], axis=1)
        bends = -np.rad2deg(np.angle(edges[:, 1:] / edges[:, :-1]))
        assert bends.mean(axis=0).min() > -1 and bends.mean(axis=0).max() < 35
        assert bends.std(axis=0).max() < 6


def test_layouts_show_the_same_people():
    place = convert_keypoints('mediapipe478', 'ibug68')[17:]
    for seed in range(20):
        person = random_identity(np.random.default_rng(seed), MESH)
        np.testing.assert_allclose(person.neutral[place], PEOPLE[seed].neutral[17:], atol=1e-3)
        np.testing.assert_array_equal(person.au_gains, PEOPLE[seed].au_gains)
        np.testing.assert_array_equal(person.distraction_gains, PEOPLE[seed].distraction_gains)


def test_irises_sit_in_the_eyes():
    for seed in range(20):
        face = random_identity(np.random.default_rng(seed), MESH).neutral
        assert face[33, 0] < face[471, 0] < face[468, 0] < face[469, 0] < face[133, 0]
        assert face[145, 1] - 0.03 < face[468, 1] < face[159, 1] + 0.03


def test_people_differ_in_how_much_they_show():
    gains = np.array([person.au_gains for person in PEOPLE])
    assert gains.shape == (300, len(MODEL.au_names), 2)
    mean = gains.mean(axis=2)
    assert mean.min() >= GAIN_RANGE[0] - 1e-6 and mean.max() <= GAIN_RANGE[1] + 1e-6
    assert (mean < 0.55).any(axis=1).mean() > 0.3  # many people have an Action Unit they hardly show
    free = [index for index, au in enumerate(MODEL.au_names) if au != 'AU45']
    correlation = np.corrcoef(mean[:, free].T)[np.triu_indices(len(free), 1)]
    assert 0.15 < correlation.mean() < 0.6  # expressive people are so all over, but not evenly
    for au in ('AU26', 'AU27'):
        column = gains[:, MODEL.au_names.index(au)]
        np.testing.assert_array_equal(column[:, 0], column[:, 1])
    smile = gains[:, MODEL.au_names.index('AU12')]
    assert np.std(smile[:, 0] / smile[:, 1]) > 0.05


def test_same_state_same_person():
    again = random_identity(np.random.default_rng(7), MODEL)
    assert again.neutral.tobytes() == PEOPLE[7].neutral.tobytes()
    assert again.neutral.dtype == again.au_gains.dtype == again.distraction_gains.dtype == np.float32
