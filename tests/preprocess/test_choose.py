"""Which face of a video is the labelled one."""

from __future__ import annotations

import numpy as np
import pytest
from preprocess_data import face_points, tracked

from pyskl.errors import InputError
from pyskl.landmarks import Face, FrameFaces
from pyskl.preprocess.choose import choose_subjects
from pyskl.preprocess.faces import CHUNK, gather_faces


def table_of(frames, shape=(480, 640)):
    return gather_faces(tracked(frames, shape), 'ibug68', 'ibug68', 'v')


def xs(table, choice) -> dict[int, float]:
    """Frame -> x of the chosen face."""
    return {int(table.frame[face]): float(table.centre[face, 0]) for face in choice.faces}


def test_the_large_face_that_stays_is_chosen_whatever_the_order_of_the_list():
    main, passer_by = (300, 240, 120), (100, 100, 40)
    frames = [[main]] * 10 + [[passer_by, main], [main, passer_by]] * 10 + [[passer_by]] * 5 + [[main]] * 10
    table = table_of(frames)
    chosen = xs(table, choose_subjects(table)[''])
    assert chosen.keys() == set(range(30)) | set(range(35, 45))
    assert all(abs(x - 300) < 1 for x in chosen.values())


def test_a_face_seen_longer_beats_a_larger_one_seen_briefly():
    frames = [[(300, 240, 80)]] * 50
    frames[10:14] = [[(500, 240, 160), (300, 240, 80)]] * 4
    table = table_of(frames)
    chosen = xs(table, choose_subjects(table)[''])
    assert len(chosen) == 50
    assert all(abs(x - 300) < 1 for x in chosen.values())


def test_of_equal_faces_the_central_one_is_chosen():
    table = table_of([[(80, 80, 90), (330, 250, 90)]] * 20)
    assert all(abs(x - 330) < 1 for x in xs(table, choose_subjects(table)['']).values())


def test_a_track_that_was_lost_is_taken_up_again_where_it_fits():
    """Beyond what the tracker bridges; a stranger seen meanwhile is another size, and elsewhere."""
    frames = [[(300, 240, 100)]] * 30 + [[]] * 60 + [[(60, 60, 45)]] * 10 + [[]] * 60 + [[(330, 250, 110)]] * 20
    table = table_of(frames)
    assert len(np.unique(table.track)) == 3
    choice = choose_subjects(table)['']
    assert xs(table, choice).keys() == set(range(30)) | set(range(160, 180))
    assert len(choice.tracks) == 2


def test_pieces_are_joined_one_after_the_other_as_a_face_wanders():
    frames = []
    for x in (100, 200, 300, 400, 500):
        frames += [[(x, 240, 100)]] * 10 + [[]] * 40
    table = table_of(frames)
    assert len(choose_subjects(table)[''].faces) == 50


def test_a_second_face_in_the_same_frames_is_never_joined():
    table = table_of([[(300, 240, 100), (420, 240, 100)]] * 30)
    choice = choose_subjects(table)['']
    assert len(choice.tracks) == 1
    assert len(choice.faces) == 30


def two_people() -> list[list[tuple[float, float, float]]]:
    """Two people whom the camera passes by, so that the left one ends where the right one began."""
    frames = []
    for number in range(80):
        shift = 3.0 * number
        faces = [(120 + shift, 240, 80), (330 + shift, 200, 110)]
        frames.append(faces[::-1] if number % 3 else faces)
    return frames


def test_left_and_right_are_sides_of_the_picture_and_share_no_face():
    table = table_of(two_people(), (480, 800))
    chosen = choose_subjects(table, ('right', 'left'))
    assert list(chosen) == ['right', 'left']
    left, right = xs(table, chosen['left']), xs(table, chosen['right'])
    assert left.keys() == right.keys() == set(range(80))
    assert all(left[frame] < right[frame] for frame in range(80))
    assert not set(chosen['left'].faces) & set(chosen['right'].faces)


@pytest.mark.parametrize(('side', 'start'), [('left', 120), ('right', 330)])
def test_one_labelled_side_is_that_side_even_if_the_other_face_is_larger(side, start):
    table = table_of(two_people(), (480, 800))
    chosen = xs(table, choose_subjects(table, (side,))[side])
    assert chosen[0] == pytest.approx(start, abs=1)
    assert len(chosen) == 80


def test_people_who_are_never_in_one_frame_have_sides_too():
    table = table_of([[(150, 240, 100)]] * 20 + [[(480, 240, 100)]] * 30 + [[(150, 240, 100)]] * 20)
    chosen = choose_subjects(table, ('left', 'right'))
    assert set(xs(table, chosen['left'])) == {*range(20), *range(50, 70)}
    assert set(xs(table, chosen['right'])) == set(range(20, 50))


def test_someone_alone_is_the_one_labelled_side_and_of_two_sides_their_own():
    table = table_of([[(500, 240, 100)]] * 20)
    assert len(choose_subjects(table, ('left',))['left'].faces) == 20
    both = choose_subjects(table, ('left', 'right'))
    assert (len(both['left'].faces), len(both['right'].faces)) == (0, 20)


def test_a_passer_by_does_not_make_a_subject_the_other_side():
    frames = [[(300, 240, 100)]] * 40
    frames[8] = [(60, 60, 30), (300, 240, 100)]
    table = table_of(frames)
    assert len(choose_subjects(table, ('left',))['left'].faces) == 40
    assert len(choose_subjects(table, ('right',))['right'].faces) == 40


