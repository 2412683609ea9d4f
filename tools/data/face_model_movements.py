"""What moves for each Action Unit, read by ``build_face_model.py``.

Names of face units are those of the package's files, with ``{side}`` for the Left and Right pair. Corrections are in
percent of the outer-eye distance and given for the subject's right side or the midline; the left side is their mirror
image. Directions: *lateral* away from the midline, *up*, *forward* out of the face. A correction of a landmark moves
the mesh points around it too.

What each Action Unit does to the face: Ekman, Friesen and Hager, Facial Action Coding System, 2002.
"""

from __future__ import annotations

__all__ = ['ACTION_UNITS', 'CORRECTIONS', 'DISTRACTIONS', 'GAZE', 'JAW_LINE', 'MESH_CORRECTIONS']

ACTION_UNITS: dict[str, dict[str, float]] = {
    'AU1': {'browInnerUp': 1.15},
    'AU2': {'browOuterUp{side}': 1.0},
    'AU4': {'browDown{side}': 0.9},
    'AU5': {'eyeWide{side}': 1.0},
    'AU6': {'cheekSquint{side}': 0.7},
    'AU7': {'eyeSquint{side}': 0.7},
    'AU9': {'noseSneer{side}': 0.9},
    'AU10': {'mouthUpperUp{side}': 1.0},
    'AU12': {'mouthSmile{side}': 0.85},
    'AU14': {'mouthDimple{side}': 0.45},
    'AU15': {'mouthFrown{side}': 1.1},
    'AU17': {'mouthShrugLower': 0.8, 'mouthShrugUpper': 0.55},
    'AU18': {'mouthPucker': 1.3},
    'AU20': {'mouthStretch{side}': 1.0},
    'AU22': {'mouthFunnel': 1.0},
    'AU23': {'mouthRollUpper': 0.35, 'mouthRollLower': 0.45},
    'AU24': {'mouthRollUpper': 0.6, 'mouthRollLower': 0.6, 'mouthShrugLower': 0.25},
    'AU25': {'mouthLowerDown{side}': 1.0, 'mouthUpperUp{side}': 0.35},
    'AU26': {'jawOpen': 0.42},
    'AU27': {'jawOpen': 1.35, 'mouthUpperUp{side}': 0.2},
    'AU28': {'mouthRollUpper': 0.9, 'mouthRollLower': 1.0},
    'AU45': {'eyeBlink{side}': 0.75},
}
"""Face units and weights of each Action Unit at full intensity."""

DISTRACTIONS: dict[str, dict[str, float]] = {
    'cheek_puff': {'cheekPuff': 1.0},
    'gaze_down': {'eyeLookDown{side}': 1.0},
    'gaze_up': {'eyeLookUp{side}': 1.0},
    'gaze_left': {'eyeLookOutLeft': 1.0, 'eyeLookInRight': 1.0},
    'gaze_right': {'eyeLookInLeft': 1.0, 'eyeLookOutRight': 1.0},
    'jaw_forward': {'jawForward': 0.6},
    'jaw_left': {'jawLeft': 1.0},
    'jaw_right': {'jawRight': 1.0},
    'lip_bite': {'mouthRollLower': 1.1},
    'lower_lip_down': {'mouthLowerDown{side}': 1.0},
    'mouth_left': {'mouthLeft': 0.7},
    'mouth_right': {'mouthRight': 0.7},
    'nostril_flare': {},
}
"""Movements that carry no label: they keep a network from reading every change of the face as an Action Unit."""

GAZE: dict[str, tuple[float, float]] = {
    'gaze_down': (0.0, -5.0),
    'gaze_up': (0.0, 4.5),
    'gaze_left': (6.5, 0.0),
    'gaze_right': (-6.5, 0.0),
}
"""How far the irises move to the subject's left and up, in percent of the outer-eye distance: an eyeball of 12 mm
radius turned by 30 degrees sideways and by 20 to 25 up and down."""

