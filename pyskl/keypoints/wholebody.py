"""The 133 keypoints of COCO-WholeBody (Jin et al., Whole-Body Human Pose Estimation in the Wild, 2020)."""

from __future__ import annotations

from pyskl.keypoints.faces import IBUG68
from pyskl.keypoints.layout import KeypointLayout, chain

__all__ = ['FACE_IN_WHOLEBODY133', 'WHOLEBODY133']

FACE_IN_WHOLEBODY133 = range(23, 91)
"""Where the iBUG 68 keypoints lie."""

_LEFT_HAND, _RIGHT_HAND, _FEET = range(91, 112), range(112, 133), range(17, 23)
_JOINTS = ('eye', 'ear', 'shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
_FOOT = ('big_toe', 'small_toe', 'heel')
_FINGERS = ('thumb', 'index_finger', 'middle_finger', 'ring_finger', 'little_finger')


def _names() -> tuple[str, ...]:
    names = ['nose', *(f'{side}_{joint}' for joint in _JOINTS for side in ('left', 'right'))]
    names += [f'{side}_{part}' for side in ('left', 'right') for part in _FOOT]
    names += IBUG68.names
    for side in ('left', 'right'):
        names += [f'{side}_hand_root', *(f'{side}_{finger}_{joint}' for finger in _FINGERS for joint in range(4))]
    return tuple(names)


def _wholebody133() -> KeypointLayout:
    face = FACE_IN_WHOLEBODY133.start
    pairs = [(right, right - 1) for right in range(2, 17, 2)]  # body: even indices are on the subject's right
    pairs += [(20, 17), (21, 18), (22, 19)]  # feet
    pairs += [(right + face, left + face) for right, left in IBUG68.pairs]
    pairs += list(zip(_RIGHT_HAND, _LEFT_HAND, strict=True))
    limbs = [(15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12)]  # legs and trunk
    limbs += [(5, 6), (5, 7), (6, 8), (7, 9), (8, 10)]  # arms
    limbs += [(1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)]  # head
    limbs += [(15, 17), (15, 18), (15, 19), (16, 20), (16, 21), (16, 22)]  # feet
    limbs += [(start + face, end + face) for start, end in IBUG68.limbs]
    for wrist, hand in ((9, _LEFT_HAND), (10, _RIGHT_HAND)):
        limbs += [(wrist, hand[0])]
        for finger in range(5):
            base = 1 + 4 * finger
            limbs += chain(hand[0], *hand[base : base + 4])
    regions = {
        'body': range(17),
        'feet': _FEET,
        'hands': range(91, 133),
        'right_hand': _RIGHT_HAND,
        'left_hand': _LEFT_HAND,
        **{name: [index + face for index in members] for name, members in IBUG68.regions.items()},
    }
    return KeypointLayout(
        'coco_wholebody133',
        133,
        tuple(pairs),
        tuple(limbs),
        names=_names(),
        regions={name: tuple(indices) for name, indices in regions.items()},
        eye_corners=tuple(index + face for index in IBUG68.eye_corners),
    )


WHOLEBODY133 = _wholebody133()
