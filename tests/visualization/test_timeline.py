"""The time line, read back as a picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pyskl.apis.results import AUResult
from pyskl.errors import InputError
from pyskl.video import VideoWriter
from pyskl.visualization import draw_timeline
from pyskl.visualization.style import ACTIVE
from pyskl.visualization.timeline import _curves, _runs


def read(path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def share_of(image: np.ndarray, colour) -> float:
    """Share of the columns that have a pixel of that colour."""
    return float((np.abs(image.astype(int) - colour) <= 3).all(axis=-1).any(axis=0).mean())


def one_au(probability: np.ndarray, active: np.ndarray, success=None) -> AUResult:
    count = len(probability)
    success = np.ones(count, bool) if success is None else success
    return AUResult(
        np.arange(count) + 1, np.arange(count) / 10, success, success, probability[:, None], active[:, None], ('AU1',)
    )


def test_picture_grows_with_the_number_of_aus_and_is_not_blank(tmp_path, make_result):
    draw_timeline(make_result(100), tmp_path / 'twelve.png')
    draw_timeline(make_result(100, aus=('AU1', 'AU2', 'AU4', 'AU6')), tmp_path / 'four.png')
    twelve, four = read(tmp_path / 'twelve.png'), read(tmp_path / 'four.png')
    assert twelve.shape[1] == four.shape[1] == 1430
    assert twelve.shape[0] - four.shape[0] == 8 * 55
    assert twelve.std() > 20
    assert share_of(twelve, ACTIVE) > 0.5


def test_single_active_frame_is_seen(tmp_path):
    probability, active = np.full(40, 0.4), np.zeros(40)
    draw_timeline(one_au(probability, active), tmp_path / 'none.png')
    active[20] = 1
    draw_timeline(one_au(probability, active), tmp_path / 'one.png')
    none, one = read(tmp_path / 'none.png')[80:], read(tmp_path / 'one.png')[80:]  # below the legend
    assert share_of(none, ACTIVE) == 0
    inner = (13 - 2.35 - 0.5) / 13
    assert share_of(one, ACTIVE) == pytest.approx(inner / 40, rel=0.15)


def test_frames_without_a_face_are_grey(tmp_path):
    success = np.ones(40, bool)
    success[10:20] = False
    probability = np.where(success, 0.9, np.nan)
    draw_timeline(one_au(probability, np.where(success, 1, -1), success), tmp_path / 'gap.png')
    image = read(tmp_path / 'gap.png')[80:]
    inner = (13 - 2.35 - 0.5) / 13
    assert share_of(image, ACTIVE) == pytest.approx(inner * 30 / 40, rel=0.03)
    grey = (image == 212).all(axis=-1).sum(axis=0) > 20  # the edges of letters are grey too
    assert grey.mean() == pytest.approx(inner * 10 / 40, rel=0.05)


def test_video_gives_a_strip_of_pictures(tmp_path, make_result):
    video = tmp_path / 'red.mp4'
    with VideoWriter(video, fps=25) as writer:
        for _ in range(30):
            writer.write(np.full((48, 64, 3), (200, 20, 20), np.uint8))
    draw_timeline(make_result(30), tmp_path / 'with.png', video, title='red.mp4', note='a note')
    draw_timeline(make_result(30), tmp_path / 'without.png')
    with_strip, without = read(tmp_path / 'with.png'), read(tmp_path / 'without.png')
    assert with_strip.shape[0] > without.shape[0] + 50
    red = (np.abs(with_strip.astype(int) - (200, 20, 20)) < 25).all(axis=-1)
    assert red.any(axis=0).mean() > 0.6
    starts = (np.diff(red.any(axis=0).astype(int)) == 1).sum()
    assert starts == 8


@pytest.mark.parametrize('count', [1, 2, 5])
def test_very_short_video(tmp_path, make_result, count):
    video = tmp_path / 'short.mp4'
    with VideoWriter(video, fps=25) as writer:
        for _ in range(count):
            writer.write(np.full((64, 48, 3), (200, 20, 20), np.uint8))
    draw_timeline(make_result(count), tmp_path / 'out.png', video)
    assert read(tmp_path / 'out.png').std() > 20


def test_result_without_any_face(tmp_path, make_result):
    draw_timeline(make_result(50, without_face=range(50)), tmp_path / 'out.png')
    assert share_of(read(tmp_path / 'out.png')[80:], ACTIVE) == 0


def test_long_video_is_condensed_by_mean_and_majority():
    rng = np.random.default_rng(0)
    success = rng.random(7001) > 0.4
    success[60:90] = False
    probability = np.where(success, rng.random(7001), np.nan)
    active = np.where(success, rng.random(7001) > 0.5, -1)
    curves = _curves(one_au(probability, active, success))
    assert curves.step == 3
    assert len(curves.edges) == len(curves.found) + 1 == 2334 + 1
    for column in range(len(curves.found)):
        rows = slice(3 * column, 3 * column + 3)
        seen = success[rows]
        assert curves.found[column] == seen.any()
        if seen.any():
            assert curves.probability[column, 0] == pytest.approx(probability[rows][seen].mean(), abs=1e-6)
            assert curves.active[column, 0] == (2 * (active[rows][seen] == 1).sum() >= seen.sum())
        else:
            assert np.isnan(curves.probability[column, 0]) and not curves.active[column, 0]


def test_runs_of_true_agree_with_a_loop():
    mask = np.random.default_rng(1).random(200) > 0.5
    runs = _runs(mask)
    covered = np.zeros(200, bool)
    for start, stop in runs:
        assert stop > start and not covered[start:stop].any()
        covered[start:stop] = True
        assert (start == 0 or not mask[start - 1]) and (stop == 200 or not mask[stop])
    assert np.array_equal(covered, mask)


def test_result_without_frames_is_refused(tmp_path, make_result):
    with pytest.raises(InputError, match='no frames'):
        draw_timeline(make_result(0), tmp_path / 'out.png')
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_refused(tmp_path, make_result):
    with pytest.raises(InputError, match='does not exist'):
        draw_timeline(make_result(3), tmp_path / 'absent' / 'out.png')
