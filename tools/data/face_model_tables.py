"""Tables behind ``build_face_model.py``: where the landmarks lie on the head, and what moves for each Action Unit.

Names of face units are those of the package's files, with ``{side}`` for the Left and Right pair. Corrections are in
percent of the outer-eye distance and given for the subject's right side or the midline; the left side is their mirror
image. Directions: *lateral* away from the midline, *up*, *forward* out of the face.

What each Action Unit does to the face: Ekman, Friesen and Hager, Facial Action Coding System, 2002.
"""

from __future__ import annotations

__all__ = [
    'ACTION_UNITS',
    'ASYMMETRY_SHAPES',
    'CORRECTIONS',
    'DISTRACTIONS',
    'LANDMARK_VERTICES',
    'LOCAL_SHAPES',
    'MACRO_SHAPES',
    'NEUTRAL_CORRECTIONS',
]

# fmt: off
LANDMARK_VERTICES: tuple[int, ...] = (
    5239, 5186, 5092, 5241, 894, 915, 5294, 746, 5225, 7466, 11900, 7617, 7596, 11850, 11707, 11798, 11848,  # jaw
    3743, 232, 224, 223, 208, 6983, 6997, 6998, 7005, 10411,  # brows
    133, 5063, 5134, 5054, 354, 313, 317, 7076, 7115,  # nose
    1062, 1057, 4865, 74, 1071, 41, 6858, 11483, 7749, 7754, 6825, 7763,  # eyes
    3707, 5352, 460, 466, 7219, 11954, 10375, 7235, 7241, 5337, 486, 480,  # outer lips
    437, 472, 474, 7228, 7197, 7264, 493, 517,  # inner lips
)
# fmt: on
"""Vertex of each iBUG-68 landmark on the base head. Found by running a landmark detector on a picture of the head and
taking the nearest visible vertex, except landmark 51 (middle of the upper lip's edge), where that vertex lies inside
the mouth: it is the midline vertex between landmarks 50 and 52."""

NEUTRAL_CORRECTIONS: dict[int, tuple[float, float, float]] = {
    0: (1, -5, 0), 1: (2, -5, 0), 2: (1, -4.5, 0), 3: (0, 4, 0), 4: (-2, 6.5, 0), 5: (1, 7, 0), 6: (4, 1, 0),
    7: (0, -1, 0), 8: (0, -4, 0),
    17: (1.5, -9, 0), 18: (0, -3.5, 0), 19: (-2.5, 2.5, 0), 20: (3.5, 0, 0), 21: (-2, 5.5, 0),
    27: (0, 6, 0), 28: (0, 8, 0), 29: (0, 12, 0), 30: (0, 10, 0), 31: (1, 5, 0), 32: (0, 4.5, 0), 33: (0, 5.5, 0),
    36: (0, -1, 0), 37: (-1.3, -0.5, 0), 38: (0.4, -2.3, 0), 39: (1, 1.7, 0), 40: (2, 0.6, 0), 41: (1, 1.9, 0),
    48: (3.5, 6.5, 0), 49: (2.4, 6, 0), 50: (3.3, 6, 0), 51: (0, 6, 0), 57: (0, 9.5, 0), 58: (3, 9, 0), 59: (3.7, 9, 0),
    60: (4, 6.5, 0), 61: (1.4, 6.5, 0), 62: (0, 6.5, 0), 66: (0, 6.5, 0), 67: (1.4, 6.5, 0),
}  # fmt: skip
"""Moves the mean face to where a landmark detector puts its points on people: the mean over the faces of a few photos
and videos, mouths at rest. The bare vertices sit too high at the brow's tail, too low at the nose and mouth, and make
the lower lip too full."""

