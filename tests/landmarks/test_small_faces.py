"""Searching in tiles and following in boxes, with a detector that sees bright squares above a share of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from pyskl.landmarks.small_faces import Box, FaceFollower, bounding_box, search_tiles, tiles


class Detector:
    """Finds the bright squares whose side is at least a tenth of the picture's longer side; counts its calls."""

    def __init__(self, share: float = 0.1) -> None:
        self.share, self.sizes = share, []

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        import cv2

        self.sizes.append(image.shape[:2])
        count, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 128).astype(np.uint8))
        found = []
        for left, top, width, height, _ in stats[1:count]:
            if min(width, height) >= self.share * max(image.shape[:2]) and max(width, height) < 1.3 * min(
                width, height
            ):
                found.append(np.array([[left, top], [left + width, top + height]], float))
        return found


def picture(*squares: tuple[int, int, int], size: tuple[int, int] = (720, 1280)) -> np.ndarray:
    image = np.zeros((*size, 3), np.uint8)
    for left, top, side in squares:
        image[top : top + side, left : left + side] = 255
    return image


@pytest.mark.parametrize('size', [(1280, 720), (1920, 1080), (640, 360), (300, 2000), (342, 100)])
def test_every_face_that_fits_the_overlap_lies_whole_in_a_tile(size):
    width, height = size
    laid = list(tiles(width, height))
    assert laid and all(0 <= left < right <= width and 0 <= top < bottom <= height for left, top, right, bottom in laid)
    rng = np.random.default_rng(0)
    for _ in range(200):
        side = rng.uniform(26, min(64, height))
        x, y = rng.uniform(0, width - side), rng.uniform(0, height - side)
        fits = [it for it in laid if it[0] <= x and it[1] <= y and x + side <= it[2] and y + side <= it[3]]
        assert any(side >= 0.1 * max(right - left, bottom - top) for left, top, right, bottom in fits)


@pytest.mark.parametrize(('size', 'most'), [((1280, 720), 40), ((1920, 1080), 90), ((341, 341), 0), ((176, 144), 0)])
def test_number_of_tiles_is_bounded(size, most):
    assert len(list(tiles(*size))) <= most


@pytest.mark.parametrize('place', [(0, 0), (601, 333), (1240, 680), (250, 180)])
def test_small_face_is_found_where_it_is(place):
    detector = Detector()
    (found,) = search_tiles(picture((*place, 40)), detector, 1)
    expected = np.array([place, (place[0] + 40, place[1] + 40)])
    assert np.abs(found - expected).max() < 3
    assert Detector()(picture((*place, 40))) == []


def test_faces_seen_by_several_tiles_count_once():
    squares = [(230, 150, 50), (300, 400, 40), (1000, 100, 80)]
    found = search_tiles(picture(*squares), Detector(), 5)
    assert len(found) == 3
    for left, top, side in squares:
        assert any(np.abs(points - [[left, top], [left + side, top + side]]).max() < 3 for points in found)


def test_what_is_not_found_again_in_a_wider_box_does_not_count():
    detector = Detector()

    def fickle(image: np.ndarray) -> list[np.ndarray]:
        share = (image > 128).mean()
        return [] if 0.09 < share < 0.15 else detector(image)  # a face in a box of three times its side: 0.11

    def wavering(image: np.ndarray) -> list[np.ndarray]:
        share = (image > 128).mean()
        return [points + (60 if 0.09 < share < 0.15 else 0) for points in detector(image)]

    assert len(search_tiles(picture((600, 300, 40)), detector, 1)) == 1
    assert search_tiles(picture((600, 300, 40)), fickle, 1) == []
    assert search_tiles(picture((600, 300, 40)), wavering, 1) == []


def follow(follower: FaceFollower, fast: Detector, image: np.ndarray) -> list[np.ndarray]:
    return follower.find(image, lambda: fast(image))


def test_nothing_else_runs_while_the_fast_detector_finds_the_face():
    look, fast = Detector(), Detector()
    follower = FaceFollower(look)
    for t in range(30):
        assert len(follow(follower, fast, picture((200 + t, 200, 200)))) == 1
    assert look.sizes == [] and len(fast.sizes) == 30


def test_small_face_is_followed_without_further_searches():
    look, fast = Detector(), Detector()
    follower = FaceFollower(look)
    for t in range(40):
        (found,) = follow(follower, fast, picture((300 + 6 * t, 300, 40)))
        assert np.abs(found[0] - [300 + 6 * t, 300]).max() < 3
        if t == 0:
            look.sizes.clear()
    assert len(look.sizes) == 39  # one box each
    assert len(fast.sizes) < 15


