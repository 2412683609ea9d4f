"""Late fusion against loops over single numbers, and files that do not belong together."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyskl.errors import InputError
from pyskl.evaluation import fuse_results, fusion_weights, read_results, write_results
from pyskl.evaluation.predictions import collect_predictions
from pyskl.evaluation.results import Results

AUS = ('AU1', 'AU2', 'AU4')


def results(samples: list[dict], aus=AUS, **metadata) -> Results:
    return Results(collect_predictions(samples), aus, metadata)


def other_scores(samples: list[dict], seed: int) -> list[dict]:
    rng = np.random.default_rng(seed)
    samples = copy.deepcopy(samples)
    for sample in samples:
        sample['score'] = rng.random(np.shape(sample['score'])).astype(np.float32)
    return samples


def streams(samples: list[dict], count: int = 3) -> list[tuple[str, Results]]:
    return [(f'{n}.pkl', results(other_scores(samples, n))) for n in range(count)]


def by_frame(fused: Results) -> dict:
    return {
        (track['frame_dir'], int(frame)): (track['score'][row], track['label'][row], track['face_found'][row])
        for track in fused.tracks
        for row, frame in enumerate(track['frame_inds'])
    }


@pytest.mark.parametrize('space', ['prob', 'logit'])
@pytest.mark.parametrize('weights', [None, (1, 1, 1), (2, 1, 0.5), (0, 0, 3)])
def test_frames_agree_with_a_loop(windows, space, weights):
    parts = streams(windows())
    fused = by_frame(fuse_results(parts, weights, space))
    tables = [by_frame(part) for _, part in parts]
    shares = [weight / sum(weights) for weight in weights] if weights else [1 / 3] * 3
    assert fused.keys() == tables[0].keys()
    for key, (score, label, found) in fused.items():
        for au in range(len(AUS)):
            values = [float(table[key][0][au]) for table in tables]
            if space == 'prob':
                expected = sum(share * value for share, value in zip(shares, values, strict=True))
            else:
                logit = sum(share * math.log(v / (1 - v)) for share, v in zip(shares, values, strict=True))
                expected = 1 / (1 + math.exp(-logit))
            assert score[au] == pytest.approx(expected, abs=1e-6)
        assert np.array_equal(label, tables[0][key][1])
        assert found == tables[0][key][2]


def test_one_stream_and_equal_streams_stay_as_they_are(windows):
    (part,) = streams(windows(), 1)
    for many in (1, 3):
        fused = fuse_results([part] * many)
        np.testing.assert_allclose(fused.predictions.score, part[1].predictions.score, rtol=1e-6)
        fused = fuse_results([part] * many, space='logit')
        np.testing.assert_allclose(fused.predictions.score, part[1].predictions.score, rtol=1e-5)


def test_tracks_in_another_order_are_brought_together(windows):
    samples = windows()
    first = results(samples)
    turned = [{**sample, 'sample_idx': -index} for index, sample in enumerate(other_scores(samples, 1))]
    second = results(turned)
    assert second.predictions.frame_dir == first.predictions.frame_dir[::-1]
    fused = fuse_results([('a.pkl', first), ('b.pkl', second)], (0, 1))
    assert fused.predictions.frame_dir == first.predictions.frame_dir
    assert all(np.array_equal(score, by_frame(second)[key][0]) for key, (score, *_) in by_frame(fused).items())


def test_clips_and_single_classes_are_fused(clips, single):
    fused = fuse_results(streams(clips, 2), (3, 1))
    for part, track in zip(zip(*(r.tracks for _, r in streams(clips, 2)), strict=True), fused.tracks, strict=True):
        np.testing.assert_allclose(track['score'], 0.75 * part[0]['score'] + 0.25 * part[1]['score'], rtol=1e-5)

    logits = np.random.default_rng(0).normal(0, 2, (2, len(single), 4))
    parts = []
    for number, table in enumerate(logits):
        exponents = np.exp(table)
        scores = (exponents / exponents.sum(1, keepdims=True)).astype(np.float32)
        samples = [{**sample, 'score': score} for sample, score in zip(single, scores, strict=True)]
        parts.append((f'{number}.pkl', results(samples, ('a', 'b', 'c', 'd'))))
    mean = np.exp(logits.mean(0))
    fused = fuse_results(parts, space='logit')
    np.testing.assert_allclose(fused.predictions.score, mean / mean.sum(1, keepdims=True), rtol=1e-4)
    assert fused.predictions.label.tolist() == [sample['label'] for sample in single]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=4),
    st.sampled_from(['prob', 'logit']),
    st.randoms(use_true_random=False),
)
def test_a_fused_probability_lies_between_those_of_the_streams(rows, space, random):
    parts = [
        (f'{n}.pkl', results([{'frame_dir': 'a', 'score': np.array(row, np.float32), 'label': [1, 0, -1]}]))
        for n, row in enumerate(rows)
    ]
    weights = [random.random() + 0.01 for _ in rows]
    score = fuse_results(parts, weights, space).predictions.score[0]
    assert np.isfinite(score).all()
    assert (score >= np.min(rows, 0) - 1e-6).all()
    assert (score <= np.max(rows, 0) + 1e-6).all()


def test_labels_come_from_the_stream_that_knows_them(windows):
    samples = windows()
    bare = [{**sample, 'label': None} for sample in other_scores(samples, 1)]
    fused = fuse_results([('a.pkl', results(bare)), ('b.pkl', results(samples))])
    assert np.array_equal(fused.predictions.label, results(samples).predictions.label)
    assert fused.predictions.labelled.all()
    fused = fuse_results([('a.pkl', results(bare)), ('b.pkl', results(bare))])
    assert (fused.predictions.label == -1).all()
    assert not fused.predictions.labelled.any()


def test_a_face_counts_as_found_where_any_stream_found_one(clips):
    blind = [{**sample, 'face_found': False} for sample in clips]
    fused = fuse_results([('a.pkl', results(blind)), ('b.pkl', results(clips))])
    assert fused.predictions.face_found.tolist() == [sample['face_found'] for sample in clips]


def test_metadata_is_what_the_streams_agree_on(windows):
    first = results(windows(), dataset='affwild', fps=30.0, metrics={'f1_score': 0.4})
    second = results(windows(), dataset='affwild', fps=25.0, synthetic=True)
    fused = fuse_results([('a.pkl', first), ('b.pkl', second), ('c.csv', results(windows()))], (2, 1, 1))
    assert fused.metadata == {
        'dataset': 'affwild',
        'synthetic': True,
        'fusion': {
            'space': 'prob',
            'streams': [
                {'file': 'a.pkl', 'weight': 0.5},
                {'file': 'b.pkl', 'weight': 0.25},
                {'file': 'c.csv', 'weight': 0.25},
            ],
        },
    }


@pytest.mark.parametrize('suffix', ['pkl', 'json', 'yaml', 'csv'])
def test_a_fused_file_is_read_back_the_same(windows, tmp_path, suffix):
    fused = fuse_results(streams(windows(), 2))
    path = write_results(tmp_path / f'fused.{suffix}', fused.predictions, fused.aus, fused.metadata)
    assert np.array_equal(read_results(path).predictions.score, fused.predictions.score)


def changed(samples, **changes):
    samples = copy.deepcopy(samples)
    samples[-1].update(changes)
    return samples


CASES = {
    'lacks AU2': (lambda s: results([{**x, 'score': x['score'][:, ::2], 'label': None} for x in s], ('AU1', 'AU4')),
                  r'b\.pkl: does not have the AUs of a\.pkl: it lacks AU2'),
    'other AU': (lambda s: results(s, ('AU1', 'AU2', 'AU9')),
                 r'b\.pkl: .* it lacks AU4 and has AU9 besides'),
    'order': (lambda s: results(s, ('AU2', 'AU1', 'AU4')),
              r'b\.pkl: has the AUs of a\.pkl in another order: AU2, AU1, AU4'),
    'fewer tracks': (lambda s: results([x for x in s if x['frame_dir'] != 'video1_left']),
                     r"b\.pkl: lacks 1 of the 3 tracks of a\.pkl, such as 'video1_left'"),
    'more tracks': (lambda s: results([*s, {**s[0], 'frame_dir': 'another', 'sample_idx': 99}]),
                    r"a\.pkl: lacks 1 of the 4 tracks of b\.pkl, such as 'another'"),
    'fewer frames': (lambda s: results(s[1:]),
                     r"b\.pkl: of track 'video0_left' it predicts 5 frames, a\.pkl 10; .* frame 5$"),
    'labels': (lambda s: results(changed(s, label=1 - np.abs(s[-1]['label']))),
               r"b\.pkl: its labels of track 'video2_left' are not those of a\.pkl"),
    'clips': (lambda s: results([{'frame_dir': 'x', 'score': [0.1, 0.2, 0.3], 'label': [1, 0, 1]}]),
              r'b\.pkl: predicts clip by clip, but a\.pkl frame by frame'),
}  # fmt: skip


@pytest.mark.parametrize(('other', 'message'), CASES.values(), ids=CASES.keys())
def test_files_that_do_not_belong_together_are_refused(windows, other, message):
    samples = windows()
    with pytest.raises(InputError, match=message) as told:
        fuse_results([('a.pkl', results(samples)), ('b.pkl', other(samples))])
    assert '\n' not in str(told.value)


@pytest.mark.parametrize(
    ('weights', 'message'),
    [((1,), '1 are given for 2'), ((1, -1), 'negative'), ((0, 0), 'not all 0'), ((1, float('nan')), 'negative')],
)
def test_weights_that_cannot_be_used_are_refused(weights, message):
    with pytest.raises(InputError, match=message):
        fusion_weights(weights, 2)


def test_an_unknown_space_is_refused(windows):
    with pytest.raises(InputError, match="did you mean 'logit'"):
        fuse_results(streams(windows(), 2), space='logits')
    with pytest.raises(InputError, match='no results'):
        fuse_results([])


def test_the_size_of_weights_does_not_matter():
    np.testing.assert_allclose(fusion_weights((1e308, 1e308, 0), 3), [0.5, 0.5, 0])
