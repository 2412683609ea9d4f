"""Pictures of keypoints and Action Units."""

from __future__ import annotations

from pyskl.visualization.overlay import OverlayPainter, draw_overlay
from pyskl.visualization.timeline import draw_timeline

__all__ = ['OverlayPainter', 'draw_overlay', 'draw_timeline']
