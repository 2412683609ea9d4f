"""The sheet of Action Units and the animation of a track."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.synth.face_model import FaceModel
from pyskl.synth.preview import draw_animation, draw_preview


def track(num_frames: int = 30, layout: str = 'ibug68') -> dict[str, object]:
    model = FaceModel.load(layout=layout)
    weights = np.zeros((num_frames, len(model.au_names), 2), dtype=np.float32)
    smile = np.linspace(0, 1, num_frames)
    weights[:, model.au_names.index('AU12')] = smile[:, None]
    points = model.deform(model.neutral, weights)[..., :2] * [100, -100] + 200
    intensity = np.zeros((num_frames, 12), dtype=np.float32)
    intensity[:, 6] = 5 * smile
    score = np.ones(points.shape[:2], dtype=np.float32)
    points[5], score[5] = 0, 0
    return {'frame_dir': 'made_up', 'keypoint': points[None], 'keypoint_score': score[None], 'intensity': intensity}


def test_sheet_shows_every_action_unit_in_either_layout():
    from PIL import Image

    sizes = []
    for layout in ('ibug68', 'mediapipe478'):
        file = io.BytesIO()
        draw_preview(file, FaceModel.load(layout=layout), intensities=(0.0, 5.0))
        image = np.asarray(Image.open(file).convert('L'))
        sizes.append(image.shape)
        rows = np.array_split(image, 12)
        assert all((row < 128).any() for row in rows)
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize('layout', ['ibug68', 'mediapipe478'])
def test_animation_moves(tmp_path, layout):
    from PIL import Image

    draw_animation(tmp_path / 'preview.part', track(layout=layout))  # a temporary name need not end in .gif
    with Image.open(tmp_path / 'preview.part') as picture:
        assert picture.format == 'GIF' and picture.n_frames == 15
        first = np.asarray(picture.convert('L'))
        picture.seek(14)
        last = np.asarray(picture.convert('L'))
    assert (first != last).mean() > 0.002
    assert (first < 100).any()


def test_animation_is_bounded_and_checked(tmp_path):
    from PIL import Image

    draw_animation(tmp_path / 'short.gif', track(), seconds=0.5)
    with Image.open(tmp_path / 'short.gif') as picture:
        assert picture.n_frames == 7
    bad = track()
    del bad['intensity']
    with pytest.raises(InputError, match="'made_up' has no intensity of 12"):
        draw_animation(tmp_path / 'x.gif', bad)
    empty = track()
    empty['keypoint_score'] = np.zeros_like(empty['keypoint_score'])
    with pytest.raises(InputError, match='shows no face'):
        draw_animation(tmp_path / 'x.gif', empty)
    assert not (tmp_path / 'x.gif').exists()
