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
from pyskl.synth.seam import Seam, keep_order, seam_of

__all__ = ['FaceModel']

DEFAULT_FILE = Path(__file__).with_name('face_model.npz')

LAYOUTS = ('ibug68', 'mediapipe478')


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

    @property
    def seam(self) -> Seam:
        """Where lids and lips meet."""
        return seam_of(self.layout)

    @cached_property
    def eyes(self) -> np.ndarray:
        """(12,) int64: the corners and lids of both eyes as iBUG counts them; their mean is the origin."""
        return convert_keypoints(self.layout, 'ibug68')[36:48]

    @cached_property
    def outline(self) -> np.ndarray:
        """(.,) int64: the points on the outline of the face."""
        regions = get_layout(self.layout).regions
        return np.array(regions.get('oval', regions['jaw']), dtype=np.int64)

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
            (T, V, 3) float32 landmarks. What would pass through each other meets, see :mod:`pyskl.synth.seam`.
        """
        num_frames = len(au_weights)
        basis = self.au_fields.reshape(-1, neutral.size)
        moved = np.asarray(au_weights, dtype=np.float32).reshape(num_frames, -1) @ basis
        if distraction_weights is not None:
            basis = self.distraction_fields.reshape(-1, neutral.size)
            moved += np.asarray(distraction_weights, dtype=np.float32).reshape(num_frames, -1) @ basis
        points = moved.reshape(num_frames, *neutral.shape) + neutral.astype(np.float32)
        keep_order(points, self.seam)
        return points
