"""Distances, references and portraits of the report on real faces."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_to_real_pairs import ALIKE, BASELINES, PORTRAITS, REFERENCES, features, reference, unrelated_to

from pyskl.action_units import AFFWILD_AUS, AU_NAMES
from pyskl.landmarks.blendshapes import BLENDSHAPES, average_sides

NAMES = set(average_sides(np.zeros(52)))


@pytest.fixture
def face(annotation_content: dict) -> np.ndarray:
    track = annotation_content['annotations'][0]
    return track['keypoint'][0][track['keypoint_score'][0].all(axis=1)].astype(np.float64)


def turned(points: np.ndarray, angle: float, scale: float, shift: complex) -> np.ndarray:
    moved = (points[..., 0] + 1j * points[..., 1]) * scale * np.exp(1j * angle) + shift
    return np.stack([moved.real, moved.imag], axis=-1)


def test_distances_do_not_depend_on_place_size_and_roll(face: np.ndarray) -> None:
    before, after = features(face), features(turned(face, 0.4, 2.5, 30 - 70j))
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-9)


def test_distances_are_those_of_a_literal_computation(face: np.ndarray) -> None:
    level = []
    for points in face[:5]:
        right, left = (points[36] + points[39]) / 2, (points[42] + points[45]) / 2
        along = left - right
        size = np.hypot(*along)
        along = along / size
        below = np.array([-along[1], along[0]])
        middle = (left + right) / 2
        level.append([((p - middle) @ along / size, (p - middle) @ below / size) for p in points])
    level = np.array(level)
    found = features(face[:5])
    np.testing.assert_allclose(found['mouth_width'], level[:, 54, 0] - level[:, 48, 0])
    gaps = [level[:, lower, 1] - level[:, upper, 1] for lower, upper in ((67, 61), (66, 62), (65, 63))]
    np.testing.assert_allclose(found['lip_gap'], np.mean(gaps, axis=0))
    np.testing.assert_allclose(found['brow'], -level[:, 17:27, 1].mean(axis=1))
    np.testing.assert_allclose(found['nose_chin'], level[:, 8, 1] - level[:, 33, 1])


@pytest.mark.parametrize(
    ('landmarks', 'move', 'name'),
    [
        (range(17, 27), (0, -5), 'brow'),
        ((20, 21, 22, 23), (0, -5), 'inner_brow'),
        ((17, 18, 25, 26), (0, -5), 'outer_brow'),
        ((8,), (0, 5), 'nose_chin'),
        ((65, 66, 67), (0, 5), 'lip_gap'),
        ((37, 38, 43, 44), (0, -3), 'eye_opening'),
        ((48, 54), (0, 4), 'corners_below'),
        ((54,), (6, 0), 'mouth_width'),
    ],
)
def test_each_distance_grows_with_its_movement(
    face: np.ndarray, landmarks: tuple[int, ...], move: tuple[int, int], name: str
) -> None:
    span = face[:, [42, 45]].mean(axis=1) - face[:, [36, 39]].mean(axis=1)
    upright = turned(face[:1], -np.angle(span[0, 0] + 1j * span[0, 1]), 1, 0)
    moved = upright.copy()
    moved[:, list(landmarks)] += move
    assert features(moved)[name][0] > features(upright)[name][0]


def test_frames_without_a_face_are_unknown() -> None:
    found = features(np.zeros((2, 68, 2)))
    assert all(np.isnan(values).all() for values in found.values())


@pytest.mark.parametrize('au', sorted(REFERENCES))
def test_references_name_what_exists(au: str, face: np.ndarray) -> None:
    assert au in AU_NAMES
    distances = features(face)
    blendshapes = {name: np.full(len(face), number) for number, name in enumerate(sorted(NAMES))}
    for name in REFERENCES[au]:
        assert reference(name, blendshapes, distances).shape == (len(face),)
    assert set(ALIKE.get(au, ())) <= NAMES
    assert BASELINES[au][1](distances).shape == (len(face),)


def test_every_au_of_aff_wild_has_a_reference_and_a_ruler() -> None:
    assert set(AFFWILD_AUS) <= set(REFERENCES)
    assert set(AFFWILD_AUS) <= set(BASELINES)


def test_two_blendshapes_are_averaged() -> None:
    blendshapes = {'mouthLowerDown': np.array([0.2]), 'mouthUpperUp': np.array([0.6])}
    assert reference('mouthLowerDown+mouthUpperUp', blendshapes, {}) == pytest.approx([0.4])


def test_related_blendshapes_are_no_mistakes() -> None:
    assert 'mouthSmile' not in unrelated_to('AU12')
    assert 'mouthPress' not in unrelated_to('AU24')
    assert 'jawOpen' in unrelated_to('AU12')
    assert set(unrelated_to('AU12')) <= NAMES
    assert len(BLENDSHAPES) == 52


def test_portraits_expect_known_aus() -> None:
    assert len(PORTRAITS) == 4
    for _, wanted in PORTRAITS.values():
        assert set(wanted) <= set(AU_NAMES)
