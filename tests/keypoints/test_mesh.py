"""The face mesh: its mirror pairs and contours, against real faces, iBUG's layout and the detector's own edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.keypoints.mediapipe import IBUG68_IN_MEDIAPIPE478

MESH, IBUG = get_layout('mediapipe478'), get_layout('ibug68')


def test_partners_lie_where_the_mirror_picture_has_them(meshes):
    """The derivation itself: whoever lies at the same place in the mirror image is the partner."""
    straight, mirrored = meshes
    distance = np.linalg.norm(straight[:, :, None] - mirrored[:, None], axis=-1).mean(axis=0)
    place, partner = linear_sum_assignment(np.minimum(distance, 0.2))
    agree = partner[place] == MESH.mirror
    assert agree.mean() > 0.97  # in the plane, points of the rim and of the nose lie over one another
    assert distance[np.arange(478), MESH.mirror].mean() < 0.02
    for region in ('brows', 'eyes', 'irises', 'mouth', 'oval'):
        assert distance[MESH.regions[region], MESH.mirror[list(MESH.regions[region])]].max() < 0.06, region


def test_the_mirrored_mean_shape_lies_on_itself(meshes):
    shape = np.concatenate([meshes[0], meshes[1] * (-1, 1)]).mean(axis=0)  # as often seen from either side
    turned = shape[MESH.mirror] * (-1, 1)
    turned += shape.mean(axis=0) - turned.mean(axis=0)
    assert np.linalg.norm(turned - shape, axis=-1).max() < 0.05
    assert np.linalg.norm(shape[::-1] * (-1, 1) - shape, axis=-1).max() > 0.3  # a wrong order shows


def test_right_points_lie_right_of_their_partners(meshes):
    """The subject's right is on the left of the picture."""
    shape = (meshes[0] + meshes[1][:, MESH.mirror]).mean(axis=0) / 2
    assert (shape[MESH.right, 0] < shape[MESH.left, 0]).all()
    right, left = (shape[list(MESH.regions[name])].mean(axis=0) for name in ('right_iris', 'left_iris'))
    eyes = [shape[list(MESH.regions[name])].mean(axis=0) for name in ('right_eye', 'left_eye')]
    assert np.linalg.norm(right - eyes[0]) < 0.1
    assert np.linalg.norm(left - eyes[1]) < 0.1


def test_the_mirror_keeps_the_edges_of_the_mesh():
    vision = pytest.importorskip('mediapipe.tasks.python.vision')
    edges = {frozenset((edge.start, edge.end)) for edge in vision.FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION}
    assert len(edges) == 1322
    broken = {edge for edge in edges if frozenset(MESH.mirror[list(edge)].tolist()) not in edges}
    # Three squares are cut by the other diagonal on the left.
    squares = [(20, 239, 79, 238), (59, 60, 75, 166), (30, 246, 161, 247)]
    diagonals = set()
    for square in squares:
        for corners in (square, MESH.mirror[list(square)].tolist()):
            diagonals |= {edge for edge in edges if edge in (frozenset(corners[:2]), frozenset(corners[2:]))}
    assert broken == diagonals
    assert len(broken) == 6


def test_limbs_are_edges_of_the_detectors_drawing():
    connections = pytest.importorskip('mediapipe.tasks.python.vision').FaceLandmarksConnections
    known = {
        frozenset((edge.start, edge.end))
        for name in ('TESSELATION', 'LIPS', 'LEFT_IRIS', 'RIGHT_IRIS', 'FACE_OVAL', 'NOSE')
        for edge in getattr(connections, f'FACE_LANDMARKS_{name}')
    }
    drawn = {frozenset(limb) for limb in MESH.limbs}
    assert drawn <= known
    for name in ('LIPS', 'LEFT_EYE', 'RIGHT_EYE', 'LEFT_EYEBROW', 'RIGHT_EYEBROW', 'FACE_OVAL'):
        contour = {frozenset((edge.start, edge.end)) for edge in getattr(connections, f'FACE_LANDMARKS_{name}')}
        assert contour <= drawn, name


def test_pairs_agree_with_those_of_ibug68():
    table = convert_keypoints('mediapipe478', 'ibug68')
    np.testing.assert_array_equal(table, IBUG68_IN_MEDIAPIPE478)
    np.testing.assert_array_equal(MESH.mirror[table], table[IBUG.mirror])


@pytest.mark.parametrize('region', IBUG.regions)
def test_each_region_of_the_mesh_holds_ibugs_points_of_that_region(region):
    points = IBUG68_IN_MEDIAPIPE478[list(IBUG.regions[region])].tolist()
    assert set(points) <= set(MESH.regions[region])
    indices = convert_keypoints(f'mediapipe478:{region}', f'ibug68:{region}')
    own = np.array(get_layout(f'mediapipe478:{region}').indices or range(478))
    assert own[indices].tolist() == points


def test_points_have_the_place_their_name_says(meshes):
    shape = (meshes[0] + meshes[1][:, MESH.mirror]).mean(axis=0) / 2
    at = {name: point for name, point in zip(MESH.names, shape, strict=True)}
    for side in ('right', 'left'):
        top, bottom, inner, outer = (at[f'{side}_iris_{part}'] for part in ('top', 'bottom', 'inner', 'outer'))
        assert top[1] < at[f'{side}_iris'][1] < bottom[1]
        assert abs(inner[0] - at['nose_base'][0]) < abs(outer[0] - at['nose_base'][0])
        assert at[f'{side}_brow_2'][1] < at[f'{side}_brow_lower_2'][1] < at[f'{side}_upper_lid_3'][1]
        assert at[f'{side}_upper_lid_3'][1] < at[f'{side}_lower_lid_3'][1]
        assert abs(at[f'{side}_eye_inner'][0] - at['chin'][0]) < abs(at[f'{side}_eye_outer'][0] - at['chin'][0])
    middle = ['forehead', 'nose_bridge_0', 'nose_bridge_5', 'nose_base', 'upper_lip', 'inner_upper_lip']
    middle += ['inner_lower_lip', 'lower_lip', 'chin']
    heights = [at[name][1] for name in middle]
    assert heights == sorted(heights)
