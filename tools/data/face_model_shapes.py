"""Shapes of heads that ``build_face_model.py`` reads: origins, sexes, ages, local differences, lopsidedness."""

from __future__ import annotations

__all__ = ['ASYMMETRY_SHAPES', 'LOCAL_SHAPES', 'MACRO_SHAPES']

MACRO_SHAPES: dict[str, str] = {
    f'{origin}-{sex}-{age}': f'macrodetails/{origin}-{sex}-{age}'
    for origin in ('african', 'asian', 'caucasian')
    for sex in ('female', 'male')
    for age in ('young', 'old')
} | {
    f'universal-{sex}-{weight}': f'macrodetails/universal-{sex}-young-averagemuscle-{weight}'
    for sex in ('female', 'male')
    for weight in ('minweight', 'maxweight')
}
"""Whole-head shapes by origin, sex and age, and by sex and weight."""


def _pair(folder: str, stem: str, low: str = 'decr', high: str = 'incr') -> tuple[str, tuple[str, str]]:
    return stem, (f'{folder}/{stem}-{low}', f'{folder}/{stem}-{high}')


LOCAL_SHAPES: dict[str, tuple[str, str]] = dict([
    *(_pair('head', f'head-{what}') for what in ('age', 'fat', 'scale-depth', 'scale-horiz', 'scale-vert')),
    ('head-round-square', ('head/head-round', 'head/head-square')),
    ('head-oval-rectangular', ('head/head-oval', 'head/head-rectangular')),
    ('head-triangular', ('head/head-invertedtriangular', 'head/head-triangular')),
    *(_pair('nose', f'nose-{what}') for what in (
        'greek', 'hump', 'nostrils-width', 'scale-depth', 'scale-horiz', 'scale-vert', 'septumangle', 'volume',
        'width3',
    )),
    _pair('nose', 'nose-base', 'down', 'up'),
    _pair('nose', 'nose-curve', 'concave', 'convex'),
    _pair('nose', 'nose-nostrils-angle', 'down', 'up'),
    _pair('nose', 'nose-point', 'down', 'up'),
    _pair('nose', 'nose-trans', 'down', 'up'),
    *(_pair('mouth', f'mouth-{what}') for what in (
        'cupidsbow', 'cupidsbow-width', 'lowerlip-volume', 'lowerlip-width', 'scale-depth',
        'scale-horiz', 'scale-vert', 'upperlip-height', 'upperlip-volume', 'upperlip-width',
    )),
    _pair('mouth', 'mouth-angles', 'down', 'up'),
    _pair('mouth', 'mouth-trans', 'down', 'up'),
    _pair('eyes', '{side}-eye-corner1', 'down', 'up'),
    _pair('eyes', '{side}-eye-corner2', 'down', 'up'),
    *(_pair('eyes', f'{{side}}-eye-{what}') for what in ('height1', 'height2', 'height3', 'scale')),
    _pair('eyes', '{side}-eye-push1', 'in', 'out'),
    _pair('eyes', '{side}-eye-push2', 'in', 'out'),
    _pair('eyes', '{side}-eye-trans', 'in', 'out'),
    _pair('eyebrows', 'eyebrows-angle', 'down', 'up'),
    _pair('eyebrows', 'eyebrows-trans', 'down', 'up'),
    *(_pair('chin', f'chin-{what}') for what in ('bones', 'height', 'jaw-drop', 'prognathism', 'prominent', 'width')),
    *(_pair('cheek', f'{{side}}-cheek-{what}') for what in ('bones', 'volume')),
])  # fmt: skip
"""Opposite local shapes as (low, high) files; ``{side}`` stands for the l- and r- files, which are added."""

ASYMMETRY_SHAPES: dict[str, tuple[str, str]] = dict(
    _pair('asym', f'asym-{what}', 'l', 'r')
    for what in (
        'brown-1', 'brown-2', 'eye-1', 'eye-2', 'eye-3', 'eye-4', 'eye-5', 'eye-6', 'eye-8', 'jaw-3', 'mouth-1',
        'mouth-2', 'nose-1', 'nose-3', 'nose-4', 'cheek-2',
    )
)  # fmt: skip
"""Lopsided shapes as (left, right) files."""
