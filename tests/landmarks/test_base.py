"""What extractors share, and what becomes of their faces, with a made-up extractor."""

from __future__ import annotations

import subprocess
import sys
import weakref
from collections import Counter

import cv2
import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.landmarks import EXTRACTORS, Face, LandmarkExtractor, extract_annotation, extract_tracks, make_extractor
from pyskl.landmarks.annotate import MAX_TRACKS
from pyskl.video import Frame, VideoWriter

SHAPE = np.random.default_rng(0).normal(0, 10, (68, 2))


def face(x: float, size: float = 1.0) -> Face:
    return Face((SHAPE * size + [x, 50]).astype(np.float32), np.full(68, 0.5, np.float32))


class Scripted(LandmarkExtractor):
    """Finds what the script says for each frame number: (x, size) of every face."""

    layout = 'ibug68'

    def __init__(self, script: dict[int, list[tuple[float, float]]], max_faces: int | None = None) -> None:
        self.script, self.max_faces, self.batches = script, max_faces, []

    def detect(self, frames):
        self.batches.append(len(frames))
        return [tuple(face(*it) for it in self.script.get(frame.index, [])) for frame in frames]


def frames(count: int, step: int = 1) -> list[Frame]:
    return [Frame(index, index / 25, np.zeros((48, 64, 3), np.uint8)) for index in range(0, count * step, step)]


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp('videos') / 'clip.mp4'
    with VideoWriter(path, fps=20) as writer:
        for _ in range(40):
            writer.write(np.zeros((48, 64, 3), np.uint8))
    return path


def test_frames_pass_in_batches_and_every_one_has_a_record():
    extractor = Scripted({3: [(20, 1)]})
    records = list(extractor.extract(iter(frames(21))))
    assert extractor.batches == [8, 8, 5]
    assert [record.index for record in records] == list(range(21))
    assert [len(record.faces) for record in records] == [0, 0, 0, 1] + [0] * 17
    assert records[3].img_shape == (48, 64) and records[3].timestamp == pytest.approx(3 / 25)


def test_no_more_than_a_batch_of_pictures_is_held():
    alive: set[int] = set()
    most = 0

    def source():
        nonlocal most
        for index in range(100):
            image = np.zeros((48, 64, 3), np.uint8)
            alive.add(index)
            weakref.finalize(image, alive.discard, index)
            most = max(most, len(alive))
            yield Frame(index, 0.0, image)
            del image

    for _ in Scripted({}).extract(source()):
        pass
    assert most <= 2 * Scripted.batch_size


def test_each_extraction_numbers_its_tracks_anew_even_at_once():
    extractor = Scripted({index: [(20, 1)] for index in range(400)})
    first, second = extractor.extract(frames(20, step=1)), extractor.extract(frames(20, step=20))
    for a, b in zip(first, second, strict=True):
        assert a.faces[0].track == b.faces[0].track == 0


def test_video_hook_takes_the_place_of_detect():
    from contextlib import contextmanager

    class Stateful(Scripted):
        open = 0

        @contextmanager
        def video(self):
            self.open += 1
            seen = 0

            def detect(batch):
                nonlocal seen
                seen += len(batch)
                return [(face(seen),)] * len(batch)

            try:
                yield detect
            finally:
                self.open -= 1

    extractor = Stateful({})
    extractor.batch_size = 1
    running = extractor.extract(frames(5))
    assert [next(running).faces[0].keypoint.mean(0)[0] for _ in range(2)] == pytest.approx(
        [SHAPE[:, 0].mean() + 1, SHAPE[:, 0].mean() + 2], abs=1e-3
    )
    assert extractor.open == 1
    running.close()
    assert extractor.open == 0


SCRIPT = {t: [(100, 1)] for t in range(8)} | {t: [(100, 1), (400, 3)] for t in range(8, 30)} | {35: [(700, 1)]}


def test_annotation_takes_the_face_seen_longest_and_largest(video):
    annotation = extract_annotation(video, Scripted(SCRIPT))
    found = annotation['keypoint_score'][0].any(axis=1)
    assert np.flatnonzero(found).tolist() == list(range(8, 30))
    assert annotation['keypoint'][0, 20] == pytest.approx(face(400, 3).keypoint)
    assert annotation['timestamps'] == pytest.approx(np.arange(40) / 20, abs=1e-3)


def test_extractor_of_one_face_gives_the_face_of_every_frame(video):
    script = {0: [(100, 1)], 20: [(600, 1)], 39: [(100, 2)]}
    annotation = extract_annotation(video, Scripted(script, max_faces=1))
    assert np.flatnonzero(annotation['keypoint_score'][0].any(axis=1)).tolist() == [0, 20, 39]
    (sample,) = extract_tracks(video, Scripted(script, max_faces=1), min_frames=3)
    assert np.array_equal(sample['keypoint'], annotation['keypoint'])


