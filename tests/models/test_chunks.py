"""A long clip in chunks gives what one pass gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pyskl.errors import InputError
from pyskl.models import ResNet3dSlowOnly
from pyskl.models.recognizers import chunks
from pyskl.models.recognizers.chunks import chunk_logits, chunks_of
from pyskl.models.utils.receptive_field import temporal_halo
from pyskl.registry import MODELS

HALO = 3


@given(frames=st.integers(1, 200), chunk_frames=st.integers(1, 60), halo=st.integers(0, 20))
def test_every_frame_is_kept_once_and_has_its_surroundings(frames, chunk_frames, halo):
    kept = []
    for start, stop, first, end in chunks_of(frames, chunk_frames, halo):
        assert stop - start == min(frames, chunk_frames + 2 * halo)
        for frame in range(first, end):
            assert start <= max(0, frame - halo)
            assert min(frames, frame + halo + 1) <= stop
        kept += range(first, end)
    assert kept == list(range(frames))


def model(dtype: torch.dtype = torch.float32, **preprocessor: Any) -> nn.Module:
    torch.manual_seed(0)
    backbone = ResNet3dSlowOnly(
        in_channels=98 if preprocessor.get('with_limb') else 51,
        base_channels=4,
        num_stages=2,
        out_indices=(1,),
        stage_blocks=(1, 2),
        inflate=(1, 1),
        spatial_strides=(1, 2),
        temporal_strides=(1, 1),
    )
    built = MODELS.build(
        {
            'type': 'Recognizer3D',
            'data_preprocessor': {'type': 'PoseHeatmapPreprocessor', 'heatmap_size': (12, 12), 'layout': 'ibug51',
                                  **preprocessor},
            'backbone': backbone,
            'cls_head': {'type': 'AUHead', 'num_classes': 3, 'in_channels': 32, 'per_frame': True, 'init_std': 1.0},
        }
    )  # fmt: skip
    for module in built.modules():
        if isinstance(module, _BatchNorm):  # zero_init_residual would hide what blocks see
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
    assert temporal_halo(built.backbone, built.cls_head) == HALO
    return built.to(dtype).eval()


def track(frames: int, dtype: torch.dtype = torch.float32, samples: int = 1, clips: int = 1, persons: int = 1) -> dict:
    draw = torch.Generator().manual_seed(frames)
    shape = (samples, clips, persons, frames, 51)
    return {
        'keypoint': (torch.rand(*shape, 2, generator=draw) * 100).to(dtype),
        'keypoint_score': torch.rand(shape, generator=draw).to(dtype),
        'img_shape': torch.tensor([[100.0, 100.0]] * samples),
        'frame_inds': torch.arange(clips * frames).reshape(1, clips, frames).repeat(samples, 1, 1),
        'frame_valid': torch.ones(samples, clips, frames, dtype=torch.bool),
        'label': torch.randint(-1, 2, (samples, clips, frames, 3), generator=draw).to(torch.int8),
        'metas': [{'frame_dir': f'track{number}', 'sample_idx': number} for number in range(samples)],
    }


@torch.no_grad()
def one_pass(network: nn.Module, data: dict) -> torch.Tensor:
    logits = network(**network.data_preprocessor(data, training=False), mode='tensor')
    return logits.unflatten(0, (len(data['metas']), -1))


@pytest.mark.parametrize(('dtype', 'atol'), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize('frames', [1, HALO, 2 * HALO + 1, 40, 41])
@pytest.mark.parametrize('chunk_frames', [1, 7, 16, 40, 100])
def test_chunks_give_the_logits_of_one_pass(dtype, atol, frames, chunk_frames):
    network, data = model(dtype), track(frames, dtype)
    with torch.no_grad():
        logits = chunk_logits(network, data, chunk_frames)
    expected = one_pass(network, data)
    assert logits.dtype == dtype
    torch.testing.assert_close(logits, expected, rtol=0, atol=atol * max(1, float(expected.abs().max())))


@pytest.mark.parametrize(
    ('preprocessor', 'shape'),
    [({'double': True}, {}), ({'with_limb': True}, {'persons': 2}), ({}, {'samples': 2, 'clips': 3})],
)
def test_mirrored_clips_limbs_persons_and_several_clips(preprocessor, shape):
    network, data = model(torch.float64, **preprocessor), track(25, torch.float64, **shape)
    with torch.no_grad():
        logits = chunk_logits(network, data, 4)
    torch.testing.assert_close(logits, one_pass(network, data), rtol=0, atol=1e-9)


def test_volumes_pass_in_chunks_too():
    network, data = model(torch.float64), track(25, torch.float64)
    drawn = {'imgs': network.data_preprocessor.draw(data['keypoint'], data['keypoint_score'], data['img_shape'])}
    network.data_preprocessor.forward = lambda part, training: part  # float64 volumes as they are
    with torch.no_grad():
        logits = chunk_logits(network, drawn, 4)
    torch.testing.assert_close(logits, one_pass(network, {**data, **drawn}), rtol=0, atol=1e-9)


def test_a_smaller_halo_would_not_do(monkeypatch):
    network, data = model(torch.float64), track(40, torch.float64)
    expected = one_pass(network, data)
    monkeypatch.setattr(chunks, 'temporal_halo', lambda *parts: HALO - 1)
    with torch.no_grad():
        assert (chunk_logits(network, data, 8) - expected).abs().max() > 1e-6


def test_the_predictions_are_those_of_one_pass():
    network = model(double=True)
    data = track(30, samples=2)
    data['frame_valid'][:, :, 25:] = False
    for average in ('prob', 'score'):
        network.average_clips = average
        network.chunk_frames = None
        expected = network.test_step(data)
        network.chunk_frames = 7
        for record, other in zip(network.test_step(data), expected, strict=True):
            assert record.keys() == other.keys()
            for name in ('frame_inds', 'label', 'face_found'):
                np.testing.assert_array_equal(record[name], other[name])
            np.testing.assert_allclose(record['score'], other['score'], rtol=0, atol=1e-5)
            assert len(record['score']) == 25


@pytest.mark.parametrize('frames', [50, 500])
def test_no_more_than_a_chunk_is_ever_drawn(frames):
    network = model()
    network.chunk_frames = 8
    drawn = []
    network.data_preprocessor.register_forward_pre_hook(lambda _, args: drawn.append(args[0]['keypoint'].shape[3]))
    network.test_step(track(frames))
    assert set(drawn) == {8 + 2 * HALO}
    assert len(drawn) == -(-(frames - 2 * HALO) // 8)


@pytest.mark.parametrize('value', [0, -1, 2.5, True, '256'])
def test_wrong_chunk_lengths_are_named(value):
    cfg = {'test_cfg': {'chunk_frames': value}}
    with pytest.raises(InputError, match=r'chunk_frames is .* a whole number of at least 1'):
        MODELS.build({'type': 'Recognizer3D', 'backbone': nn.Identity(), 'cls_head': model().cls_head, **cfg})


def test_networks_that_are_not_dense_refuse_chunks():
    network = model()
    head = {'type': 'AUHead', 'num_classes': 3, 'in_channels': 32}
    common = {'type': 'Recognizer3D', 'test_cfg': {'chunk_frames': 8}}
    with pytest.raises(InputError, match=r'chunk_frames=8 cannot be had: .* its head judges whole clips'):
        MODELS.build({**common, 'backbone': network.backbone, 'cls_head': head})
    with pytest.raises(InputError, match=r'chunk_frames=8 cannot be had: .* one prediction for 2 frames'):
        MODELS.build({**common, 'backbone': ResNet3dSlowOnly(temporal_strides=(1, 1, 1, 2)),
                      'cls_head': network.cls_head})  # fmt: skip
