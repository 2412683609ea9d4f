"""The demo command from a video to its files, with a made-up model in place of a trained one."""

from __future__ import annotations

import csv
import importlib.util
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest

from pyskl.action_units import AFFWILD_AUS
from pyskl.apis.results import AUResult
from pyskl.assets import fetch_asset
from pyskl.errors import InputError
from pyskl.video import check_video, iter_frames


class FakeInferencer:
    """Probabilities that follow from the keypoints alone: the same answer for the same annotation."""

    layout = 'ibug68'
    trained_on = 'synthetic'

    def __init__(self, checkpoint, device=None):
        self.device = device

    def predict(self, annotation) -> AUResult:
        score = annotation['keypoint_score'][0].mean(axis=1)
        found, count = score > 0, annotation['total_frames']
        wave = np.sin(annotation['timestamps'][:, None] + np.arange(12)) / 2 + 0.5
        probability = np.where(found[:, None], wave, np.nan).astype(np.float32)
        occurrence = np.where(found[:, None], probability >= 0.5, -1)
        frame = np.arange(1, count + 1)
        return AUResult(
            frame, annotation['timestamps'], score, found, probability, occurrence, AFFWILD_AUS, (0.5,) * 12
        )


@pytest.fixture(scope='module')
def clips() -> Path:
    return fetch_asset('pyfeat_videos')


@pytest.fixture
def demo(monkeypatch) -> types.ModuleType:
    fake = types.ModuleType('pyskl.apis.inferencer')
    fake.AUInferencer = FakeInferencer
    monkeypatch.setitem(sys.modules, 'pyskl.apis.inferencer', fake)
    path = Path(__file__).parents[2] / 'demo' / 'demo_au.py'
    spec = importlib.util.spec_from_file_location('demo_au', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkpoint(tmp_path) -> str:
    path = tmp_path / 'model.pth'
    path.touch()
    return str(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline='') as source:
        return list(csv.DictReader(source))


def test_video_with_a_face_in_some_frames(demo, clips, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '120')
    video, out = clips / 'face_noface.mov', tmp_path / 'new' / 'out'
    assert demo.main([str(video), checkpoint, '--out', str(out), '--device', 'cpu']) == 0
    assert sorted(path.name for path in out.iterdir()) == ['aus.csv', 'overlay.mp4', 'timeline.png']
    assert [path.name for path in out.parent.iterdir()] == ['out']
    rows = rows_of(out / 'aus.csv')
    times = [frame.timestamp for frame in iter_frames(video)]
    assert len(rows) == len(times) == 169
    assert [int(row['frame']) for row in rows] == list(range(1, 170))
    assert [float(row['timestamp']) for row in rows] == pytest.approx(times, abs=1e-6)
    found = [row['success'] == '1' for row in rows]
    assert 70 <= sum(found) <= 75
    for row, face in zip(rows, found, strict=True):
        cells = [value for key, value in row.items() if key.startswith('AU')]
        assert len(cells) == 24 and all(bool(cell) == face for cell in cells)
        assert float(row['confidence']) == float(face)
    assert check_video(out / 'overlay.mp4').num_frames == 169
    assert cv2.imread(str(out / 'timeline.png')).std() > 20
    printed = capsys.readouterr().out
    assert f'{sum(found)} of 169 frames' in printed
    assert 'lip corner puller' in printed
    assert 'synthetic faces' in printed
    for name in ('aus.csv', 'overlay.mp4', 'timeline.png'):
        assert str(out / name) in printed


def test_without_overlay_into_a_folder_that_has_other_files(demo, clips, checkpoint, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'mine.txt').write_text('mine')
    (out / 'aus.csv').write_text('old')
    assert demo.main([str(clips / 'single_face.mp4'), checkpoint, '--out', str(out), '--no-overlay']) == 0
    assert sorted(path.name for path in out.iterdir()) == ['aus.csv', 'mine.txt', 'timeline.png']
    assert (out / 'mine.txt').read_text() == 'mine'
    assert len(rows_of(out / 'aus.csv')) == 72


@pytest.mark.parametrize('fraction', [0.0, 0.3, 0.9])
def test_truncated_video_writes_nothing(demo, clips, checkpoint, tmp_path, fraction):
    content = (clips / 'WolfgangLanger_Pexels.mp4').read_bytes()
    video = tmp_path / 'cut.mp4'
    video.write_bytes(content[: int(len(content) * fraction)])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r'cut\.mp4'):
        demo.main([str(video), checkpoint, '--out', str(tmp_path / 'out')])
    assert sorted(tmp_path.iterdir()) == before


def test_video_without_a_face_writes_nothing(demo, clips, checkpoint, tmp_path):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match='no face was found'):
        demo.main([str(clips / 'no_face.mp4'), checkpoint, '--out', str(tmp_path / 'out')])
    assert sorted(tmp_path.iterdir()) == before


def test_failure_while_writing_leaves_nothing(demo, clips, checkpoint, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr('pyskl.visualization.draw_overlay', fail)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        demo.main([str(clips / 'single_face.mp4'), checkpoint, '--out', str(tmp_path / 'out')])
    assert sorted(tmp_path.iterdir()) == before


def test_missing_files_and_a_file_for_a_folder_are_refused_by_name(demo, clips, checkpoint, tmp_path):
    video, out = str(clips / 'single_face.mp4'), str(tmp_path / 'out')
    for arguments, reason in [
        ([str(tmp_path / 'absent.mp4'), checkpoint, '--out', out], r'absent\.mp4'),
        ([video, str(tmp_path / 'absent.pth'), '--out', out], r'absent\.pth'),
        ([video, checkpoint, '--out', checkpoint], r'model\.pth is a file'),
        ([video, checkpoint, '--out', out, '--model', str(tmp_path / 'absent.task')], r'absent\.task'),
    ]:
        with pytest.raises(InputError, match=reason):
            demo.main(arguments)
    assert not (tmp_path / 'out').exists()
