"""MediaPipe on real clips; where the points must lie on a face whoever finds them."""

from __future__ import annotations

import csv
import sys
from itertools import islice

import cv2
import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.keypoints.mediapipe import IBUG68_IN_MEDIAPIPE478
from pyskl.landmarks import MediaPipeExtractor, extract_annotation
from pyskl.landmarks.mediapipe_native import native_stderr_held
from pyskl.video import Frame, VideoWriter, iter_frames


@pytest.fixture(scope='module')
def single(clips, extractor) -> dict:
    return extract_annotation(clips / 'single_face.mp4', extractor)


def portrait(clips, name: str) -> np.ndarray:
    return cv2.imread(str(clips / name))[..., ::-1]


def test_annotation_has_the_fields_types_and_shapes_of_a_sample(single):
    assert single['frame_dir'] == 'single_face'
    assert single['total_frames'] == 72
    assert single['img_shape'] == single['original_shape'] == (360, 640)
    assert single['keypoint'].shape == (1, 72, 68, 2) and single['keypoint'].dtype == np.float32
    assert single['keypoint_score'].shape == (1, 72, 68) and single['keypoint_score'].dtype == np.float32
    assert single['timestamps'].dtype == np.float64
    assert single['timestamps'] == pytest.approx(np.arange(72) / 30, abs=1e-6)
    assert single['fps'] == pytest.approx(30)
    assert single['keypoint_layout'] == 'ibug68'
    assert (single['keypoint_score'] == 1).all()


def test_points_are_in_ibug_order(single):
    """Anatomy fixes the order of the means in the picture: x grows from the subject's right, y from brow to chin."""
    face = single['keypoint'][0].mean(axis=0)
    brow, eye, nose, mouth = face[17:27], face[36:48], face[27:36], face[48:68]
    assert brow[:, 1].mean() < eye[:, 1].mean() < nose[:, 1].mean() < mouth[:, 1].mean() < face[8, 1]
    assert face[0, 0] < face[36, 0] < face[39, 0] < face[27, 0] < face[42, 0] < face[45, 0] < face[16, 0]
    assert (np.diff(face[17:27, 0]) > 0).all()
    assert (np.diff(face[27:31, 1]) > 0).all()
    assert (np.diff(face[31:36, 0]) > 0).all()
    assert face[48, 0] < face[60, 0] < face[51, 0] < face[64, 0] < face[54, 0]
    assert face[51, 1] < face[62, 1] <= face[66, 1] + 1 < face[57, 1]
    for start in (36, 42):
        assert face[start + 1 : start + 3, 1].mean() < face[start + 4 : start + 6, 1].mean()


def test_index_table_has_68_points_of_the_mesh_and_lips_without_repetition():
    assert IBUG68_IN_MEDIAPIPE478.shape == (68,)
    assert IBUG68_IN_MEDIAPIPE478.min() >= 0 and IBUG68_IN_MEDIAPIPE478.max() < 468
    assert len(set(IBUG68_IN_MEDIAPIPE478.tolist())) == 68


def test_ibug51_is_the_inner_part(clips, single):
    with MediaPipeExtractor(layout='ibug51') as extractor:
        first = next(extractor.extract(iter_frames(clips / 'single_face.mp4')))
    assert first.faces[0].keypoint == pytest.approx(single['keypoint'][0, 0, 17:], abs=1e-3)


def test_face_in_a_part_of_the_frames(clips, extractor):
    annotation = extract_annotation(clips / 'face_noface.mov', extractor)
    found = annotation['keypoint_score'][0].any(axis=1)
    assert len(found) == 169
    assert 70 <= found.sum() <= 75
    assert found[:70].all()
    assert not annotation['keypoint'][0, ~found].any()
    assert annotation['keypoint'][0, found].all()


def test_every_frame_of_a_small_face(carphone, extractor):
    annotation = extract_annotation(carphone, extractor)
    assert annotation['img_shape'] == (144, 176)
    assert annotation['keypoint_score'].shape == (1, 120, 68)
    assert annotation['keypoint_score'].all()