def test_fast_detector_takes_over_when_the_face_has_grown():
    look, fast = Detector(), Detector(0.12)
    follower = FaceFollower(look)
    for side in range(40, 240, 5):
        assert len(follow(follower, fast, picture((300, 300, side)))) == 1
    look.sizes.clear()
    follow(follower, fast, picture((300, 300, 240)))
    assert look.sizes == []


def test_searches_without_a_face_become_rare():
    look, image = Detector(), picture(size=(200, 350))
    follower = FaceFollower(look, search_every=5, search_rarely=40)
    searched = []
    for t in range(200):
        before = len(look.sizes)
        assert follow(follower, Detector(), image) == []
        if len(look.sizes) > before:
            searched.append(t)
    assert searched[:4] == [0, 10, 30, 70]
    assert set(np.diff(searched[3:])) == {40}


def test_searches_become_frequent_again_once_a_face_was_seen():
    look, image = Detector(), picture(size=(200, 350))
    follower = FaceFollower(look)
    for _ in range(100):
        follow(follower, Detector(), image)
    for _ in range(80):
        assert follow(follower, Detector(), picture((20, 20, 100), size=(200, 350)))
    searched = []
    for t in range(30):
        before = len(look.sizes)
        follow(follower, Detector(), image)
        if len(look.sizes) > before:
            searched.append(t)
    assert searched == [0, 10]


def test_face_that_is_lost_is_searched_for_again():
    look, fast = Detector(), Detector()
    follower = FaceFollower(look)
    follow(follower, fast, picture((300, 300, 40)))
    found = [len(follow(follower, fast, picture((900, 100, 40)))) for _ in range(8)]
    assert found[-1] == 1 and sum(found) >= 3


def test_poster_gives_way_to_a_face_the_fast_detector_sees():
    look, fast = Detector(), Detector()
    follower = FaceFollower(look)
    follow(follower, fast, picture((300, 300, 40)))
    found = [follow(follower, fast, picture((300, 300, 40), (700, 100, 300)))[0] for _ in range(8)]
    assert bounding_box(found[-1]).left == 700


def test_lost_face_is_looked_for_about_its_last_place_for_a_while():
    look, fast = Detector(), Detector()
    follower = FaceFollower(look)
    for _ in range(3):
        follow(follower, fast, picture((300, 300, 40)))
    costs = []
    for _ in range(9):
        before = len(look.sizes)
        assert follow(follower, fast, picture()) == []
        costs.append(len(look.sizes) - before)
    assert costs.count(1) >= 7  # one box; not the tiles
    assert len(follow(follower, fast, picture((380, 340, 40)))) == 1


def test_face_lost_by_the_fast_detector_is_looked_for_too():
    look, fast = Detector(), Detector(0.1)
    follower = FaceFollower(look, max_faces=2, search_rarely=10**6, search_every=10**6)
    both, one = picture((100, 100, 140), (900, 300, 130)), picture((100, 100, 140))
    assert len(follow(follower, fast, both)) == 2
    assert len(follow(follower, fast, one)) == 1
    assert len(follow(follower, fast, picture((100, 100, 140), (1000, 330, 110)))) == 2


def test_lost_face_is_found_beside_the_one_that_hid_it():
    look, fast = Detector(), Detector(0.12)
    follower = FaceFollower(look, max_faces=2, search_rarely=10**6, search_every=10**6)
    assert len(follow(follower, fast, picture((400, 300, 160), (640, 320, 90)))) == 2
    assert len(follow(follower, fast, picture((500, 300, 160)))) == 1
    assert len(follow(follower, fast, picture((640, 300, 160), (500, 320, 90)))) == 2


def test_lost_face_is_forgotten():
    look, fast = Detector(), Detector()
    follower = FaceFollower(look, search_rarely=10**6, search_every=10**6)
    follow(follower, fast, picture((300, 300, 40)))
    for _ in range(40):
        follow(follower, fast, picture())
    look.sizes.clear()
    follow(follower, fast, picture())
    assert look.sizes == [] and follower._lost == []


def test_second_small_face_beside_a_large_one():
    look, fast = Detector(), Detector(0.2)
    follower = FaceFollower(look, max_faces=2)
    image = picture((100, 100, 300), (900, 300, 40))
    for _ in range(12):
        found = follow(follower, fast, image)
        assert sorted(round(bounding_box(points).left) for points in found) == [100, 900]
    assert len(follow(FaceFollower(look), fast, image)) == 1


def test_boxes():
    box = bounding_box(np.array([[10, 20], [30, 60]]))
    assert box == Box(10, 20, 30, 60) and box.side == 40 and box.area == 800
    assert box.around(2) == Box(-20, 0, 60, 80)
    assert box.overlaps(Box(15, 30, 25, 50)) and not box.overlaps(Box(31, 20, 50, 60))
    assert not box.overlaps(Box(28, 20, 48, 60))
