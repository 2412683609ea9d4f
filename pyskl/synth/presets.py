"""Sizes and makes of synthetic data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError, did_you_mean
from pyskl.synth.expressions import SIMULATED_AUS
from pyskl.synth.sensor import Sensor

__all__ = ['AU_SETS', 'LAYOUTS', 'PRESETS', 'SPLITS', 'Preset', 'get_preset', 'label_set', 'with_labels']

SPLITS: Mapping[str, int] = MappingProxyType({'train': 0, 'val': 1, 'test': 2, 'stream': 3})
"""Number of each split in the seeds; ``stream`` is that of the faces that are drawn during training."""

LAYOUTS: tuple[str, ...] = ('ibug68', 'mediapipe478')
"""Keypoint layouts that can be made."""

AU_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        'affwild': AFFWILD_AUS,
        'bp4d': tuple(f'AU{n}' for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)),
        'disfa': tuple(f'AU{n}' for n in (1, 2, 4, 6, 9, 12, 25, 26)),
        'all': (),
    }
)
"""Label sets by name; ``all`` is every Action Unit that the face model has."""


@dataclass(frozen=True)
class Preset:
    """Size and make of a data set.

    Attributes:
        tracks: number of tracks of each split. Every track shows a person of its own.
        seconds: least and greatest duration of a track.
        rates: frames per second, one is drawn for each track.
        img_shapes: (h, w) of the picture in pixels, one is drawn for each track; empty: as they are in Aff-Wild2,
            whose cropped faces of 112 x 112 pixels are among them.
        extent: factor on how far heads turn; 1 is that of people who do not mind the camera.
        others: factor on how far an Action Unit that is not labelled moves the face, other than AU27 and AU45. Unless
            it is 1, the faces depend on the labels.
        least_gain: how far each face moves at least for an Action Unit, relative to the face model.
        losses: factor on how often faces are lost; above 1 in sets so small that there would be none.
        sensor: the landmark detector; None: each track draws its own.
        detector: the kind of detector that is drawn; None: any that gives the layout.
        aus: the labelled Action Units, in order; empty: all that the face model has.
        layout: the keypoint layout.
        mode: how frequent each Action Unit is: ``balanced``, so that a small set holds enough of each, or ``natural``,
            as in spontaneous video.
    """

    tracks: Mapping[str, int]
    seconds: tuple[float, float]
    rates: tuple[float, ...] = (30.0,)
    img_shapes: tuple[tuple[int, int], ...] = ((480, 640),)
    extent: float = 1.0
    others: float = 1.0
    least_gain: float = 0.0
    losses: float = 1.0
    sensor: Sensor | None = None
    detector: str | None = None
    aus: tuple[str, ...] = AFFWILD_AUS
    layout: str = 'ibug68'
    mode: str = 'balanced'


PRESETS: dict[str, Preset] = {
    'tiny': Preset(tracks={'train': 6, 'val': 2, 'test': 2}, seconds=(1.85, 2.4), extent=0.4, losses=9.0),
    'demo': Preset(
        tracks={'train': 170, 'val': 22, 'test': 26},
        seconds=(5.4, 7.5),
        rates=(24.0, 25.0, 30.0, 30.0),
        img_shapes=((480, 640), (480, 640), (360, 640), (720, 1280)),
        extent=0.35,
        others=0.25,
        detector='mediapipe',
        least_gain=0.8,
    ),
    'full': Preset(
        tracks={'train': 2000, 'val': 200, 'test': 200},
        seconds=(10.0, 60.0),
        rates=(24.0, 25.0, 30.0, 30.0),
        img_shapes=(),
        mode='natural',
    ),
}
"""Presets by name: ``tiny`` for tests, ``demo`` for the quick start, ``full`` to train a network on nothing else."""


def get_preset(preset: str | Preset) -> Preset:
    """Return a preset by its name.

    Raises:
        InputError: if there is none of that name.
    """
    if isinstance(preset, Preset):
        return preset
    if preset not in PRESETS:
        raise InputError(f"unknown preset '{preset}' of synthetic data; {did_you_mean(preset, PRESETS)}")
    return PRESETS[preset]


def label_set(aus: str | Sequence[str]) -> tuple[str, ...]:
    """Return the Action Units of a label set.

    Args:
        aus: a name out of :data:`AU_SETS`, or names of Action Units, as a list or with commas between.

    Returns:
        The names in order; empty for ``all``.

    Raises:
        InputError: if a name is unknown or stands there twice.
    """
    if isinstance(aus, str):
        if aus in AU_SETS:
            return AU_SETS[aus]
        names = tuple(name.strip().upper() for name in aus.split(','))
    else:
        names = tuple(aus)
    for name in names:
        if name not in SIMULATED_AUS:
            raise InputError(
                f"'{name}' is neither a label set ({', '.join(AU_SETS)}) nor an Action Unit of synthetic data; "
                f'{did_you_mean(name, [*AU_SETS, *SIMULATED_AUS])}'
            )
        if names.count(name) > 1:
            raise InputError(f"the Action Unit '{name}' is named twice")
    return names


def with_labels(preset: str | Preset, aus: str | Sequence[str] | None, layout: str | None) -> Preset:
    """Return a preset with other labels or another layout; None leaves each as it is.

    Raises:
        InputError: if the preset, an Action Unit or the layout is unknown.
    """
    preset = get_preset(preset)
    if aus is not None:
        preset = replace(preset, aus=label_set(aus))
    if layout is not None:
        if layout not in LAYOUTS:
            raise InputError(f"synthetic data can't be made in the layout '{layout}'; {did_you_mean(layout, LAYOUTS)}")
        preset = replace(preset, layout=layout)
    return preset