def test_video_without_a_face_is_refused_by_name(clips, extractor):
    with pytest.raises(InputError, match=r'no_face\.mp4: no face was found in any of its 95 frames'):
        extract_annotation(clips / 'no_face.mp4', extractor)


def test_truncated_video_is_refused_before_any_frame_is_looked_at(clips, tmp_path):
    class Untouchable(MediaPipeExtractor):
        def extract(self, frames):
            raise AssertionError('the extractor was called')

    path = tmp_path / 'cut.mp4'
    content = (clips / 'WolfgangLanger_Pexels.mp4').read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match='incomplete'), Untouchable() as extractor:
        extract_annotation(path, extractor)


def test_videos_do_not_influence_each_other(clips, single, extractor):
    list(extractor.extract(islice(iter_frames(clips / 'face_noface.mov'), 8)))
    again = list(extractor.extract(islice(iter_frames(clips / 'single_face.mp4'), 20)))
    for record, expected in zip(again, single['keypoint'][0], strict=False):
        assert np.array_equal(record.faces[0].keypoint, expected)


def test_two_videos_at_once(clips, single):
    with MediaPipeExtractor() as extractor:
        first = extractor.extract(islice(iter_frames(clips / 'single_face.mp4'), 20))
        second = extractor.extract(islice(iter_frames(clips / 'single_face.mp4'), 20))
        for row, (a, b) in enumerate(zip(first, second, strict=True)):
            assert np.array_equal(a.faces[0].keypoint, single['keypoint'][0, row])
            assert np.array_equal(b.faces[0].keypoint, single['keypoint'][0, row])


def test_keypoints_are_in_pixels_of_the_frame(clips):
    """Twice the picture, twice the coordinates."""
    image = portrait(clips, '0-f1-su-ph.jpg')
    height, width = image.shape[:2]
    large = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    with MediaPipeExtractor() as extractor:
        (small,) = extractor.extract([Frame(0, 0.0, image)])
        (double,) = extractor.extract([Frame(0, 0.0, large)])
    assert small.img_shape == (height, width)
    reach = np.ptp(small.faces[0].keypoint)
    assert np.abs(double.faces[0].keypoint / 2 - small.faces[0].keypoint).max() < 0.03 * reach


def test_points_agree_with_the_openface_table(clips, extractor):
    """OpenFace found the face of its example table on its own; the layout must fit after a similarity transform."""
    with (clips / 'OpenFace_Test.csv').open(newline='') as source:
        row = {key.strip(): value for key, value in next(csv.DictReader(source)).items()}
    theirs = np.array([(float(row[f'x_{i}']), float(row[f'y_{i}'])) for i in range(17, 68)])
    (found,) = extractor.extract([Frame(0, 0.0, portrait(clips, 'single_face.jpg'))])
    ours = found.faces[0].keypoint[17:].astype(np.float64)
    theirs, ours = theirs - theirs.mean(0), ours - ours.mean(0)
    a, b = theirs @ [1, 1j], ours @ [1, 1j]
    factor = np.vdot(b, a) / np.vdot(b, b)
    eyes = abs(a[36 - 17] - a[45 - 17])
    assert np.abs(a - factor * b).mean() < 0.08 * eyes


def test_timestamps_that_repeat_or_are_dense_are_accepted(clips):
    image = portrait(clips, '0-f1-su-ph.jpg')
    with MediaPipeExtractor() as extractor:
        found = list(extractor.extract(Frame(i, time, image) for i, time in enumerate([0, 0, 1e-5, 2e-5, 0.5])))
    assert [len(record.faces) for record in found] == [1] * 5
    assert [record.timestamp for record in found] == [0, 0, 1e-5, 2e-5, 0.5]


def test_closing_ends_unfinished_extractions(clips):
    extractor = MediaPipeExtractor()
    running = extractor.extract(iter_frames(clips / 'single_face.mp4'))
    next(running)
    assert len(extractor._landmarkers) == 1
    extractor.close()
    assert extractor._landmarkers == []
    running.close()
    extractor.close()


