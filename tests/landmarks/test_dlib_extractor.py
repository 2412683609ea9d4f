"""The dlib extractor with a made-up dlib, and with the real one where it is installed."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.landmarks import DlibExtractor, make_extractor
from pyskl.video import Frame, iter_frames


class FakeDlib(types.ModuleType):
    """Finds what the frame's first pixel says: so many faces, with scores 0.2, 0.4, ...; points tell the box."""

    def __init__(self) -> None:
        super().__init__('dlib')
        self.num_parts, self.upsampled, self.models = 68, [], []

    def get_frontal_face_detector(self) -> FakeDlib:
        return self

    def run(self, image: np.ndarray, upsample: int, threshold: float):
        assert image.flags.c_contiguous and image.dtype == np.uint8 and threshold == 0
        self.upsampled.append(upsample)
        count = int(image[0, 0, 0])
        return list(range(count)), [0.2 * (number + 1) for number in range(count)], [0] * count

    def shape_predictor(self, path: str):
        self.models.append(path)
        if 'wrong' in path:
            raise RuntimeError('unexpected version')

        def predict(image: np.ndarray, box: int) -> types.SimpleNamespace:
            parts = [types.SimpleNamespace(x=200 * box + n % 10, y=n // 10) for n in range(self.num_parts)]
            return types.SimpleNamespace(num_parts=self.num_parts, parts=lambda: parts)

        return predict


@pytest.fixture
def fake(monkeypatch) -> FakeDlib:
    module = FakeDlib()
    monkeypatch.setitem(sys.modules, 'dlib', module)
    return module


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / 'shape.dat'
    path.touch()
    return path


def frame(count: int, index: int = 0) -> Frame:
    return Frame(index, index / 25, np.full((90, 120, 3), count, np.uint8))


def test_surest_faces_are_taken_with_their_scores(fake, model):
    with DlibExtractor(model, max_faces=2) as extractor:
        none, some = extractor.detect([frame(0), frame(7)])
    assert none == ()
    assert [face.score[0] for face in some] == pytest.approx([1.0, 1.0])  # 1.4 and 1.2, cut
    assert [face.keypoint[13].tolist() for face in some] == [[1203, 1], [1003, 1]]
    assert some[0].keypoint.dtype == some[0].score.dtype == np.float32
    with DlibExtractor(model, max_faces=None) as extractor:
        (faces,) = extractor.detect([frame(3)])
    assert [face.score[5] for face in faces] == pytest.approx([0.6, 0.4, 0.2])


def test_layout_and_enlargement(fake, model):
    inner = DlibExtractor(model, layout='ibug51', upsample=2)
    assert inner.detect([frame(1)])[0][0].keypoint[0].tolist() == [7, 1]  # point 17
    for small, expected in [(True, 1), (False, 0)]:
        make_extractor('dlib', model=model, small_faces=small).detect([frame(1)])
        assert fake.upsampled[-1] == expected
    assert fake.upsampled[0] == 2 and set(fake.models) == {str(model)}


def test_faces_are_followed(fake, model):
    with DlibExtractor(model, max_faces=None) as extractor:
        records = list(extractor.extract(frame(count, index) for index, count in enumerate([1, 2, 0, 2])))
    assert [[face.track for face in record.faces] for record in records] == [[0], [0, 1], [], [0, 1]]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'layout': 'mediapipe478'}, 'mediapipe478'),
        ({'max_faces': 0}, 'max_faces'),
        ({'upsample': 4}, 'upsample'),
        ({'model': Path('absent.dat')}, r'absent\.dat'),
    ],
)
def test_wrong_settings_are_refused(fake, model, options, message):
    with pytest.raises(InputError, match=message):
        DlibExtractor(**({'model': model} | options))


def test_file_that_is_no_model_is_named(fake, model, tmp_path):
    (tmp_path / 'wrong.dat').touch()
    with pytest.raises(InputError, match=r'wrong\.dat: not a shape predictor'):
        DlibExtractor(tmp_path / 'wrong.dat')
    fake.num_parts = 5
    with pytest.raises(InputError, match='gives 5 points'):
        DlibExtractor(model).detect([frame(1)])


def test_missing_dlib_names_the_extra(monkeypatch, model):
    monkeypatch.setitem(sys.modules, 'dlib', None)
    with pytest.raises(InputError, match=r'pip install -e "\.\[dlib\]"'):
        DlibExtractor(model)


def test_real_dlib_agrees_with_mediapipe(clips, extractor):
    pytest.importorskip('dlib')
    frames = [it for it in iter_frames(clips / 'single_face.mp4') if it.index < 2]
    with DlibExtractor() as ours:
        found = ours.detect(frames)
    for theirs, record in zip(found, extractor.extract(frames), strict=True):
        a, b = theirs[0].keypoint[17:], record.faces[0].keypoint[17:]
        eyes = np.linalg.norm(b[19] - b[28])
        assert np.linalg.norm(a - b, axis=1).mean() < 0.08 * eyes
