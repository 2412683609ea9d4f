"""Where landmark detectors differ: what each calls the brow or the lip's edge, and how sure it is of each landmark.

The three are told apart by small fixed shifts of whole regions. That MediaPipe's inner points lie within 2.2 % of the
outer-eye distance of dlib's is measured; which way each region is off is our reading of the three sets of examples they
were trained on, not a measurement. Every track draws how much of its detector's shift it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from pyskl.keypoints import get_layout
from pyskl.synth.face_model import FaceModel

__all__ = ['CONVENTIONS', 'DETECTORS', 'TOGETHER', 'Geometry', 'Shift', 'geometry_of', 'smooth_fields']


class Shift(NamedTuple):
    """How a detector's idea of a region differs from the face model's.

    Attributes:
        up: towards the forehead, in outer-eye distances.
        wide: relative growth along the eye line, about the region's centre.
        tall: relative growth across the eye line.
    """

    up: float = 0.0
    wide: float = 0.0
    tall: float = 0.0


CONVENTIONS: Mapping[str, Mapping[str, Shift]] = MappingProxyType(
    {
        'plain': {},
        'dlib': {
            'brows': Shift(up=0.006),
            'jaw': Shift(wide=0.010),
            'eyes': Shift(tall=0.02),
            'outer_lips': Shift(tall=0.01),
        },
        'mediapipe': {
            'brows': Shift(up=-0.010, tall=0.04),
            'jaw': Shift(wide=-0.020, up=0.010),
            'nose_base': Shift(wide=0.04),
            'outer_lips': Shift(tall=-0.04, wide=-0.008),
            'eyes': Shift(tall=-0.02),
        },
        'openpifpaf': {
            'brows': Shift(up=0.012),
            'jaw': Shift(wide=0.020),
            'eyes': Shift(tall=0.05),
            'outer_lips': Shift(tall=0.06),
            'inner_lips': Shift(tall=0.02),
        },
    }
)
"""Detector -> region -> shift; ``plain`` is the face model itself. Shifts add up where regions overlap."""

DETECTORS: tuple[str, ...] = ('mediapipe', 'dlib', 'openpifpaf')
"""The detectors that are imitated."""

TOGETHER: Mapping[str, float] = MappingProxyType({'mediapipe': 0.98, 'dlib': 0.5, 'openpifpaf': 0.3})
"""Share of a detector's noise variance that is a smooth field over the face. MediaPipe bends one mesh: its neighbouring
landmarks tremble as one (correlation 0.92, measured). OpenPifPaf finds each landmark by itself, and dlib lies between;
their shares are assumed."""

FIELD_REACH = 0.4  # outer-eye distances: spacing and width of the bumps that smooth fields are made of
_FIELD_COLUMNS, _FIELD_ROWS = 5, 6
_FIELD_TOP = 0.5  # above the eyes

# How uncertain a landmark is along its contour and across it, relative to the mouth; contours slide, corners hold.
_SPREAD: tuple[tuple[str, float, float], ...] = (
    ('oval', 2.6, 1.2),
    ('jaw', 2.6, 1.2),
    ('brows', 1.4, 0.8),
    ('nose_bridge', 1.1, 0.5),
    ('nose_base', 0.8, 0.8),
    ('eyes', 0.9, 0.6),
    ('irises', 0.7, 0.7),
    ('mouth', 1.2, 0.8),
)
_CORNER = 0.8  # of the mouth
_EYE_CORNER = 0.55
_MOUTH_CORNERS = {'ibug68': (48, 54, 60, 64), 'mediapipe478': (61, 291, 78, 308)}


@dataclass(frozen=True)
class Geometry:
    """What the detectors need to know of a layout of V landmarks.

    Attributes:
        before: (V,) int64 neighbour on one side along the landmark's contour; itself where it is on none.
        after: (V,) int64 neighbour on the other side.
        spread: (V, 2) float32 uncertainty along the contour and across it, relative to the mouth.
        regions: region -> (n,) int64 landmarks.
        outer_eyes: the outer corners of the subject's right and left eye.
        outline: (n,) int64 landmarks on the outline of the face.
    """

    before: np.ndarray
    after: np.ndarray
    spread: np.ndarray
    regions: Mapping[str, np.ndarray]
    outer_eyes: tuple[int, int]
    outline: np.ndarray


@cache
def geometry_of(name: str) -> Geometry:
    """Return the geometry of a layout.

    Args:
        name: a layout with eyes, such as ``ibug68`` or ``mediapipe478``.
    """
    layout = get_layout(name)
    regions = {region: np.array(points, np.int64) for region, points in layout.regions.items()}
    neighbours: list[list[int]] = [[] for _ in range(layout.num_keypoints)]
    for one, other in layout.limbs:
        neighbours[one].append(other)
        neighbours[other].append(one)
    before = np.array([near[0] if near else point for point, near in enumerate(neighbours)], np.int64)
    after = np.array([near[1] if len(near) > 1 else point for point, near in enumerate(neighbours)], np.int64)
    spread = np.ones((layout.num_keypoints, 2), np.float32)
    for region, along, across in _SPREAD:
        if region in regions:
            spread[regions[region]] = along, across
    spread[list(_MOUTH_CORNERS.get(layout.name, ()))] = _CORNER
    spread[list(layout.eye_corners)] = _EYE_CORNER
    outline = regions.get('oval', regions['jaw'])
    return Geometry(before, after, spread, regions, (layout.eye_corners[0], layout.eye_corners[3]), outline)


@cache
def smooth_fields(name: str) -> np.ndarray:
    """Return what smooth noise over the face is made of: Gaussian bumps on a grid in front of the neutral face.

    Args:
        name: a layout of the face model.

    Returns:
        (F, V) float32. Independent values of unit variance, one for each bump, times this matrix have unit variance at
        each landmark, and a correlation of exp(-(d / (2 * 0.4))**2) at a distance of d outer-eye distances. The field
        is the same wherever a layout has its points.
    """
    points = FaceModel.load(layout=name).neutral[:, :2].astype(np.float64)
    column = (np.arange(_FIELD_COLUMNS) - (_FIELD_COLUMNS - 1) / 2) * FIELD_REACH
    row = _FIELD_TOP - np.arange(_FIELD_ROWS) * FIELD_REACH
    centres = np.stack(np.meshgrid(column, row), axis=-1).reshape(-1, 1, 2)
    bumps = np.exp(-((points - centres) ** 2).sum(axis=-1) / (2 * FIELD_REACH**2))
    return (bumps / np.linalg.norm(bumps, axis=0)).astype(np.float32)
