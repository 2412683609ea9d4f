"""Action Units of a track from a checkpoint alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from pyskl.action_units import AFFWILD_AUS
from pyskl.apis import AUInferencer
from pyskl.apis.testing import test as run_test
from pyskl.datasets import pose_collate
from pyskl.datasets.transforms.compose import Compose
from pyskl.engine import load_config
from pyskl.errors import InputError
from pyskl.evaluation.results import read_results
from pyskl.keypoints import get_layout, resting_face
from pyskl.registry import MODELS


@pytest.fixture(scope='module')
def checkpoint(trained) -> Path:
    return trained / 'epoch_3.pth'


@pytest.fixture(scope='module')
def inferencer(checkpoint) -> AUInferencer:
    return AUInferencer(checkpoint, device='cpu', batch_size=5, dtype='float32')


@pytest.fixture(scope='module')
def tracks(annotation_content) -> list[dict]:
    names = annotation_content['split']['test']
    return [track for track in annotation_content['annotations'] if track['frame_dir'] in names]


def changed(source: Path, target: Path, **stored: Any) -> Path:
    """Write a copy of a checkpoint that says something else of itself."""
    content = torch.load(source, weights_only=True)
    content['meta']['pyskl'] |= stored
    torch.save(content, target)
    return target


def frames(track: dict, start: int, stop: int) -> dict:
    return {
        **track,
        'total_frames': stop - start,
        'keypoint': track['keypoint'][:, start:stop],
        'keypoint_score': track['keypoint_score'][:, start:stop],
    }


def same(result, other) -> bool:
    return np.array_equal(result.probability, other.probability, equal_nan=True)


def test_what_the_checkpoint_says(inferencer, annotation_content):
    assert inferencer.aus == tuple(annotation_content['metainfo']['aus'])
    assert inferencer.layout == 'ibug68'
    assert inferencer.trained_on == 'synthetic'
    assert not inferencer.model.training


TESTED = {
    'windows': {'test_dataloader.dataset.stride': 8},
    'whole tracks': {
        'test_dataloader.dataset.type': 'WholeTracks',
        'test_dataloader.batch_size': 1,
        'model.test_cfg': {'chunk_frames': 20},
    },
}


@pytest.mark.parametrize('kind', TESTED)
def test_predictions_are_those_that_testing_writes(checkpoint, tracks, tiny_config, tmp_path, kind):
    inferencer = AUInferencer(checkpoint, 'cpu', dense=kind == 'whole tracks', dtype='float32')
    cfg = load_config(tiny_config, TESTED[kind])
    cfg.work_dir = str(tmp_path / 'work')
    run_test(cfg, checkpoint, ['f1_score'], out=tmp_path / 'result.pkl')
    written = {record['frame_dir']: record for record in read_results(tmp_path / 'result.pkl').tracks}
    assert written.keys() == {track['frame_dir'] for track in tracks}
    missing = 0
    for track in tracks:
        result, record = inferencer.predict(track), written[track['frame_dir']]
        assert record['frame_inds'].tolist() == list(range(track['total_frames']))
        assert result.success.tolist() == record['face_found'].tolist()
        np.testing.assert_allclose(
            result.probability[result.success], record['score'][result.success], rtol=0, atol=1e-5
        )
        assert np.isnan(result.probability[~result.success]).all()
        assert (result.occurrence[~result.success] == -1).all()
        missing += (~result.success).sum()
    assert missing > 0  # the data has frames without a face


def test_one_row_for_every_frame(inferencer, tracks):
    result = inferencer.predict(tracks[0])
    total = tracks[0]['total_frames']
    assert result.frame.tolist() == list(range(1, total + 1))
    np.testing.assert_allclose(result.timestamp, np.arange(total) / 30)
    np.testing.assert_allclose(result.confidence, tracks[0]['keypoint_score'][0, :, 17:].mean(1), rtol=1e-5)
    assert result.probability.shape == (total, 12)
    found = result.success
    assert (result.occurrence[found] == (result.probability[found] >= 0.5)).all()
    assert result.thresholds == (0.5,) * 12


def test_labels_of_a_track_are_not_looked_at(inferencer, tracks):
    track = {key: value for key, value in tracks[0].items() if key != 'label'}
    assert same(inferencer.predict(track), inferencer.predict(tracks[0]))
    assert same(inferencer.predict({**track, 'label': 'nonsense'}), inferencer.predict(track))


def test_the_track_is_left_as_it_was(inferencer, tracks):
    track = copy.deepcopy(tracks[0])
    inferencer.predict(track)
    assert track.keys() == tracks[0].keys()
    assert np.array_equal(track['keypoint'], tracks[0]['keypoint'])


@pytest.mark.parametrize('batch_size', [1, 64])
def test_the_batch_size_does_not_matter(checkpoint, tracks, batch_size):
    one, other = (
        AUInferencer(checkpoint, 'cpu', batch_size=size, dense=False, dtype='float32').predict(tracks[0])
        for size in (batch_size, 5)
    )
    np.testing.assert_allclose(one.probability, other.probability, atol=1e-5)


@pytest.mark.parametrize('threshold', [0.0, 0.45, 1.0])
def test_the_threshold_decides_the_occurrence(checkpoint, tracks, threshold):
    result = AUInferencer(checkpoint, 'cpu', threshold=threshold).predict(tracks[0])
    found = result.success
    assert (result.occurrence[found] == (result.probability[found] >= threshold)).all()


@pytest.mark.parametrize('total', [1, 5, 15, 16, 17, 25])
def test_tracks_of_any_length(inferencer, tracks, total):
    result = inferencer.predict(frames(tracks[0], 20, 20 + total))
    assert len(result) == total
    assert np.isfinite(result.probability[result.success]).all()


def test_a_track_without_any_face(inferencer, tracks):
    track = frames(tracks[0], 0, 20)
    track |= {'keypoint': np.zeros_like(track['keypoint']), 'keypoint_score': np.zeros_like(track['keypoint_score'])}
    result = inferencer.predict(track)
    assert not result.success.any()
    assert np.isnan(result.probability).all()
    assert (result.occurrence == -1).all()


# Layouts.


def test_whole_body_keypoints_and_inner_points_give_the_same(inferencer, tracks):
    track = frames(tracks[0], 0, 20)
    whole = {name: np.zeros((*track[name].shape[:2], 133, *track[name].shape[3:]), np.float32) for name in
             ('keypoint', 'keypoint_score')}  # fmt: skip
    for name, array in whole.items():
        array[:, :, 23:91] = track[name]
        array[:, :, :23] = 7 if name == 'keypoint' else 1  # the body, of which the network must see nothing
    expected = inferencer.predict(track)
    assert same(inferencer.predict({**track, **whole}), expected)
    inner = {name: track[name][:, :, 17:] for name in whole}
    assert same(inferencer.predict({**track, **inner}), expected)


@pytest.mark.parametrize('count', [5, 67, 69, 477])
def test_keypoints_of_another_layout_are_refused(inferencer, tracks, count):
    track = {**tracks[0], 'keypoint': np.ones((1, 20, count, 2), np.float32), 'total_frames': 20}
    track['keypoint_score'] = np.ones((1, 20, count), np.float32)
    with pytest.raises(InputError, match=f'no keypoint layout has {count} keypoints'):
        inferencer.predict(track)


def test_a_network_for_whole_bodies_refuses_faces(trained, tracks, tmp_path):
    cfg = load_config(trained / 'tiny.py')
    cfg.model.backbone.in_channels = 133
    cfg.model.data_preprocessor.layout = 'coco_wholebody133'
    path = written(cfg, tmp_path / 'whole.pth', keypoint_layout='coco_wholebody133')
    inferencer = AUInferencer(path, 'cpu')
    assert inferencer.layout == 'coco_wholebody133'
    with pytest.raises(InputError, match="cannot be turned into 'coco_wholebody133'"):
        inferencer.predict(tracks[0])


@pytest.mark.parametrize(
    ('field', 'value', 'reason'),
    [
        ('keypoint', None, 'keypoint'),
        ('keypoint', [[1, 2], [3]], 'keypoint'),
        ('keypoint', np.ones((20, 68, 2)), 'keypoint: its shape'),
        ('keypoint_score', np.full((1, 20, 68), 2.0), 'must lie in 0..1'),
        ('total_frames', 21, 'total_frames'),
        ('img_shape', (0, 10), 'img_shape'),
        ('timestamps', np.zeros(3), 'timestamps: 3 of them for 20 frames'),
        ('timestamps', 0.5, 'timestamps: 1 of them for 20 frames'),
    ],
)
def test_a_track_without_the_form_is_refused(inferencer, tracks, field, value, reason):
    with pytest.raises(InputError, match=reason):
        inferencer.predict({**frames(tracks[0], 0, 20), field: value})


def test_a_track_that_lacks_a_field_is_refused(inferencer, tracks):
    for field in ('keypoint', 'img_shape', 'total_frames'):
        with pytest.raises(InputError, match=f"'{field}' is missing"):
            inferencer.predict({key: value for key, value in tracks[0].items() if key != field})


def test_times_are_those_of_the_track(inferencer, tracks):
    track = frames(tracks[0], 0, 20)
    times = np.linspace(0, 3, 20) ** 2
    assert np.array_equal(inferencer.predict({**track, 'timestamps': times}).timestamp, times)
    np.testing.assert_allclose(inferencer.predict({**track, 'fps': 10}).timestamp, np.arange(20) / 10)


# Other networks.


def written(cfg, path: Path, **stored: Any) -> Path:
    """Write a checkpoint with fresh weights for the model of a config."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.nn.init.normal_(model.cls_head.fc_cls.weight)
    plain = cfg.to_dict()
    stored = {
        'model': plain['model'],
        'pipeline': plain['test_dataloader']['dataset']['pipeline'],
        'clip_len': 16,
        'keypoint_layout': 'ibug51',
        'aus': list(AFFWILD_AUS),
        **stored,
    }
    torch.save({'state_dict': model.state_dict(), 'meta': {'pyskl': stored}}, path)
    return path


