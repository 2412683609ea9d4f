"""Following faces: simulated tracks whose persons are known."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.landmarks import Face, FaceTracker
from pyskl.landmarks.tracking import tracking_points

SHAPE = np.random.default_rng(0).normal(0, 1, (68, 2))


def face(x: float, y: float = 200, size: float = 30, seed: int = 0, score: float = 0.9) -> Face:
    """Points about a centre whose RMS radius is about ``size`` / 2; ``seed`` chooses the person's looks."""
    own = SHAPE + np.random.default_rng(seed).normal(0, 0.2, (68, 2))
    points = np.array([x, y]) + own * size / math.sqrt(8)
    return Face(points.astype(np.float32), np.full(68, score, np.float32))


def ids(tracker: FaceTracker, index: int, faces: list[Face]) -> list[int | None]:
    """The track of each face, in the order of the input; None for dropped ones."""
    found = {id(it.keypoint): it.track for it in tracker.update(index, faces)}
    return [found.get(id(it.keypoint)) for it in faces]


def test_one_face_that_moves_keeps_its_number():
    tracker = FaceTracker()
    assert [ids(tracker, t, [face(100 + 5 * t, size=30 + t / 3)]) for t in range(60)] == [[0]] * 60


def test_keypoints_and_scores_pass_unchanged():
    given_face = face(100)
    (out,) = FaceTracker().update(0, [given_face])
    assert out.keypoint is given_face.keypoint and out.score is given_face.score


@pytest.mark.parametrize('apart', [0, 12, 30])
def test_two_faces_that_cross_keep_their_numbers(apart):
    tracker = FaceTracker()
    for t in range(81):
        faces = [face(100 + 5 * t, 200, seed=1), face(500 - 5 * t, 200 + apart, seed=2)]
        found = ids(tracker, t, faces if t % 2 else faces[::-1])[:: 1 if t % 2 else -1]
        assert found[0] in (0, None) and found[1] in (1, None)
        if abs(t - 40) > 3:
            assert found == [0, 1]


@pytest.mark.parametrize('speed', [0, 2, 5])
def test_occlusion_of_ten_frames_keeps_the_number(speed):
    tracker = FaceTracker()
    for t in range(20):
        assert ids(tracker, t, [face(100 + speed * t)]) == [0]
    for t in range(20, 30):
        assert tracker.update(t, []) == ()
    assert ids(tracker, 30, [face(100 + speed * 30)]) == [0]


def test_face_that_comes_elsewhere_gets_a_new_number_and_none_is_used_again():
    tracker = FaceTracker()
    for t in range(5):
        ids(tracker, t, [face(100)])
    assert ids(tracker, 5, [face(500)]) == [1]
    assert ids(tracker, 6, [face(500), face(100)]) == [1, 0]
    assert ids(tracker, 60, [face(100), face(500)]) == [2, 3]  # both tracks have ended


def test_track_ends_after_max_missing_frames():
    for gap, expected in [(3, 0), (4, 1)]:
        tracker = FaceTracker(max_missing=3)
        ids(tracker, 0, [face(100)])
        assert ids(tracker, 1 + gap, [face(100)]) == [expected]


def test_jumps_of_the_frame_number_count_as_unseen_frames():
    tracker = FaceTracker(max_missing=30)
    numbers = [0, 1, 2, 7, 8, 20, 21, 60]
    found = [ids(tracker, t, [face(100 + 3 * t)])[0] for t in numbers]
    assert found == [0, 0, 0, 0, 0, 0, 0, 1]


def test_velocity_is_per_frame_whatever_the_gap():
    tracker = FaceTracker()
    for t in range(0, 40, 4):  # 8 px a frame = 32 px a step, more than a face; a second face where the first was
        ids(tracker, t, [face(100 + 8 * t)])
    assert ids(tracker, 40, [face(100 + 8 * 40), face(100 + 8 * 36 - 40)]) == [0, 1]


def test_number_of_a_frame_must_go_up():
    tracker = FaceTracker()
    tracker.update(3, [])
    with pytest.raises(InputError, match='3 after 3'):
        tracker.update(3, [])


def test_change_of_size_beyond_the_limit_is_another_face():
    tracker = FaceTracker()
    ids(tracker, 0, [face(100, size=30)])
    assert ids(tracker, 1, [face(100, size=90)]) == [1]


def test_repeated_detections_of_a_face_are_one():
    tracker = FaceTracker()
    faint, clear, other = face(100, score=0.4), face(103, 198, score=0.9), face(300)
    assert ids(tracker, 0, [faint, clear, other]) == [None, 0, 1]
    assert ids(tracker, 1, [clear, other, faint]) == [0, 1, None]


def test_numbers_within_a_frame_go_from_left_to_right():
    assert ids(FaceTracker(), 0, [face(500), face(100), face(300)]) == [2, 0, 1]


