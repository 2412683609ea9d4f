"""What docs/keypoints.md shows works as it is written."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pyskl.datasets.transforms import Compose
from pyskl.engine.config import load_config
from pyskl.keypoints import LAYOUTS, convert_keypoints, get_layout


@pytest.fixture(scope='module')
def page(root) -> str:
    return (root / 'docs/keypoints.md').read_text(encoding='utf-8')


def test_the_worked_config_loads_and_its_pipelines_run(page, root, tmp_path):
    (code,) = [code for code in re.findall(r'```python\n(.*?)```', page, re.S) if '_base_' in code]
    path = tmp_path / 'worked.py'
    path.write_text(code.replace("'../configs", f"'{root}/configs"), encoding='utf-8')
    cfg = load_config(path)
    layout = get_layout(cfg.keypoint_layout)
    assert cfg.model.backbone.in_channels == layout.num_keypoints == 51
    rng = np.random.default_rng(0)
    keypoint = rng.uniform(50, 200, (1, 60, 68, 2)).astype(np.float32)[:, :, convert_keypoints('ibug68', layout.name)]
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        sample = {
            'frame_dir': 'a',
            'sample_idx': 0,
            'total_frames': 60,
            'img_shape': (240, 320),
            'keypoint': keypoint,
            'keypoint_score': np.ones(keypoint.shape[:3], np.float32),
            'keypoint_layout': layout.name,
            'label': np.zeros((60, 12), np.int8),
            'test_mode': loader != 'train_dataloader',
            'window_start': 4,
            'owned': (4, 36),
            'rng': rng,
        }
        result = Compose(cfg[loader].dataset.pipeline)(sample)
        assert result['keypoint'].shape == (1, 1, 32, 51, 2)
        assert result['img_shape'].tolist() == [56, 56]


def test_the_tables_name_every_layout_and_region(page):
    first, second = page.split('| Layout | Regions |')
    assert {name: int(count) for name, count in re.findall(r'^\| `(\w+)` \| (\d+) \|', first, re.M)} == {
        name: layout.num_keypoints for name, layout in LAYOUTS.items()
    }
    rows = dict(re.findall(r'^\| `?(\w+)`? \| (.*) \|$', second.split('\n\n')[0], re.M))
    everywhere = set(re.findall(r'`(\w+)`', rows['all']))
    assert set(get_layout('ibug68').regions) == set(get_layout('openface68').regions) == everywhere
    assert set(get_layout('ibug51').regions) == everywhere - {'face', 'jaw'}
    for name in ('coco_wholebody133', 'mediapipe478'):
        more = set(re.findall(r'`(\w+)`', rows[name]))
        assert set(get_layout(name).regions) == everywhere | more, name
    assert len(get_layout('mediapipe478').regions['contours']) == 166


def test_the_numbers_of_the_example_are_right():
    layout = get_layout('ibug68')
    assert layout.names[19] == 'right_brow_2'
    assert layout.regions['mouth'] == tuple(range(48, 68))
    assert layout.eye_corners == (36, 39, 42, 45)