def test_a_network_that_judges_whole_clips_judges_windows(tiny_config, tracks, tmp_path):
    cfg = load_config(tiny_config, {'model.cls_head.per_frame': False})
    steps = cfg.to_dict()['test_dataloader']['dataset']['pipeline'][1:]
    sampling = {'type': 'UniformSampleFrames', 'clip_len': 16, 'num_clips': 10, 'test_mode': True}
    inferencer = AUInferencer(
        written(cfg, tmp_path / 'clip.pth', pipeline=[sampling, *steps], clip_len=None), 'cpu', dtype='float32'
    )
    assert inferencer.aus == AFFWILD_AUS
    assert not inferencer.dense
    track = frames(tracks[0], 0, 43)
    result = inferencer.predict(track)
    assert len(result) == 43

    starts = [0, 8, 16, 24, 27]
    run = Compose(steps)
    rest, seen = resting_face(track['keypoint'], track['keypoint_score'], get_layout('ibug68'))
    rest = {'resting_face': rest[:, 17:], 'resting_frames': seen}
    rows = []
    for start in starts:
        window = frames(track, start, start + 16)
        window |= {name: window[name][..., 17:, :] if name == 'keypoint' else window[name][..., 17:]
                   for name in ('keypoint', 'keypoint_score')}  # fmt: skip
        window['keypoint_layout'] = 'ibug51'
        batch = pose_collate([run({**window, **rest, 'frame_inds': np.arange(16), 'num_clips': 1, 'sample_idx': 0})])
        rows.append(inferencer.model.test_step(batch)[0]['score'])
    assert np.ptp(rows, axis=0).max() > 1e-3
    for frame in np.flatnonzero(result.success):
        distance = [abs(frame + 0.5 - (start + 8)) for start in starts]
        nearest = max(number for number, value in enumerate(distance) if value == min(distance))
        np.testing.assert_allclose(result.probability[frame], rows[nearest], atol=1e-5)


