"""MediaPipe's face mesh: 468 points on the face and five for each iris.

Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, 2019 (arXiv 1907.06724);
Ablavatski et al., Real-time Pupil Tracking from Monocular Video, 2020 (arXiv 2006.11341).

The mirror pairs were measured. The detector was run on 47 pictures and on their mirror images; the point of the one
that lies where a point of the other lies is its partner (the cheapest one-to-one assignment of the mean distances).
Reflecting the mean shape onto itself gives the same 478 partners. All but 6 of the mesh's 1322 edges are edges again in
the mirror; those 6 are diagonals that cut the same three squares the other way. The numbering turns out regular: the
points off the midline below 248 are on the subject's right, and their partners follow from 248 on in the same order.
"""

from __future__ import annotations

from pyskl.keypoints.layout import KeypointLayout, chain, ring

__all__ = ['MEDIAPIPE478']

NUM_RIGHT_AND_MIDDLE = 248
NUM_MESH = 468
NUM_POINTS = 478

# fmt: off
_MIDDLE = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175, 195, 197, 199, 200,
)
# Contours of the right half, from the outside to the middle or from the top down.
_BROW_UPPER, _BROW_LOWER = (70, 63, 105, 66, 107), (46, 53, 52, 65, 55)
_BROW_TAIL = 71  # where iBUG's brow begins
_UPPER_LID, _LOWER_LID = (246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155)
_EYE_OUTER, _EYE_INNER = 33, 133
_IRIS = (468, 470, 471, 472, 469)  # centre, top, outer, bottom, inner
_NOSE_BRIDGE = (168, 6, 197, 195, 5, 4, 1)
_NOSE_TIP = (19, 94)
_NOSTRIL = (98, 97)
_NOSE_SIDE, _NOSE_WING = 75, (45, 220, 115, 48, 64)
_OUTER_UPPER_LIP, _OUTER_LOWER_LIP = (185, 40, 39, 37), (146, 91, 181, 84)
_INNER_UPPER_LIP, _INNER_LOWER_LIP = (191, 80, 81, 82), (95, 88, 178, 87)
_MOUTH_CORNER, _INNER_MOUTH_CORNER = 61, 78
_FOREHEAD = (109, 67, 103, 54, 21)
_JAW = (162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148)
# fmt: on


def _partners() -> dict[int, int]:
    """Return the partner on the left of each point on the right."""
    middle = set(_MIDDLE)
    right = [index for index in range(NUM_RIGHT_AND_MIDDLE) if index not in middle]
    partners = dict(zip(right, range(NUM_RIGHT_AND_MIDDLE, NUM_MESH), strict=True))
    partners.update({468: 473, 469: 476, 470: 475, 471: 474, 472: 477})
    return partners


def _names(partners: dict[int, int]) -> tuple[str, ...]:
    def numbered(name: str, points: tuple[int, ...]) -> dict[int, str]:
        return {index: f'{name}_{number}' for number, index in enumerate(points)}

    right = {
        **numbered('brow', _BROW_UPPER),
        **numbered('brow_lower', _BROW_LOWER),
        _BROW_TAIL: 'brow_tail',
        _EYE_OUTER: 'eye_outer',
        _EYE_INNER: 'eye_inner',
        **numbered('upper_lid', _UPPER_LID),
        **numbered('lower_lid', _LOWER_LID),
        **dict(zip(_IRIS, ('iris', 'iris_top', 'iris_outer', 'iris_bottom', 'iris_inner'), strict=True)),
        **numbered('nostril', _NOSTRIL),
        _NOSE_SIDE: 'nose_side',
        **numbered('nose_wing', _NOSE_WING),
        _MOUTH_CORNER: 'mouth_corner',
        **numbered('upper_lip', _OUTER_UPPER_LIP),
        **numbered('lower_lip', _OUTER_LOWER_LIP),
        _INNER_MOUTH_CORNER: 'inner_mouth_corner',
        **numbered('inner_upper_lip', _INNER_UPPER_LIP),
        **numbered('inner_lower_lip', _INNER_LOWER_LIP),
        **numbered('forehead', _FOREHEAD),
        **numbered('jaw', _JAW),
    }
    names = {
        **{index: f'mesh_{index}' for index in _MIDDLE},
        **numbered('nose_bridge', _NOSE_BRIDGE),
        **numbered('nose_tip', _NOSE_TIP),
        2: 'nose_base',
        0: 'upper_lip',
        17: 'lower_lip',
        13: 'inner_upper_lip',
        14: 'inner_lower_lip',
        10: 'forehead',
        152: 'chin',
    }
    for index, partner in partners.items():
        names[index] = f'right_{right.get(index, f"mesh_{index}")}'
        names[partner] = f'left_{right.get(index, f"mesh_{partner}")}'
    return tuple(names[index] for index in range(NUM_POINTS))


