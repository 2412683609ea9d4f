"""Layouts: the indices, mirror images and limbs of each keypoint layout."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.keypoints import LAYOUTS, convert_keypoints, get_layout, guess_layout
from pyskl.synth import FaceModel


@pytest.mark.parametrize('name', LAYOUTS)
def test_mirroring_twice_changes_nothing(name):
    layout = get_layout(name)
    assert (layout.mirror[layout.mirror] == np.arange(layout.num_keypoints)).all()


@pytest.mark.parametrize('name', LAYOUTS)
def test_limbs_are_distinct_and_inside(name):
    layout = get_layout(name)
    assert all(0 <= a < layout.num_keypoints and 0 <= b < layout.num_keypoints and a != b for a, b in layout.limbs)
    assert len({frozenset(limb) for limb in layout.limbs}) == len(layout.limbs)


@pytest.mark.parametrize('name', LAYOUTS)
def test_limbs_mirror_onto_limbs(name):
    layout = get_layout(name)
    limbs = {frozenset(limb) for limb in layout.limbs}
    for start, end in layout.limbs:
        assert frozenset((int(layout.mirror[start]), int(layout.mirror[end]))) in limbs
    for first, second in layout.limb_pairs:
        mirrored = frozenset(int(layout.mirror[index]) for index in layout.limbs[first])
        assert mirrored == frozenset(layout.limbs[second])


def test_pairs_of_ibug68_are_mirror_images_on_a_real_face():
    layout = get_layout('ibug68')
    face = FaceModel.load().neutral
    mirrored = face[layout.mirror] * (-1, 1, 1)
    width = np.ptp(face[:, 0])
    assert np.abs(mirrored - face).max() < 0.02 * width
    right, left = layout.right, layout.left
    assert (np.sign(face[right, 0]) == -np.sign(face[left, 0])).all()


def test_the_face_of_the_whole_body_lies_at_23_to_90():
    assert convert_keypoints('coco_wholebody133', 'ibug68').tolist() == list(range(23, 91))
    assert convert_keypoints('coco_wholebody133', 'ibug51').tolist() == list(range(40, 91))
    assert convert_keypoints('ibug68', 'ibug51').tolist() == list(range(17, 68))


def test_a_layout_is_found_by_its_number_of_keypoints():
    assert [guess_layout(number).name for number in (68, 51, 133)] == ['ibug68', 'ibug51', 'coco_wholebody133']
    with pytest.raises(InputError, match='no keypoint layout has 21 keypoints'):
        guess_layout(21)


def test_unknown_and_impossible_layouts_are_refused():
    with pytest.raises(InputError, match="did you mean 'ibug68'"):
        get_layout('ibug86')
    with pytest.raises(InputError, match='cannot be turned into'):
        convert_keypoints('ibug51', 'ibug68')
