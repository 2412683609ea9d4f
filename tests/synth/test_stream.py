"""Faces that are made during training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from pyskl.errors import InputError
from pyskl.registry import DATASETS
from pyskl.synth.presets import SPLITS
from pyskl.synth.stream import SyntheticFaceDataset
from pyskl.synth.track import simulate_track

PIPELINE = [
    dict(type='SampleWindow', clip_len=8),
    dict(type='PoseDecode'),
    dict(type='FormatShape', input_format='NMTVC'),
    dict(type='Collect', keys=['keypoint', 'keypoint_score', 'label']),
    dict(type='ToTensor', keys=['keypoint', 'keypoint_score', 'label']),
]


def make(**settings) -> SyntheticFaceDataset:
    return DATASETS.build(dict(type='SyntheticFaceDataset', clip_len=8, length=12, **settings))


def test_samples_depend_on_seed_epoch_and_index_alone():
    first, second = make(pipeline=PIPELINE, seed=3), make(pipeline=PIPELINE, seed=3)
    for index in (11, 0, 5):
        assert first[index]['keypoint'].equal(second[index]['keypoint'])
    assert not first[0]['keypoint'].equal(make(pipeline=PIPELINE, seed=4)[0]['keypoint'])
    before = first[0]['keypoint']
    first.set_epoch(1)
    assert not first[0]['keypoint'].equal(before)
    first.set_epoch(0)
    assert first[0]['keypoint'].equal(before)


def test_nobody_comes_back_and_nobody_is_in_a_file():
    dataset = make()
    names = set()
    for epoch in range(3):
        dataset.set_epoch(epoch)
        names |= {dataset.prepare(index)['frame_dir'] for index in range(len(dataset))}
    assert len(names) == 36
    assert all(name.startswith('synth_stream_') for name in names)
    assert len(set(SPLITS.values())) == len(SPLITS)
    stream, train = (simulate_track(0, split, 0, 'demo', num_frames=9)['intensity'] for split in ('stream', 'train'))
    assert not np.array_equal(stream, train)


def test_workers_share_the_people_out_and_see_the_epoch():
    alone, shared = make(pipeline=PIPELINE), make(pipeline=PIPELINE)
    loader = DataLoader(shared, batch_size=4, num_workers=2, persistent_workers=True)
    for epoch in (0, 1):
        alone.set_epoch(epoch)
        shared.set_epoch(epoch)
        got = np.concatenate([batch['keypoint'].numpy() for batch in loader])
        np.testing.assert_array_equal(got, np.stack([alone[index]['keypoint'].numpy() for index in range(12)]))


def test_layouts_labels_and_length_are_as_asked():
    sample = make(pipeline=PIPELINE, keypoint_layout='ibug51', aus='disfa', num_classes=8)[0]
    assert sample['keypoint'].shape == (1, 1, 8, 51, 2) and sample['label'].shape == (1, 8, 8)
    mesh = make(keypoint_layout='mediapipe478:brows+mouth')
    assert mesh[0]['keypoint'].shape == (1, 12, 62, 2)
    assert mesh.metainfo['keypoint_layout'] == mesh.keypoint_layout
    dataset = make()
    assert len(dataset) == 12 and dataset.label_kind == 'frame' and len(dataset.metainfo['aus']) == 12
    with pytest.raises(IndexError):
        dataset[12]


def test_augmentation_moves_the_window_and_test_mode_does_not():
    start = [dict(type='SampleWindow', clip_len=8)]
    moved = [make(pipeline=start)[index]['frame_inds'][0] for index in range(12)]
    assert len(set(moved)) > 1 and min(moved) >= 0 and max(moved) <= 4
    assert {make(pipeline=start, test_mode=True)[index]['frame_inds'][0] for index in range(12)} == {2}


@pytest.mark.parametrize(
    ('settings', 'hint'),
    [
        (dict(preset='dmeo'), "did you mean 'demo'"),
        (dict(seed=-1), 'seed'),
        (dict(num_classes=11), 'names 12 AUs, but the model has 11'),
        (dict(aus='AU99'), 'AU99'),
    ],
)
def test_settings_that_cannot_be_used_are_input_errors(settings, hint):
    with pytest.raises(InputError, match=hint):
        make(**settings)


@pytest.mark.parametrize('settings', [dict(length=0), dict(clip_len=0), dict(length=2.5)])
def test_sizes_must_be_whole_numbers(settings):
    with pytest.raises(InputError, match='whole number'):
        SyntheticFaceDataset(**settings)


CONFIG = """
_base_ = ['{tiny}']
train_dataloader = dict(
    num_workers=2,
    dataset=dict(
        _delete_=True, type='SyntheticFaceDataset', length=24, clip_len=16, keypoint_layout='ibug51', num_classes=12,
        pipeline=_base_.train_pipeline,
    ),
)
train_cfg = dict(max_epochs=2)
"""


def test_the_training_command_learns_from_a_stream_and_resumes_exactly(tiny_config: Path, tool, tmp_path: Path):
    config = tmp_path / 'stream.py'
    config.write_text(CONFIG.format(tiny=tiny_config))

    def train(work_dir: Path, *options: str) -> list[float]:
        assert tool('tools/train.py')([str(config), '--work-dir', str(work_dir), *options]) == 0
        lines = sorted(work_dir.glob('*/vis_data/scalars.json'))[-1].read_text().splitlines()
        return [json.loads(line)['loss'] for line in lines if 'loss' in json.loads(line)]

    losses = train(tmp_path / 'once')
    assert len(losses) >= 2 and np.isfinite(losses).all()
    (tmp_path / 'again').mkdir()
    (tmp_path / 'again' / 'epoch_1.pth').write_bytes((tmp_path / 'once' / 'epoch_1.pth').read_bytes())
    resumed = train(tmp_path / 'again', '--resume', str(tmp_path / 'again' / 'epoch_1.pth'))
    assert resumed[-1] == losses[-1]
