"""Carry what is known of the 68 landmarks over to MediaPipe's face mesh, and give the mesh its irises.

Each mesh point has a vertex of the head of its own, so it knows how the head moves there. What the landmarks' tables
add (corrections of Action Units, the detector's habits) is known at the landmarks only. It is spread over the mesh by
radial basis functions that meet the landmarks' values exactly and fade away from them.
"""

from __future__ import annotations

import numpy as np
from face_model_points import IRIS_RADIUS, RIM_PLACES

from pyskl.keypoints import convert_keypoints, get_layout

__all__ = ['Lift', 'along']

REACH = 0.11  # outer-eye distances over which a landmark's correction fades, a Gaussian's standard deviation
RIDGE = 1e-4
JAW = slice(0, 17)
STIFFNESS = 0.05  # how little a displacement bends along an outline; outer-eye distances, cubed
INNER = slice(17, 68)
EYES = (slice(36, 42), slice(42, 48))  # right, left
MIRROR = get_layout('mediapipe478').mirror
RIM = [*RIM_PLACES, *MIRROR[list(RIM_PLACES)[-2:0:-1]]]  # the oval, in order
IRIS_RINGS = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))  # centre and the four points around it


class Lift:
    """Spreads landmark displacements over the mesh.

    Args:
        mesh: (468, 3) the neutral mesh on the head's own vertices.
        opened: (468, 3) displacement that opens mouth and eyes wide. Distances are measured on that face, so that the
            upper lip's corrections do not reach the lower lip, nor one lid's the other.
    """

    def __init__(self, mesh: np.ndarray, opened: np.ndarray) -> None:
        self.mesh = mesh
        self.place = convert_keypoints('mediapipe478', 'ibug68')
        wide = mesh + opened
        source = wide[self.place]
        kernel = _gaussian(source, source) + RIDGE * np.eye(len(source))
        self.inner_weights = _gaussian(wide, source[INNER]) @ np.linalg.inv(kernel[INNER, INNER])
        self.inner_weights[self.place[INNER]] = np.eye(len(source[INNER]))
        self.jaw_weights = _gaussian(wide, source[JAW])

    def _spread(self, raw: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(468, 3) the vertices' displacement, changed to agree with (68, 3) that of the inner landmarks."""
        return raw + self.inner_weights @ (landmarks - raw[self.place])[INNER]

    def movement(
        self,
        raw: np.ndarray,
        landmarks: np.ndarray,
        added: np.ndarray,
        side: int,
        gaze: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """Return (478, 3) the movement of one side of the face.

        Args:
            raw: (468, 3) displacement of the mesh's vertices.
            landmarks: (68, 3) displacement of the landmarks, corrections included.
            added: (68, 3) the corrections alone. The mesh's rim is not the jaw line of the landmarks, so that only what
                was corrected there is passed on.
            side: 0 right, 1 left.
            gaze: how far the side's iris moves left and up, in percent of the outer-eye distance.
        """
        points = self._spread(raw, landmarks) + self.jaw_weights @ added[JAW]
        irises = np.zeros((10, 3))
        if gaze is not None:
            irises[5 * side : 5 * side + 5, :2] = np.array(gaze) / 100
        return np.concatenate([points, irises])

    def shape(self, raw: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Return (478, 3) the difference a shape makes; an iris goes where its eye goes."""
        points = self._spread(raw, landmarks)
        points[RIM] = along(self.mesh[RIM], points[RIM], closed=True)
        irises = [np.tile(landmarks[eye].mean(axis=0), (5, 1)) for eye in EYES]
        return np.concatenate([points, *irises])

    def face(self, landmarks: np.ndarray) -> np.ndarray:
        """Return (478, 3) the neutral mesh whose inner landmarks lie at ``landmarks``."""
        mesh = self.mesh + self._spread(np.zeros_like(self.mesh), landmarks - self.mesh[self.place])
        for point, place in RIM_PLACES.items():
            mesh[MIRROR[point]] = np.array(place) * [-0.01, 0.01, 0.01]
            mesh[point] = np.array(place) / 100
        points = np.concatenate([mesh, np.zeros((10, 3))])
        names = get_layout('mediapipe478').names
        for eye, ring in zip(EYES, IRIS_RINGS, strict=True):
            outward = -1.0 if eye is EYES[0] else 1.0
            offsets = {'top': (0, 1), 'bottom': (0, -1), 'outer': (outward, 0), 'inner': (-outward, 0)}
            for index in ring:
                x, y = offsets.get(names[index].rpartition('_')[2], (0, 0))
                points[index] = landmarks[eye].mean(axis=0) + IRIS_RADIUS * np.array([x, y, 0])
        return points


def _gaussian(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P, C) Gaussian of the distance of each point from each centre."""
    distance = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    return np.exp(-((distance / REACH) ** 2) / 2)


def along(line: np.ndarray, displacement: np.ndarray, closed: bool = False) -> np.ndarray:
    """Make the displacement of an outline smooth from one point to the next.

    The outline's vertices lie partly on the edge of the jaw and partly above or behind it, so that each follows a
    movement or a shape of the head in its own way; the outline of a face has no such kinks. A smoothing spline
    (Whittaker) keeps what all of them share.

    Args:
        line: (P, 3) the points of the outline on the mean face, in order.
        displacement: (..., P, 3).
        closed: whether the last point is a neighbour of the first.
    """
    step = np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1)  # to the next point
    bend = np.zeros((len(line), len(line)))
    for point in range(0 if closed else 1, len(line) - (not closed)):
        before, after = step[point - 1], step[point]
        for near, weight in ((-1, 1 / before), (0, -1 / before - 1 / after), (1, 1 / after)):
            bend[point, (point + near) % len(line)] = weight * np.sqrt(2 / (before + after))
    return np.linalg.inv(np.eye(len(line)) + STIFFNESS * bend.T @ bend) @ displacement