def test_a_volume_drawn_in_the_pipeline(tiny_config, tracks, tmp_path):
    cfg = load_config(tiny_config)
    steps = cfg.to_dict()['test_dataloader']['dataset']['pipeline']
    drawn = [
        *steps[:4],
        {'type': 'Resize', 'scale': (16, 16), 'keep_ratio': False},
        {'type': 'GeneratePoseTarget', 'sigma': 0.6, 'with_kp': True, 'with_limb': False},
        {'type': 'FormatShape', 'input_format': 'NCTHW_Heatmap'},
        {'type': 'Collect', 'keys': ['imgs', 'label']},
        {'type': 'ToTensor', 'keys': ['imgs', 'label']},
    ]
    scaled = [*steps[:4], drawn[4], *steps[4:]]
    track = frames(tracks[0], 0, 16)  # of one window, so that it does not matter that only keypoints pass in one piece
    one, other = (
        AUInferencer(written(cfg, tmp_path / f'{number}.pth', pipeline=pipeline), 'cpu', dtype='float32').predict(track)
        for number, pipeline in enumerate((drawn, scaled))
    )
    np.testing.assert_allclose(one.probability, other.probability, atol=1e-3)


# In one pass, or in windows.


def test_a_track_passes_in_one_piece(inferencer, checkpoint, tracks, tiny_config, monkeypatch):
    assert inferencer.dense
    monkeypatch.setattr('pyskl.apis.inferencer.CHUNK_FRAMES', 10)
    chunked = AUInferencer(checkpoint, 'cpu', dtype='float32')
    plain = MODELS.build(load_config(tiny_config).model)
    plain.load_state_dict(torch.load(checkpoint, weights_only=True)['state_dict'])
    for track in tracks:
        sample = inferencer._dataset(track)[0]
        assert sample['keypoint'].shape[2] == track['total_frames']
        (record,) = plain.eval().test_step(pose_collate([sample]))
        for result in (inferencer.predict(track), chunked.predict(track)):
            np.testing.assert_allclose(result.probability[result.success], record['score'][result.success], atol=1e-5)