CORRECTIONS: dict[str, dict[int, tuple[float, float, float]]] = {
    # The unit stops short of the brow's end, which rises with its outer third.
    'AU2': {17: (0.0, 1.5, 0.0)},
    # The unit draws the brows together further than they come down.
    'AU4': {19: (0.9, 0.0, 0.0), 20: (1.8, 0.0, 0.0), 21: (2.1, 0.0, 0.0)},
    # The unit lifts the cheek and leaves the lid nearly alone. The cheek lifts the lower lid, most at its outer half,
    # draws the outer eye corner in and the brow's tail down.
    'AU6': {
        41: (0.0, 2.1, 0.6), 40: (0.0, 1.1, 0.4), 36: (-0.8, -0.3, 0.0),
        17: (-0.4, -2.0, 0.0), 18: (-0.2, -1.5, 0.0), 19: (0.0, -0.6, 0.0), 31: (0.2, 0.4, 0.0),
    },
    # The lid tightener closes the slit from both sides and leaves the brow and the cheek alone.
    'AU7': {37: (0.0, -1.7, 0.0), 38: (0.0, -1.8, 0.0)},
    # The unit is mostly a frown. Skin beside the nose goes up: the wings and the middle of the upper lip with it, and
    # the inner corner of the eye narrows. Only the inner brow comes down.
    'AU9': {
        18: (0.3, 0.7, 0.0), 19: (0.4, 0.9, 0.0), 20: (1.2, 0.0, 0.0), 21: (1.4, 0.0, 0.0),
        28: (0.0, 0.6, 0.0), 29: (0.0, 1.0, 0.0),
        30: (0.0, 1.2, 0.0), 31: (0.6, 2.0, 0.0), 32: (0.2, 1.8, 0.0), 33: (0.0, 1.4, 0.0),
        38: (0.0, -0.7, 0.0), 39: (0.0, 0.3, 0.0), 40: (0.0, 1.1, 0.0), 41: (0.0, 0.5, 0.0),
        49: (0.0, 1.2, 0.0), 50: (0.0, 2.4, 0.0), 51: (0.0, 2.2, 0.0), 61: (0.0, 1.6, 0.0), 62: (0.0, 1.8, 0.0),
        57: (0.0, 0.8, 0.0), 58: (0.0, 0.8, 0.0), 66: (0.0, 1.0, 0.0), 67: (0.0, 0.9, 0.0),
    },
    # The middle of the upper lip rises at least as far as its sides. The lower lip follows, so that the lips part only
    # a little; parted lips are AU25's. The wings of the nose rise a bit.
    'AU10': {
        49: (-1.0, -1.5, 0.0), 50: (0.0, 0.6, 0.0), 51: (0.0, 0.4, 0.0), 31: (0.0, 0.8, 0.0), 32: (0.0, 0.5, 0.0),
        61: (0.0, -1.6, 0.0), 62: (0.0, -1.6, 0.0), 67: (0.0, 1.8, 0.0), 66: (0.0, 2.2, 0.0),
        59: (0.0, 0.8, 0.0), 58: (0.0, 1.4, 0.0), 57: (0.0, 1.6, 0.0),
    },
    # The corners go back and out as much as up, and the middle of the lips stays nearly where it was.
    'AU12': {
        48: (3.0, -2.5, 0.0), 60: (3.0, -2.2, 0.0), 49: (1.2, -0.5, 0.0),
        57: (0.0, -4.5, 0.0), 58: (0.0, -3.4, 0.0), 59: (1.2, -1.8, 0.0),
        66: (0.0, -3.0, 0.0), 67: (0.0, -2.4, 0.0), 62: (0.0, -2.0, 0.0), 61: (0.0, -1.6, 0.0),
    },
    # The corners are tucked into the cheek: back and tight, hardly up.
    'AU14': {
        48: (0.0, -0.4, -2.5), 60: (0.4, -0.2, -2.5), 49: (0.3, -1.4, -0.6), 59: (0.3, 0.5, -0.6),
        61: (0.0, -0.2, 0.0), 67: (0.0, 0.2, 0.0),
    },
    # The chin's boss goes up and pushes the lower lip up and out; the corners stay, so the mouth bends down.
    'AU17': {
        48: (0.0, -0.7, 0.0), 60: (0.0, -0.6, 0.0), 59: (0.0, -0.4, 0.0),
        7: (0.0, 0.6, 0.0), 8: (0.0, 1.0, 0.4), 57: (0.0, 0.0, 0.8), 58: (0.0, 0.0, 0.6),
    },
    # The corners come in; both lips push forward and grow round. The unit lifts the middle of the lower lip only.
    'AU18': {
        48: (-0.6, 0.0, 0.8), 60: (-1.6, 0.0, 0.8), 49: (0.6, 0.0, 0.8), 59: (0.0, -0.6, 0.8), 61: (-0.4, 0.8, 0.8),
        67: (-0.4, -0.4, 0.8), 57: (0.0, -6.0, 0.8), 58: (0.6, -2.4, 0.8), 62: (0.0, 1.2, 0.8), 66: (0.0, -0.2, 0.8),
        51: (0.0, 0.0, 0.8), 50: (0.0, 0.0, 0.8), 29: (0.0, 0.9, 0.0), 30: (0.0, 1.2, 0.0),
        31: (1.4, 0.8, 0.0), 32: (0.4, 1.3, 0.0), 33: (0.0, 1.3, 0.0),
    },
    # Sideways more than down, and both lips flatten.
    'AU20': {
        48: (0.9, 1.6, 0.0), 60: (2.8, 0.4, 0.0), 49: (0.4, 0.6, 0.0), 59: (0.4, 1.8, 0.0),
        50: (0.0, -0.2, 0.0), 51: (0.0, -0.4, 0.0), 57: (0.0, 0.8, 0.0), 58: (0.0, 0.9, 0.0),
    },
    # Both lips turn out around an open ring, the corners come in. The unit drops the inner edge of the lower lip past
    # the outer one and drags the nose down.
    'AU22': {
        48: (-1.4, 0.0, 1.0), 60: (-1.8, 0.0, 1.0), 49: (0.0, 1.0, 1.0), 59: (0.0, -2.6, 1.0),
        57: (0.0, -5.4, 1.2), 58: (0.0, -4.2, 1.2), 66: (0.0, 5.4, 1.0), 67: (0.0, 3.6, 1.0),
        61: (0.0, -1.0, 1.0), 62: (0.0, -1.8, 1.0), 51: (0.0, -0.8, 1.0),
        29: (0.0, 1.0, 0.0), 30: (0.0, 2.8, 0.0), 31: (-0.4, 2.7, 0.0), 32: (0.0, 2.2, 0.0), 33: (0.0, 2.0, 0.0),
    },
    # The corners of the mouth come in: the mouth is narrower as well as thinner. Rolled lips would drag the nose down.
    'AU23': {
        48: (-3.2, 0.0, 0.0), 60: (-3.0, 0.0, 0.0), 49: (-1.6, -0.4, 0.0), 59: (-1.6, 0.4, 0.0),
        50: (-0.4, 0.0, 0.0), 58: (-0.4, 0.0, 0.0), 61: (-0.5, 0.0, 0.0), 67: (-0.5, 0.0, 0.0),
        29: (0.0, 0.6, 0.0), 30: (0.0, 0.7, 0.0), 31: (0.0, 0.5, 0.0), 32: (0.0, 0.7, 0.0), 33: (0.0, 0.7, 0.0),
    },
    # The lips are pressed straight: the corners keep their place or widen by a trace; the nose stays.
    'AU24': {
        48: (0.8, -0.6, 0.0), 60: (0.8, -0.6, 0.0),
        29: (0.0, 1.0, 0.0), 30: (0.0, 1.2, 0.0), 31: (0.0, 0.8, 0.0), 32: (0.0, 1.0, 0.0), 33: (0.0, 1.0, 0.0),
    },
    # The unit lowers the corners too, but lips that part hang from corners that stay.
    'AU25': {60: (0.0, 2.4, 0.0), 48: (0.0, 1.0, 0.0), 66: (0.0, -1.0, 0.0), 62: (0.0, 0.5, 0.0)},
    # A mouth stretched open from top to bottom is narrower. The unit drops the lower lip half as far again as the jaw
    # that carries it, and its inner edge onto the outer one.
    'AU27': {
        48: (-2.6, 1.0, 0.0), 60: (-2.6, 5.0, 0.0), 59: (0.0, 4.0, 0.0), 58: (0.0, 7.2, 0.0), 57: (0.0, 7.4, 0.0),
        67: (0.0, 12.6, 0.0), 66: (0.0, 14.2, 0.0),
    },
    # Both lips vanish into the mouth, which draws the corners in and back; the nose stays.
    'AU28': {
        48: (-1.4, 0.0, -1.5), 60: (-1.4, 0.0, -1.5), 49: (-0.8, -0.8, -1.0), 59: (-0.8, 1.0, -1.0),
        57: (0.0, 1.2, -1.5), 58: (0.0, 0.8, -1.5), 50: (0.0, 0.0, -1.5), 51: (0.0, 0.0, -1.5),
        29: (0.0, 1.4, 0.0), 30: (0.0, 2.3, 0.0), 31: (0.0, 1.8, 0.0), 32: (0.0, 2.5, 0.0), 33: (0.0, 2.5, 0.0),
    },
    # Wide eyes shut too.
    'AU45': {37: (0.0, -4.6, 0.0), 38: (0.0, -6.2, 0.0)},
    # Air in the cheeks pushes the outline out.
    'cheek_puff': {2: (1.0, 0.0, 0.0), 3: (2.2, 0.0, 0.0), 4: (2.6, 0.0, 0.0), 5: (1.6, 0.0, 0.0)},
    'nostril_flare': {31: (2.0, 0.2, 0.0), 32: (0.5, 0.0, 0.0)},
}  # fmt: skip
"""Movements added to the face units where they lack, or overdo, something that FACS describes."""

