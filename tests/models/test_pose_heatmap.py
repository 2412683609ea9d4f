from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pyskl.datasets.transforms.heatmap import GeneratePoseTarget
from pyskl.errors import InputError
from pyskl.models import PoseHeatmapPreprocessor
from pyskl.models.data_preprocessors.heatmap import draw_keypoints, draw_limbs

SIZE = (20, 24)


def keypoints(samples=2, clips=1, persons=1, frames=3, points=51, seed=0) -> dict:
    draw = torch.Generator().manual_seed(seed)
    shape = (samples, clips, persons, frames, points)
    keypoint = torch.rand(*shape, 2, generator=draw) * 34 - 6
    keypoint[..., 1::7, :] = keypoint[..., ::7, :][..., : keypoint[..., 1::7, :].shape[-2], :] + 0.3
    score = torch.rand(shape, generator=draw)
    score[torch.rand(shape, generator=draw) < 0.2] = 0
    return {
        'keypoint': keypoint,
        'keypoint_score': score,
        'img_shape': torch.tensor([[20.0, 24.0]] * samples),
        'label': torch.zeros(samples, 12),
        'metas': [{'frame_dir': str(index), 'sample_idx': index} for index in range(samples)],
    }


def on_the_cpu(data: dict, sample: int, clip: int, **options) -> np.ndarray:
    """The volume (C, T, H, W) of one clip as the transform draws it."""
    results = {
        'keypoint': data['keypoint'][sample, clip].numpy(),
        'keypoint_score': data['keypoint_score'][sample, clip].numpy(),
        'img_shape': SIZE,
    }
    return GeneratePoseTarget(**options).transform(results)['imgs'].swapaxes(0, 1)


@pytest.mark.parametrize('persons', [1, 2])
@pytest.mark.parametrize(
    'options',
    [
        {},
        {'sigma': 1.7},
        {'use_score': False},
        {'with_kp': False, 'with_limb': True},
        {'with_limb': True, 'sigma': 1.3},
        {'with_kp': False, 'with_limb': True, 'skeletons': ((0, 50), (3, 4), (0, 1))},
    ],
)
@pytest.mark.parametrize('channels_last', [False, True])
def test_tensors_equal_the_transform(persons, options, channels_last):
    data = keypoints(clips=2, persons=persons)
    preprocessor = PoseHeatmapPreprocessor(SIZE, layout='ibug51', channels_last=channels_last, **options)
    imgs = preprocessor(data)['imgs']
    assert imgs.shape == (2, 2, len(preprocessor.channels) if 'skeletons' in options else imgs.shape[2], 3, *SIZE)
    assert imgs.shape[2] == preprocessor.num_channels
    assert imgs.flatten(0, 1).is_contiguous(memory_format=torch.channels_last_3d) is channels_last
    for sample in range(2):
        for clip in range(2):
            expected = on_the_cpu(data, sample, clip, **options)
            np.testing.assert_allclose(imgs[sample, clip].numpy(), expected, atol=2e-6, rtol=2e-4)
            assert np.array_equal(imgs[sample, clip].numpy() > 1e-9, expected > 1e-9)


def test_a_gaussian_by_hand():
    volume = draw_keypoints(torch.tensor([[[[4.0, 2.5]]]]), torch.tensor([[[0.5]]]), (6, 8), sigma=1.0)
    assert volume.shape == (1, 1, 6, 8)
    assert volume[0, 0, 2, 4].item() == pytest.approx(0.5 * math.exp(-0.125))
    assert volume[0, 0, 4, 6].item() == pytest.approx(0.5 * math.exp(-(1.5**2 + 2**2) / 2))
    assert torch.equal((volume[0, 0] > 0).any(0), torch.tensor([0, 1, 1, 1, 1, 1, 1, 1]).bool())


def test_a_limb_by_hand():
    ends = torch.tensor([[[[1.0, 2.0], [6.0, 2.0]]]])
    volume = draw_limbs(ends, torch.tensor([[[0.8, 0.5]]]), [(0, 1)], (5, 10), sigma=1.0)[0, 0]
    assert volume[2, 1:7].tolist() == pytest.approx([0.5] * 6)
    assert volume[3, 4].item() == pytest.approx(0.5 * math.exp(-0.5))
    assert volume[2, 8].item() == pytest.approx(0.5 * math.exp(-2))