@pytest.mark.parametrize('total', [1, 7, 16])
def test_a_track_of_one_clip_is_the_same_in_windows(inferencer, checkpoint, tracks, total):
    track = frames(tracks[0], 20, 20 + total)
    windows = AUInferencer(checkpoint, 'cpu', dense=False, dtype='float32')
    assert not windows.dense
    np.testing.assert_allclose(windows.predict(track).probability, inferencer.predict(track).probability, atol=1e-6)


def test_what_cannot_pass_in_one_piece_is_refused_only_if_it_was_asked_for(tiny_config, tmp_path):
    cfg = load_config(tiny_config)
    steps = cfg.to_dict()['test_dataloader']['dataset']['pipeline']
    drawn = [
        *steps[:-2],
        {'type': 'GeneratePoseTarget'},
        {'type': 'FormatShape', 'input_format': 'NCTHW_Heatmap'},
        {'type': 'Collect', 'keys': ['imgs']},
    ]
    for number, (changes, stored, reason) in enumerate(
        [
            ({'model.cls_head.per_frame': False}, {}, 'its head judges whole clips'),
            ({'model.backbone.temporal_strides': (1, 1, 2)}, {}, 'one prediction for 2 frames'),
            ({}, {'pipeline': drawn}, 'its pipeline draws the volumes'),
        ]
    ):
        path = written(load_config(tiny_config, changes), tmp_path / f'{number}.pth', **stored)
        assert not AUInferencer(path, 'cpu').dense
        with pytest.raises(InputError, match=rf'{number}\.pth: dense=True cannot be had: .*{reason}.*; use dense=None'):
            AUInferencer(path, 'cpu', dense=True)


# Precision.


@pytest.mark.parametrize('dense', [True, False])
def test_folding_batch_norms_changes_nothing(checkpoint, tracks, monkeypatch, dense):
    folded = AUInferencer(checkpoint, 'cpu', dense=dense, dtype='float32')
    assert not any(isinstance(part, _BatchNorm) for part in folded.model.modules())
    monkeypatch.setattr('pyskl.apis.inferencer.fuse_conv_bn', lambda model: model.eval())
    plain = AUInferencer(checkpoint, 'cpu', dense=dense, dtype='float32')
    assert any(isinstance(part, _BatchNorm) for part in plain.model.modules())
    for track in tracks:
        np.testing.assert_allclose(folded.predict(track).probability, plain.predict(track).probability, atol=1e-5)


def test_bfloat16_is_used_where_it_was_asked_for(inferencer, checkpoint, tracks):
    assert inferencer.dtype == torch.float32
    coarse = AUInferencer(checkpoint, 'cpu', dtype='bfloat16')
    assert coarse.dtype == torch.bfloat16
    difference = np.abs(coarse.predict(tracks[0]).probability - inferencer.predict(tracks[0]).probability)
    assert 1e-6 < np.nanmax(difference) < 0.01


