"""The keypoints drawn on a video, with a panel of Action Units beside the picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyskl.apis.results import AUResult
from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.progress import progress_bar
from pyskl.video.reader import iter_frames
from pyskl.video.writer import VideoWriter
from pyskl.visualization.panel import draw_panel
from pyskl.visualization.style import ACTIVE, INACTIVE, TEXT

__all__ = ['OverlayPainter', 'draw_overlay']

MIN_HEIGHT, MAX_HEIGHT = 480, 1080
"""Smaller pictures are enlarged so that the panel can be read, larger ones shrunk so that every player shows them."""

_SUBPIXEL_BITS = 4


class OverlayPainter:
    """Draws one frame after the other; everything scales with the picture.

    Args:
        img_shape: (height, width) of the frames and of the keypoints' coordinates, in pixels.
        layout: name of the keypoint layout.
        aus: names of the AUs.
        thresholds: their thresholds, marked on the bars, or None.
        note: a line at the foot of the panel, such as a warning, or None.
    """

    def __init__(
        self,
        img_shape: tuple[int, int],
        layout: str,
        aus: tuple[str, ...],
        thresholds: tuple[float, ...] | None = None,
        note: str | None = None,
    ) -> None:
        height, width = img_shape
        self.height = min(max(height, MIN_HEIGHT), MAX_HEIGHT) // 2 * 2
        self.width = max(2, round(width * self.height / height) // 2 * 2)
        self.panel_width = round(self.height * 0.84) // 2 * 2
        self.limbs = get_layout(layout).limbs
        self.aus, self.thresholds, self.note = aus, thresholds, note
        self._scale = np.array([self.width / width, self.height / height])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the pictures drawn, in pixels."""
        return self.height, self.width + self.panel_width

    def draw(
        self,
        image: np.ndarray,
        keypoint: np.ndarray,
        score: np.ndarray,
        probability: np.ndarray,
        occurrence: np.ndarray,
        heading: str,
    ) -> np.ndarray:
        """Draw one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            keypoint: (V, 2) pixels of ``image``.
            score: (V,); keypoints of score 0 are not drawn.
            probability: (A,), NaN without a face.
            occurrence: (A,), 1, 0 or -1.
            heading: a line at the head of the panel.

        Returns:
            (height, width, 3) uint8 RGB, see :attr:`size`.
        """
        import cv2

        shrinks = image.shape[0] > self.height
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        canvas = np.empty((*self.size, 3), np.uint8)
        picture = cv2.resize(image, (self.width, self.height), interpolation=way)
        self._draw_face(picture, keypoint, score)
        canvas[:, : self.width] = picture
        canvas[:, self.width :] = draw_panel(
            (self.height, self.panel_width), self.aus, probability, occurrence, self.thresholds, heading, self.note
        )
        return canvas

    def _draw_face(self, picture: np.ndarray, keypoint: np.ndarray, score: np.ndarray) -> None:
        """Draw limbs and keypoints, sized by the face so that a small face is not painted over."""
        import cv2

        seen = score > 0
        if not seen.any():
            return
        points = keypoint * self._scale
        extent = float(np.ptp(points[seen], axis=0).max())
        radius, thickness = max(1.0, extent / 110), max(1, round(extent / 260))
        places = np.round(points * (1 << _SUBPIXEL_BITS)).astype(int)
        for start, end in self.limbs:
            if seen[start] and seen[end]:
                cv2.line(
                    picture,
                    places[start].tolist(),
                    places[end].tolist(),
                    INACTIVE,
                    thickness,
                    cv2.LINE_AA,
                    _SUBPIXEL_BITS,
                )
        for place in places[seen]:
            centre, size = place.tolist(), round(radius * (1 << _SUBPIXEL_BITS))
            cv2.circle(picture, centre, size, ACTIVE, -1, cv2.LINE_AA, _SUBPIXEL_BITS)
            cv2.circle(picture, centre, size // 3, TEXT, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def draw_overlay(
    video: Path | str,
    annotation: Mapping[str, Any],
    result: AUResult,
    out: Path | str,
    note: str | None = None,
    progress: bool = False,
) -> None:
    """Write a video with keypoints on the face and a panel of AUs beside it.

    The video is decoded a second time, frame by frame, so memory does not grow with its length.

    Args:
        video: the video the annotation was made from.
        annotation: what :func:`pyskl.landmarks.extract_annotation` returned.
        result: the AUs, one row a frame.
        out: the ``.mp4`` file to write.
        note: a line at the foot of the panel.
        progress: whether to show a progress bar on stderr.

    Raises:
        InputError: if the video is unreadable, or has another number of frames than the annotation or the result.
    """
    keypoint, score = annotation['keypoint'][0], annotation['keypoint_score'][0]
    layout = annotation.get('keypoint_layout', 'ibug68')
    num_frames = len(keypoint)
    if len(result) != num_frames:
        raise InputError(f'{video}: the result has {len(result)} frames, the annotation {num_frames}')
    painter = OverlayPainter(tuple(annotation['img_shape']), layout, result.aus, result.thresholds, note)
    fps = float(annotation.get('fps', 25.0))
    count = 0
    with (
        VideoWriter(out, fps) as writer,
        progress_bar(iter_frames(video), 'drawing the overlay', num_frames, shown=progress) as frames,
    ):
        for frame in frames:
            row, count = frame.index, frame.index + 1
            if count > num_frames:
                break
            heading = f'frame {count}   {frame.timestamp:.2f} s'
            picture = painter.draw(
                frame.image, keypoint[row], score[row], result.probability[row], result.occurrence[row], heading
            )
            writer.write(picture, frame.timestamp)
        if count != num_frames:
            raise InputError(f'{video}: the annotation is of {num_frames} frames, the video has {count} or more')
