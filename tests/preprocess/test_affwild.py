"""Aff-Wild2: labels and keypoints meet by frame number."""

from __future__ import annotations

import argparse
import os
import pickle
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from preprocess_data import HEADER, person, random_rows, write_json, write_labels

from pyskl.errors import InputError
from pyskl.preprocess.affwild import affwild_jobs, metainfo
from pyskl.preprocess.affwild_release import SUBSETS, find_labels, label_notes
from pyskl.preprocess.jobs import COUNTS, NAMED
from pyskl.preprocess.sources import add_source_arguments, open_source


def listing_of(tmp_path: Path, tolerance: float = 5.0):
    """Jobs of ``labels/`` and ``skeletons/``."""
    parser = argparse.ArgumentParser()
    add_source_arguments(parser)
    source = open_source(parser.parse_args(['--skeletons', str(tmp_path / 'skeletons')]), tuple(SUBSETS))
    labels, problems = find_labels(tmp_path / 'labels')
    listing = affwild_jobs(labels, source, tolerance)
    listing.problems[:0] = problems
    return listing


def build(tmp_path: Path, tolerance: float = 5.0) -> list[dict]:
    listing = listing_of(tmp_path, tolerance)
    assert not listing.problems
    return [sample for job in pickle.loads(pickle.dumps(listing.jobs)) for sample in job.build()]


def skeletons(tmp_path: Path, video: str, frames, x=56.0, subset='Train_Set', people=None) -> None:
    """Write one face per frame; its x tells the frame: ``x + frame / 100``."""
    for frame in frames:
        found = [person(x + frame / 100, 50, 40)] if people is None else people(frame)
        write_json(tmp_path / 'skeletons' / subset, video, frame, found)


def face_x(sample: dict) -> np.ndarray:
    """(T,) mean x of the face, NaN without one."""
    found = sample['keypoint_score'][0].any(axis=1)
    return np.where(found, sample['keypoint'][0, :, :, 0].mean(axis=1), np.nan)


def test_row_and_picture_of_the_same_number_meet(tmp_path):
    rows = random_rows(30)
    write_labels(tmp_path / 'labels/Train_Set/v.txt', rows)
    present = [1, 2, 3, 7, 8, 20, 29]
    skeletons(tmp_path, 'v', present)
    (sample,) = build(tmp_path)
    assert sample['frame_dir'] == 'v'
    assert sample['total_frames'] == 30
    assert sample['img_shape'] == (112, 112)
    np.testing.assert_array_equal(sample['label'], rows)
    assert sample['label'].dtype == np.int8
    expected = np.full(30, np.nan)
    for frame in present:
        expected[frame - 1] = 56 + frame / 100
    np.testing.assert_allclose(face_x(sample), expected, atol=0.01)


@pytest.mark.parametrize(('num_rows', 'last', 'missing'), [(20, 23, 3), (20, 60, 40), (20, 18, 0)])
def test_short_and_long_label_files(tmp_path, num_rows, last, missing):
    rows = random_rows(num_rows)
    write_labels(tmp_path / 'labels/Train_Set/v.txt', rows)
    skeletons(tmp_path, 'v', [1, last])
    (sample,) = build(tmp_path)
    assert sample['total_frames'] == max(num_rows, last)
    np.testing.assert_array_equal(sample['label'][:num_rows], rows)
    assert (sample['label'][num_rows:] == -1).all()
    assert sample[COUNTS]['frames without a label row'] == missing
    assert sample[COUNTS]['label files much shorter than their videos'] == (missing == 40)
    assert np.isfinite(face_x(sample)[[0, last - 1]]).all()


def test_too_many_rows_are_refused_with_file_and_line_unless_admitted(tmp_path):
    path = write_labels(tmp_path / 'labels/Train_Set/v.txt', random_rows(131))
    skeletons(tmp_path, 'v', range(1, 101))
    with pytest.raises(InputError, match=r'v\.txt: line 102: too many rows: they go to frame 131, .* to 100'):
        build(tmp_path)
    assert build(tmp_path, tolerance=31)[0]['total_frames'] == 131
    write_labels(path, random_rows(110))
    assert build(tmp_path)[0]['total_frames'] == 110


def test_several_faces_and_frames_without_one(tmp_path):
    """A larger face comes by for a moment, listed first; one frame lists nobody, one lacks its file."""

    def people(frame):
        subject, passer_by = person(300, 200, 100), person(100, 200, 130)
        return [] if frame == 5 else [passer_by, subject] if 10 <= frame < 14 else [subject]

    write_labels(tmp_path / 'labels/Train_Set/v.txt', random_rows(30))
    skeletons(tmp_path, 'v', [*range(1, 20), *range(21, 31)], people=people)
    (sample,) = build(tmp_path)
    x = face_x(sample)
    assert np.flatnonzero(np.isnan(x)).tolist() == [4, 19]
    assert np.nanmax(np.abs(x - 300)) < 0.1
    assert sample[COUNTS]['frames with more than one face'] == 4
    assert sample[COUNTS]['faces of others, left out'] == 4
    assert sample[COUNTS]['videos whose picture size was guessed'] == 1


