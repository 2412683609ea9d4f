"""What each Action Unit does to the face, point by point, against FACS's descriptions, in both layouts.

Landmarks are iBUG's; in the mesh they are the points that :func:`pyskl.keypoints.convert_keypoints` names. Directions
are those of the subject's right side as it is seen in a picture of the face: *in* is towards the midline.
"""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.keypoints import convert_keypoints, get_layout
from pyskl.synth.face_model import FaceModel

LAYOUTS = ('ibug68', 'mediapipe478')
MODELS = {layout: FaceModel.load(layout=layout) for layout in LAYOUTS}
PLACES = {layout: convert_keypoints(layout, 'ibug68') for layout in LAYOUTS}
MIRROR = get_layout('ibug68').mirror

UP, DOWN, IN, OUT = (0, 1), (0, -1), (1, 0), (-1, 0)
UP_IN, UP_OUT, DOWN_IN, DOWN_OUT = (1, 1), (-1, 1), (1, -1), (-1, -1)

JAW, BROWS, NOSE, EYES, MOUTH = range(17), range(17, 27), range(27, 36), range(36, 48), range(48, 68)
UPPER_LIDS, LOWER_LIDS = (37, 38), (40, 41)
CORNERS = (48, 60)

# Action Unit: for each group of landmarks on the right side or the midline the direction FACS gives and the least
# length of the movement at intensity 5, in percent of the outer-eye distance.
MOVES = {
    'AU1': [((21,), UP, 4), ((20,), UP, 3)],
    'AU2': [((18,), UP, 4), ((19,), UP, 3), ((17,), UP, 2)],
    'AU4': [((19, 20), DOWN_IN, 4), ((21,), DOWN_IN, 4)],
    'AU5': [(UPPER_LIDS, UP, 2.5)],
    'AU6': [((41,), UP, 2), ((40,), UP, 1), ((36,), IN, 0.5), ((17, 18), DOWN, 1), ((1, 2), UP, 1.5)],
    'AU7': [(LOWER_LIDS, UP, 1.5), (UPPER_LIDS, DOWN, 1.2)],
    'AU9': [((31,), UP, 3), ((32,), UP, 1.5), ((20, 21), DOWN_IN, 3), ((50, 51), UP, 1.5), ((40,), UP, 0.8)],
    'AU10': [((50, 51), UP, 3), ((49,), UP, 2.5), ((61, 62), UP, 2), ((31,), UP_OUT, 1.5)],
    'AU12': [(CORNERS, UP_OUT, 8)],
    'AU14': [((48,), OUT, 1.5), ((60,), OUT, 1)],
    'AU15': [(CORNERS, DOWN, 4)],
    'AU17': [((57, 58), UP, 3), ((66, 67), UP, 2), ((50, 51), UP, 1.5), ((8,), UP, 0.5)],
    'AU18': [(CORNERS, IN, 4), ((49, 59), IN, 3), ((50, 51), UP, 1), ((57, 58), DOWN, 0.4)],
    'AU20': [(CORNERS, OUT, 4), ((49, 59), OUT, 2)],
    'AU22': [(CORNERS, IN, 1), ((50, 51), UP, 3), ((57, 58), DOWN, 4), ((61, 62), UP, 2), ((66, 67), DOWN, 3)],
    'AU23': [(CORNERS, IN, 2), ((50, 51), DOWN, 1), ((57, 58), UP, 1)],
    'AU24': [((50, 51), DOWN, 1.5), ((57, 58), UP, 1.5)],
    'AU25': [((61, 62), UP, 0.5), ((66, 67), DOWN, 3), ((57, 58), DOWN, 3)],
    'AU26': [((66, 67), DOWN, 10), ((57, 58), DOWN, 10), ((7, 8), DOWN, 8), (CORNERS, DOWN, 3)],
    'AU27': [((66, 67), DOWN, 34), ((57, 58), DOWN, 34), ((7, 8), DOWN, 31), (CORNERS, DOWN, 10), ((48,), DOWN_IN, 10)],
    'AU28': [((50, 51), DOWN, 4), ((57, 58), UP, 3)],
    'AU45': [(UPPER_LIDS, DOWN, 4)],
}

