"""What is drawn, where, and at which size."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.action_units import AFFWILD_AUS
from pyskl.errors import InputError
from pyskl.video import VideoWriter, check_video, iter_frames
from pyskl.visualization import OverlayPainter, draw_overlay
from pyskl.visualization.panel import draw_panel
from pyskl.visualization.style import ACTIVE, BACKGROUND, INACTIVE, au_label


def coloured(image: np.ndarray, colour: tuple[int, int, int], tolerance: int = 0) -> np.ndarray:
    return (np.abs(image.astype(int) - colour) <= tolerance).all(axis=-1)


def panel(probability: float, active: int, **options) -> np.ndarray:
    return draw_panel((480, 400), ['AU12'], np.array([probability]), np.array([active]), **options)


@pytest.fixture
def grey_video(tmp_path):
    path = tmp_path / 'grey.mp4'
    with VideoWriter(path, fps=25) as writer:
        for _ in range(6):
            writer.write(np.full((144, 176, 3), 128, np.uint8))
    return path


@pytest.mark.parametrize(
    ('img_shape', 'picture'),
    [((144, 176), (480, 586)), ((720, 1280), (720, 1280)), ((2160, 3840), (1080, 1920)), ((1920, 1080), (1080, 608))],
)
def test_picture_is_brought_to_a_readable_even_size(make_annotation, make_result, img_shape, picture):
    painter = OverlayPainter(img_shape, 'ibug68', AFFWILD_AUS)
    annotation, result = make_annotation(1, *img_shape), make_result(1)
    image = np.full((*img_shape, 3), 128, np.uint8)
    drawn = painter.draw(
        image,
        annotation['keypoint'][0, 0],
        annotation['keypoint_score'][0, 0],
        result.probability[0],
        result.occurrence[0],
        'frame 1',
    )
    assert drawn.shape == (*painter.size, 3)
    assert drawn.dtype == np.uint8
    assert (painter.height, painter.width) == picture
    assert painter.size[0] % 2 == painter.size[1] % 2 == 0
    assert max(painter.size) <= 4096


def test_keypoints_are_drawn_at_their_places_and_only_where_detected():
    painter = OverlayPainter((480, 640), 'ibug68', ('AU1',))
    keypoint, score = np.zeros((68, 2), np.float32), np.zeros(68, np.float32)
    keypoint[[8, 30, 51]] = [(100, 400), (300, 100), (500, 300)]
    score[[8, 30]] = 1
    black = np.zeros((480, 640, 3), np.uint8)
    drawn = painter.draw(black, keypoint, score, np.array([0.5]), np.array([1]), '')[:, :640]
    assert drawn[400, 100].any() and drawn[100, 300].any()
    assert not drawn[300, 500].any()
    assert not drawn[0, 0].any()
    rows, columns = np.nonzero(drawn.any(axis=-1))
    near = (np.hypot(rows - 400, columns - 100) < 15) | (np.hypot(rows - 100, columns - 300) < 15)
    assert near.all()  # the two are joined by no limb


def test_given_frame_is_not_changed(make_annotation):
    annotation = make_annotation(1, 480, 640)
    image = np.zeros((480, 640, 3), np.uint8)
    painter = OverlayPainter((480, 640), 'ibug68', ('AU1',))
    painter.draw(image, annotation['keypoint'][0, 0], np.ones(68), np.array([0.5]), np.array([0]), '')
    assert not image.any()


@pytest.mark.parametrize('value', [0.0, 0.25, 0.5, 1.0])
def test_bar_is_as_long_as_the_probability_and_coloured_by_occurrence(value):
    full = coloured(panel(1.0, 1), ACTIVE).sum(axis=1).max()
    for active, colour in ((1, ACTIVE), (0, INACTIVE)):
        length = coloured(panel(value, active), colour).sum(axis=1).max()
        assert length == pytest.approx(value * full, abs=2)
    assert coloured(panel(value, 0), ACTIVE).sum() == 0


def test_frame_without_a_face_says_so_and_has_no_bars():
    drawn = panel(np.nan, -1, heading='frame 3')
    assert not coloured(drawn, INACTIVE).any()
    head, body = drawn[:60], drawn[60:]
    assert coloured(head, ACTIVE, 60).sum() > 20
    assert not coloured(body, ACTIVE, 60).any()


@pytest.mark.parametrize('num_aus', [1, 12, 30])
@pytest.mark.parametrize('height', [480, 1080])
def test_everything_stays_inside_the_panel(num_aus, height):
    aus = ['AU15'] * num_aus
    drawn = draw_panel(
        (height, round(height * 0.84)),
        aus,
        np.ones(num_aus),
        np.ones(num_aus),
        [1.0] * num_aus,
        'frame 123456   12345.67 s',
        'a note that is much longer than the panel is wide, so that it has to be made smaller to stay inside of it',
    )
    edge = np.concatenate([drawn[:3].reshape(-1, 3), drawn[-2:].reshape(-1, 3), drawn[:, -3:].reshape(-1, 3)])
    assert (edge == BACKGROUND).all()
    assert coloured(drawn, ACTIVE).any(axis=1).sum() > 3 * num_aus


def test_labels_carry_the_anatomy():
    assert au_label('AU12') == 'AU12 lip corner puller'
    assert au_label('AU99') == 'AU99'


def test_overlay_video_has_every_frame_at_its_time(grey_video, tmp_path, make_annotation, make_result):
    out = tmp_path / 'out.mp4'
    draw_overlay(grey_video, make_annotation(6, 144, 176), make_result(6, without_face=[2]), out, note='a note')
    source, drawn = list(iter_frames(grey_video)), list(iter_frames(out))
    assert check_video(out).num_frames == 6
    assert [frame.timestamp for frame in drawn] == pytest.approx([frame.timestamp for frame in source], abs=1e-3)
    assert drawn[0].image.shape == (480, 586 + 402, 3)
    bars = [coloured(frame.image[60:, 586:], ACTIVE, 40).sum() for frame in drawn]
    assert bars[2] == 0 and min(bars[:2] + bars[3:]) > 100
    assert drawn[0].image[:, :586].std() > 1  # the keypoints on the flat grey


@pytest.mark.parametrize(('annotated', 'predicted', 'reason'), [(6, 5, 'result has 5'), (7, 7, 'of 7'), (5, 5, 'of 5')])
def test_other_video_than_annotated_is_refused_and_leaves_nothing(
    grey_video, tmp_path, make_annotation, make_result, annotated, predicted, reason
):
    out = tmp_path / 'out.mp4'
    with pytest.raises(InputError, match=reason):
        draw_overlay(grey_video, make_annotation(annotated, 144, 176), make_result(predicted), out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['grey.mp4']