def two_people(frame):
    faces = [person(120, 200, 90), person(400, 200, 100)]
    return faces if frame % 2 else faces[::-1]


def test_two_subjects_of_one_raw_video_are_told_apart_by_side(tmp_path):
    rows = {side: random_rows(20, seed) for seed, side in enumerate(('left', 'right'))}
    for side in rows:
        write_labels(tmp_path / f'labels/Validation_Set/v_{side}.txt', rows[side])
    skeletons(tmp_path, 'v', range(1, 21), subset='Validation_Set', people=two_people)
    assert len(listing_of(tmp_path).jobs) == 1
    samples = build(tmp_path)
    assert [sample['frame_dir'] for sample in samples] == ['v_left', 'v_right']
    for sample, side, x in zip(samples, rows, (120, 400), strict=True):
        np.testing.assert_allclose(face_x(sample), x, atol=0.1)
        np.testing.assert_array_equal(sample['label'], rows[side])
        assert sample['video'] == 'v'


def test_one_labelled_side_of_two(tmp_path):
    write_labels(tmp_path / 'labels/Train_Set/v_left.txt', random_rows(20))
    skeletons(tmp_path, 'v', range(1, 21), people=two_people)
    (sample,) = build(tmp_path)
    np.testing.assert_allclose(face_x(sample), 120, atol=0.1)


def test_pictures_of_the_subjects_own_need_no_side(tmp_path):
    for side in ('left', 'right'):
        write_labels(tmp_path / f'labels/Train_Set/v_{side}.txt', random_rows(5))
    skeletons(tmp_path, 'v_left', range(1, 6), x=50)
    skeletons(tmp_path, 'v_right', range(1, 6), x=60)
    left, right = build(tmp_path)
    np.testing.assert_allclose(face_x(left), 50 + np.arange(1, 6) / 100, atol=0.01)
    np.testing.assert_allclose(face_x(right), 60 + np.arange(1, 6) / 100, atol=0.01)


def test_splits_follow_the_folders_in_a_fixed_order(tmp_path):
    for subset, videos in (('Validation_Set', ('c', 'a')), ('Train_Set', ('z', 'b'))):
        for video in videos:
            write_labels(tmp_path / f'labels/{subset}/{video}.txt', random_rows(2))
            skeletons(tmp_path, video, [1], subset=subset)
    jobs = listing_of(tmp_path).jobs
    assert [dict(job.splits) for job in jobs] == [
        {'b': ('train',)}, {'z': ('train',)}, {'a': ('val',)}, {'c': ('val',)},
    ]  # fmt: skip
    assert len({job.name for job in jobs}) == 4
    assert metainfo('ibug68')['aus'][0] == 'AU1'


def test_what_lacks_its_other_half_is_listed(tmp_path):
    for video in ('v', 'no_keypoints'):
        write_labels(tmp_path / f'labels/Train_Set/{video}.txt', random_rows(2))
    for video in ('v', 'no_labels'):
        skeletons(tmp_path, video, [1])
    listing = listing_of(tmp_path)
    assert [job.name for job in listing.jobs] == ['train/v']
    (problem,) = listing.problems
    assert problem.name == 'no_keypoints'
    assert "no_keypoints.txt: no keypoints for the video 'no_keypoints'" in problem.message
    assert listing.notes == ['1 video has keypoints and no labels: no_labels']


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ('Train_Set/v.txt', 'Validation_Set/v.txt'),
        ('Train_Set/v.txt', 'Train_Set/V.txt'),
        ('Train_Set/v.txt', 'Train_Set/v.TXT'),
    ],
)  # fmt: skip
def test_two_annotations_of_one_video_are_named_and_neither_is_used(tmp_path, first, second):
    for place in (first, second, 'Train_Set/w.txt'):
        write_labels(tmp_path / 'labels' / place, random_rows(2))
    skeletons(tmp_path, 'w', [1])
    listing = listing_of(tmp_path)
    assert [job.name for job in listing.jobs] == ['train/w']
    (problem,) = listing.problems
    assert all(str(tmp_path / 'labels' / place) in problem.message for place in (first, second))
    assert problem.message.startswith("two annotations for the video '")


