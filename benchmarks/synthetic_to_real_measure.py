"""What the network says of each real clip, beside MediaPipe's reference and a ruler's measure of the same frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from synthetic_to_real_clips import Clip, repeated
from synthetic_to_real_pairs import BASELINES, PORTRAITS, REFERENCES, features, reference, unrelated_to
from synthetic_to_real_statistics import Correlation, Pair, correlate, difference, spread

from pyskl.landmarks.blendshapes import average_sides

SAME_RECORDING = ('face_noface', 'noface_face')
"""Clips that show the recording of single_face.mp4 again: measured, but not counted once more in pooled figures."""

LEAST_RANGE = {'lips distance': 0.03}
MOVES = 0.05  # of a score's 0..1; a reference that moves less in a clip is no reference there
SECONDS_OF_BLOCK = 1.0


@dataclass(frozen=True)
class Reading:
    """Everything known of one clip, frame by frame.

    Attributes:
        clip: the clip.
        probability: (T,) by AU, NaN without a face.
        blendshapes: (T,) by name, both sides averaged, NaN without a face.
        distances: (T,) by name, from :func:`synthetic_to_real_pairs.features`, NaN without a face.
    """

    clip: Clip
    probability: dict[str, np.ndarray]
    blendshapes: dict[str, np.ndarray]
    distances: dict[str, np.ndarray]

    @property
    def pooled(self) -> bool:
        """Whether the clip counts in pooled figures."""
        return self.clip.name not in SAME_RECORDING

    @property
    def block(self) -> int:
        """Frames of one block of the bootstrap."""
        return max(1, round(SECONDS_OF_BLOCK * self.clip.fps))


def read(inferencer: Any, clip: Clip, keypoint: np.ndarray | None = None) -> Reading:
    """Let the network read a clip.

    Args:
        inferencer: an :class:`pyskl.apis.AUInferencer`.
        clip: the clip.
        keypoint: (T, V, 2) to read in place of the clip's own keypoints, in the layout of the network.
    """
    annotation = clip.annotation(inferencer.layout)
    if keypoint is not None:
        annotation['keypoint'] = keypoint[None].astype(np.float32)
    probability = inferencer.predict(annotation).probability.astype(np.float64)
    distances = features(clip.points('ibug68')[0])
    for values in distances.values():
        values[~clip.seen] = np.nan
    by_au = {au: probability[:, column] for column, au in enumerate(inferencer.aus)}
    return Reading(clip, by_au, average_sides(clip.blendshapes), distances)


def measure_pairs(readings: Sequence[Reading], aus: Iterable[str], draws: int) -> list[dict[str, Any]]:
    """Correlate every AU with its references, in each clip and over all.

    Returns:
        One record for each AU and reference: ``au``, ``reference``, ``baseline`` (its name), ``clips`` (by name:
        ``range`` of the reference, ``moves``, ``network`` and ``baseline`` correlations) the pooled ``network``
        and ``baseline``, and ``gain``, by how much the network's rank correlation is higher, with its interval; a
        value is None where there is nothing to correlate with.
    """
    records = []
    for au in aus:
        for name in REFERENCES.get(au, ()):
            # A distance is no reference for itself.
            title, measure = BASELINES.get(au, ('', None)) if name != 'lips distance' else ('', None)
            by_clip: dict[str, Any] = {}
            network: list[Pair] = []
            ruler: list[Pair] = []
            for reading in readings:
                target = reference(name, reading.blendshapes, reading.distances)
                moved = spread(target)
                moves = bool(moved >= LEAST_RANGE.get(name, MOVES))
                one = Pair(reading.probability[au], target, reading.block)
                other = Pair(measure(reading.distances), target, reading.block) if measure else None
                by_clip[reading.clip.name] = {
                    'range': moved,
                    'moves': moves,
                    'frames': int(np.isfinite(target).sum()),
                    'network': _json(correlate([one], draws)) if moves else None,
                    'baseline': _json(correlate([other], draws)) if moves and other else None,
                }
                if moves and reading.pooled:
                    network.append(one)
                    ruler += [other] if other else []
            records.append(
                {
                    'au': au,
                    'reference': name,
                    'baseline_name': title,
                    'clips': by_clip,
                    'pooled_clips': len(network),
                    'network': _json(correlate(network, draws)),
                    'baseline': _json(correlate(ruler, draws)),
                    'gain': difference(network, ruler, draws) if len(ruler) == len(network) else None,
                }
            )
    return records


def summarise(readings: Sequence[Reading], aus: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Sum up how the network reads some clips.

    Returns:
        For each AU: ``spearman`` with its first reference that moves, over all clips (None without one), and ``high``,
        the 95th percentile of its probability.
    """
    found: dict[str, dict[str, float | None]] = {}
    for record in measure_pairs(readings, aus, draws=2):
        value = record['network'] and record['network']['spearman']
        if record['au'] not in found or found[record['au']]['spearman'] is None:
            every = np.concatenate([reading.probability[record['au']] for reading in readings])
            found[record['au']] = {'spearman': value, 'high': float(np.nanpercentile(every, 95))}
    return found


