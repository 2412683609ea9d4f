"""pyskl: facial Action Unit recognition from face keypoints with PoseConv3D."""

from __future__ import annotations

__version__ = '0.1.0'