def test_someone_in_the_background_does_not_turn_the_sides_around():
    """The left subject is alone with a small face further left for longer than with the right subject."""
    left, right, small = (200, 240, 100), (450, 240, 100), (60, 60, 25)
    table = table_of([[small, left]] * 40 + [[left, right]] * 25)
    chosen = choose_subjects(table, ('left', 'right'))
    assert np.allclose(list(xs(table, chosen['left']).values()), 200, atol=1)
    assert np.allclose(list(xs(table, chosen['right']).values()), 450, atol=1)


def test_the_third_subject_gets_what_the_sides_leave():
    frames = [[(120, 240, 100), (520, 240, 100), (320, 240, 60)]] * 20
    table = table_of(frames)
    chosen = choose_subjects(table, ('', 'left', 'right'))
    assert [round(np.mean(list(xs(table, chosen[side]).values()))) for side in ('left', '', 'right')] == [120, 320, 520]


def test_a_video_without_faces_gives_none():
    table = table_of([[]] * 5)
    assert (table.num_frames, len(table)) == (5, 0)
    for sides in (('',), ('left', 'right')):
        for choice in choose_subjects(table, sides).values():
            assert not len(choice.faces)
            keypoint, score = table.take(choice.faces, 7)
            assert (keypoint.shape, score.shape) == ((1, 7, 68, 2), (1, 7, 68))
            assert not score.any()


def test_faces_are_laid_out_by_frame_over_many_blocks():
    count = 2 * CHUNK + 100
    rng = np.random.default_rng(0)
    points = rng.uniform(1, 100, (count, 68, 2)).astype(np.float32)
    score = rng.uniform(0.1, 1, (count, 68)).astype(np.float32)
    score[:, 5] = 0
    records = [FrameFaces(2 * i, i / 10, (100, 100), (Face(points[i], score[i], 0),)) for i in range(count)]
    table = gather_faces(records, 'ibug68', 'ibug51', 'v')
    choice = choose_subjects(table)['']
    keypoint, laid = table.take(choice.faces, 2 * count + 5)
    assert keypoint.shape == (1, 2 * count + 5, 51, 2)
    assert keypoint.dtype == laid.dtype == np.float32
    np.testing.assert_array_equal(keypoint[0, : 2 * count : 2], points[:, 17:])
    np.testing.assert_array_equal(laid[0, : 2 * count : 2], score[:, 17:])
    assert not keypoint[0, 1::2].any()
    assert not laid[0, 2 * count - 1 :].any()
    assert table.timestamps[2] == 0.1
    assert np.isnan(table.timestamps[1])


def test_a_keypoint_without_score_does_not_count_and_is_zero():
    points, score = face_points(50, 50, 40), np.ones(68, np.float32)
    points[3], score[3] = (90_000, 90_000), 0
    table = gather_faces([FrameFaces(0, 0.0, (0, 0), (Face(points, score),))], 'ibug68', 'ibug68', 'v')
    assert table.img_shape == (112, 112)
    assert table.size[0] < 50
    assert not table.take(np.array([0]), 1)[0][0, 0, 3].any()


@pytest.mark.parametrize(
    ('place', 'shape'), [((56, 56, 100), (112, 112)), ((60, 56, 110), (112, 112)), ((400, 200, 100), (250, 450))]
)
def test_the_size_of_unknown_pictures_is_guessed_from_the_keypoints(place, shape):
    points = face_points(*place)
    table = gather_faces(
        [FrameFaces(0, 0.0, (0, 0), (Face(points, np.ones(68, np.float32)),))], 'ibug68', 'ibug68', 'v'
    )
    assert table.guessed
    if shape == (112, 112):
        assert table.img_shape == shape
    else:
        assert table.img_shape == (int(np.ceil(points[:, 1].max())), int(np.ceil(points[:, 0].max())))


def test_a_given_size_is_taken_and_a_known_one_kept():
    record = FrameFaces(0, 0.0, (0, 0), ())
    table = gather_faces([record], 'ibug68', 'ibug68', 'v', (480, 640))
    assert (table.img_shape, table.guessed) == ((480, 640), False)
    table = gather_faces([FrameFaces(0, 0.0, (10, 20), ())], 'ibug68', 'ibug68', 'v', (480, 640))
    assert (table.img_shape, table.guessed) == ((10, 20), False)


def test_pictures_of_several_sizes_and_no_frames_are_refused():
    records = [FrameFaces(0, 0.0, (10, 20), ()), FrameFaces(4, 0.0, (20, 20), ())]
    with pytest.raises(InputError, match='changes at frame 5, from 20x10 to 20x20'):
        gather_faces(records, 'ibug68', 'ibug68', 'v')
    with pytest.raises(InputError, match='v: frame 2,000,000,001 is beyond'):
        gather_faces([FrameFaces(2_000_000_000, 0.0, (10, 20), ())], 'ibug68', 'ibug68', 'v')
    with pytest.raises(InputError, match='v: has no frame'):
        gather_faces([], 'ibug68', 'ibug68', 'v')


def test_a_rarely_seen_side_beside_an_unnamed_subject_keeps_its_own_face():
    """The labels are ``v`` and ``v_right``: two subjects, so the rare one on the right is no passer-by."""
    frames = [[(200, 240, 100)]] * 60 + [[(200, 240, 100), (450, 240, 90)]] * 3
    table = table_of(frames)
    chosen = choose_subjects(table, ('', 'right'))
    assert np.allclose(list(xs(table, chosen['']).values()), 200, atol=1)
    assert np.allclose(list(xs(table, chosen['right']).values()), 450, atol=1)
    assert (len(chosen[''].faces), len(chosen['right'].faces)) == (63, 3)