def measure_confusions(readings: Sequence[Reading], aus: Iterable[str], count: int = 3) -> dict[str, list[dict]]:
    """Find the blendshapes that an AU follows though it should not.

    Returns:
        For each AU the unrelated blendshapes of greatest absolute rank correlation over the pooled clips: ``name``,
        ``spearman``, and ``with_reference``, how much the blendshape itself goes along with the AU's first reference
        (a smile narrows the eyes, so a network may rightly follow both); None where that does not move.
    """
    found = {}
    for au in aus:
        rows = []
        for name in unrelated_to(au):
            moving = [r for r in readings if r.pooled and spread(r.blendshapes[name]) >= MOVES]
            seen = correlate([Pair(r.probability[au], r.blendshapes[name], r.block) for r in moving], draws=2)
            if seen is None or not np.isfinite(seen.spearman):
                continue
            with_reference = None
            if REFERENCES.get(au):
                own = [(r, reference(REFERENCES[au][0], r.blendshapes, r.distances)) for r in moving]
                own = [Pair(target, r.blendshapes[name], r.block) for r, target in own if spread(target) >= MOVES]
                both = correlate(own, draws=2)
                with_reference = both.spearman if both else None
            rows.append({'name': name, 'spearman': seen.spearman, 'with_reference': with_reference})
        found[au] = sorted(rows, key=lambda row: -abs(row['spearman']))[:count]
    return found


def measure_levels(readings: Sequence[Reading], aus: Iterable[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Tell how high the probability of each AU is in each clip: median, 5th and 95th percentile."""
    levels: dict[str, dict[str, dict[str, float]]] = {}
    for au in aus:
        levels[au] = {}
        for reading in readings:
            low, middle, high = np.nanpercentile(reading.probability[au], [5, 50, 95])
            levels[au][reading.clip.name] = {'low': float(low), 'median': float(middle), 'high': float(high)}
    return levels


def measure_portrait(inferencer: Any, picture: Clip, frames: int) -> dict[str, float]:
    """Let the network read a still as a film of ``frames`` equal frames.

    Returns:
        Mean probability by AU.
    """
    reading = read(inferencer, repeated(replace(picture, name='still'), frames))
    return {au: float(np.nanmean(values)) for au, values in reading.probability.items()}


def portrait_table(portraits: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Compare the portraits' probabilities with the AUs that their expressions call for.

    Args:
        portraits: probabilities by AU, by file name.

    Returns:
        One record for each portrait: ``file``, ``expression``, ``expected`` (those the network has), ``probability``,
        and ``rank``, the area under the ROC curve of expected against other AUs: 1 if every expected AU is more
        probable than every other, 0.5 by chance; None without expected AUs.
    """
    rows = []
    for file, probability in portraits.items():
        expression, wanted = PORTRAITS[file]
        expected = [au for au in wanted if au in probability]
        others = [au for au in probability if au not in wanted]
        wins = [(probability[a] > probability[b]) + 0.5 * (probability[a] == probability[b])
                for a in expected for b in others]  # fmt: skip
        rows.append(
            {
                'file': file,
                'expression': expression,
                'expected': expected,
                'probability': probability,
                'rank': float(np.mean(wins)) if wins else None,
            }
        )
    return rows


def _json(found: Correlation | None) -> dict[str, Any] | None:
    return found.as_json() if found is not None else None
