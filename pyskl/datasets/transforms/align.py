"""Aligning faces by their eyes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.geometry import as_complex, as_points, set_keypoint
from pyskl.errors import InputError, did_you_mean
from pyskl.keypoints import eye_centers, get_layout
from pyskl.registry import TRANSFORMS

__all__ = ['AlignFace']

MIN_EYE_DISTANCE = 1.0  # pixels; eyes closer than this say nothing about the size of the face
MIN_BOX = 10.0  # pixels; a face without eyes is taken to be at least that large
BOX_PADDING = 0.25


@TRANSFORMS.register_module()
class AlignFace(BaseTransform):
    """Put the eyes of every face at the same place, level and the same distance apart.

    What remains is how the rest of the face moves relative to the eyes. A box around all keypoints, as
    ``PoseCompact`` cuts it, follows raised brows and a dropped jaw, and hides part of them.

    The eyes are those that ``PoseDecode`` found before keypoints were selected; without them, those of the sample's
    own layout. Where a frame has no eyes, the alignment is interpolated between the frames before and after, and held
    at the ends. A clip in which no eyes were found is moved as a whole so that the box of its keypoints fills the
    plane, with a quarter more around it.

    Args:
        size: (width, height) of the new picture plane in pixels.
        eye_distance: distance between the centres of the eyes, as a part of the width. The default leaves room for the
            jaw line with an open mouth; 0.4, with ``eye_height=0.3``, suits brows, eyes, nose and mouth alone.
        eye_height: how far the eyes are below the upper edge, as a part of the height.
        per: ``'frame'`` aligns each frame by its own eyes, which takes the head's motion and roll away; ``'clip'``
            moves all frames alike, by the median over those with eyes, and keeps them.
        scale: ``'clip'``: one scale for the whole clip, from the median distance of the eyes. ``'frame'``: that of each
            frame; eyes come closer when the head turns, so the face is then stretched as if the brows had risen.
        fit: make a face smaller that would reach below the plane. Seen from the side, the eyes are close together, and
            their distance alone blows the face up: at 60 degrees to twice its size.

    Raises:
        InputError: if an argument is out of range, or neither the sample nor its layout has eyes.

    Changes ``keypoint`` and ``img_shape``; adds ``face_origin`` (2,), the point between the eyes, and ``face_scale``
    (M * num_clips,), the distance of the eyes, both in pixels of the new plane; the scale is NaN where there were no
    eyes. Keypoints that were not detected (score 0, or exactly 0, 0) stay 0. Several
    faces, and several clips of a sample, are aligned each on its own.
    """

    def __init__(
        self,
        size: tuple[int, int] = (56, 56),
        eye_distance: float = 0.32,
        eye_height: float = 0.25,
        per: str = 'frame',
        scale: str = 'clip',
        fit: bool = False,
    ) -> None:
        is_pair = isinstance(size, Sequence) and len(size) == 2 and all(isinstance(edge, int) for edge in size)
        if not is_pair or min(size) < 1:
            raise InputError(f'AlignFace: size must be (width, height) in pixels, not {size}')
        if not (0 < eye_distance <= 1 and 0 <= eye_height <= 1):
            raise InputError(
                f'AlignFace: eye_distance={eye_distance} and eye_height={eye_height} are parts of the size, in 0..1'
            )
        for name, value in (('per', per), ('scale', scale)):
            if value not in ('frame', 'clip'):
                raise InputError(f"AlignFace: unknown {name} '{value}'; {did_you_mean(str(value), ('frame', 'clip'))}")
        if (per, scale) == ('clip', 'frame'):
            raise InputError("AlignFace: scale='frame' needs per='frame'")
        self.size = tuple(size)
        self.eye_distance = eye_distance * size[0]
        self.target = complex(size[0] / 2, eye_height * size[1])
        self.per = per
        self.scale = scale
        self.fit = fit

    def transform(self, results: dict) -> dict:
        keypoint, score = results['keypoint'], results['keypoint_score']
        persons, frames, points = score.shape
        clips = results.get('num_clips', 1)
        rows, length = persons * clips, frames // clips
        centers, found = self._eyes(results)
        eyes = as_complex(centers).reshape(rows, length, 2)
        found = found.reshape(rows, length)
        seen = (score > 0) & ((keypoint[..., 0] != 0) | (keypoint[..., 1] != 0))
        before = as_complex(keypoint).reshape(rows, length, points)
        after = np.empty_like(before)
        face_scale = np.full(rows, np.nan, np.float32)
        for row in range(rows):
            right, left = eyes[row, :, 0], eyes[row, :, 1]
            span = left - right
            distance = np.abs(span)
            usable = found[row] & (distance >= MIN_EYE_DISTANCE) & (distance < np.inf)
            if usable.any():
                origin, turn = self._alignment((left + right) / 2, span, distance, usable)
                target = self.target
                face_scale[row] = self.eye_distance
            else:
                box = seen.reshape(rows, length, points)[row]
                origin, turn = self._box(before[row][box])
                target = complex(self.size[0] / 2, self.size[1] / 2)
            np.subtract(before[row], origin, out=after[row])
            after[row] *= turn
            if self.fit:
                excess = self._excess(after[row].imag, seen.reshape(rows, length, points)[row])
                after[row] /= excess
                face_scale[row] /= excess
            after[row] += target
        moved = as_points(after).reshape(keypoint.shape)
        if not seen.all():
            moved[~seen] = 0
        set_keypoint(results, moved)
        results['img_shape'] = (self.size[1], self.size[0])
        results['face_origin'] = (self.target.real, self.target.imag)
        results['face_scale'] = face_scale
        return results

    def _alignment(
        self, middle: np.ndarray, span: np.ndarray, distance: np.ndarray, usable: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the origin (T, 1) and the turn with its scale (T, 1), or (1, 1), of a clip.

        Args:
            middle, span, distance: (T,) of the eyes: the middle, from the right to the left one, and its length.
            usable: (T,) frames where they are known; at least one.
        """
        every = bool(usable.all())
        known = np.flatnonzero(usable)
        if not every:
            middle, span, distance = middle[known], span[known], distance[known]
        if self.per == 'clip':
            direction = _median(span / distance)
            size = abs(direction)
            direction = direction / size if size > 1e-3 else 1.0  # no common direction: the eyes jump about
            turn = self.eye_distance / _middle(distance) / direction
            return np.array([[_median(middle)]], dtype=np.complex64), np.array([[turn]], dtype=np.complex64)
        turn = np.conj(span) * (self.eye_distance / distance)
        turn /= _middle(distance) if self.scale == 'clip' else distance
        if not every:
            middle, turn = _spread(known, len(usable), middle, turn)
        return middle[:, None], turn[:, None]

    def _excess(self, below: np.ndarray, seen: np.ndarray) -> float:
        """Return by how much the face of a clip is too high for the plane, at least 1.

        Args:
            below: (T, V) height below the eyes.
            seen: (T, V) which of them count.
        """
        lowest = (below if seen.all() else np.where(seen, below, 0)).max(axis=1)
        return max(1.0, _middle(lowest) / (self.size[1] - self.target.imag))

    def _box(self, points: np.ndarray) -> tuple[complex, complex]:
        """Return origin and scale that make the box of points fill the plane."""
        if not points.size:
            return 0j, 1 + 0j
        x, y = points.real, points.imag
        low, high = complex(x.min(), y.min()), complex(x.max(), y.max())
        reach = (high - low) * (1 + BOX_PADDING)
        factor = min(self.size[0] / max(reach.real, MIN_BOX), self.size[1] / max(reach.imag, MIN_BOX))
        return (low + high) / 2, complex(factor)

    @staticmethod
    def _eyes(results: dict) -> tuple[np.ndarray, np.ndarray]:
        if 'eye_centers' in results and 'eye_found' in results:
            return results['eye_centers'], results['eye_found']
        name = results.get('keypoint_layout')
        if name is None:
            raise InputError('AlignFace: the sample has neither eye_centers nor a keypoint_layout')
        layout = get_layout(name)
        if layout.eye_corners is None:
            raise InputError(
                f"AlignFace: the layout '{name}' has no corners of the eyes; put AlignFace right after PoseDecode and "
                'use a file whose layout has them, or use PoseCompact'
            )
        count = results['keypoint'].shape[2]
        if layout.num_keypoints != count:
            raise InputError(
                f"AlignFace: the sample has {count} keypoints, its layout '{layout.name}' {layout.num_keypoints}"
            )
        return eye_centers(results['keypoint'], results['keypoint_score'], layout)


def _middle(numbers: np.ndarray) -> float:
    """Return the median; NumPy's own costs more than the rest of the alignment."""
    ordered, half = np.sort(numbers), len(numbers) // 2
    return float(ordered[half] if len(numbers) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def _median(numbers: np.ndarray) -> complex:
    return complex(_middle(numbers.real), _middle(numbers.imag))


def _spread(known: np.ndarray, length: int, middle: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return origins and turns of all frames from those of the ``known`` ones; held before and after them.

    Angles go the shorter way round, at an even pace: a straight line between opposite turns would pass through zero.
    """
    frame = np.arange(length)
    after = np.searchsorted(known, frame)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(known) - 1)
    begin, end = known[before], known[after]
    part = np.where(end > begin, (frame - begin) / np.maximum(end - begin, 1), 0).astype(np.float32)
    middle = middle[before] + (middle[after] - middle[before]) * part
    return middle, turn[before] * (turn[after] / turn[before]) ** part
