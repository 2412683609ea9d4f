"""Filling short gaps in which keypoints were not detected."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from pyskl.datasets.transforms.geometry import as_complex, as_points
from pyskl.errors import InputError
from pyskl.registry import TRANSFORMS

__all__ = ['InterpolateGaps']


@TRANSFORMS.register_module()
class InterpolateGaps(BaseTransform):
    """Fill short gaps between two detections of a keypoint with the straight line between them.

    A keypoint is missing where its score is 0 or both of its coordinates are. Longer gaps stay as they are, and so do
    missing keypoints before the first and after the last detection in the clip.

    Args:
        max_gap: longest gap to fill, in frames of the video, as told by ``frame_positions`` or ``frame_inds``.
        decay: the score of a filled keypoint is the smaller of its neighbours' times ``decay`` to the power of the
            distance, in frames, to the nearer one. 1 leaves it as sure as they are.

    Changes ``keypoint`` and ``keypoint_score``, and ``eye_centers`` and ``eye_found`` where they exist.
    """

    def __init__(self, max_gap: int, decay: float = 0.9) -> None:
        if not max_gap >= 1:
            raise InputError(f'InterpolateGaps: max_gap must be at least 1 frame, but is {max_gap}')
        if not 0 < decay <= 1:
            raise InputError(f'InterpolateGaps: decay must be above 0 and at most 1, but is {decay}')
        self.max_gap = max_gap
        self.decay = decay

    def transform(self, results: dict) -> dict:
        keypoint, score = results['keypoint'], results['keypoint_score']
        seen = (score > 0) & ((keypoint[..., 0] != 0) | (keypoint[..., 1] != 0))
        eyes_seen = results.get('eye_found')
        if seen.all() and (eyes_seen is None or eyes_seen.all()):
            return results
        if eyes_seen is None or eyes_seen.all():
            results['keypoint'], results['keypoint_score'], _ = self._fill(results, keypoint, score, seen)
            return results
        both = np.broadcast_to(eyes_seen[..., None], (*eyes_seen.shape, 2))  # as two keypoints more
        keypoint, score, seen = self._fill(
            results,
            np.concatenate([keypoint, results['eye_centers']], axis=2),
            np.concatenate([score, both], axis=2),
            np.concatenate([seen, both], axis=2),
        )
        results['keypoint'], results['keypoint_score'] = keypoint[:, :, :-2], score[:, :, :-2]
        results['eye_centers'], results['eye_found'] = keypoint[:, :, -2:], seen[:, :, -1]
        return results

    def _fill(
        self, results: dict, keypoint: np.ndarray, score: np.ndarray, seen: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (M, T, V, 2) keypoints, (M, T, V) scores, and where they are known, with gaps filled."""
        persons, frames, points = seen.shape
        clips = results.get('num_clips', 1)
        length = frames // clips  # no line leads from one clip into the next
        split = seen.reshape(persons * clips, length, points)
        # Only the tracks of keypoints with a gap, (N, T): most have none.
        row, point = np.nonzero(~split.all(axis=1))
        tracks = split[row, :, point]
        place = np.arange(length)
        before = np.maximum.accumulate(np.where(tracks, place, -1), axis=1)
        after = np.minimum.accumulate(np.where(tracks, place, length)[:, ::-1], axis=1)[:, ::-1]
        inner = np.flatnonzero(~tracks & (before >= 0) & (after < length))
        track, frame = np.divmod(inner, length)
        before, after = before.ravel().take(inner), after.ravel().take(inner)
        time = self._times(results, frames)
        clip = (row % clips * length).take(track)
        begin, now, end = time.take(clip + before), time.take(clip + frame), time.take(clip + after)
        short = (begin <= now) & (now <= end) & (begin < end) & (end - begin <= self.max_gap + 1)
        if not short.any():
            return keypoint, score, seen
        first_frame = (row * (length * points) + point).take(track)  # as flat indices into (M, T, V)
        target, first, last = (first_frame + points * moment for moment in (frame, before, after))
        if not short.all():
            target, first, last, begin, now, end = (some[short] for some in (target, first, last, begin, now, end))

        weight = ((now - begin) / (end - begin)).astype(np.float32)
        line, scores, filled = as_complex(keypoint).flatten(), score.flatten(), seen.flatten()
        line[target] = line.take(first) * (1 - weight) + line.take(last) * weight
        nearer = np.minimum(now - begin, end - now)
        scores[target] = np.minimum(scores.take(first), scores.take(last)) * (self.decay**nearer).astype(np.float32)
        filled[target] = True
        return as_points(line).reshape(keypoint.shape), scores.reshape(score.shape), filled.reshape(seen.shape)

    @staticmethod
    def _times(results: dict, frames: int) -> np.ndarray:
        """Return (T,) float64: where each frame lies in the video, counted in frames."""
        times = results.get('frame_positions')
        if times is None:
            times = results.get('frame_inds')
        return np.arange(frames, dtype=np.float64) if times is None else np.asarray(times, dtype=np.float64)
