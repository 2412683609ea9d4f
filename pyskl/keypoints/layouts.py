"""The known keypoint layouts, by name, and selections of them by region.

``'ibug68'`` is a layout; ``'ibug68:brows+mouth'`` is its keypoints on the brows and the mouth.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.keypoints.faces import IBUG51, IBUG68, OPENFACE68
from pyskl.keypoints.layout import KeypointLayout, selection
from pyskl.keypoints.mediapipe import IBUG68_IN_MEDIAPIPE478
from pyskl.keypoints.mesh import MEDIAPIPE478
from pyskl.keypoints.wholebody import FACE_IN_WHOLEBODY133, WHOLEBODY133

__all__ = ['LAYOUTS', 'KeypointLayout', 'convert_keypoints', 'get_layout', 'guess_layout', 'selection']

LAYOUTS: dict[str, KeypointLayout] = {
    layout.name: layout for layout in (IBUG68, IBUG51, WHOLEBODY133, OPENFACE68, MEDIAPIPE478)
}
"""Every known layout by name: ``ibug68``; ``ibug51``, its inner points (no jaw line); ``coco_wholebody133``;
``openface68``, which is iBUG's by another name; ``mediapipe478``, a face mesh with irises."""

_IBUG68_PLACES = {
    'ibug68': range(68),
    'openface68': range(68),
    'coco_wholebody133': FACE_IN_WHOLEBODY133,
    'mediapipe478': IBUG68_IN_MEDIAPIPE478.tolist(),
}


def get_layout(name: str) -> KeypointLayout:
    """Return the layout of that name.

    Args:
        name: a layout, or a layout and the regions to select from it: ``'ibug68:brows+mouth'``.

    Returns:
        For a selection, its keypoints have the order of the layout they come from, each once. The selection's own
        name is the same for all ways to write it; one of all keypoints is the layout itself.

    Raises:
        InputError: if there is none, or it has no such region; the message names the closest.
    """
    layout = LAYOUTS.get(name)
    return layout if layout is not None else _select(name)


@lru_cache(maxsize=256)
def _select(name: str) -> KeypointLayout:
    base, colon, choice = (part.strip() for part in name.partition(':'))
    if base not in LAYOUTS:
        raise InputError(f"unknown keypoint layout '{base}'; {did_you_mean(base, LAYOUTS)}")
    layout = LAYOUTS[base]
    if not colon:
        return layout
    wanted: set[int] = set()
    for region in (part.strip() for part in choice.split('+')):
        if region not in layout.regions:
            raise InputError(
                f"keypoint layout '{name}': '{base}' has no region '{region}'; {did_you_mean(region, layout.regions)}"
            )
        wanted.update(layout.regions[region])
    if len(wanted) == layout.num_keypoints:
        return layout
    parts, covered = [], set()
    for region, members in layout.regions.items():
        if wanted.issuperset(members) and not covered.issuperset(members):
            parts.append(region)
            covered.update(members)
    canonical = f'{base}:{"+".join(parts)}'
    return selection(canonical, layout, sorted(wanted)) if name == canonical else _select(canonical)


def guess_layout(num_keypoints: int) -> KeypointLayout:
    """Return the layout with that number of keypoints, for annotation files that do not name theirs.

    Raises:
        InputError: if no known layout has that number.
    """
    for layout in LAYOUTS.values():
        if layout.num_keypoints == num_keypoints:
            return layout
    known = ', '.join(f'{layout.num_keypoints} ({layout.name})' for layout in LAYOUTS.values())
    raise InputError(f'no keypoint layout has {num_keypoints} keypoints; known: {known}')


@lru_cache(maxsize=256)
def convert_keypoints(source: str, target: str) -> np.ndarray:
    """Return the index array that turns keypoints of one layout into another: ``keypoint[:, :, indices]``.

    Args:
        source: name of the layout the keypoints are in; regions may be selected, as in :func:`get_layout`.
        target: name of the layout wanted; ``source`` must have all of its keypoints.

    Returns:
        (V_target,) int64 indices into the source's keypoints, read-only.

    Raises:
        InputError: if a layout is unknown or ``source`` lacks keypoints of ``target``.
    """
    have, want = get_layout(source), get_layout(target)
    have_root, have_indices = _root(have)
    want_root, want_indices = _root(want)
    place = {index: number for number, index in enumerate(have_indices)}
    if have_root != want_root and want_root != 'mediapipe478':  # the mesh has points that no other layout has
        ours = dict(zip(_IBUG68_PLACES[want_root], _IBUG68_PLACES[have_root], strict=True))
        want_indices = [ours.get(index, -1) for index in want_indices]
    elif have_root != want_root:
        want_indices = [-1]
    missing = [number for number, index in enumerate(want_indices) if index not in place]
    if missing:
        raise InputError(
            f"keypoints in layout '{source}' ({have.num_keypoints} points) cannot be turned into '{target}' "
            f"({want.num_keypoints} points): they lack '{want.names[missing[0]]}'"
        )
    indices = np.array([place[index] for index in want_indices], dtype=np.int64)
    indices.setflags(write=False)
    return indices


def _root(layout: KeypointLayout) -> tuple[str, list[int]]:
    """Return the layout that one is selected from, and where in it each keypoint lies."""
    indices = list(range(layout.num_keypoints))
    while layout.source is not None:
        indices = [layout.indices[index] for index in indices]
        layout = LAYOUTS[layout.source]
    return layout.name, indices