def _mediapipe478() -> KeypointLayout:
    partners = _partners()

    def both(limbs: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return limbs of the right half and of the middle, with their mirror images."""
        mirrored = [(partners.get(start, start), partners.get(end, end)) for start, end in limbs]
        return limbs + [limb for limb in mirrored if limb not in limbs]

    def left(points: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(partners.get(index, index) for index in points)

    right_brow = (_BROW_TAIL, *_BROW_UPPER, *_BROW_LOWER)
    right_eye = (_EYE_OUTER, *_UPPER_LID, _EYE_INNER, *_LOWER_LID)
    nose_base = (*_NOSTRIL, _NOSE_SIDE, *_NOSE_WING, 2, *left((*_NOSTRIL, _NOSE_SIDE, *_NOSE_WING)))
    outer = (_MOUTH_CORNER, *_OUTER_UPPER_LIP, *_OUTER_LOWER_LIP, 0, 17)
    inner = (_INNER_MOUTH_CORNER, *_INNER_UPPER_LIP, *_INNER_LOWER_LIP, 13, 14)
    nose = (*_NOSE_BRIDGE, *_NOSE_TIP, *nose_base)
    jaw = (*_JAW, 152, *left(_JAW))
    forehead = (*_FOREHEAD, 10, *left(_FOREHEAD))

    limbs = both(ring(*_BROW_UPPER, *_BROW_LOWER[::-1]))
    limbs += both(ring(_EYE_OUTER, *_UPPER_LID, _EYE_INNER, *_LOWER_LID[::-1]))
    limbs += both(ring(*_IRIS[1:]))
    limbs += chain(*_NOSE_BRIDGE, *_NOSE_TIP, 2)
    limbs += both(chain(*_NOSTRIL, 2) + chain(4, *_NOSE_WING, _NOSTRIL[0]))
    limbs += both(chain(0, *_OUTER_UPPER_LIP[::-1], _MOUTH_CORNER, *_OUTER_LOWER_LIP, 17))
    limbs += both(chain(13, *_INNER_UPPER_LIP[::-1], _INNER_MOUTH_CORNER, *_INNER_LOWER_LIP, 14))
    limbs += both(chain(10, *_FOREHEAD, *_JAW, 152))

    right_iris = tuple(sorted(_IRIS))
    features = (*right_brow, *left(right_brow), *right_eye, *left(right_eye), *right_iris, *left(right_iris))
    features += (*nose, *outer, *left(outer), *inner, *left(inner))
    # Groups before their members: the first that fits names a selection.
    regions = {
        'face': range(NUM_POINTS),
        'contours': (*features, *jaw, *forehead),
        'inner_face': features,
        'oval': (*jaw, *forehead),
        'jaw': jaw,
        'forehead': forehead,
        'brows': (*right_brow, *left(right_brow)),
        'right_brow': right_brow,
        'left_brow': left(right_brow),
        'nose': nose,
        'nose_bridge': _NOSE_BRIDGE,
        'nose_base': nose_base,
        'eyes': (*right_eye, *left(right_eye)),
        'right_eye': right_eye,
        'left_eye': left(right_eye),
        'irises': (*right_iris, *left(right_iris)),
        'right_iris': right_iris,
        'left_iris': left(right_iris),
        'mouth': (*outer, *left(outer), *inner, *left(inner)),
        'outer_lips': (*outer, *left(outer)),
        'inner_lips': (*inner, *left(inner)),
    }
    return KeypointLayout(
        'mediapipe478',
        NUM_POINTS,
        tuple(partners.items()),
        tuple(limbs),
        names=_names(partners),
        regions={name: tuple(sorted(set(points))) for name, points in regions.items()},
        eye_corners=(_EYE_OUTER, _EYE_INNER, partners[_EYE_INNER], partners[_EYE_OUTER]),
    )


MEDIAPIPE478 = _mediapipe478()