@pytest.mark.parametrize('folder', ['.', 'AU_Detection_Challenge', 'annotations/AU_Detection_Challenge'])
@pytest.mark.parametrize('names', [('Train_Set', 'Validation_Set'), ('train_set', 'VALIDATION SET')])
def test_the_folders_are_found_in_a_parent_and_in_any_case(tmp_path, folder, names):
    for name in names:
        write_labels(tmp_path / folder / name / f'{name[0]}.txt', random_rows(2))
        (tmp_path / folder / name / '._junk.txt').write_bytes(b'\0\5')
        (tmp_path / folder / name / 'readme.md').write_text('x')
    labels, problems = find_labels(tmp_path)
    assert not problems
    assert [item.subset for item in labels] == ['Train_Set', 'Validation_Set']
    assert [item.name.lower() for item in labels] == ['t', 'v']


def test_folders_that_hold_none_or_several_are_refused(tmp_path):
    with pytest.raises(InputError, match='no such folder'):
        find_labels(tmp_path / 'none')
    with pytest.raises(InputError, match='holds neither Train_Set/'):
        find_labels(tmp_path)
    for parent in ('a', 'b'):
        (tmp_path / parent / 'Train_Set').mkdir(parents=True)
    with pytest.raises(InputError, match='name one of them'):
        find_labels(tmp_path)
    with pytest.raises(InputError, match='no label file'):
        find_labels(tmp_path / 'a')


def write_lists(folder: Path, split: str, pictures: list[str], rows, separator=' ') -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'AffWild2_{split}_img_path.txt').write_text('\n'.join(pictures) + '\n')
    text = '\n'.join(separator.join(map(str, row)) for row in np.asarray(rows).tolist())
    (folder / f'AffWild2_{split}_label.txt').write_text(text + '\n')


@pytest.mark.parametrize('separator', [' ', ','])
def test_the_older_lists_are_matched_by_number_too(tmp_path, separator):
    rows = random_rows(6)
    pictures = ['a/00007.jpg', 'b_left/00001.jpg', 'a/00002.jpg', 'a/00003.jpg', 'b_left/00003.jpg', 'a/00001.jpg']
    write_lists(tmp_path / 'labels' / 'list', 'train', pictures, rows, separator)
    write_lists(tmp_path / 'labels' / 'list', 'val', ['c/00002.jpg'], rows[:1], separator)
    skeletons(tmp_path, 'a', [2, 3, 9])
    skeletons(tmp_path, 'b_left', [1])
    skeletons(tmp_path, 'c', [2], subset='Validation_Set')
    a, b, c = build(tmp_path)
    assert (a['total_frames'], b['total_frames'], c['total_frames']) == (9, 3, 2)
    unknown = [-1] * 12
    expected = [rows[5].tolist(), rows[2].tolist(), rows[3].tolist(), unknown, unknown, unknown, rows[0].tolist()]
    np.testing.assert_array_equal(a['label'], [*expected, unknown, unknown])
    np.testing.assert_array_equal(b['label'], [rows[1].tolist(), unknown, rows[4].tolist()])
    np.testing.assert_array_equal(c['label'], [unknown, rows[0].tolist()])
    assert np.flatnonzero(np.isfinite(face_x(a))).tolist() == [1, 2, 8]


def test_older_lists_that_do_not_fit_each_other_are_refused(tmp_path):
    write_lists(tmp_path, 'train', ['a/00001.jpg', 'a/00002.jpg'], random_rows(3))
    with pytest.raises(InputError, match=r'train_label\.txt: 3 rows of labels, but .*train_img_path\.txt names 2'):
        find_labels(tmp_path)
    (tmp_path / 'AffWild2_train_label.txt').unlink()
    with pytest.raises(InputError, match=r'AffWild2_train_label\.txt is missing'):
        find_labels(tmp_path)
    write_lists(tmp_path, 'train', ['a/00001.jpg'], random_rows(1))
    write_lists(tmp_path, 'val', ['a/00001.jpg'], random_rows(1))
    _, problems = find_labels(tmp_path)
    assert 'two annotations' in problems[0].message


def test_a_changed_label_or_picture_shows_in_the_fingerprint(tmp_path):
    path = write_labels(tmp_path / 'labels/Train_Set/v.txt', random_rows(2))
    skeletons(tmp_path, 'v', [1])
    prints = [listing_of(tmp_path).jobs[0].fingerprint()]
    path.write_text(f'{HEADER}\n' + '0,' * 11 + '1\n')
    prints.append(listing_of(tmp_path).jobs[0].fingerprint())
    skeletons(tmp_path, 'v', [2])
    prints.append(listing_of(tmp_path).jobs[0].fingerprint())
    assert len({str(facts) for facts in prints}) == 3