JAW_LINE: dict[str, dict[int, tuple[float, float, float]]] = {
    'AU6': {1: (0.0, -0.6, 0.0), 3: (0.0, -0.8, 0.0), 5: (0.0, -0.8, 0.0)},
    'AU26': {3: (0.0, 0.4, 0.0), 4: (0.0, -2.5, 0.0), 5: (0.0, -0.7, 0.0), 6: (0.0, -0.3, 0.0), 7: (0.0, -4.0, 0.0)},
    'AU27': {3: (0.0, 1.3, 0.0), 4: (0.0, -8.0, 0.0), 5: (0.0, -2.2, 0.0), 6: (0.0, -1.0, 0.0), 7: (0.0, -12.8, 0.0)},
}
"""Movements added to the landmarks on the jaw line only: their vertices lie partly on the edge of the jaw and partly
above or behind it, so that they would not follow it evenly."""

MESH_CORRECTIONS: dict[str, dict[int, tuple[float, float, float]]] = {
    # The skin between lid and brow follows the lid, the lower edge of the brow does not.
    'AU7': {52: (0.0, 0.6, 0.0), 65: (0.0, 1.6, 0.0)},
    # An open mouth is round: beside the middle the vertices of the lower lip lag behind, those of the upper lip fall.
    'AU22': {
        95: (0.0, -2.6, 0.0), 88: (0.0, -2.7, 0.0), 178: (0.0, -3.0, 0.0), 96: (0.0, -1.8, 0.0), 89: (0.0, -2.0, 0.0),
        179: (0.0, -2.0, 0.0), 191: (0.0, 3.4, 0.0), 80: (0.0, 4.6, 0.0), 81: (0.0, 5.4, 0.0), 183: (0.0, 2.4, 0.0),
        42: (0.0, 3.2, 0.0), 41: (0.0, 3.6, 0.0),
    },
    'AU25': {
        95: (0.0, -2.1, 0.0), 88: (0.0, -2.5, 0.0), 178: (0.0, -1.9, 0.0), 96: (0.0, -1.8, 0.0), 89: (0.0, -2.0, 0.0),
        179: (0.0, -1.2, 0.0), 77: (0.0, -1.6, 0.0), 90: (0.0, -1.6, 0.0), 180: (0.0, -0.6, 0.0),
        146: (0.0, -1.2, 0.0), 91: (0.0, -1.3, 0.0),
    },
    'AU26': {
        95: (0.0, -0.6, 0.0), 88: (0.0, -1.4, 0.0), 178: (0.0, -3.2, 0.0), 96: (0.0, -0.5, 0.0), 89: (0.0, -1.2, 0.0),
        179: (0.0, -2.4, 0.0), 77: (0.0, -0.4, 0.0), 90: (0.0, -1.0, 0.0), 180: (0.0, -1.4, 0.0),
        91: (0.0, -0.8, 0.0),
    },
    'AU27': {
        95: (0.0, -1.6, 0.0), 88: (0.0, -3.8, 0.0), 178: (0.0, -6.6, 0.0), 96: (0.0, -1.6, 0.0), 89: (0.0, -3.6, 0.0),
        179: (0.0, -5.0, 0.0), 77: (0.0, -2.2, 0.0), 90: (0.0, -3.8, 0.0), 180: (0.0, -3.0, 0.0),
        146: (0.0, -2.4, 0.0), 91: (0.0, -4.0, 0.0),
    },
    # Near the corners of the eye too the unit's lid stops above the lower one.
    'AU45': {
        157: (0.0, -5.0, 0.0), 173: (0.0, -2.6, 0.0), 246: (0.0, -1.2, 0.0), 159: (0.0, -1.0, 0.0),
        52: (0.0, 1.4, 0.0), 65: (0.0, 5.8, 0.0), 55: (0.0, 1.0, 0.0),
    },
}  # fmt: skip
"""The same for points of the mesh that are no landmarks."""
