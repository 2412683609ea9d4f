"""Where the keypoint tracks of real faces differ from simulated ones.

Tracks are aligned by the eyes as the network sees them, in windows, and measured in percent of the distance between
the centres of the eyes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.signal import welch
from synthetic_to_real_pairs import features

from pyskl.datasets.transforms import AlignFace
from pyskl.keypoints import get_layout

WINDOW = 64  # frames aligned and analysed together
BANDS = {'0-1 Hz': (0.0, 1.0), '1-3 Hz': (1.0, 3.0), '3-6 Hz': (3.0, 6.0), '6-12 Hz': (6.0, 12.0)}
REGIONS = {
    'jaw': range(17), 'brows': range(17, 27), 'nose': range(27, 36), 'eyes': range(36, 48),
    'outer lips': range(48, 60), 'inner lips': range(60, 68),
}  # fmt: skip
MEASURES = {
    'inner_brow': 'inner brow above eyes', 'outer_brow': 'outer brow above eyes', 'brow_gap': 'distance of the brows',
    'eye_opening': 'opening of the eyes', 'nose_lip': 'nose to upper lip', 'nose_chin': 'nose to chin',
    'mouth_width': 'width of the mouth', 'corners_below': 'mouth corners below middle of lips',
    'lip_thickness': 'thickness of the lips', 'lip_gap': 'gap of the lips', 'yaw': 'nose tip aside (head turned)',
    'pitch': 'nose tip below eyes (head nodding)',
}  # fmt: skip


CALM = {'mouthSmile': 0.3, 'jawOpen': 0.15, 'mouthUpperUp': 0.3, 'eyeBlink': 0.5, 'browInnerUp': 0.5}
"""A real face is at rest where these blendshapes are below these scores."""

TURNED = 0.15  # of the distance of the eyes that the tip of the nose is aside
PARTED = 0.04  # of the distance of the eyes between the lips
FEW = 5


def aligned_windows(annotation: Mapping[str, Any]) -> list[np.ndarray]:
    """Cut a track into windows in which every frame has a face, and align each as the network sees it.

    Args:
        annotation: a track of one face in the layout ``ibug68``.

    Returns:
        (:data:`WINDOW`, 68, 2) float64 each, in percent of the distance of the eyes' centres, from their middle.
        Frames are taken as they come; a shorter remainder is left out, unless the track has no full window.
    """
    keypoint, score = annotation['keypoint'][0], annotation['keypoint_score'][0]
    rows = np.flatnonzero((score > 0).all(axis=1))
    pieces = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows.size else []
    align = AlignFace(size=(1000, 1000), eye_distance=0.1, eye_height=0.5)
    windows = []
    for piece in pieces:
        for start in range(0, len(piece) - WINDOW + 1, WINDOW):
            windows.append(_align(align, keypoint[piece[start : start + WINDOW]]))
    return windows


def _align(align: AlignFace, keypoint: np.ndarray) -> np.ndarray:
    results = {
        'keypoint': keypoint[None].astype(np.float32),
        'keypoint_score': np.ones((1, *keypoint.shape[:2]), np.float32),
        'keypoint_layout': 'ibug68',
        'img_shape': (1, 1),
    }
    return align.transform(results)['keypoint'][0].astype(np.float64) - 500.0


def band_amplitudes(window: np.ndarray, fps: float) -> dict[str, np.ndarray]:
    """Split the motion of each landmark into frequency bands.

    Args:
        window: (T, V, 2) aligned track.
        fps: frames a second.

    Returns:
        (V,) by band of :data:`BANDS`: root mean square of the motion in it, both axes together, in the window's unit.
    """
    frequency, power = welch(window - window.mean(axis=0), fps, nperseg=len(window), axis=0, detrend='linear')
    step = frequency[1] - frequency[0]
    found = {}
    for name, (low, high) in BANDS.items():
        inside = (frequency > low) & (frequency <= high)
        found[name] = np.sqrt(power[inside].sum(axis=0).sum(axis=-1) * step)
    return found


def shared_noise(window: np.ndarray, layout: str = 'ibug68') -> float:
    """Tell how much of the fast jitter neighbouring landmarks share.

    Args:
        window: (T, V, 2) aligned track.
        layout: theirs.

    Returns:
        Median correlation of the third differences over time of landmarks joined by a line of the layout: 0 if every
        landmark trembles on its own, near 1 if a region trembles as one.
    """
    fast = np.diff(window, n=3, axis=0)
    fast = fast - fast.mean(axis=0)
    one, two = np.array([pair for pair in get_layout(layout).limbs if min(pair) >= 17]).T
    top = (fast[:, one] * fast[:, two]).sum(axis=(0, 2))
    base = np.sqrt((fast[:, one] ** 2).sum(axis=(0, 2)) * (fast[:, two] ** 2).sum(axis=(0, 2)))
    return float(np.median(top[base > 0] / base[base > 0])) if (base > 0).any() else float('nan')


def components(window: np.ndarray, share: float = 0.95) -> int:
    """Count the principal components that hold a share of the motion of a window's inner 51 landmarks."""
    flat = window[:, 17:].reshape(len(window), -1)
    energy = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False) ** 2
    return int(np.searchsorted(np.cumsum(energy) / energy.sum(), share) + 1)


