"""Checking, packing and merging predictions."""

from __future__ import annotations

import random

import numpy as np
import pytest

from pyskl.errors import InputError
from pyskl.evaluation import Predictions, as_prediction, collect_predictions, merge


def pack(samples):
    return Predictions.pack([as_prediction(sample) for sample in samples])


def assert_same(one: Predictions, other: Predictions) -> None:
    assert (one.level, one.frame_dir, one.num_samples) == (other.level, other.frame_dir, other.num_samples)
    for name in ('sample_idx', 'labelled', 'num_rows', 'frame_inds', 'score', 'label', 'face_found'):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_windows_of_a_track_become_one_record_in_order_of_frames(windows):
    samples = windows()
    merged = collect_predictions(samples)
    assert merged.frame_dir == ('video0_left', 'video1_left', 'video2_left')
    assert merged.num_samples == 6
    for record in merged.records():
        np.testing.assert_array_equal(record['frame_inds'], np.arange(10))
        for sample in samples:
            if sample['frame_dir'] == record['frame_dir']:
                for row, frame in enumerate(sample['frame_inds']):
                    np.testing.assert_array_equal(record['score'][frame], sample['score'][row])
                    np.testing.assert_array_equal(record['label'][frame], sample['label'][row])
                    assert record['face_found'][frame] == sample['face_found'][row]


def test_merging_parts_in_any_order_with_repeats_gives_the_same(windows):
    samples = windows(num_tracks=4)
    whole = merge([pack(samples)])
    shuffled = random.Random(0).sample(samples, len(samples))
    parts = [pack(shuffled[:3]), pack(shuffled[3:]), pack(samples[:2])]
    assert_same(merge(parts), whole)


def test_samples_of_the_same_number_in_two_data_sets_are_both_kept(clips):
    other = [{**sample, 'frame_dir': f'other_{sample["frame_dir"]}'} for sample in clips]
    assert len(merge([pack(clips + other)])) == 2 * len(clips)


def test_a_window_that_owns_no_frame_is_fine(windows):
    samples = windows()
    empty = {**samples[0], 'sample_idx': 99, 'frame_inds': [], 'score': np.zeros((0, 3)), 'label': np.zeros((0, 3))}
    merged = collect_predictions([*samples, {**empty, 'face_found': []}])
    assert merged.num_samples == 7
    np.testing.assert_array_equal(merged.score, collect_predictions(samples).score)


def test_records_can_be_collected_again(windows, clips, single):
    for samples in (windows(), clips, single):
        merged = collect_predictions(samples)
        again = collect_predictions(merged.records())
        np.testing.assert_array_equal(again.score, merged.score)
        np.testing.assert_array_equal(again.label, merged.label)
        assert again.level == merged.level


def test_a_prediction_does_not_keep_the_batch_alive(windows):
    sample = windows()[0]
    batch = np.zeros((100, 3), np.float32)
    kept = as_prediction({**sample, 'score': batch[:5]})
    batch[:] = 1
    assert kept.score.max() == 0
    assert not np.shares_memory(kept.score, batch)


def test_unlabelled_clips_fit_either_kind(clips, single):
    bare = {'frame_dir': 'bare', 'sample_idx': 50, 'label': None}
    for samples, width in ((clips, 3), (single, 4)):
        unlabelled = {**bare, 'score': np.full(width, 0.5)}
        for parts in ([pack([unlabelled]), pack(samples)], [pack([*samples, unlabelled])]):
            merged = merge(parts)
            assert merged.level == ('clip' if samples is clips else 'single')
            assert (merged.label[-1] == -1).all()
            assert list(merged.labelled) == [True] * len(samples) + [False]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'score': np.full((5, 3), np.nan)}, 'finite'),
        ({'score': np.full((5, 3), 7.0)}, 'logits'),
        ({'score': np.zeros(5)}, 'shape'),
        ({'score': np.zeros((5, 0))}, 'shape'),
        ({'score': 'high'}, 'numbers'),
        ({'score': np.zeros((4, 3))}, 'labels'),
        ({'label': np.zeros((5, 2), np.int8)}, 'labels'),
        ({'label': np.full((5, 3), 2)}, 'label 2'),
        ({'frame_inds': np.arange(4)}, 'frame_inds'),
        ({'frame_inds': np.arange(5) - 1}, 'negative'),
        ({'frame_inds': np.arange(5) + 0.5}, 'frame_inds'),
        ({'face_found': np.ones(4, bool)}, 'face_found'),
    ],
)
def test_an_unusable_prediction_names_its_track(windows, change, message):
    with pytest.raises(InputError, match=rf'(?s)(?=.*video0_left)(?=.*{message})'):
        as_prediction({**windows()[0], **change})


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'score': np.array([0.1, np.inf, 0.2])}, 'finite'),
        ({'score': np.array([0.1, 5.0, 0.2])}, 'logits'),
        ({'label': 3}, 'class 3'),
        ({'label': 1.5}, 'class 1.5'),
        ({'label': [1, 0]}, 'labels'),
    ],
)
def test_an_unusable_clip_names_its_track(clips, change, message):
    with pytest.raises(InputError, match=rf'clip0.*{message}'):
        as_prediction({**clips[0], **change})


@pytest.mark.parametrize('field', ['frame_dir', 'sample_idx', 'score'])
def test_a_missing_field_is_named(clips, field):
    sample = dict(clips[0])
    del sample[field]
    with pytest.raises(InputError, match=field):
        as_prediction(sample)


def test_a_frame_predicted_by_two_windows_is_refused(windows):
    samples = windows()
    samples[3]['frame_inds'] = samples[2]['frame_inds']
    with pytest.raises(InputError, match=r"'video1_left', frame 5, is predicted more than once"):
        collect_predictions(samples)


def test_two_clips_of_one_name_are_refused(clips):
    clips[1]['frame_dir'] = 'clip0'
    with pytest.raises(InputError, match="'clip0' is predicted more than once"):
        collect_predictions(clips)


def test_predictions_that_do_not_fit_together_are_refused(windows, clips, single):
    frames = windows()
    with pytest.raises(InputError, match='cannot be scored together'):
        pack([*frames, *clips])
    with pytest.raises(InputError, match='cannot be scored together'):
        merge([pack(clips), pack(frames)])
    with pytest.raises(InputError, match='cannot be scored together'):
        merge([pack([{**s, 'score': s['score'][:3], 'label': 0} for s in single]), pack(clips)])
    with pytest.raises(InputError, match=r"'clip1' has 4 scores per row, but track 'clip0' has 3"):
        pack([clips[0], {**single[1], 'label': None}])
    with pytest.raises(InputError, match='no prediction'):
        merge([])
