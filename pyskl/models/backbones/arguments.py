"""Arguments of a backbone that speak of its stages, in the forms that MMAction2 and PYSKL allow."""

from __future__ import annotations

from collections.abc import Sequence

from pyskl.errors import InputError

__all__ = ['block_flags', 'per_stage', 'stem_stride']


def per_stage(name: str, values: Sequence[int], num_stages: int) -> tuple[int, ...]:
    """Return one value for each stage.

    Raises:
        InputError: if there are more or fewer.
    """
    if len(values) != num_stages:
        raise InputError(
            f'backbone.{name} has {len(values)} values for {num_stages} stages (num_stages): {tuple(values)}'
        )
    return tuple(values)


def stem_stride(name: str, both: Sequence[int] | None, temporal: int | None, spatial: int | None) -> tuple[int, int]:
    """Return (t, s) from PYSKL's pair and MMAction2's two arguments, which may not contradict each other.

    Raises:
        InputError: if they do, or the pair is none.
    """
    if both is None:
        return (1 if temporal is None else temporal, 2 if spatial is None else spatial)
    if len(both) != 2:
        raise InputError(f'backbone.{name} is {tuple(both)}; it must be (temporal, spatial)')
    for suffix, pair_value, value in (('t', both[0], temporal), ('s', both[1], spatial)):
        if value is not None and value != pair_value:
            raise InputError(
                f'backbone.{name}={tuple(both)} contradicts backbone.{name}_{suffix}={value}; give one of them'
            )
    return (both[0], both[1])


def block_flags(name: str, value: int | Sequence[int | Sequence[int]], stage_blocks: Sequence[int]) -> list[list[bool]]:
    """Return one flag for every block of every stage.

    Args:
        name: of the argument, for messages.
        value: 0 or 1 for the whole network, for each stage, or for each block of a stage.
        stage_blocks: number of blocks of each stage.

    Raises:
        InputError: if the value has more or fewer entries than there are stages or blocks.
    """
    stages = [value] * len(stage_blocks) if isinstance(value, int) else list(value)
    if len(stages) != len(stage_blocks):
        raise InputError(f'backbone.{name} has {len(stages)} values for {len(stage_blocks)} stages (num_stages)')
    flags = []
    for index, (stage, count) in enumerate(zip(stages, stage_blocks, strict=True)):
        blocks = [stage] * count if isinstance(stage, int) else list(stage)
        if len(blocks) != count:
            raise InputError(f'backbone.{name}[{index}] has {len(blocks)} values for {count} blocks')
        flags.append([bool(flag) for flag in blocks])
    return flags