def describe(annotations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe a collection of tracks.

    Args:
        annotations: one track each, iBUG 68, with ``fps`` (else 30 is taken) and ``rest`` (T,), the frames in which
            the face may be at rest, see :func:`at_rest`. A short track or a still counts for geometry, not for motion.

    Returns:
        ``faces`` (those seen at rest) and ``windows`` (counts); ``place`` (F, 68, 2), the median place of each landmark
        of each face at rest; ``measures``: (F,) medians of plain distances at rest by name; ``ranges``: (W,) range from
        the 5th to the 95th percentile of the same in each window; ``bands``: (W, 68) by band; ``shared`` and
        ``components``: (W,); ``frames``: distances in every frame, in percent, by name.
    """
    places = []
    measures: dict[str, list[float]] = {name: [] for name in MEASURES}
    ranges: dict[str, list[float]] = {name: [] for name in MEASURES}
    bands: dict[str, list[np.ndarray]] = {name: [] for name in BANDS}
    frames: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}
    shared, number = [], []
    align = AlignFace(size=(1000, 1000), eye_distance=0.1, eye_height=0.5, scale='frame')
    for annotation in annotations:
        keypoint, score = annotation['keypoint'][0], annotation['keypoint_score'][0]
        rest = at_rest(annotation)
        for name, values in features(keypoint[(score > 0).all(axis=1)]).items():
            if name in frames:
                frames[name].append(100 * values)
        if rest.any():
            places.append(np.median(_align(align, keypoint[rest]), axis=0))
            for name, values in features(keypoint[rest]).items():
                if name in measures:
                    measures[name].append(100 * float(np.median(values)))
        for window in aligned_windows(annotation):
            for name, values in band_amplitudes(window, float(annotation.get('fps') or 30.0)).items():
                bands[name].append(values)
            shared.append(shared_noise(window))
            number.append(components(window))
            for name, values in features(window).items():
                if name in ranges:
                    ranges[name].append(100 * float(np.subtract(*np.percentile(values, [95, 5]))))
    return {
        'faces': len(places),
        'windows': len(shared),
        'place': np.array(places).reshape(-1, 68, 2),
        'measures': {name: np.array(values) for name, values in measures.items()},
        'ranges': {name: np.array(values) for name, values in ranges.items()},
        'bands': {name: np.array(values).reshape(-1, 68) for name, values in bands.items()},
        'shared': np.array(shared),
        'components': np.array(number, float),
        'frames': {name: np.concatenate(values) for name, values in frames.items()},
    }


def with_rest(annotation: dict[str, Any], blendshapes: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Mark the frames of a real track in which MediaPipe sees a calm face, see :func:`at_rest`."""
    calm = [blendshapes[name] < limit for name, limit in CALM.items()]
    return annotation | {'rest': np.all(calm, axis=0)}


def at_rest(annotation: Mapping[str, Any]) -> np.ndarray:
    """Find the frames of a track that show a face at rest.

    Args:
        annotation: a track as for :func:`describe`; ``rest`` (T,) marks the frames without a known movement.

    Returns:
        (T,) bool: marked (all, if nothing is), with a face that is not turned aside and keeps its lips closed; in a
        film with closed lips in fewer than :data:`FEW` of these frames, the others too.
    """
    keypoint, score = annotation['keypoint'][0], annotation['keypoint_score'][0]
    distances = features(keypoint)
    turned, parted = np.abs(distances['yaw']) > TURNED, distances['lip_gap'] > PARTED
    calm = (score > 0).all(axis=1) & annotation.get('rest', True) & ~turned
    closed = calm & ~parted
    return closed if closed.sum() >= min(FEW, len(closed)) else calm


def move_at_rest(
    keypoint: np.ndarray, seen: np.ndarray, rest: np.ndarray, wanted: np.ndarray, regions: Sequence[str] = ()
) -> np.ndarray:
    """Give a face the features of another one at rest, and leave its movements as they are.

    Args:
        keypoint: (T, 68, 2) pixels.
        seen: (T,) bool, frames with a face.
        rest: (T,) bool, frames in which it is at rest; without any, all frames count.
        wanted: (68, 2) place of each landmark at rest, as ``place`` of :func:`describe`.
        regions: names of :data:`REGIONS` whose landmarks are shifted; none: all of them.

    Returns:
        (T, 68, 2): each landmark shifted, relative to the eyes, by the same amount in all frames.
    """
    rest = rest & seen if (rest & seen).any() else seen
    points = keypoint[..., 0].astype(np.float64) + 1j * keypoint[..., 1]
    right, left = points[:, [36, 39]].mean(axis=1), points[:, [42, 45]].mean(axis=1)
    middle, span = ((left + right) / 2)[:, None], (left - right)[:, None]
    level = np.zeros_like(points)
    np.divide(points - middle, span, out=level, where=span != 0)
    own = np.median(level[rest].real, axis=0) + 1j * np.median(level[rest].imag, axis=0)
    shift = (wanted[:, 0] + 1j * wanted[:, 1]) / 100 - own
    if regions:
        shift[np.setdiff1d(np.arange(68), [index for name in regions for index in REGIONS[name]])] = 0
    moved = (level + shift) * span + middle
    moved[~seen] = 0
    return np.stack([moved.real, moved.imag], axis=-1)


def tremble(keypoint: np.ndarray, seen: np.ndarray, amount: float, seed: int = 0) -> np.ndarray:
    """Add independent noise to every landmark; ``amount`` is its deviation in distances of the eyes' centres."""
    span = np.linalg.norm(keypoint[:, [42, 45]].mean(axis=1) - keypoint[:, [36, 39]].mean(axis=1), axis=-1)
    noise = np.random.default_rng(seed).standard_normal(keypoint.shape)
    return np.where(seen[:, None, None], keypoint + noise * amount * span[:, None, None], 0)


def compare(real: Mapping[str, Any], synthetic: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the differences of two collections from :func:`describe`, the greatest first.

    Returns:
        Records with ``what``, ``real``, ``synthetic`` (their values as text) and ``size``, comparable between kinds:
        for a place or distance how many standard deviations of the synthetic people the real mean is off; for an
        amplitude the ratio in octaves; for movements beyond those simulated how many octaves wider the range must be.
    """
    rows: list[dict[str, Any]] = []

    def ratio(what: str, one: float, two: float, unit: str = ' %') -> None:
        if one > 0 and two > 0:
            rows.append({'what': what, 'real': f'{one:.2f}{unit}', 'synthetic': f'{two:.2f}{unit}',
                         'size': abs(float(np.log2(one / two)))})  # fmt: skip

    for name, text in MEASURES.items():
        one, two = real['measures'][name], synthetic['measures'][name]
        if len(one) and len(two):
            rows.append(
                {
                    'what': f'resting face: {text}',
                    'real': f'{one.mean():.1f} ± {one.std():.1f} %',
                    'synthetic': f'{two.mean():.1f} ± {two.std():.1f} %',
                    'size': abs(float((one.mean() - two.mean()) / max(two.std(), 0.3))),
                }
            )
        (low, high), (least, most) = (np.nanpercentile(d['frames'][name], [1, 99]) for d in (real, synthetic))
        if low < least or high > most:
            rows.append(
                {
                    'what': f'farthest, 1 % to 99 % of frames: {text}',
                    'real': f'{low:.0f} to {high:.0f} %',
                    'synthetic': f'{least:.0f} to {most:.0f} %',
                    'size': float(np.log2((max(high, most) - min(low, least)) / (most - least))),
                }
            )
        if real['windows'] and synthetic['windows']:
            one, two = np.median(real['ranges'][name]), np.median(synthetic['ranges'][name])
            ratio(f'movement in a window: {text}', float(one), float(two))
    if real['windows'] and synthetic['windows']:
        for band in BANDS:
            for region, index in REGIONS.items():
                one = np.median(real['bands'][band][:, index])
                two = np.median(synthetic['bands'][band][:, index])
                ratio(f'motion at {band}: {region}', float(one), float(two))
        ratio('components that hold 95 % of the motion', float(np.median(real['components'])),
              float(np.median(synthetic['components'])), '')  # fmt: skip
        one, two = float(np.median(real['shared'])), float(np.median(synthetic['shared']))
        rows.append({'what': 'jitter shared by neighbouring landmarks (correlation)', 'real': f'{one:.2f}',
                     'synthetic': f'{two:.2f}', 'size': abs(one - two) * 4})  # fmt: skip
    return sorted(rows, key=lambda row: -row['size'])


def landmark_table(real: Mapping[str, Any], synthetic: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Compare mean place and spread of every landmark at rest.

    Returns:
        One record for each of the 68 landmarks, if there are faces at rest: ``landmark``, ``region``, ``dx`` and ``dy``
        (real minus synthetic mean, percent; y down), ``real_spread`` and ``synthetic_spread`` (deviation between faces,
        both axes together), ``z``, the offset in synthetic deviations, and ``real_bands`` and ``synthetic_bands``, the
        median motion by band.
    """
    rows: list[dict[str, Any]] = []
    if not len(real['place']) or not len(synthetic['place']):
        return rows
    for landmark in range(68):
        one, two = real['place'][:, landmark], synthetic['place'][:, landmark]
        offset = one.mean(axis=0) - two.mean(axis=0)
        deviation = np.sqrt(two.var(axis=0))
        region = next(name for name, index in REGIONS.items() if landmark in index)
        rows.append(
            {
                'landmark': landmark,
                'region': region,
                'dx': float(offset[0]),
                'dy': float(offset[1]),
                'real_spread': float(np.sqrt(one.var(axis=0).sum())),
                'synthetic_spread': float(np.sqrt(two.var(axis=0).sum())),
                'z': float(np.linalg.norm(offset / np.maximum(deviation, 0.3))),
                'real_bands': _bands(real, landmark),
                'synthetic_bands': _bands(synthetic, landmark),
            }
        )
    return rows


def _bands(described: Mapping[str, Any], landmark: int) -> dict[str, float]:
    if not described['windows']:
        return {}
    return {name: float(np.median(values[:, landmark])) for name, values in described['bands'].items()}