ACTION_UNITS: dict[str, dict[str, float]] = {
    'AU1': {'browInnerUp': 1.15},
    'AU2': {'browOuterUp{side}': 1.0},
    'AU4': {'browDown{side}': 0.9},
    'AU6': {'cheekSquint{side}': 1.0},
    'AU7': {'eyeSquint{side}': 0.7},
    'AU10': {'mouthUpperUp{side}': 1.0},
    'AU12': {'mouthSmile{side}': 0.85},
    'AU15': {'mouthFrown{side}': 1.1},
    'AU23': {'mouthRollUpper': 0.35, 'mouthRollLower': 0.45},
    'AU24': {'mouthRollUpper': 0.6, 'mouthRollLower': 0.6, 'mouthShrugLower': 0.25},
    'AU25': {'mouthLowerDown{side}': 1.0, 'mouthUpperUp{side}': 0.35},
    'AU26': {'jawOpen': 0.42},
}
"""Face units and weights of each labelled Action Unit at full intensity."""

DISTRACTIONS: dict[str, dict[str, float]] = {
    'AU5': {'eyeWide{side}': 1.0},
    'AU9': {'noseSneer{side}': 1.0},
    'AU14': {'mouthDimple{side}': 0.8},
    'AU17': {'mouthShrugLower': 1.0, 'mouthShrugUpper': 0.4},
    'AU18': {'mouthPucker': 1.0},
    'AU20': {'mouthStretch{side}': 1.0},
    'AU22': {'mouthFunnel': 1.0},
    'AU45': {'eyeBlink{side}': 0.65},
    'cheek_puff': {'cheekPuff': 1.0},
    'gaze_down': {'eyeLookDown{side}': 1.0},
    'gaze_up': {'eyeLookUp{side}': 1.0},
    'gaze_left': {'eyeLookOutLeft': 1.0, 'eyeLookInRight': 1.0},
    'gaze_right': {'eyeLookInLeft': 1.0, 'eyeLookOutRight': 1.0},
    'jaw_forward': {'jawForward': 0.6},
    'jaw_left': {'jawLeft': 1.0},
    'jaw_right': {'jawRight': 1.0},
    'mouth_left': {'mouthLeft': 0.7},
    'mouth_right': {'mouthRight': 0.7},
}
"""Movements that carry no label: they keep a network from reading every change of the face as one of the twelve."""

