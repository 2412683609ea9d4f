"""The face the simulator moves: a neutral landmark face and displacement fields for Action Units and identities.

Units are outer-eye distances of the neutral face. Axes: x to the subject's left, y up, z out of the face; the origin
lies between the eyes. The arrays come from the CC0 MakeHuman head; ``docs/synthetic_data.md`` tells how.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from pyskl.errors import InputError

__all__ = ['FaceModel']

DEFAULT_FILE = Path(__file__).with_name('face_model_68.npz')

# Upper and lower points that touch but never pass each other: the lids and the inner edges of the lips.
_UPPER = np.array([37, 38, 43, 44, 61, 62, 63])
_LOWER = np.array([41, 40, 47, 46, 67, 66, 65])


@dataclass(frozen=True)
class FaceModel:
    """Landmark face with linear displacement fields; all arrays float32.

    Attributes:
        neutral: (68, 3) landmarks of the neutral face, iBUG-68 order.
        au_names: names of the labelled Action Units, A of them.
        au_fields: (A, 2, 68, 3) displacement at full intensity made by the subject's right side and by the left one;
            their sum is the Action Unit.
        distraction_names: names of the unlabelled movements, D of them.
        distraction_fields: (D, 2, 68, 3) the same for movements that carry no label.
        macro_names: ``origin-sex-age`` and ``universal-sex-weight`` shapes.
        macro_fields: (., 68, 3) displacements of whole-head shapes.
        local_names: names of opposite local shapes.
        local_fields: (., 2, 68, 3) displacements towards the low and the high end of each local shape.
        asymmetry_names: names of lopsided shapes.
        asymmetry_fields: (., 2, 68, 3) displacements of the left and the right variant.
        provenance: where the arrays come from.
    """

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
    def load(cls, path: Path | str | None = None) -> FaceModel:
        """Load a face model file.

        Args:
            path: ``.npz`` file; the one that ships with the package when not given.

        Raises:
            InputError: if the file cannot be read or lacks an array.
        """
        path = DEFAULT_FILE if path is None else Path(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise InputError(f'cannot read the face model {path}: {error}') from error
        values: dict[str, object] = {}
        for field in cls.__dataclass_fields__:
            if field not in arrays:
                raise InputError(
                    f"the face model {path} lacks '{field}'; rebuild it with tools/data/build_face_model.py"
                )
            if field.endswith('_names'):
                values[field] = tuple(str(name) for name in arrays[field])
            elif field == 'provenance':
                values[field] = json.loads(str(arrays[field]))
            else:
                values[field] = arrays[field]
        return cls(**values)

    def deform(
        self,
        neutral: np.ndarray,
        au_weights: np.ndarray,
        distraction_weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Move a face.

        Args:
            neutral: (68, 3) the face at rest.
            au_weights: (T, A, 2) share of each Action Unit's field for the right and the left side, 1 = full.
            distraction_weights: (T, D, 2) the same for the unlabelled movements; none when not given.

        Returns:
            (T, 68, 3) float32 landmarks. Lids and lips that would pass through each other meet half way.
        """
        num_frames = len(au_weights)
        basis = self.au_fields.reshape(-1, neutral.size)
        moved = np.asarray(au_weights, dtype=np.float32).reshape(num_frames, -1) @ basis
        if distraction_weights is not None:
            basis = self.distraction_fields.reshape(-1, neutral.size)
            moved += np.asarray(distraction_weights, dtype=np.float32).reshape(num_frames, -1) @ basis
        points = moved.reshape(num_frames, *neutral.shape) + neutral.astype(np.float32)
        overlap = np.maximum(points[:, _LOWER, 1] - points[:, _UPPER, 1], 0) / 2
        points[:, _LOWER, 1] -= overlap
        points[:, _UPPER, 1] += overlap
        return points