def test_a_bad_line_of_an_older_list_costs_its_video_alone(tmp_path):
    pictures = ['a/00001.jpg', 'b/00001.jpg', 'c/x.jpg', 'd/00001.jpg', 'd/00001.jpg']
    write_lists(tmp_path / 'labels', 'train', pictures, random_rows(5))
    path = tmp_path / 'labels' / 'AffWild2_train_label.txt'
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([lines[0], lines[1].replace(lines[1].split()[0], '7', 1), *lines[2:]]) + '\n')
    labels, problems = find_labels(tmp_path / 'labels')
    assert [item.name for item in labels] == ['a']
    assert [problem.name for problem in problems] == ['b', 'c', 'd']
    for problem, text in zip(problems, ["line 2: AU1 is '7'", 'line 3: must read', 'line 5: frame 1'], strict=True):
        assert text in problem.message
    write_lists(tmp_path / 'labels', 'train', ['a/00001.jpg', 'nothing'], random_rows(2))
    with pytest.raises(InputError, match='line 2: must read <video>'):  # of which video?
        find_labels(tmp_path / 'labels')


def test_files_among_the_labels_that_are_not_read_are_named(tmp_path):
    for name in ('v.txt', '.w.txt', 'x.csv'):
        write_labels(tmp_path / 'Train_Set' / name, random_rows(2))
    (tmp_path / 'Train_Set' / '.DS_Store').touch()
    (note,) = label_notes(tmp_path)
    assert note.startswith('2 files are not named like') and 'Train_Set/.w.txt, Train_Set/x.csv' in note
    for name in ('.w.txt', 'x.csv'):
        (tmp_path / 'Train_Set' / name).unlink()
    assert label_notes(tmp_path) == []


def test_a_file_without_a_frame_number_is_a_problem_of_its_own(tmp_path):
    write_labels(tmp_path / 'labels/Train_Set/v.txt', random_rows(2))
    skeletons(tmp_path, 'v', [1, 2])
    (tmp_path / 'skeletons' / 'Train_Set' / 'x.predictions.json').write_text('[]')
    listing = listing_of(tmp_path)
    assert [job.name for job in listing.jobs] == ['train/v']
    assert 'x.predictions.json: no frame number' in listing.problems[0].message and len(listing.problems) == 1


def test_a_pipe_among_the_pictures_is_refused_not_read(tmp_path):
    write_labels(tmp_path / 'labels/Train_Set/v.txt', random_rows(2))
    skeletons(tmp_path, 'v', [1])
    os.mkfifo(tmp_path / 'skeletons' / 'Train_Set' / 'v.00002.predictions.json')
    with pytest.raises(InputError, match=r'v\.00002\.predictions\.json: is no regular file'):
        listing_of(tmp_path).jobs[0].fingerprint()


def test_a_side_that_cannot_be_known_is_counted(tmp_path):
    for side in ('left', 'right'):
        write_labels(tmp_path / f'labels/Train_Set/v_{side}.txt', random_rows(3))
    skeletons(tmp_path, 'v', [1, 2, 3], x=300)
    left, right = build(tmp_path)
    assert not left['keypoint_score'].any() and right['keypoint_score'].any()
    assert left[COUNTS][NAMED[1]] == right[COUNTS][NAMED[1]] == 1
    skeletons(tmp_path, 'v', [4], people=lambda frame: [person(300, 50, 40), person(100, 50, 40)])
    assert not any(sample[COUNTS][NAMED[1]] for sample in build(tmp_path))


def test_a_frame_beyond_reason_is_named_with_the_pattern_of_its_files(tmp_path):
    write_labels(tmp_path / 'labels/Train_Set/v.txt', random_rows(2))
    skeletons(tmp_path, 'v', [1, 3_000_000])
    with pytest.raises(InputError, match=r'Train_Set/v\.\*\.predictions\.json: frame 3,000,000 is beyond'):
        build(tmp_path)


def test_two_labelled_subjects_make_two_faces_looked_for(tmp_path, monkeypatch):
    for name in ('v_left', 'v_right', 'w'):
        write_labels(tmp_path / f'labels/Train_Set/{name}.txt', random_rows(3))
    for name in ('v', 'w'):
        (tmp_path / 'images' / name).mkdir(parents=True)
        (tmp_path / 'images' / name / '1.jpg').touch()
    monkeypatch.setattr('pyskl.landmarks.make_extractor', lambda *_: nullcontext())
    parser = argparse.ArgumentParser()
    add_source_arguments(parser)
    labels, _ = find_labels(tmp_path / 'labels')
    for words, expected in (([], [2, 1]), (['--max-faces', '1'], [1, 1])):
        source = open_source(parser.parse_args(['--images', str(tmp_path / 'images'), *words]))
        jobs = affwild_jobs(labels, source).jobs
        assert [job.handle.settings.extractor.max_faces for job in jobs] == expected
