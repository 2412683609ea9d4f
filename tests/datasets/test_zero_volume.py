from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

from pyskl.datasets.transforms.heatmap import GeneratePoseTarget
from pyskl.datasets.transforms.zero_volume import zero_volume

SHAPE = (4, 40, 64, 64)


def address(array: np.ndarray) -> int:
    return array.__array_interface__['data'][0]


@pytest.mark.parametrize('shape', [(2, 3), (0, 3), SHAPE])
def test_a_volume_is_float32_contiguous_writable_and_zero(shape):
    volume = zero_volume(shape)
    assert volume.shape == shape
    assert volume.dtype == np.float32
    assert volume.flags.c_contiguous
    assert volume.flags.writeable
    assert not volume.any()


def test_memory_that_nobody_refers_to_is_cleared_and_used_again():
    volume = zero_volume(SHAPE)
    volume[:] = 7
    before = address(volume)
    del volume
    again = zero_volume(SHAPE)
    assert address(again) == before
    assert not again.any()


@pytest.mark.parametrize(
    'keep', [lambda volume: volume, lambda volume: volume[1:, 3].T, torch.from_numpy, memoryview], ids=str
)
def test_memory_that_anybody_refers_to_is_left_alone(keep):
    volume = zero_volume(SHAPE)
    volume[:] = 7
    kept = keep(volume)
    del volume
    gc.collect()
    others = [zero_volume(SHAPE) for _ in range(2)]
    for other in others:
        other[:] = 1
    assert np.all(np.asarray(kept) == 7)
    assert not np.shares_memory(*others)


def test_a_smaller_volume_takes_the_memory_and_a_larger_one_does_not():
    volume = zero_volume(SHAPE)
    before = address(volume)
    del volume
    smaller = zero_volume((3, *SHAPE[1:]))
    assert address(smaller) == before
    del smaller
    larger = zero_volume((5, *SHAPE[1:]))
    larger[:] = 1
    assert larger.size == 5 * np.prod(SHAPE[1:])


def test_samples_drawn_one_after_another_keep_their_own_heatmaps():
    rng = np.random.default_rng(0)
    transform = GeneratePoseTarget()
    samples = [
        {'keypoint': rng.random((1, 8, 51, 2), np.float32) * 56, 'img_shape': (56, 56), 'frame_dir': str(number)}
        for number in range(3)
    ]
    alone = [transform.transform(dict(sample))['imgs'].copy() for sample in samples]
    together = [transform.transform(dict(sample))['imgs'] for sample in samples]
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one, other)
        assert one.any()
