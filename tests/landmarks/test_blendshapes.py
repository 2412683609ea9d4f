"""MediaPipe's blendshape scores."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.landmarks import MediaPipeExtractor
from pyskl.landmarks.blendshapes import BLENDSHAPES, BlendshapeReader, average_sides
from pyskl.video import Frame, iter_frames


@pytest.fixture(scope='module')
def frames(clips: Path) -> list[Frame]:
    return list(islice(iter_frames(clips / 'single_face.mp4'), 6))


@pytest.fixture
def reader() -> Iterator[BlendshapeReader]:
    with BlendshapeReader() as opened:
        yield opened


def test_there_are_52_names_in_order() -> None:
    assert len(BLENDSHAPES) == len(set(BLENDSHAPES)) == 52
    assert list(BLENDSHAPES) == sorted(BLENDSHAPES)
    assert BLENDSHAPES[0] == '_neutral'


def test_the_mesh_is_that_of_the_extractor(reader: BlendshapeReader, frames: list[Frame]) -> None:
    with MediaPipeExtractor(layout='mediapipe478') as extractor:
        for record in extractor.extract(frames):
            ((points, scores),) = reader.read(frames[record.index])
            np.testing.assert_allclose(points, record.faces[0].keypoint, atol=0.01)
            assert scores.shape == (52,)
            assert scores.dtype == np.float32
            assert (scores >= 0).all()
            assert (scores <= 1).all()


def test_a_smile_is_seen_in_the_smiling_portrait_alone(clips: Path) -> None:
    smile = {}
    with BlendshapeReader(still=True) as reader:
        for name in ('0-f15-hao-ph.jpg', '0-f1-su-ph.jpg'):
            ((_, scores),) = reader.read(_picture(clips / name))
            smile[name] = float(average_sides(scores)['mouthSmile'])
    assert smile['0-f15-hao-ph.jpg'] > 0.5
    assert smile['0-f1-su-ph.jpg'] < 0.1


def test_every_face_of_a_picture_has_its_scores(clips: Path) -> None:
    with BlendshapeReader(max_faces=10, still=True) as reader:
        assert len(reader.read(_picture(clips / 'multi_face.jpg'))) >= 2


def test_a_picture_without_a_face_has_none(reader: BlendshapeReader) -> None:
    assert reader.read(Frame(0, 0.0, np.zeros((120, 160, 3), np.uint8))) == []


def test_frames_without_a_time_are_in_order(reader: BlendshapeReader, frames: list[Frame]) -> None:
    for frame in frames[:3]:
        assert len(reader.read(Frame(0, float('nan'), frame.image))) == 1


def test_a_closed_reader_says_so(frames: list[Frame]) -> None:
    reader = BlendshapeReader()
    reader.close()
    reader.close()
    with pytest.raises(InputError, match='closed'):
        reader.read(frames[0])


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='max_faces'):
        BlendshapeReader(max_faces=0)
    with pytest.raises(InputError, match='no such face landmarker'):
        BlendshapeReader(model=tmp_path / 'none.task')
    (tmp_path / 'bad.task').write_bytes(b'no model')
    with pytest.raises(InputError, match=r'bad\.task: not a MediaPipe'):
        BlendshapeReader(model=tmp_path / 'bad.task')


def test_sides_are_averaged() -> None:
    scores = np.arange(2 * 52, dtype=float).reshape(2, 52)
    joined = average_sides(scores)
    left, right = BLENDSHAPES.index('mouthSmileLeft'), BLENDSHAPES.index('mouthSmileRight')
    np.testing.assert_array_equal(joined['mouthSmile'], (scores[:, left] + scores[:, right]) / 2)
    np.testing.assert_array_equal(joined['jawOpen'], scores[:, BLENDSHAPES.index('jawOpen')])
    assert {'jawLeft', 'jawRight', 'mouthLeft', 'mouthRight'} <= set(joined)
    assert '_neutral' not in joined
    assert len(joined) == 18 + 15


def test_names_and_scores_must_agree() -> None:
    with pytest.raises(InputError, match='51 scores for 52 names'):
        average_sides(np.zeros(51))
    with pytest.raises(InputError, match='no column jawOpen'):
        average_sides(np.zeros(52), ['x' if name == 'jawOpen' else name for name in BLENDSHAPES])


def _picture(path: Path) -> Frame:
    import cv2

    return Frame(0, 0.0, cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))