def test_every_face_gets_a_sample_of_full_length(video):
    counts: Counter[str] = Counter()
    large, small = extract_tracks(video, Scripted(SCRIPT), min_frames=2, counts=counts)
    assert [large['frame_dir'], small['frame_dir']] == ['clip', 'clip_face2']
    assert [large['face'], small['face']] == [1, 2] and large['video'] == small['video'] == 'clip'
    assert counts == {'faces left out': 1}
    for sample, rows, x in [(large, range(8, 30), 400), (small, range(30), 100)]:
        assert sample['total_frames'] == 40 and sample['keypoint'].shape == (1, 40, 68, 2)
        found = sample['keypoint_score'][0].any(axis=1)
        assert np.flatnonzero(found).tolist() == list(rows)
        assert not sample['keypoint'][0, ~found].any()
        assert sample['keypoint'][0, found].mean(axis=(0, 1))[0] == pytest.approx(x, abs=5)
        assert sample['keypoint'].dtype == sample['keypoint_score'].dtype == np.float32
    named = extract_tracks(video, Scripted(SCRIPT), min_frames=2, name='day/1')
    assert [sample['frame_dir'] for sample in named] == ['day/1', 'day/1_face2']


def test_tracks_longer_than_a_block_are_whole(tmp_path):
    class Endless(Scripted):
        def extract(self, source):
            from pyskl.landmarks import FrameFaces

            for index in range(2500):
                yield FrameFaces(index, index / 25, (48, 64), (face(index),) if index % 7 else ())

    cv2.imwrite(str(tmp_path / '1.png'), np.zeros((48, 64, 3), np.uint8))
    (sample,) = extract_tracks(tmp_path, Endless({}))
    for index in (1, 1023, 1024, 1200, 2499):
        assert sample['keypoint'][0, index] == pytest.approx(face(index).keypoint if index % 7 else 0)


def test_folder_of_pictures_keeps_the_numbers_and_has_no_times(tmp_path):
    folder = tmp_path / 'day.1'
    folder.mkdir()
    for number in (3, 5, 12):
        cv2.imwrite(str(folder / f'{number:05d}.png'), np.zeros((48, 64, 3), np.uint8))
    annotation = extract_annotation(folder, Scripted({2: [(20, 1)], 4: [(20, 1)], 11: [(21, 1)]}))
    assert annotation['frame_dir'] == 'day.1' and annotation['total_frames'] == 12
    assert np.flatnonzero(annotation['keypoint_score'][0].any(axis=1)).tolist() == [2, 4, 11]
    assert annotation['img_shape'] == (48, 64) and not {'timestamps', 'fps'} & annotation.keys()
    cv2.imwrite(str(folder / '00013.png'), np.zeros((48, 65, 3), np.uint8))
    with pytest.raises(InputError, match='frame 13 has 65x48 pixels, those before 64x48'):
        extract_annotation(folder, Scripted({}))


def test_faces_seen_too_briefly_or_too_many_are_refused_or_left_out(video):
    with pytest.raises(InputError, match=r'clip\.mp4: no face is seen in 23 frames or more, at most in 22'):
        extract_tracks(video, Scripted({t: [(9, 1)] for t in range(22)}), min_frames=23)
    with pytest.raises(InputError, match='no face was found in any of its 40 frames'):
        extract_tracks(video, Scripted({}))
    counts: Counter[str] = Counter()
    crowd = [(200 * number, 1 + number / 100) for number in range(MAX_TRACKS + 5)]
    samples = extract_tracks(video, Scripted({0: crowd}), min_frames=1, counts=counts)
    assert len(samples) == MAX_TRACKS and counts['faces left out'] == 5
    assert samples[0]['keypoint'][0, 0].mean(0)[0] > 4000


def test_extractors_by_name():
    assert list(EXTRACTORS) == ['mediapipe', 'dlib']
    with pytest.raises(InputError, match="did you mean 'mediapipe'"):
        make_extractor('mediapip')
    with make_extractor(layout='ibug51', max_faces=3, small_faces=False) as extractor:
        assert (extractor.layout, extractor.max_faces, extractor.small_faces) == ('ibug51', 3, False)


def test_import_is_cheap():
    code = (
        'import sys, pyskl.landmarks; print([m for m in ("torch", "mmengine", "mediapipe", "cv2") if m in sys.modules])'
    )
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout == '[]\n'