CORRECTIONS: dict[str, dict[int, tuple[float, float, float]]] = {
    # The cheek lifts the lower lid, most at its outer half, draws the outer eye corner in and the brow's tail down.
    'AU6': {
        41: (0.0, 1.7, 0.6), 40: (0.0, 0.8, 0.4), 36: (-0.8, -0.3, 0.0),
        17: (-0.4, -2.0, 0.0), 18: (-0.2, -1.5, 0.0), 19: (0.0, -0.6, 0.0), 31: (0.2, 0.4, 0.0),
    },
    # The lid tightener closes the slit from both sides and leaves the brow and the cheek alone.
    'AU7': {37: (0.0, -1.7, 0.0), 38: (0.0, -1.8, 0.0)},
    # The unit stops short of the brow's end, which rises with its outer third.
    'AU2': {17: (0.0, 1.5, 0.0)},
    # The lower lip follows the upper one, so that the lips part only a little; parted lips are AU25's.
    'AU10': {
        61: (0.0, -1.6, 0.0), 62: (0.0, -1.6, 0.0), 67: (0.0, 1.8, 0.0), 66: (0.0, 2.2, 0.0),
        59: (0.0, 0.8, 0.0), 58: (0.0, 1.4, 0.0), 57: (0.0, 1.6, 0.0),
    },
    # The corners go back and out as much as up, and the middle of the lips stays nearly where it was.
    'AU12': {
        48: (3.0, -2.5, 0.0), 60: (3.0, -2.2, 0.0), 49: (1.2, -0.5, 0.0),
        57: (0.0, -4.5, 0.0), 58: (0.0, -3.4, 0.0), 59: (1.2, -1.8, 0.0),
        66: (0.0, -3.0, 0.0), 67: (0.0, -2.4, 0.0), 62: (0.0, -2.0, 0.0), 61: (0.0, -1.6, 0.0),
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
}  # fmt: skip
"""Movements added to the face units where they lack something that FACS describes."""

MACRO_SHAPES: dict[str, str] = {
    f'{origin}-{sex}-{age}': f'macrodetails/{origin}-{sex}-{age}'
    for origin in ('african', 'asian', 'caucasian')
    for sex in ('female', 'male')
    for age in ('young', 'old')
} | {
    f'universal-{sex}-{weight}': f'macrodetails/universal-{sex}-young-averagemuscle-{weight}'
    for sex in ('female', 'male')
    for weight in ('minweight', 'maxweight')
}
"""Whole-head shapes by origin, sex and age, and by sex and weight."""


def _pair(folder: str, stem: str, low: str = 'decr', high: str = 'incr') -> tuple[str, tuple[str, str]]:
    return stem, (f'{folder}/{stem}-{low}', f'{folder}/{stem}-{high}')


LOCAL_SHAPES: dict[str, tuple[str, str]] = dict([
    *(_pair('head', f'head-{what}') for what in ('age', 'fat', 'scale-depth', 'scale-horiz', 'scale-vert')),
    ('head-round-square', ('head/head-round', 'head/head-square')),
    ('head-oval-rectangular', ('head/head-oval', 'head/head-rectangular')),
    ('head-triangular', ('head/head-invertedtriangular', 'head/head-triangular')),
    *(_pair('nose', f'nose-{what}') for what in (
        'greek', 'hump', 'nostrils-width', 'scale-depth', 'scale-horiz', 'scale-vert', 'septumangle', 'volume',
        'width3',
    )),
    _pair('nose', 'nose-base', 'down', 'up'),
    _pair('nose', 'nose-curve', 'concave', 'convex'),
    _pair('nose', 'nose-nostrils-angle', 'down', 'up'),
    _pair('nose', 'nose-point', 'down', 'up'),
    _pair('nose', 'nose-trans', 'down', 'up'),
    *(_pair('mouth', f'mouth-{what}') for what in (
        'cupidsbow', 'cupidsbow-width', 'lowerlip-volume', 'lowerlip-width', 'scale-depth',
        'scale-horiz', 'scale-vert', 'upperlip-height', 'upperlip-volume', 'upperlip-width',
    )),
    _pair('mouth', 'mouth-angles', 'down', 'up'),
    _pair('mouth', 'mouth-trans', 'down', 'up'),
    _pair('eyes', '{side}-eye-corner1', 'down', 'up'),
    _pair('eyes', '{side}-eye-corner2', 'down', 'up'),
    *(_pair('eyes', f'{{side}}-eye-{what}') for what in ('height1', 'height2', 'height3', 'scale')),
    _pair('eyes', '{side}-eye-push1', 'in', 'out'),
    _pair('eyes', '{side}-eye-push2', 'in', 'out'),
    _pair('eyes', '{side}-eye-trans', 'in', 'out'),
    _pair('eyebrows', 'eyebrows-angle', 'down', 'up'),
    _pair('eyebrows', 'eyebrows-trans', 'down', 'up'),
    *(_pair('chin', f'chin-{what}') for what in ('bones', 'height', 'jaw-drop', 'prognathism', 'prominent', 'width')),
    *(_pair('cheek', f'{{side}}-cheek-{what}') for what in ('bones', 'volume')),
])  # fmt: skip
"""Opposite local shapes as (low, high) files; ``{side}`` stands for the l- and r- files, which are added."""

ASYMMETRY_SHAPES: dict[str, tuple[str, str]] = dict(
    _pair('asym', f'asym-{what}', 'l', 'r')
    for what in (
        'brown-1', 'brown-2', 'eye-1', 'eye-2', 'eye-3', 'eye-4', 'eye-5', 'eye-6', 'eye-8', 'jaw-3', 'mouth-1',
        'mouth-2', 'nose-1', 'nose-3', 'nose-4', 'cheek-2',
    )
)  # fmt: skip
"""Lopsided shapes as (left, right) files."""
