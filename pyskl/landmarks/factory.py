"""Extractors by name, for commands and configs."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from pyskl.errors import InputError, did_you_mean
from pyskl.landmarks.base import LandmarkExtractor
from pyskl.landmarks.dlib_extractor import DlibExtractor
from pyskl.landmarks.mediapipe_extractor import MediaPipeExtractor

__all__ = ['EXTRACTORS', 'make_extractor']

EXTRACTORS = MappingProxyType[str, Callable[..., LandmarkExtractor]](
    {'mediapipe': MediaPipeExtractor, 'dlib': DlibExtractor}
)
"""Every extractor by name; the first is the default of the commands."""


def make_extractor(
    name: str = 'mediapipe',
    layout: str = 'ibug68',
    max_faces: int = 1,
    small_faces: bool = True,
    **options: Any,
) -> LandmarkExtractor:
    """Make an extractor.

    Args:
        name: a key of :data:`EXTRACTORS`.
        layout: the keypoint layout wanted.
        max_faces: how many faces are looked for in a frame.
        small_faces: whether to search for small faces too: in tiles (mediapipe), in the doubled picture (dlib).
        options: further arguments of the extractor, such as ``model``.

    Raises:
        InputError: if there is no such extractor, its library is not installed, or it cannot give the layout.
    """
    if name not in EXTRACTORS:
        raise InputError(f"unknown extractor '{name}'; {did_you_mean(name, EXTRACTORS)}")
    if name == 'dlib':
        options.setdefault('upsample', 1 if small_faces else 0)
    else:
        options['small_faces'] = small_faces
    return EXTRACTORS[name](layout=layout, max_faces=max_faces, **options)