def test_model_from_argument_and_environment(extractor, monkeypatch, tmp_path):
    copy = tmp_path / 'mödel.task'
    copy.write_bytes(extractor.model.read_bytes())
    monkeypatch.setenv('PYSKL_FACE_LANDMARKER', str(copy))
    assert MediaPipeExtractor().model == copy
    assert MediaPipeExtractor(extractor.model).model == extractor.model
    with MediaPipeExtractor() as opened:
        assert next(iter(opened.extract([Frame(0, 0.0, np.zeros((48, 64, 3), np.uint8))]))).faces == ()
    monkeypatch.setenv('PYSKL_FACE_LANDMARKER', str(tmp_path / 'absent.task'))
    with pytest.raises(InputError, match=r'absent\.task.*PYSKL_FACE_LANDMARKER'):
        MediaPipeExtractor()
    with pytest.raises(InputError, match=r'other\.task.*the argument'):
        MediaPipeExtractor(tmp_path / 'other.task')


def test_file_that_is_no_model_is_refused_by_name(tmp_path):
    path = tmp_path / 'wrong.task'
    path.write_bytes(b'not a model')
    with pytest.raises(InputError, match=r'wrong\.task'), MediaPipeExtractor(path) as extractor:
        list(extractor.extract([Frame(0, 0.0, np.zeros((48, 64, 3), np.uint8))]))


@pytest.fixture(scope='module')
def small(clips) -> list[Frame]:
    """A face 40 pixels wide that moves through pictures of 1280x720."""
    frames = []
    for frame in iter_frames(clips / 'single_face.mp4'):
        if frame.index == 16:
            break
        image = cv2.resize(frame.image, None, fx=40 / 150, fy=40 / 150, interpolation=cv2.INTER_AREA)
        canvas = np.full((720, 1280, 3), 90, np.uint8)
        left = 500 + 8 * frame.index
        canvas[300 : 300 + image.shape[0], left : left + image.shape[1]] = image
        frames.append(Frame(frame.index, frame.timestamp, canvas))
    return frames


def test_small_face_is_found_and_followed_only_with_the_search(small, single):
    with MediaPipeExtractor(small_faces=False) as extractor:
        assert not any(record.faces for record in extractor.extract(small))
    with MediaPipeExtractor() as extractor:
        records = list(extractor.extract(small))
        alone = extractor.detect(small[:2])
    assert [[face.track for face in record.faces] for record in records] == [[0]] * 16
    for record in records:
        shifted = (record.faces[0].keypoint - [500 + 8 * record.index, 300]) * 150 / 40
        expected = single['keypoint'][0, record.index]
        eyes = np.linalg.norm(expected[36] - expected[45])
        assert np.linalg.norm(shifted - expected, axis=1)[17:].mean() < 0.06 * eyes
    for (face,), record in zip(alone, records, strict=False):
        assert np.abs(face.keypoint - record.faces[0].keypoint).max() < 4


def test_search_of_every_frame_finds_no_face_where_there_is_none(clips, extractor):
    frames = [frame for frame in iter_frames(clips / 'no_face.mp4') if frame.index % 8 == 4]
    assert extractor.detect(frames) == [()] * 12


def test_search_changes_nothing_where_the_face_is_found_anyway(clips, single):
    frames = [frame for frame in iter_frames(clips / 'single_face.mp4') if frame.index < 12]
    with MediaPipeExtractor(small_faces=False) as extractor:
        for record in extractor.extract(frames):
            assert np.array_equal(record.faces[0].keypoint, single['keypoint'][0, record.index])


def test_several_faces_of_a_picture(clips, single):
    image = portrait(clips, 'multi_face.jpg')
    pictures = [Frame(index, float('nan'), image) for index in (0, 1, 5)]
    with MediaPipeExtractor(max_faces=8, layout='mediapipe478') as extractor:
        records = list(extractor.extract(pictures))
        (alone,) = extractor.detect(pictures[:1])
    tracks = [[face.track for face in record.faces] for record in records]
    assert len(tracks[0]) == len(alone) == 5 and tracks == [[0, 1, 2, 3, 4]] * 3
    assert all(face.keypoint.shape == (478, 2) and face.score.shape == (478,) for face in records[0].faces)
    centres = np.array([face.keypoint.mean(0) for face in records[0].faces])
    assert (np.diff(centres[:, 0]) > 0).all()
    assert [record.index for record in records] == [0, 1, 5]


