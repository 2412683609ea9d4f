from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from pyskl.errors import InputError
from pyskl.models import AUHead, I3DHead, Recognizer3D, fuse_conv_bn
from pyskl.registry import MODELS

FRAMES, AUS, SIZE = 4, 3, 8


def config(per_frame=True, **kwargs) -> dict:
    return {
        'type': 'Recognizer3D',
        'data_preprocessor': {'type': 'PoseHeatmapPreprocessor', 'heatmap_size': (SIZE, SIZE), 'layout': 'ibug51'},
        'backbone': {
            'type': 'ResNet3dSlowOnly',
            'in_channels': 51,
            'base_channels': 4,
            'num_stages': 2,
            'out_indices': (1,),
            'stage_blocks': (1, 1),
            'conv1_stride': (1, 1),
            'pool1_stride': (1, 1),
            'inflate': (0, 1),
            'spatial_strides': (2, 2),
            'temporal_strides': (1, 1),
            'dilations': (1, 1),
        },
        'cls_head': {
            'type': 'AUHead',
            'num_classes': AUS,
            'in_channels': 32,
            'per_frame': per_frame,
            'dropout_ratio': 0,
        },
        **kwargs,
    }


def build(**kwargs) -> Recognizer3D:
    torch.manual_seed(0)
    return MODELS.build(config(**kwargs))


def batch(samples=2, clips=1, label='frame', seed=0) -> dict:
    draw = torch.Generator().manual_seed(seed)
    shapes = {'frame': (samples, clips, FRAMES, AUS), 'clip': (samples, AUS)}
    data = {
        'keypoint': torch.rand(samples, clips, 1, FRAMES, 51, 2, generator=draw) * 100,
        'keypoint_score': torch.rand(samples, clips, 1, FRAMES, 51, generator=draw),
        'img_shape': torch.tensor([[100.0, 100.0]] * samples),
        'frame_inds': torch.arange(clips * FRAMES).reshape(1, clips, FRAMES).repeat(samples, 1, 1),
        'frame_valid': torch.ones(samples, clips, FRAMES, dtype=torch.bool),
        'metas': [{'frame_dir': f'clip{n}', 'sample_idx': 10 + n, 'total_frames': 99} for n in range(samples)],
    }
    if label in shapes:
        data['label'] = torch.randint(-1, 2, shapes[label], generator=draw).to(torch.int8)
    return data


class MeanFrame(nn.Module):
    """Backbone whose feature is the mean of each frame: predictions can be worked out by hand."""

    def forward(self, imgs: torch.Tensor) -> torch.Tensor:
        return imgs.mean((3, 4), keepdim=True)


def identity_model(per_frame=True, average='prob', head=AUHead) -> Recognizer3D:
    head = head(AUS, AUS, per_frame, dropout_ratio=0) if head is AUHead else head(AUS, AUS, dropout_ratio=0)
    nn.init.eye_(head.fc_cls.weight)
    return Recognizer3D(MeanFrame(), head, test_cfg={'average_clips': average}).eval()


def constant_imgs(values: torch.Tensor) -> torch.Tensor:
    """(N, K, T, A) -> volumes whose frame means, and so whose logits, are these values."""
    return values.movedim(3, 2)[..., None, None].expand(-1, -1, -1, -1, 2, 2)


def sigmoid(values) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(values, dtype=np.float64)))


@pytest.mark.parametrize('label', ['frame', 'clip'])
@pytest.mark.parametrize('clips', [1, 2])
def test_training_lowers_the_loss(label, clips):
    model = build(per_frame=label == 'frame').train()
    optimizer = OptimWrapper(torch.optim.Adam(model.parameters(), lr=0.01))
    losses = [model.train_step(batch(clips=clips, label=label), optimizer) for _ in range(15)]
    assert list(losses[0]) == ['loss', 'loss_cls']
    assert losses[-1]['loss'].item() < 0.5 * losses[0]['loss'].item()
    assert not losses[0]['loss'].requires_grad


def test_loss_of_clips_uses_the_label_of_their_sample():
    model = build(per_frame=False).eval()
    data = model.data_preprocessor(batch(clips=3, label='clip'))
    logits = model(**data)
    assert logits.shape == (6, AUS)
    rows = [model.cls_head.loss(logits[n * 3 : n * 3 + 3], data['label'][n].expand(3, AUS)) for n in range(2)]
    known = (data['label'] != -1).sum(1)
    expected = sum(row['loss_cls'] * count for row, count in zip(rows, known, strict=True)) / known.sum()
    torch.testing.assert_close(model(**data, mode='loss')['loss_cls'], expected)