def test_keypoints_are_scaled_from_each_samples_own_size():
    data = keypoints()
    larger = {**data, 'keypoint': data['keypoint'].clone(), 'img_shape': torch.tensor([[20.0, 24.0], [60.0, 48.0]])}
    larger['keypoint'][1] *= torch.tensor([2.0, 3.0])
    preprocessor = PoseHeatmapPreprocessor(SIZE, layout='ibug51')
    torch.testing.assert_close(preprocessor(larger)['imgs'], preprocessor(data)['imgs'], atol=1e-4, rtol=1e-3)


def test_double_appends_mirrored_clips_outside_training():
    data = keypoints(clips=2)
    preprocessor = PoseHeatmapPreprocessor(SIZE, layout='ibug51', with_limb=True, double=True)
    assert preprocessor(data, training=True)['imgs'].shape[1] == 2
    imgs = preprocessor(data)['imgs']
    assert imgs.shape[1] == 4
    for clip in range(2):
        both = on_the_cpu(data, 0, clip, with_limb=True, double=True)
        np.testing.assert_allclose(imgs[0, clip].numpy(), both[:, :3], atol=2e-6, rtol=2e-4)
        np.testing.assert_allclose(imgs[0, 2 + clip].numpy(), both[:, 3:], atol=2e-6, rtol=2e-4)


def test_other_fields_are_kept_and_the_batch_is_not_changed():
    data = keypoints()
    before = dict(data)
    batch = PoseHeatmapPreprocessor(SIZE)(data)
    assert set(batch) == set(data) | {'imgs'}
    assert data.keys() == before.keys()
    assert batch['metas'] is data['metas']


def test_drawn_volumes_pass_through_as_floats():
    imgs = torch.randint(0, 2, (1, 1, 3, 2, 4, 4), dtype=torch.uint8)
    batch = PoseHeatmapPreprocessor(SIZE)({'imgs': imgs})
    assert batch['imgs'].dtype == torch.float32
    assert torch.equal(batch['imgs'], imgs.float())


def test_it_has_no_state_and_follows_the_model_to_its_device():
    preprocessor = PoseHeatmapPreprocessor(SIZE, layout='ibug51', with_limb=True, double=True)
    assert not preprocessor.state_dict()
    preprocessor.to('meta')
    assert preprocessor(keypoints())['imgs'].device.type == 'meta'


def test_types():
    data = keypoints()
    preprocessor = PoseHeatmapPreprocessor(SIZE, layout='ibug51', with_limb=True)
    single = preprocessor(data)['imgs']
    double = preprocessor({**data, 'keypoint': data['keypoint'].double()})['imgs']
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single, double.float(), atol=1e-5, rtol=1e-3)
    with torch.autocast('cpu', torch.bfloat16):
        half = preprocessor(data)['imgs']
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), single, atol=0.01, rtol=0.02)


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf, 1e30])
def test_broken_coordinates_draw_nothing(bad):
    data = keypoints()
    data['keypoint'][0, 0, 0, 1, 5] = bad
    data['keypoint_score'][0, 0, 0, 0, 6] = math.nan
    imgs = PoseHeatmapPreprocessor(SIZE, layout='ibug51', with_limb=True)(data)['imgs']
    assert torch.isfinite(imgs).all()
    assert not imgs[0, 0, 5, 1].any()
    assert not imgs[0, 0, 6, 0].any()


def test_wrong_arguments_and_batches_are_input_errors():
    for options, message in (
        ({'with_kp': False}, 'nothing to draw'),
        ({'heatmap_size': (0, 4)}, 'heatmap_size'),
        ({'heatmap_size': (4,)}, 'heatmap_size'),
        ({'sigma': -1}, 'sigma'),
        ({'layout': 'ibug86'}, "did you mean 'ibug68'"),
        ({'with_limb': True, 'skeletons': ((0, 68),)}, 'index 68'),
    ):
        with pytest.raises(InputError, match=message):
            PoseHeatmapPreprocessor(**options)
    with pytest.raises(InputError, match='51 keypoints'):
        PoseHeatmapPreprocessor(SIZE, with_limb=True)(keypoints())
    with pytest.raises(InputError, match="neither 'keypoint' nor 'imgs'"):
        PoseHeatmapPreprocessor(SIZE)({'label': torch.zeros(1)})
    with pytest.raises(InputError, match='keypoint is'):
        PoseHeatmapPreprocessor(SIZE)({'keypoint': torch.zeros(1, 3, 51, 2)})