def test_assignment_is_the_cheapest_of_all_permutations():
    rng = np.random.default_rng(4)
    for _ in range(20):
        before = [face(60 * (number + 1), seed=number) for number in range(4)]
        after = [face(60 * (n + 1) + rng.normal(0, 15), 200 + rng.normal(0, 15), seed=n) for n in range(4)]
        tracker = FaceTracker(max_distance=100, max_ratio=9, max_step=100)
        assert ids(tracker, 0, before) == [0, 1, 2, 3]

        def cost(a: Face, b: Face) -> float:
            centre_a, centre_b = a.keypoint.mean(0), b.keypoint.mean(0)
            spread_a, spread_b = a.keypoint - centre_a, b.keypoint - centre_b
            size_a, size_b = (2 * np.sqrt((it**2).sum(1).mean()) for it in (spread_a, spread_b))
            size = np.sqrt(size_a * size_b)
            shape = np.sqrt(((spread_a - spread_b) ** 2).sum(1).mean())
            return np.linalg.norm(centre_a - centre_b) / size + shape / size + abs(np.log(size_a / size_b))

        best = min(permutations(range(4)), key=lambda p: sum(cost(before[p[n]], after[n]) for n in range(4)))
        assert ids(tracker, 1, after) == list(best)


def test_keypoints_that_were_not_found_do_not_count():
    tracker = FaceTracker()
    ids(tracker, 0, [face(100)])
    half = face(102)
    keypoint, score = half.keypoint.copy(), half.score.copy()
    hidden = keypoint[:, 0] > 102  # half of the face, and (0, 0) as its place, as OpenPifPaf writes
    keypoint[hidden], score[hidden] = 0, 0
    assert ids(tracker, 1, [Face(keypoint, score)]) == [0]
    assert ids(tracker, 2, [face(104)]) == [0]
    assert tracker.update(3, [Face(keypoint, np.zeros(68, np.float32))]) == ()


def test_faces_that_share_no_point_are_compared_by_their_centres():
    tracker, whole = FaceTracker(), face(100)
    upper = np.arange(68) < 34
    for t, part in enumerate([upper, ~upper]):
        assert ids(tracker, t, [Face(whole.keypoint, whole.score * part)]) == [0]


def test_people_are_followed_by_their_faces_alone():
    points = tracking_points('coco_wholebody133')
    assert points is not None and points.tolist() == list(range(23, 91))
    assert tracking_points('ibug68') is None
    tracker = FaceTracker(points)
    for t, body in enumerate([0, 900]):
        keypoint = np.full((133, 2), body, np.float32)
        keypoint[23:91] = face(100).keypoint
        (found,) = tracker.update(t, [Face(keypoint, np.ones(133, np.float32))])
        assert found.track == 0


def test_face_that_jumps_from_one_frame_to_the_next_is_another():
    for step, expected in [(14, 0), (22, 1)]:  # half a face, and more than max_step
        tracker = FaceTracker()
        assert [ids(tracker, t, [face(100)])[0] for t in range(10)] == [0] * 10
        assert ids(tracker, 10, [face(100 + step)]) == [expected]
    tracker = FaceTracker()
    ids(tracker, 0, [face(100)])
    assert ids(tracker, 2, [face(122)]) == [0]  # a frame was missed: the face may have gone as far


def test_face_of_other_looks_and_size_at_nearly_the_same_place_is_another():
    def someone(seed: int, size: float) -> Face:
        points = np.random.default_rng(seed).normal(0, 1, (68, 2))
        return Face((100 + points * size / math.sqrt(8)).astype(np.float32), np.ones(68, np.float32))

    tracker = FaceTracker()
    assert [ids(tracker, t, [someone(1, 30)]) for t in range(5)] == [[0]] * 5
    assert ids(tracker, 5, [someone(2, 36)]) == [1]


def test_after_a_cut_only_who_stays_in_place_keeps_the_number():
    tracker = FaceTracker()
    for t in range(10):
        ids(tracker, t, [face(100, seed=1), face(300, seed=2), face(500, seed=3)])
    found = {it.track for it in tracker.update(10, [face(101, seed=1), face(310, seed=2)], cut=True)}
    assert found == {0, 3}
    assert ids(tracker, 11, [face(500, seed=3)]) == [4]  # who is not seen right after the cut has left
    tracker.update(12, [], cut=True)
    assert ids(tracker, 13, [face(101, seed=1)]) == [5]


@pytest.mark.parametrize(
    'settings',
    [{'max_missing': -1}, {'max_distance': 0}, {'max_ratio': -0.1}, {'max_step': 0}, {'max_cut_step': -1}],
)
def test_wrong_settings_are_refused(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        FaceTracker(**settings)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 4), lost=st.floats(0, 0.3))
def test_simulated_people_are_told_apart(seed, count, lost):
    """Smooth paths at least two faces apart, jitter, missed detections, shuffled order: a number per person."""
    rng = np.random.default_rng(seed)
    phase, speed = rng.uniform(0, 6, (count, 2)), rng.uniform(0.02, 0.1, (count, 2))
    trackers = FaceTracker(), FaceTracker()
    number: dict[int, int] = {}
    for t in range(50):
        where = np.sin(phase + speed * t) * 25
        people = [n for n in range(count) if t == 0 or rng.random() >= lost]
        faces = [
            face(150 * (n + 1) + where[n, 0] + rng.normal(), 200 + where[n, 1] + rng.normal(), seed=n) for n in people
        ]
        order = rng.permutation(len(faces))
        found = ids(trackers[0], t, faces)
        shuffled = ids(trackers[1], t, [faces[place] for place in order])
        assert [found[place] for place in order] == shuffled
        for person, track in zip(people, found, strict=True):
            assert number.setdefault(person, track) == track
    assert sorted(number.values()) == list(range(count))


def test_memory_holds_only_tracks_that_can_still_be_seen():
    tracker = FaceTracker(max_missing=5)
    for t in range(100):
        tracker.update(t, [face(100 + 400 * (t % 40))])
    assert len(tracker._tracks) <= 7
