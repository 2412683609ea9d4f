"""Volumes that are not drawn, against drawn ones and against a loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.models.data_preprocessors import PoseHeatmapPreprocessor, draw_keypoints
from pyskl.models.layers import KeypointBlobs, keypoint_blobs
from pyskl.models.layers.blobs import cat


def keypoints(rng: np.random.Generator, shape: tuple[int, ...], size: tuple[int, int]) -> tuple[torch.Tensor, ...]:
    """Keypoints in and around the picture, some far away or not finite, and scores, some of them 0."""
    place = rng.uniform(-8, 8 + max(size), (*shape, 2))
    place[rng.random(shape) < 0.05] = [np.nan, 3]
    place[rng.random(shape) < 0.05] = [1e30, -1e30]
    place[rng.random(shape) < 0.1] = 0
    score = rng.uniform(0, 1, shape) * (rng.random(shape) > 0.2)
    return torch.tensor(place, dtype=torch.float32), torch.tensor(score, dtype=torch.float32)


def literal(place: np.ndarray, score: np.ndarray, size: tuple[int, int], sigma: float) -> np.ndarray:
    """(T, V, 2) and (T, V) -> (V, T, H, W), pixel by pixel in double precision."""
    frames, points = score.shape
    volume = np.zeros((points, frames, *size))
    for t, v in np.ndindex(frames, points):
        x, y = place[t, v]
        if not (np.isfinite([x, y]).all() and score[t, v] >= 1e-4 and max(abs(x), abs(y)) < 1e6):
            continue
        for row, column in np.ndindex(size):
            inside = all(int(mu - 3 * sigma) <= pixel <= int(mu + 3 * sigma) for mu, pixel in ((x, column), (y, row)))
            if inside:
                volume[v, t, row, column] = score[t, v] * np.exp(-((row - y) ** 2 + (column - x) ** 2) / 2 / sigma**2)
    return volume


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.4, 0.6, 1.0, 2.5]), st.integers(1, 24), st.integers(1, 24))
def test_drawn_it_is_the_volume(seed, sigma, height, width):
    rng = np.random.default_rng(seed)
    place, score = keypoints(rng, (2, 3, 5), (height, width))
    blobs = keypoint_blobs(place, score, (height, width), sigma)
    assert blobs.shape == (2, 5, 3, height, width) and blobs.ndim == 5
    drawn = draw_keypoints(place[:, None], score[:, None], (height, width), sigma)
    torch.testing.assert_close(blobs.draw(), drawn, rtol=0, atol=0)
    for clip in range(2):
        # In float32 an edge of the window may fall on the other side of a whole number: away from it all is the same.
        edge = (torch.stack([place[clip] - 3 * sigma, place[clip] + 3 * sigma]) % 1).nan_to_num()
        clear = ((edge > 1e-3) & (edge < 1 - 1e-3)).all(0).all(-1).T
        expected = literal(place[clip].double().numpy(), score[clip].double().numpy(), (height, width), sigma)
        np.testing.assert_allclose(blobs.draw()[clip][clear], expected[clear.numpy()], atol=2e-6)


@pytest.mark.parametrize('channels_last', [False, True])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_layout_and_type_of_the_volume(dtype, channels_last):
    place, score = keypoints(np.random.default_rng(0), (2, 3, 5), (12, 14))
    volume = keypoint_blobs(place, score, (12, 14)).draw(dtype, channels_last)
    assert volume.dtype == dtype and volume.shape == (2, 5, 3, 12, 14)
    assert volume.is_contiguous(memory_format=torch.channels_last_3d if channels_last else torch.contiguous_format)


def test_in_a_mirror_it_is_the_mirrored_volume():
    place, score = keypoints(np.random.default_rng(1), (2, 2, 3, 5), (12, 17))
    blobs, mirror = keypoint_blobs(place, score, (12, 17)), torch.tensor([1, 0, 4, 3, 2])
    expected = blobs.draw().index_select(2, mirror).flip(-1)
    torch.testing.assert_close(blobs.mirrored(mirror).draw(), expected, rtol=0, atol=0)
    both = cat([blobs, blobs.mirrored(mirror)], 1)
    assert both.shape == (2, 4, 5, 3, 12, 17)
    torch.testing.assert_close(both.draw(), torch.cat([blobs.draw(), expected], 1), rtol=0, atol=0)
    torch.testing.assert_close(both.flatten(0, 1).draw(), both.draw().flatten(0, 1), rtol=0, atol=0)


def batch(persons: int = 1) -> dict[str, torch.Tensor]:
    place, score = keypoints(np.random.default_rng(2), (2, 1, persons, 4, 68), (100, 100))
    return {'keypoint': place, 'keypoint_score': score, 'img_shape': torch.tensor([[100, 80], [90, 120]])}


@pytest.mark.parametrize('double', [False, True])
@pytest.mark.parametrize('training', [False, True])
def test_the_data_preprocessor_gives_the_same_volume_either_way(double, training):
    module = PoseHeatmapPreprocessor((32, 32), double=double)
    drawn = module(batch(), training)['imgs']
    module.keep_blobs = True
    blobs = module(batch(), training)['imgs']
    assert isinstance(blobs, KeypointBlobs) and blobs.shape == drawn.shape
    torch.testing.assert_close(blobs.draw(), drawn, rtol=0, atol=0)


def test_several_persons_limbs_and_doubles_are_drawn():
    module = PoseHeatmapPreprocessor((32, 32))
    module.keep_blobs = True
    assert isinstance(module(batch(2))['imgs'], torch.Tensor)
    double = {name: value.double() for name, value in batch().items()}
    assert module(double)['imgs'].dtype == torch.float64
    limbs = PoseHeatmapPreprocessor((32, 32), with_limb=True)
    limbs.keep_blobs = True
    assert isinstance(limbs(batch())['imgs'], torch.Tensor)
