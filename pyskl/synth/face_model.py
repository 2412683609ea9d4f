"""The face the simulator moves: a neutral landmark face and displacement fields for Action Units and identities.

Units are outer-eye distances of the neutral face. Axes: x to the subject's left, y up, z out of the face; the origin
lies between the eyes. The arrays come from the CC0 MakeHuman head; ``docs/synthetic_data.md`` tells how.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from pyskl.errors import InputError, did_you_mean
from pyskl.keypoints import convert_keypoints, get_layout

__all__ = ['FaceModel']

DEFAULT_FILE = Path(__file__).with_name('face_model.npz')

LAYOUTS = ('ibug68', 'mediapipe478')
LIP_GIVE, LID_GIVE = 0.5, 0.1

# Upper and lower points that touch but never pass each other, on the right side and the midline: the lids and the inner
# edges of the lips. The last number is how far resting lips part there, relative to the middle of the mouth.
_LIDS = {
    'ibug68': ((37, 41), (38, 40)),
    'mediapipe478': ((246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155)),
}
_LIPS = {
    'ibug68': ((61, 67, 1.0), (62, 66, 1.0)),
    'mediapipe478': ((191, 95, 0.3), (80, 88, 0.6), (81, 178, 0.85), (82, 87, 1.0), (13, 14, 1.0)),
}


@dataclass(frozen=True)
class Seam:
    """Points that meet where the face closes, S pairs of them.

    Attributes:
        upper: (S,) int64 points of the upper lids and of the inner edge of the upper lip.
        lower: (S,) int64 the point opposite to each.
        rest: (S,) float32 how far resting lips part there, relative to the middle of the mouth; 0 at the lids.
        give: (S,) float32 the lower point's share in making room: lips meet half way, an upper lid comes down to the
            lower one.
    """

    upper: np.ndarray
    lower: np.ndarray
    rest: np.ndarray
    give: np.ndarray


def _seam(layout: str) -> Seam:
    mirror = get_layout(layout).mirror
    pairs = [(upper, lower, 0.0) for upper, lower in _LIDS[layout]] + list(_LIPS[layout])
    both = dict.fromkeys(pairs + [(int(mirror[upper]), int(mirror[lower]), rest) for upper, lower, rest in pairs])
    upper, lower, rest = zip(*both, strict=True)
    rest = np.array(rest, dtype=np.float32)
    return Seam(np.array(upper), np.array(lower), rest, np.where(rest > 0, LIP_GIVE, LID_GIVE).astype(np.float32))


@dataclass(frozen=True)
class FaceModel:
    """Landmark face with linear displacement fields; all arrays float32.

    Attributes:
        layout: keypoint layout of the V points: ``ibug68``, or ``mediapipe478`` with irises.
        neutral: (V, 3) points of the neutral face.
        au_names: names of the Action Units, A of them.
        au_fields: (A, 2, V, 3) displacement at full intensity made by the subject's right side and by the left one;
            their sum is the Action Unit.
        distraction_names: names of the unlabelled movements, D of them.
        distraction_fields: (D, 2, V, 3) the same for movements that carry no label.
        macro_names: ``origin-sex-age`` and ``universal-sex-weight`` shapes.
        macro_fields: (., V, 3) displacements of whole-head shapes.
        local_names: names of opposite local shapes.
        local_fields: (., 2, V, 3) displacements towards the low and the high end of each local shape.
        asymmetry_names: names of lopsided shapes.
        asymmetry_fields: (., 2, V, 3) displacements of the left and the right variant.
        provenance: where the arrays come from.
    """

    layout: str
    neutral: np.ndarray
    au_names: tuple[str, ...]
    au_fields: np.ndarray
    distraction_names: tuple[str, ...]
    distraction_fields: np.ndarray
    macro_names: tuple[str, ...]
    macro_fields: np.ndarray
    local_names: tuple[str, ...]
    local_fields: np.ndarray
    asymmetry_names: tuple[str, ...]
    asymmetry_fields: np.ndarray
    provenance: dict[str, object]

    @classmethod
    def load(cls, path: Path | str | None = None, layout: str = 'ibug68') -> FaceModel:
        """Load a face model file.

        Args:
            path: ``.npz`` file; the one that ships with the package when not given.
            layout: ``ibug68`` or ``mediapipe478``.

        Raises:
            InputError: if the file cannot be read or lacks an array, or the layout is another.
        """
        path = DEFAULT_FILE if path is None else Path(path)
        if layout not in LAYOUTS:
            raise InputError(f"the face model has no keypoint layout '{layout}'; {did_you_mean(layout, LAYOUTS)}")
        try:
            with path.open('rb') as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files if '/' not in name or name.startswith(f'{layout}/')}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise InputError(f'cannot read the face model {path}: {error}') from error

        def take(name: str) -> np.ndarray:
            if name not in arrays:
                raise InputError(
                    f"the face model {path} lacks '{name}'; rebuild it with tools/data/build_face_model.py"
                )
            return arrays[name]

        values: dict[str, object] = {'layout': layout}
        for field in cls.__dataclass_fields__:
            if field.endswith('_names'):
                values[field] = tuple(str(name) for name in take(field))
            elif field.endswith('_fields'):
                stored, step = take(f'{layout}/{field}'), take(f'{layout}/{field}.step')
                values[field] = stored.astype(np.float32) * np.float32(step)
            elif field == 'provenance':
                values[field] = json.loads(str(take(field)))
            elif field == 'neutral':
                values[field] = take(f'{layout}/neutral')
        return cls(**values)

    @cached_property
    def seam(self) -> Seam:
        """The pairs of points where lids and lips meet."""
        return _seam(self.layout)

    @cached_property
    def eyes(self) -> np.ndarray:
        """(12,) int64: the corners and lids of both eyes as iBUG counts them; their mean is the origin."""
        return convert_keypoints(self.layout, 'ibug68')[36:48]

    def deform(
        self,
        neutral: np.ndarray,
        au_weights: np.ndarray,
        distraction_weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Move a face.

        Args:
            neutral: (V, 3) the face at rest.
            au_weights: (T, A, 2) share of each Action Unit's field for the right and the left side, 1 = full.
            distraction_weights: (T, D, 2) the same for the unlabelled movements; none when not given.

        Returns:
            (T, V, 3) float32 landmarks. Lips that would pass through each other meet half way, an
            upper lid stops at the lower one.
        """
        num_frames = len(au_weights)
        basis = self.au_fields.reshape(-1, neutral.size)
        moved = np.asarray(au_weights, dtype=np.float32).reshape(num_frames, -1) @ basis
        if distraction_weights is not None:
            basis = self.distraction_fields.reshape(-1, neutral.size)
            moved += np.asarray(distraction_weights, dtype=np.float32).reshape(num_frames, -1) @ basis
        points = moved.reshape(num_frames, *neutral.shape) + neutral.astype(np.float32)
        upper, lower, give = self.seam.upper, self.seam.lower, self.seam.give
        overlap = np.maximum(points[:, lower, 1] - points[:, upper, 1], 0)
        points[:, lower, 1] -= give * overlap
        points[:, upper, 1] += (1 - give) * overlap
        return points
