"""Pictures of the report: time lines of every clip, and scatter plots over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from synthetic_to_real_measure import Reading
from synthetic_to_real_pairs import REFERENCES, reference
from synthetic_to_real_statistics import spread

from pyskl.action_units import AU_NAMES
from pyskl.files import replacing

NETWORK, REFERENCE = '#1f5fa8', '#d9822b'


def plot_clip(reading: Reading, path: Path) -> None:
    """Draw, for each AU, its probability over time, and the first reference above it on its own scale."""
    from matplotlib.figure import Figure

    aus = list(reading.probability)
    figure = Figure(figsize=(12, 1.25 * len(aus) + 0.8), layout='constrained')
    axes = figure.subplots(len(aus), 1, sharex=True, squeeze=False)[:, 0]
    time = reading.clip.timestamps
    for axis, au in zip(axes, aus, strict=True):
        axis.plot(time, reading.probability[au], color=NETWORK, linewidth=1.4)
        axis.set_ylim(-0.05, 1.05)
        axis.set_title(f'{au} {AU_NAMES.get(au, "")}', fontsize=8, loc='left', pad=2, color=NETWORK)
        axis.tick_params(labelsize=7)
        if REFERENCES.get(au):
            name = REFERENCES[au][0]
            values = reference(name, reading.blendshapes, reading.distances)
            other = axis.twinx()
            other.plot(time, values, color=REFERENCE, linewidth=1.1)
            other.set_title(f'{name}, range {spread(values):.2f}', fontsize=8, loc='right', pad=2, color=REFERENCE)
            other.tick_params(labelsize=7)
            # A reference that does not move is shown as flat, not as magnified noise.
            low, high = np.nanmin(values), np.nanmax(values)
            other.set_ylim(low - 0.02, max(high, low + 0.1) + 0.02)
    axes[-1].set_xlabel('seconds', fontsize=8)
    figure.suptitle(
        f'{reading.clip.name}: probability of the network (left axis), blendshape (right axis)', fontsize=10
    )
    _save(figure, path)


def plot_scatter(readings: Sequence[Reading], path: Path) -> None:
    """Draw the probability of each AU against its first reference, one point a frame, one colour a clip."""
    from matplotlib.figure import Figure

    aus = [au for au in readings[0].probability if REFERENCES.get(au)]
    columns = 4
    figure = Figure(figsize=(12, 3 * -(-len(aus) // columns)), layout='constrained')
    axes = figure.subplots(-(-len(aus) // columns), columns, squeeze=False).ravel()
    for axis in axes[len(aus) :]:
        axis.set_axis_off()
    for axis, au in zip(axes, aus, strict=False):
        name = REFERENCES[au][0]
        for reading in readings:
            values = reference(name, reading.blendshapes, reading.distances)
            axis.plot(values, reading.probability[au], '.', markersize=3, alpha=0.5, label=reading.clip.name)
        axis.set_ylim(-0.05, 1.05)
        axis.set_xlabel(name, fontsize=8)
        axis.set_ylabel(f'{au}, probability', fontsize=8)
        axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=7)
    _save(figure, path)


def _save(figure: object, path: Path) -> None:
    with replacing(path, make_folder=True) as temporary:
        figure.savefig(temporary, dpi=90)