def test_layouts_are_parts_of_the_mesh(clips):
    image = Frame(0, 0.0, portrait(clips, '0-f1-su-ph.jpg'))
    found = {}
    for layout in ('mediapipe478', 'ibug68', 'openface68', 'ibug68:brows+mouth'):
        with MediaPipeExtractor(layout=layout) as extractor:
            ((face,),) = extractor.detect([image])
        found[layout] = face.keypoint
    assert np.array_equal(found['mediapipe478'][IBUG68_IN_MEDIAPIPE478], found['ibug68'])
    assert np.array_equal(found['openface68'], found['ibug68'])
    assert np.array_equal(found['ibug68:brows+mouth'], found['ibug68'][[*range(17, 27), *range(48, 68)]])


def test_number_of_faces_must_be_positive():
    with pytest.raises(InputError, match='max_faces'):
        MediaPipeExtractor(max_faces=0)


@pytest.mark.parametrize('layout', ['coco_wholebody133', 'ibug86'])
def test_layout_the_mesh_cannot_give_is_refused(layout):
    with pytest.raises(InputError, match=layout):
        MediaPipeExtractor(layout=layout)


def test_missing_mediapipe_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.split('.')[0] == 'mediapipe']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'meta_path', [_Absent('mediapipe', ModuleNotFoundError), *sys.meta_path])
    with pytest.raises(InputError, match=r'pip install -e "\.\[landmarks\]"'):
        MediaPipeExtractor()


def test_missing_system_library_names_the_packages(monkeypatch):
    for name in [name for name in sys.modules if name.split('.')[0] == 'mediapipe']:
        monkeypatch.delitem(sys.modules, name)
    error = OSError('libGLESv2.so.2: cannot open shared object file')
    monkeypatch.setattr(sys, 'meta_path', [_Absent('mediapipe', lambda *args, **kwargs: error), *sys.meta_path])
    with pytest.raises(InputError, match=r'libGLESv2.*libegl1 libgles2'):
        MediaPipeExtractor()


class _Absent:
    """An import finder that raises for one package."""

    def __init__(self, package, error):
        self.package, self.error = package, error

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == self.package:
            raise self.error(f'no {name}', name=name)


def test_native_messages_are_shown_when_something_fails(capfd):
    import os

    with native_stderr_held():
        os.write(2, b'chatter')
    assert 'chatter' not in capfd.readouterr().err
    with pytest.raises(RuntimeError), native_stderr_held():
        os.write(2, b'the reason')
        raise RuntimeError
    assert 'the reason' in capfd.readouterr().err


def test_rotated_recording_is_found_as_the_upright_one(clips, tmp_path):
    """The picture lies on its side in the file, with the display matrix of a phone: 90 degrees clockwise."""
    import struct

    image = portrait(clips, '0-f1-su-ph.jpg')
    image = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    lying, path = np.ascontiguousarray(np.rot90(image)), tmp_path / 'lying.mp4'
    with VideoWriter(path, fps=25) as writer:
        for _ in range(3):
            writer.write(lying)
    content = bytearray(path.read_bytes())
    start = content.index(b'tkhd') + 44
    matrix = (0, 1 << 16, 0, -1 << 16, 0, 0, lying.shape[0] << 16, 0, 1 << 30)
    content[start : start + 36] = struct.pack('>9i', *matrix)
    path.write_bytes(content)
    with MediaPipeExtractor() as extractor:
        annotation = extract_annotation(path, extractor)
        (upright,) = extractor.extract([Frame(0, 0.0, image)])
    assert annotation['img_shape'] == image.shape[:2]
    reach = np.ptp(upright.faces[0].keypoint)
    assert np.abs(annotation['keypoint'][0, 0] - upright.faces[0].keypoint).max() < 0.03 * reach