@pytest.mark.parametrize(
    ('native', 'scale', 'chosen'), [(True, 1, torch.bfloat16), (False, 1, torch.float32), (True, 300, torch.float32)]
)
def test_bfloat16_is_chosen_where_it_is_native_and_close(checkpoint, tmp_path, monkeypatch, native, scale, chosen):
    monkeypatch.setattr('pyskl.apis.precision.has_bfloat16', lambda device: native)
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['cls_head.fc_cls.weight'] *= scale  # small differences become large ones
    torch.save(content, tmp_path / 'scaled.pth')
    assert AUInferencer(tmp_path / 'scaled.pth', 'cpu').dtype == chosen


def test_an_unknown_dtype_is_refused(checkpoint):
    with pytest.raises(InputError, match=r"dtype: there is no 'bf16'; did you mean 'bfloat16'\?"):
        AUInferencer(checkpoint, 'cpu', dtype='bf16')


# What is refused.


@pytest.mark.parametrize('meta', [{}, {'pyskl': None}, {'pyskl': {'model': {}}}, {'pyskl': []}])
def test_a_checkpoint_that_does_not_describe_itself_is_refused(checkpoint, tmp_path, meta):
    content = torch.load(checkpoint, weights_only=True)
    torch.save({'state_dict': content['state_dict'], 'meta': meta}, tmp_path / 'foreign.pth')
    with pytest.raises(InputError, match=r'foreign\.pth does not say how its network is built'):
        AUInferencer(tmp_path / 'foreign.pth')


def test_components_from_elsewhere_are_refused_and_never_built(checkpoint, tmp_path):
    proof = tmp_path / 'proof'
    stored = torch.load(checkpoint, weights_only=True)['meta']['pyskl']
    attack = {'type': 'os.mkdir', 'path': str(proof)}
    hostile = [
        {'model': attack},
        {'model': {**stored['model'], 'backbone': attack}},
        {'pipeline': [*stored['pipeline'], attack]},
        {'pipeline': [{'type': 'Compose', 'transforms': [attack]}]},
    ]
    for number, changes in enumerate(hostile):
        with pytest.raises(InputError, match='refused'):
            AUInferencer(changed(checkpoint, tmp_path / f'{number}.pth', **changes), 'cpu')
    assert not proof.exists()


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'keypoint_layout': 'ibug_51'}, "unknown keypoint layout 'ibug_51'"),
        ({'keypoint_layout': None}, 'unknown keypoint layout'),
        ({'pipeline': []}, 'samples no frames'),
        ({'pipeline': [{'type': 'SampleWindow', 'clip_len': 8, 'frame_interval': 3}]}, 'frame_interval must be 1'),
        ({'pipeline': [{'type': 'PoseDecode'}]}, 'samples no frames'),
    ],
)
def test_a_checkpoint_with_a_wrong_description_is_refused(checkpoint, tmp_path, changes, reason):
    with pytest.raises(InputError, match=reason):
        AUInferencer(changed(checkpoint, tmp_path / 'wrong.pth', **changes), 'cpu')


def test_weights_of_another_network_are_refused(checkpoint, tmp_path):
    stored = torch.load(checkpoint, weights_only=True)['meta']['pyskl']
    stored['model']['cls_head']['num_classes'] = 8
    with pytest.raises(InputError, match='trained for 12 AUs, but the config asks for 8'):
        AUInferencer(changed(checkpoint, tmp_path / 'other.pth', model=stored['model']), 'cpu')


def test_a_device_that_is_not_there_is_refused(checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    for device in ('cuda', 'cuda:1', torch.device('cuda')):
        with pytest.raises(InputError, match=r"device: 'cuda(:1)?' was asked for, but there is no such GPU"):
            AUInferencer(checkpoint, device=device)
    with pytest.raises(InputError, match="device: 'gpu' is no device"):
        AUInferencer(checkpoint, device='gpu')


@pytest.mark.parametrize('aus', [None, ['AU1'], [f'AU?{number}' for number in range(12)]])
def test_a_checkpoint_that_does_not_name_its_aus_is_refused_before_any_video_is_read(checkpoint, tmp_path, aus):
    with pytest.raises(InputError, match='Action Unit'):
        AUInferencer(changed(checkpoint, tmp_path / 'nameless.pth', aus=aus))
