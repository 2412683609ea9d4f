"""Which landmarks the head itself hides: the far side of a turned face.

Two tests, both in the head's own axes. A landmark is hidden when the skin around it faces away from the camera, and
when the line from it to the camera passes through the midline of the face: nose, lips or chin.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.synth.camera import PIVOT, HeadPose, rotations
from pyskl.synth.noise import smooth_step

__all__ = ['visibility']

# Points along the midline, from between the brows to the chin: the profile that hides what lies behind it.
MIDLINES: Mapping[str, tuple[int, ...]] = {
    'ibug68': (27, 28, 29, 30, 33, 51, 62, 66, 57, 8),
    'mediapipe478': (168, 6, 197, 195, 5, 4, 1, 2, 0, 13, 14, 17, 152),
}

HEAD_CENTRE = np.array([0.0, -0.4, -0.85], dtype=np.float32)  # of the ellipsoid whose surface gives the normals
HEAD_RADII = np.array([0.85, 1.3, 1.0], dtype=np.float32)
SIDEMOST = np.cos(np.deg2rad(72.0))  # no landmark faces further to the side: all are seen from straight ahead
TURNED = (-0.16, 0.04)  # cosine between normal and camera: hidden below the first, visible above the second
BEHIND = (-0.13, -0.05)  # outer-eye distances behind the midline: hidden below the first, visible above the second
ASIDE = 0.33  # tangent of the yaw up to which the midline hides nothing


def _normals(face: np.ndarray) -> np.ndarray:
    """(V, 3) unit normals of the head at the landmarks of a face (V, 3): those of an ellipsoid, kept to the front."""
    normals = (face - HEAD_CENTRE) / HEAD_RADII**2
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    ahead = np.maximum(normals[:, 2:], SIDEMOST)
    aside = normals[:, :2] * (np.sqrt(1 - ahead**2) / np.maximum(np.linalg.norm(normals[:, :2], axis=1), 1e-6)[:, None])
    return np.concatenate([aside, ahead], axis=1).astype(np.float32)


def _cameras(pose: HeadPose) -> np.ndarray:
    """(T, 3) place of the camera in the head's own axes."""
    place = pose.position * np.array([-1, -1, 1], dtype=np.float32) - PIVOT
    return np.einsum('tji,tj->ti', rotations(pose.angles).astype(np.float32), place) + PIVOT


def visibility(points: np.ndarray, pose: HeadPose, layout: str = 'ibug68') -> np.ndarray:
    """Tell which landmarks the camera can see.

    Args:
        points: (T, V, 3) landmarks in the head's own axes, outer-eye distances; the origin lies between the eyes.
        pose: head pose of the same T frames.
        layout: ``ibug68`` or ``mediapipe478``: where the midline is.

    Returns:
        (T, V) float32: 1 visible, 0 hidden, in between at the edge. The further the head turns to one side, the less
        is visible of the other.

    Raises:
        InputError: if the layout is unknown.
    """
    if layout not in MIDLINES:
        raise InputError(f"no self-occlusion is known for the layout '{layout}'; {did_you_mean(layout, MIDLINES)}")
    face = points[:: max(1, len(points) // 16)].mean(axis=0)  # expressions change neither normals nor profile much
    cameras = _cameras(pose)
    # The camera is several heads away: distances to it hardly differ between landmarks, directions do a little.
    normals = _normals(face)
    facing = cameras @ normals.T - (face * normals).sum(axis=1)
    facing /= np.linalg.norm(cameras - face.mean(axis=0), axis=1, keepdims=True)
    facing -= np.float32(TURNED[0])
    facing /= np.float32(TURNED[1] - TURNED[0])
    seen = smooth_step(facing)

    knots = face[list(MIDLINES[layout])]
    knots = knots[np.argsort(knots[:, 1])]
    across = face[:, 0] - np.interp(face[:, 1], knots[:, 1], knots[:, 0])
    # The line of sight must lead over the midline: only landmarks of the far side, and only once the head has turned.
    for side in (-1, 1):
        frames = np.flatnonzero(-side * cameras[:, 0] > ASIDE * np.maximum(cameras[:, 2], 0))
        behind = np.flatnonzero(side * across > 0)
        if not (len(frames) and len(behind)):
            continue
        camera, beside = cameras[frames], np.abs(across[behind]).astype(np.float32)
        share = beside / (np.abs(camera[:, :1]) + beside)  # of the way to the camera
        height = face[behind, 1] + share * (camera[:, 1:2] - face[behind, 1])
        depth = face[behind, 2] + share * (camera[:, 2:] - face[behind, 2])
        clear = depth - np.interp(height, knots[:, 1], knots[:, 2]).astype(np.float32)
        seen[np.ix_(frames, behind)] *= smooth_step((clear - BEHIND[0]) / (BEHIND[1] - BEHIND[0]))
    return seen
