"""Which blendshape and which plain distance stand for which Action Unit, and the Action Units of the portraits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Features = Mapping[str, np.ndarray]

REFERENCES: dict[str, tuple[str, ...]] = {
    'AU1': ('browInnerUp',),
    'AU2': ('browOuterUp',),
    'AU4': ('browDown',),
    'AU5': ('eyeWide',),
    'AU6': ('cheekSquint', 'eyeSquint'),
    'AU7': ('eyeSquint',),
    'AU9': ('noseSneer',),
    'AU10': ('mouthUpperUp',),
    'AU12': ('mouthSmile',),
    'AU14': ('mouthDimple',),
    'AU15': ('mouthFrown',),
    'AU17': ('mouthShrugLower',),
    'AU18': ('mouthPucker',),
    'AU20': ('mouthStretch',),
    'AU22': ('mouthFunnel',),
    'AU23': ('mouthPress', 'mouthRollLower+mouthRollUpper'),
    'AU24': ('mouthPress', 'mouthRollLower+mouthRollUpper'),
    'AU25': ('mouthLowerDown+mouthUpperUp', 'lips distance'),
    'AU26': ('jawOpen',),
    'AU27': ('jawOpen',),
    'AU28': ('mouthRollLower+mouthRollUpper',),
    'AU45': ('eyeBlink',),
}
"""Blendshapes related to each AU; the second one is a second opinion. ``+`` is the mean of two."""

ALIKE: dict[str, tuple[str, ...]] = {
    'AU1': ('browOuterUp',),
    'AU2': ('browInnerUp',),
    'AU6': ('eyeSquint', 'mouthSmile'),
    'AU7': ('cheekSquint', 'eyeBlink'),
    'AU9': ('mouthUpperUp',),
    'AU10': ('noseSneer',),
    'AU12': ('mouthDimple', 'cheekSquint'),
    'AU20': ('mouthDimple',),
    'AU25': ('jawOpen', 'mouthClose', 'mouthFunnel', 'mouthStretch'),
    'AU26': ('mouthLowerDown', 'mouthUpperUp', 'mouthClose', 'mouthFunnel', 'mouthStretch'),
    'AU27': ('mouthLowerDown', 'mouthUpperUp', 'mouthClose', 'mouthFunnel', 'mouthStretch'),
    'AU45': ('eyeSquint', 'eyeLookDown'),
}
"""Blendshapes that move with an AU for good reason, so that following them is no mistake."""

UNRELATED: tuple[str, ...] = (
    'browDown', 'browInnerUp', 'browOuterUp', 'cheekPuff', 'cheekSquint', 'eyeBlink', 'eyeLookDown', 'eyeLookUp',
    'eyeSquint', 'eyeWide', 'jawForward', 'jawLeft', 'jawOpen', 'jawRight', 'mouthClose', 'mouthDimple', 'mouthFrown',
    'mouthFunnel', 'mouthLeft', 'mouthLowerDown', 'mouthPress', 'mouthPucker', 'mouthRight', 'mouthRollLower',
    'mouthRollUpper', 'mouthShrugLower', 'mouthShrugUpper', 'mouthSmile', 'mouthStretch', 'mouthUpperUp', 'noseSneer',
)  # fmt: skip
"""Blendshapes searched for mistakes; sideways glances are left out."""

BASELINES: dict[str, tuple[str, Callable[[Features], np.ndarray]]] = {
    'AU1': ('inner brow to eyes', lambda f: f['inner_brow']),
    'AU2': ('outer brow to eyes', lambda f: f['outer_brow']),
    'AU4': ('brow to eyes, reversed', lambda f: -f['brow']),
    'AU5': ('opening of the eyes', lambda f: f['eye_opening']),
    'AU6': ('opening of the eyes, reversed', lambda f: -f['eye_opening']),
    'AU7': ('opening of the eyes, reversed', lambda f: -f['eye_opening']),
    'AU9': ('nose to upper lip, reversed', lambda f: -f['nose_lip']),
    'AU10': ('nose to upper lip, reversed', lambda f: -f['nose_lip']),
    'AU12': ('mouth width', lambda f: f['mouth_width']),
    'AU14': ('mouth width', lambda f: f['mouth_width']),
    'AU15': ('corners below middle of lips', lambda f: f['corners_below']),
    'AU17': ('lower lip to nose, reversed', lambda f: -f['lower_lip_nose']),
    'AU18': ('mouth width, reversed', lambda f: -f['mouth_width']),
    'AU20': ('mouth width', lambda f: f['mouth_width']),
    'AU22': ('mouth width, reversed', lambda f: -f['mouth_width']),
    'AU23': ('thickness of lips, reversed', lambda f: -f['lip_thickness']),
    'AU24': ('thickness of lips, reversed', lambda f: -f['lip_thickness']),
    'AU25': ('gap of lips', lambda f: f['lip_gap']),
    'AU26': ('nose to chin', lambda f: f['nose_chin']),
    'AU27': ('nose to chin', lambda f: f['nose_chin']),
    'AU28': ('thickness of lips, reversed', lambda f: -f['lip_thickness']),
    'AU45': ('opening of the eyes, reversed', lambda f: -f['eye_opening']),
}
"""What a ruler would measure for each AU, larger where the AU is stronger, from :func:`features`."""

PORTRAITS: dict[str, tuple[str, tuple[str, ...]]] = {
    '0-f1-su-ph.jpg': ('surprise', ('AU1', 'AU2', 'AU5', 'AU25', 'AU26')),
    '0-f15-hao-ph.jpg': ('happiness, mouth open', ('AU6', 'AU12', 'AU25')),
    '15-f13-anc-ph.jpg': ('anger, mouth closed', ('AU4', 'AU5', 'AU7', 'AU23', 'AU24')),
    '45-m7-di-ph.jpg': ('disgust', ('AU9', 'AU10', 'AU15', 'AU17')),
}
"""Expression named by each portrait's file, and the AUs that Ekman and Friesen's tables expect of it."""


def features(keypoint: np.ndarray) -> dict[str, np.ndarray]:
    """Measure plain distances in a face.

    Args:
        keypoint: (T, 68, 2) pixels, iBUG order; the frame is turned so that the eyes are level first.

    Returns:
        (T,) float64 each, in distances between the eyes' centres of the same frame; NaN where the eyes coincide.
    """
    points = keypoint[..., 0].astype(np.float64) + 1j * keypoint[..., 1]
    right, left = points[:, [36, 39]].mean(axis=1), points[:, [42, 45]].mean(axis=1)
    span = np.where(left == right, np.nan + 0j, left - right)
    with np.errstate(invalid='ignore'):
        level = (points - ((left + right) / 2)[:, None]) / span[:, None]
    y, x = level.imag, level.real
    opening = y[:, [41, 40, 47, 46]] - y[:, [37, 38, 43, 44]]
    upper, lower = y[:, [61, 62, 63]] - y[:, [50, 51, 52]], y[:, [56, 57, 58]] - y[:, [65, 66, 67]]
    middle = (y[:, 51] + y[:, 57]) / 2
    return {
        'inner_brow': -y[:, [20, 21, 22, 23]].mean(axis=1),
        'outer_brow': -y[:, [17, 18, 25, 26]].mean(axis=1),
        'brow': -y[:, 17:27].mean(axis=1),
        'brow_gap': x[:, 22] - x[:, 21],
        'eye_opening': opening.mean(axis=1),
        'nose_lip': y[:, 51] - y[:, 33],
        'lower_lip_nose': y[:, 57] - y[:, 33],
        'nose_chin': y[:, 8] - y[:, 33],
        'mouth_width': x[:, 54] - x[:, 48],
        'corners_below': (y[:, 48] + y[:, 54]) / 2 - middle,
        'lip_thickness': (upper.mean(axis=1) + lower.mean(axis=1)) / 2,
        'lip_gap': (y[:, [65, 66, 67]] - y[:, [63, 62, 61]]).mean(axis=1),
        'yaw': x[:, 30],
        'pitch': y[:, 30],
    }


def reference(name: str, blendshapes: Mapping[str, np.ndarray], distances: Features) -> np.ndarray:
    """Return one reference of :data:`REFERENCES`, (T,)."""
    if name == 'lips distance':
        return distances['lip_gap']
    return np.mean([blendshapes[part] for part in name.split('+')], axis=0)


def unrelated_to(au: str) -> list[str]:
    """Names of the blendshapes that an AU should not follow."""
    related = {part for name in REFERENCES.get(au, ()) for part in name.split('+')} | set(ALIKE.get(au, ()))
    return [name for name in UNRELATED if name not in related]