# What must stay within 1 % of the outer-eye distance.
STILL = {
    'AU1': (NOSE, EYES, MOUTH, JAW),
    'AU2': (NOSE, EYES, MOUTH, JAW),
    'AU4': (EYES, MOUTH, JAW),
    'AU5': (BROWS, NOSE, MOUTH, JAW, LOWER_LIDS),
    'AU6': (MOUTH, UPPER_LIDS, (20, 21)),
    'AU7': (BROWS, NOSE, MOUTH, JAW),
    'AU9': (CORNERS, JAW, (17,)),
    'AU10': (BROWS, EYES, JAW),
    'AU12': (BROWS, EYES),
    'AU14': (BROWS, NOSE, EYES),
    'AU15': (BROWS, NOSE, EYES),
    'AU17': (BROWS, NOSE, EYES, CORNERS),
    'AU18': (BROWS, NOSE, EYES),
    'AU20': (BROWS, NOSE, EYES),
    'AU22': (BROWS, EYES, (27, 28, 30, 33)),
    'AU23': (BROWS, EYES, range(27, 31)),
    'AU24': (BROWS, EYES, range(27, 31)),
    'AU25': (BROWS, NOSE, EYES, CORNERS),
    'AU26': (BROWS, NOSE, EYES),
    'AU27': (BROWS, EYES),
    'AU28': (BROWS, NOSE, EYES),
    'AU45': (BROWS, NOSE, MOUTH, JAW),
}


def landmarks(layout: str, points: np.ndarray) -> np.ndarray:
    return points[..., PLACES[layout], :]


def apex(au: str, layout: str, sides: tuple[float, float] = (1, 1)) -> np.ndarray:
    """(68, 3) displacement of the landmarks at full intensity, in percent of the outer-eye distance."""
    model = MODELS[layout]
    weights = np.zeros((1, len(model.au_names), 2), dtype=np.float32)
    weights[0, model.au_names.index(au)] = sides
    return landmarks(layout, model.deform(model.neutral, weights)[0] - model.neutral) * 100


def cases(table):
    return [(layout, au, *row) for layout in LAYOUTS for au, rows in table.items() for row in rows]


def test_tables_cover_every_action_unit():
    for model in MODELS.values():
        assert set(MOVES) == set(STILL) == set(model.au_names)


@pytest.mark.parametrize(('layout', 'au', 'group', 'direction', 'least'), cases(MOVES))
def test_apex_goes_where_facs_says(layout, au, group, direction, least):
    moved = apex(au, layout)[list(group), :2]
    length = np.linalg.norm(moved, axis=1)
    cosine = moved @ direction / np.linalg.norm(direction) / length
    if layout == 'ibug68' or min(group) > 16:  # the mesh's rim lies elsewhere than the jaw line
        assert length.min() >= least
    assert cosine.min() > 0.5


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('au', STILL)
def test_apex_leaves_the_rest_of_the_face_alone(layout, au):
    still = [index for group in STILL[au] for index in group if layout == 'ibug68' or index > 16]
    still += MIRROR[still].tolist()
    assert np.abs(apex(au, layout)[still, :2]).max() < 1.0


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('au', MOVES)
def test_sides_mirror_each_other_and_move_their_own_half(layout, au):
    right, left, both = (apex(au, layout, sides) for sides in ((1, 0), (0, 1), (1, 1)))
    np.testing.assert_allclose(right, left[MIRROR] * [-1, 1, 1], atol=1e-2)
    np.testing.assert_allclose(both, both[MIRROR] * [-1, 1, 1], atol=1e-2)
    for group, direction, _ in MOVES[au]:
        own = [index for index in group if MIRROR[index] != index]
        if own:
            share = right[own, :2] @ direction
            assert (share > 2.5 * np.abs(right[MIRROR[own], :2] @ (np.array(direction) * [-1, 1]))).all()


@pytest.mark.parametrize('name', [*MODELS['ibug68'].au_names, *MODELS['ibug68'].distraction_names])
def test_layouts_show_the_same_movement(name):
    inner = slice(17, 68)
    both = []
    for layout, model in MODELS.items():
        names, fields = (
            (model.au_names, model.au_fields)
            if name in model.au_names
            else (model.distraction_names, model.distraction_fields)
        )
        both.append(landmarks(layout, fields[names.index(name)])[:, inner])
    assert np.abs(both[0] - both[1]).max() < 5e-4  # outer-eye distances
    for side in range(2):
        assert np.corrcoef(both[0][side].ravel(), both[1][side].ravel())[0, 1] > 0.99