def test_frame_loss_is_that_of_each_frames_label():
    model = identity_model()
    values = torch.randn(2, 3, FRAMES, AUS)
    label = torch.randint(-1, 2, values.shape)
    loss = model(imgs=constant_imgs(values), label=label, mode='loss')['loss_cls']
    known = label != -1
    expected = nn.functional.binary_cross_entropy_with_logits(values[known], label[known].float())
    torch.testing.assert_close(loss, expected)


def test_state_dict_has_only_backbone_and_head():
    names = build().state_dict()
    assert {name.split('.')[0] for name in names} == {'backbone', 'cls_head'}
    assert [name for name in names if name.startswith('cls_head')] == ['cls_head.fc_cls.weight', 'cls_head.fc_cls.bias']


def test_frame_prediction_has_the_agreed_form():
    data = batch()
    data['frame_inds'] += 7
    data['frame_valid'][1, 0, -1] = False
    data['keypoint_score'][0, 0, 0, 2] = 0
    first, second = build().eval().val_step(data)
    assert list(first) == ['frame_dir', 'sample_idx', 'frame_inds', 'score', 'label', 'face_found']
    assert (first['frame_dir'], first['sample_idx'], second['sample_idx']) == ('clip0', 10, 11)
    assert first['frame_inds'].dtype == np.int64
    assert first['frame_inds'].tolist() == [7, 8, 9, 10]
    assert second['frame_inds'].tolist() == [7, 8, 9]
    assert (first['score'].dtype, first['score'].shape) == (np.float32, (4, AUS))
    assert ((first['score'] > 0) & (first['score'] < 1)).all()
    assert first['label'].dtype == np.int8
    assert np.array_equal(second['label'], data['label'][1, 0, :3].numpy())
    assert first['face_found'].tolist() == [True, True, False, True]


def test_scores_are_float32_under_autocast():
    model = build().eval()
    with torch.autocast('cpu', torch.bfloat16):
        record = model.test_step(batch())[0]
    assert record['score'].dtype == np.float32
    np.testing.assert_allclose(record['score'], model.test_step(batch())[0]['score'], atol=0.02)


@pytest.mark.parametrize('average', ['prob', 'score'])
def test_views_of_one_frame_are_averaged_and_rows_that_are_not_owned_left_out(average):
    model = identity_model(average=average)
    values = torch.randn(1, 2, FRAMES, AUS) * 3
    inds = torch.tensor([[[4, 5, 6, 7], [6, 7, 8, 8]]])
    valid = torch.tensor([[[True, True, True, True], [True, False, True, False]]])
    label = torch.arange(8).remainder(2).reshape(1, 2, 4, 1).expand(1, 2, 4, AUS)
    record = model(imgs=constant_imgs(values), label=label, frame_inds=inds, frame_valid=valid, mode='predict')[0]
    assert record['frame_inds'].tolist() == [4, 5, 6, 7, 8]
    one, two = values[0].numpy()
    means = {'prob': (sigmoid(one[2]) + sigmoid(two[0])) / 2, 'score': sigmoid((one[2] + two[0]) / 2)}
    shared = means[average]
    expected = np.stack([*sigmoid(one[:2]), shared, sigmoid(one[3]), sigmoid(two[2])])
    np.testing.assert_allclose(record['score'], expected, atol=1e-6)
    assert record['label'][:, 0].tolist() == [0, 1, 0, 1, 0]
    assert record['face_found'].all()


def test_mirrored_clips_count_as_views_of_the_same_frames():
    model = identity_model()
    values = torch.randn(2, 2, FRAMES, AUS)
    label = torch.ones(2, 1, FRAMES, AUS, dtype=torch.int8)
    inds = torch.arange(FRAMES).expand(2, 1, FRAMES)
    score = torch.ones(2, 1, 1, FRAMES, 5)
    record = model(imgs=constant_imgs(values), label=label, frame_inds=inds, keypoint_score=score, mode='predict')[1]
    np.testing.assert_allclose(record['score'], sigmoid(values[1]).mean(0), atol=1e-6)
    assert record['label'].shape == (FRAMES, AUS)


