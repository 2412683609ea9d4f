"""Layouts: the indices, mirror images and limbs of each keypoint layout."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.keypoints import LAYOUTS, convert_keypoints, get_layout, guess_layout
from pyskl.keypoints.mediapipe import IBUG68_IN_MEDIAPIPE478
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
    expected = ['ibug68', 'ibug51', 'coco_wholebody133', 'mediapipe478']
    assert [guess_layout(number).name for number in (68, 51, 133, 478)] == expected
    with pytest.raises(InputError, match='no keypoint layout has 21 keypoints'):
        guess_layout(21)


def test_unknown_and_impossible_layouts_are_refused():
    with pytest.raises(InputError, match="did you mean 'ibug68'"):
        get_layout('ibug86')
    with pytest.raises(InputError, match='cannot be turned into'):
        convert_keypoints('ibug51', 'ibug68')


def test_openface_has_ibugs_points_in_ibugs_order():
    for target in ('ibug68', 'openface68'):
        for source in ('ibug68', 'openface68'):
            assert convert_keypoints(source, target).tolist() == list(range(68))
    assert get_layout('openface68').pairs == get_layout('ibug68').pairs
    assert convert_keypoints('coco_wholebody133', 'openface68').tolist() == list(range(23, 91))
    assert convert_keypoints('openface68', 'ibug51').tolist() == list(range(17, 68))


def test_the_mesh_holds_ibugs_points():
    for target, first in (('ibug68', 0), ('openface68', 0), ('ibug51', 17)):
        indices = convert_keypoints('mediapipe478', target)
        assert indices.tolist() == IBUG68_IN_MEDIAPIPE478[first:].tolist()
    assert convert_keypoints('mediapipe478', 'mediapipe478').tolist() == list(range(478))


@pytest.mark.parametrize('source', LAYOUTS)
@pytest.mark.parametrize('target', LAYOUTS)
def test_converted_keypoints_keep_their_meaning(source, target):
    """Names of iBUG's points are the same in all layouts but the mesh; partners stay partners everywhere."""
    have, want = get_layout(source), get_layout(target)
    try:
        indices = convert_keypoints(source, target)
    except InputError as error:
        assert 'cannot be turned into' in str(error)
        assert have.num_keypoints < want.num_keypoints or have.name == 'mediapipe478'
        return
    assert indices.dtype == np.int64 and len(indices) == want.num_keypoints
    np.testing.assert_array_equal(have.mirror[indices], indices[want.mirror])
    if have.name != 'mediapipe478':
        assert [have.names[index] for index in indices] == list(want.names)


@pytest.mark.parametrize('name', LAYOUTS)
def test_names_are_unique_and_tell_the_side(name):
    layout = get_layout(name)
    assert len(set(layout.names)) == len(layout.names) == layout.num_keypoints
    for index, partner in enumerate(layout.mirror):
        own, other = layout.names[index], layout.names[partner]
        sides = ('right' in own, 'left' in own)
        assert sides == ('left' in other, 'right' in other)
        assert any(sides) == (index != partner)
        if 'mesh' not in own:
            assert {own, other} == {own, own.replace('right', 'left') if sides[0] else own.replace('left', 'right')}


@pytest.mark.parametrize('name', LAYOUTS)
def test_eye_corners_are_two_mirrored_pairs(name):
    layout = get_layout(name)
    right_outer, right_inner, left_inner, left_outer = layout.eye_corners
    assert layout.mirror[right_outer] == left_outer
    assert layout.mirror[right_inner] == left_inner
    expected = ['right_eye_outer', 'right_eye_inner', 'left_eye_inner', 'left_eye_outer']
    assert [layout.names[index] for index in layout.eye_corners] == expected


def test_a_layout_survives_copies_and_processes():
    for name in (*LAYOUTS, 'ibug68:brows+mouth'):
        layout = get_layout(name)
        for copied in (copy.deepcopy(layout), pickle.loads(pickle.dumps(layout))):
            assert copied == layout
            np.testing.assert_array_equal(copied.mirror, layout.mirror)
        assert hash(layout) == hash(copied)


def test_shared_arrays_cannot_be_written_to():
    for array in (get_layout('ibug68').mirror, convert_keypoints('ibug68', 'ibug51')):
        with pytest.raises(ValueError, match='read-only'):
            array[0] = 1


def test_layouts_need_no_deep_learning_framework():
    code = (
        'import sys, pyskl.keypoints; print(sorted({"torch", "mmengine", "mmcv", "scipy", "cv2"} & set(sys.modules)))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