def test_pairs_that_look_alike_differ_where_facs_says():
    x, y, z = 0, 1, 2
    cheek, lids = apex('AU6', 'ibug68'), apex('AU7', 'ibug68')
    assert cheek[17, y] < -1 and abs(lids[17, y]) < 0.2  # only the cheek raiser lowers the brow's tail
    assert lids[37, y] < -1 and abs(cheek[37, y]) < 0.5  # only the lid tightener lowers the upper lid
    tight, pressed, sucked = (apex(au, 'ibug68') for au in ('AU23', 'AU24', 'AU28'))
    assert tight[48, x] > 2 and pressed[48, x] < 0.5  # only the tightener narrows the mouth much
    assert sucked[51, y] < 1.3 * pressed[51, y] < 0  # sucked lips vanish
    smile, dimple = apex('AU12', 'ibug68'), apex('AU14', 'ibug68')
    assert dimple[48, y] < 0.5 * -dimple[48, x]  # a dimple does not lift the corners
    assert smile[48, y] > 0.9 * -smile[48, x]
    assert dimple[48, z] < -1
    part, drop, stretch = (apex(au, 'ibug68') for au in ('AU25', 'AU26', 'AU27'))
    assert part[8, y] > -1.5 and drop[8, y] < -8  # only the jaw's units lower the chin
    assert stretch[8, y] < 2.5 * drop[8, y]
    inner, together = apex('AU1', 'ibug68'), apex('AU4', 'ibug68')
    assert 0.5 < together[21, x] < -together[21, y]  # brows come down more than together
    assert inner[21, y] + together[21, y] > 0 > inner[18, y] + together[18, y]  # AU1+4: oblique brows


@pytest.mark.parametrize('au', ['AU26', 'AU27'])
def test_the_jaw_line_drops_evenly_and_carries_the_lower_lip(au):
    moved = apex(au, 'ibug68')
    down, back = -moved[2:9, 1], -moved[2:9, 2]
    for fall in (down, back):
        assert (np.diff(fall) > 0).all() and np.diff(fall).max() < 0.3 * fall[-1]
    if au == 'AU27':
        assert down[-1] > 0.88 * -moved[[57, 66], 1].min()


@pytest.mark.parametrize('layout', LAYOUTS)
def test_closed_lips_stay_closed_and_parting_units_open_them(layout):
    model = MODELS[layout]
    weights = np.eye(len(model.au_names), dtype=np.float32)[:, :, None].repeat(2, axis=2)
    faces = landmarks(layout, model.deform(model.neutral, weights))
    gap = dict(zip(model.au_names, 100 * (faces[:, 62, 1] - faces[:, 66, 1]), strict=True))
    closed = ('AU9', 'AU10', 'AU12', 'AU14', 'AU15', 'AU17', 'AU20', 'AU23', 'AU24', 'AU28')
    assert max(gap[au] for au in closed) < 3
    assert gap['AU25'] > 5
    assert gap['AU22'] > 5
    assert gap['AU26'] > 10
    assert 36 < gap['AU27'] < 48  # people open their mouths by 40 to 50 of about 90 mm, with AU25's part
    open_eye = dict(zip(model.au_names, 100 * (faces[:, 37, 1] - faces[:, 41, 1]), strict=True))
    assert open_eye['AU45'] < 0.1 < open_eye['AU7'] < open_eye['AU1'] < open_eye['AU5']


def test_gaze_moves_the_irises():
    model = MODELS['mediapipe478']
    irises = list(get_layout('mediapipe478').regions['irises'])
    lids = model.eyes
    directions = {'gaze_left': (1, 0), 'gaze_right': (-1, 0), 'gaze_up': (0, 1), 'gaze_down': (0, -1)}
    for name, direction in directions.items():
        field = model.distraction_fields[model.distraction_names.index(name)].sum(axis=0)
        moved = field[irises, :2] @ direction
        assert moved.min() > 0.04 and moved.max() < 0.08
        assert moved.min() > field[lids, :2].dot(direction).max()  # more than the lids, which follow
    assert np.abs(model.au_fields[:, :, irises]).max() < 1e-6
    centre, ring = model.neutral[468], model.neutral[469:473]
    np.testing.assert_allclose(np.linalg.norm(ring - centre, axis=1), 0.065, atol=1e-4)
    assert model.neutral[33, 0] < centre[0] < model.neutral[133, 0]