@pytest.mark.parametrize('average', ['prob', 'score', None])
def test_clip_predictions(average):
    model = identity_model(per_frame=False, average=average)
    values = torch.randn(2, 3, FRAMES, AUS)
    found = torch.zeros(2, 3, 1, FRAMES, 5)
    found[1, 2, 0, 1, 4] = 0.3
    label = torch.tensor([[1, 0, -1], [0, 0, 1]], dtype=torch.int8)
    records = model(imgs=constant_imgs(values), label=label, keypoint_score=found, mode='predict')
    logits = values.mean(2).numpy()
    expected = {'prob': sigmoid(logits).mean(1), 'score': sigmoid(logits.mean(1)), None: sigmoid(logits)}[average]
    np.testing.assert_allclose(np.stack([record['score'] for record in records]), expected, atol=1e-6)
    assert list(records[0]) == ['frame_dir', 'sample_idx', 'score', 'label', 'face_found']
    assert records[1]['label'].tolist() == [0, 0, 1]
    assert [record['face_found'] for record in records] == [False, True]


def test_single_label_predictions_and_unlabelled_data():
    model = identity_model(head=I3DHead)
    values = torch.randn(2, 1, FRAMES, AUS)
    records = model(imgs=constant_imgs(values), label=torch.tensor([2, 0]), mode='predict')
    assert [record['label'] for record in records] == [2, 0]
    assert records[0]['score'].sum() == pytest.approx(1, abs=1e-6)
    assert model(imgs=constant_imgs(values), mode='predict')[0]['label'] is None
    assert identity_model()(imgs=constant_imgs(values), mode='predict')[0]['label'] is None
    loss = model(imgs=constant_imgs(values), label=torch.tensor([2, 0]), mode='loss')['loss_cls']
    torch.testing.assert_close(loss, nn.functional.cross_entropy(values[:, 0].mean(1), torch.tensor([2, 0])))


def test_volume_drawn_by_the_transform_gives_the_same():
    model = build().eval()
    data = batch()
    drawn = {name: value for name, value in data.items() if not name.startswith('keypoint')}
    drawn['imgs'] = model.data_preprocessor(data)['imgs'].draw()
    for one, other in zip(model.val_step(data), model.val_step(drawn), strict=True):
        np.testing.assert_allclose(one['score'], other['score'], atol=1e-5)


def test_fused_recogniser_predicts_the_same():
    model = build().train()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    for _ in range(3):
        model.train_step(batch(), optimizer)
    expected = model.eval().val_step(batch())[0]['score']
    np.testing.assert_allclose(fuse_conv_bn(model).val_step(batch())[0]['score'], expected, atol=1e-5)


def test_fresh_weights_and_other_losses():
    model = build()
    before = model.cls_head.fc_cls.weight.clone()
    model.init_weights()
    assert not torch.equal(before, model.cls_head.fc_cls.weight)
    total, log = model.parse_losses(
        {'loss_a': torch.tensor([1.0, 3.0]), 'loss_b': torch.tensor(4.0), 'acc': torch.ones(1)}
    )
    assert total.item() == log['loss'].item() == 6
    assert log['acc'].item() == 1


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'test_cfg': {'average_clip': 'prob'}}, "did you mean 'average_clips'"),
        ({'test_cfg': {'average_clips': 'mean'}}, 'average_clips'),
        ({'test_cfg': {'average_clips': None}}, 'per-frame'),
        ({'train_cfg': {'blending': 1}}, 'train_cfg'),
    ],
)
def test_wrong_configs_are_named(kwargs, message):
    with pytest.raises(InputError, match=message):
        build(**kwargs)


def test_wrong_batches_are_named():
    model = build().eval()
    imgs = model.data_preprocessor(batch())['imgs'].draw()
    for fields, message in (
        ({}, 'no imgs'),
        ({'imgs': imgs[0]}, r'imgs of shape \(1, 51'),
        ({'imgs': imgs, 'mode': 'predct'}, "did you mean 'predict'"),
        ({'imgs': imgs, 'mode': 'loss'}, 'no label'),
        ({'imgs': imgs.repeat(1, 2, 1, 1, 1, 1), 'mode': 'predict'}, 'frame_inds'),
        ({'imgs': imgs, 'mode': 'predict', 'frame_inds': torch.zeros(2, 1, 8)}, 'temporal strides'),
    ):
        with pytest.raises(InputError, match=message):
            model(**fields)
