"""Cuts in films, made from real clips and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from pyskl.landmarks import LandmarkExtractor, MediaPipeExtractor
from pyskl.landmarks.cuts import CutDetector
from pyskl.video import iter_frames
from pyskl.video.reader import Frame


def cuts(images: Sequence[np.ndarray], numbers: Sequence[int] | None = None) -> list[int]:
    detector = CutDetector()
    indices = range(len(images)) if numbers is None else numbers
    return [t for t, image in zip(indices, images, strict=True) if detector.is_cut(Frame(t, t / 25, image))]


def tracks(extractor: LandmarkExtractor, images: Sequence[np.ndarray]) -> list[int | None]:
    """The first track of each frame."""
    frames = (Frame(t, t / 25, image) for t, image in enumerate(images))
    return [record.faces[0].track if record.faces else None for record in extractor.extract(frames)]


@pytest.fixture(scope='module')
def films(clips: Path, carphone: Path) -> dict[str, list[np.ndarray]]:
    """Three clips at one size; the head in 'turning' moves fast."""
    paths = {'still': clips / 'single_face.mp4', 'car': carphone, 'turning': clips / 'WolfgangLanger_Pexels.mp4'}
    return {
        name: [cv2.resize(frame.image, (640, 360)) for frame in iter_frames(path) if frame.index < 160]
        for name, path in paths.items()
    }


def test_cuts_between_real_clips_are_seen_where_they_are(films):
    car, still, turning = films['car'][:30], films['still'][:30], films['turning'][:30]
    assert cuts(car + still + turning + car) == [30, 60, 90]


@pytest.mark.parametrize('every', [1, 3, 6])
def test_fast_heads_and_few_frames_a_second_are_no_cuts(films, every):
    for images in films.values():
        assert cuts(images[::every]) == []


def test_flash_blur_and_light_are_no_cuts_and_black_between_scenes_is_passed_over(films):
    still, car = films['still'][:20], films['car'][:10]
    white, black = np.full_like(still[0], 255), np.zeros_like(still[0])
    blurred = [cv2.GaussianBlur(image, (0, 0), 8) for image in still]
    dark = [image // 3 for image in still]
    assert cuts([*still[:10], white, *still[10:], *blurred, *still, *dark, *still]) == []
    assert cuts([*still, black, black, *car]) == [22]


def test_numbers_left_out_say_nothing(films):
    assert cuts([films['still'][0], films['car'][0]], [0, 2]) == []
    assert cuts([films['still'][0], films['car'][0]], [0, 1]) == [1]


def test_noise_and_panning_over_noise_are_no_cuts():
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (200, 900, 3), np.uint8), (0, 0), 15).astype(np.float32)
    ground = (255 * (ground - ground.min()) / np.ptp(ground)).astype(np.uint8)
    assert cuts([ground[:, 3 * t : 3 * t + 300] for t in range(150)]) == []
    assert cuts([np.full((90, 160, 3), 9 * t, np.uint8) for t in range(20)]) == []


def test_everybody_gets_a_new_number_after_a_cut(extractor: MediaPipeExtractor, films):
    images = films['still'][:24] + films['turning'][:24]
    assert tracks(extractor, images) == [0] * 24 + [1] * 24
    images = films['still'][:12] + films['car'][:12]  # the faces are a third of their size apart
    assert tracks(extractor, images) == [0] * 12 + [1] * 12


def test_fast_head_and_blur_keep_their_number(extractor: MediaPipeExtractor, films):
    assert set(tracks(extractor, films['turning'][::6])) == {0}
    images = [cv2.GaussianBlur(image, (0, 0), 5) if 8 < t < 16 else image for t, image in enumerate(films['car'][:24])]
    assert set(tracks(extractor, images)) == {0}
