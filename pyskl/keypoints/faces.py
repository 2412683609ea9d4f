"""The 68 points of iBUG, which OpenFace 2 uses too, and the 51 inner ones.

Sagonas et al., 300 Faces in-the-Wild Challenge, 2013; Baltrusaitis et al., OpenFace 2.0, 2018.
"""

from __future__ import annotations

from dataclasses import replace

from pyskl.keypoints.layout import KeypointLayout, chain, ring, selection

__all__ = ['IBUG51', 'IBUG68', 'OPENFACE68']

_NOSE_BRIDGE = range(27, 31)

# The subject's right, from the outside to the middle; the left has the same names.
_RIGHT_NAMES = {
    **{index: f'right_jaw_{index}' for index in range(8)},
    **{17 + index: f'right_brow_{index}' for index in range(5)},
    31: 'right_nostril_0',
    32: 'right_nostril_1',
    36: 'right_eye_outer',
    37: 'right_upper_lid_0',
    38: 'right_upper_lid_1',
    39: 'right_eye_inner',
    40: 'right_lower_lid_1',
    41: 'right_lower_lid_0',
    48: 'right_mouth_corner',
    49: 'right_upper_lip_0',
    50: 'right_upper_lip_1',
    58: 'right_lower_lip_1',
    59: 'right_lower_lip_0',
    60: 'right_inner_mouth_corner',
    61: 'right_inner_upper_lip',
    67: 'right_inner_lower_lip',
}
_MIDDLE_NAMES = {
    8: 'chin',
    **{index: f'nose_bridge_{index - 27}' for index in _NOSE_BRIDGE},
    33: 'nose_base',
    51: 'upper_lip',
    57: 'lower_lip',
    62: 'inner_upper_lip',
    66: 'inner_lower_lip',
}
# Groups before their members: the first that fits names a selection.
_REGIONS = {
    'face': range(68),
    'inner_face': range(17, 68),
    'jaw': range(17),
    'brows': range(17, 27),
    'right_brow': range(17, 22),
    'left_brow': range(22, 27),
    'nose': range(27, 36),
    'nose_bridge': _NOSE_BRIDGE,
    'nose_base': range(31, 36),
    'eyes': range(36, 48),
    'right_eye': range(36, 42),
    'left_eye': range(42, 48),
    'mouth': range(48, 68),
    'outer_lips': range(48, 60),
    'inner_lips': range(60, 68),
}


def _ibug68() -> KeypointLayout:
    pairs = [(index, 16 - index) for index in range(8)]  # jaw
    pairs += [(17 + index, 26 - index) for index in range(5)]  # brows
    pairs += [(31, 35), (32, 34)]  # nose base
    pairs += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]  # eyes
    pairs += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56)]  # outer lips
    pairs += [(60, 64), (61, 63), (67, 65)]  # inner lips
    limbs = chain(*range(17)) + chain(*range(17, 22)) + chain(*range(22, 27))
    limbs += chain(*range(27, 31)) + chain(*range(31, 36))
    limbs += ring(*range(36, 42)) + ring(*range(42, 48)) + ring(*range(48, 60)) + ring(*range(60, 68))
    names = {**_MIDDLE_NAMES, **_RIGHT_NAMES}
    names.update({left: names[right].replace('right', 'left') for right, left in pairs})
    return KeypointLayout(
        'ibug68',
        68,
        tuple(pairs),
        tuple(limbs),
        names=tuple(names[index] for index in range(68)),
        regions={name: tuple(indices) for name, indices in _REGIONS.items()},
        eye_corners=(36, 39, 42, 45),
    )


IBUG68 = _ibug68()
OPENFACE68 = replace(IBUG68, name='openface68')
"""The landmarks of OpenFace 2: iBUG's points in iBUG's order."""
IBUG51 = selection('ibug51', IBUG68, range(17, 68))
"""The inner points of iBUG 68, without the jaw line."""
