"""AUMetric: the numbers it returns, the table it logs, and how it is configured."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from sklearn import metrics as sk

from pyskl.errors import InputError
from pyskl.evaluation import METRIC_NAMES, AUMetric, collect_predictions, format_report, read_results
from pyskl.registry import METRICS

AUS = ['AU1', 'AU2', 'AU25']
COUNTS = {
    'num_tracks',
    'num_frames',
    'num_scored_frames',
    'num_ignored_entries',
    'num_missing_face_frames',
    'num_unscored_aus',
}


def run(samples, meta=None, size=None, **options):
    metric = AUMetric(**options)
    metric.dataset_meta = meta
    for start in range(0, len(samples), 4):
        metric.process(None, samples[start : start + 4])
    return metric, metric.evaluate(size)


def test_per_frame_scores_equal_scikit_learn(windows):
    samples = windows(num_tracks=5, frames=20)
    label = np.concatenate([s['label'] for s in samples])
    score = np.concatenate([s['score'] for s in samples])
    found = np.concatenate([s['face_found'] for s in samples])
    _, result = run(samples, {'aus': AUS}, size=len(samples))
    expected = {'f1': [], 'floor': [], 'ap': [], 'auc': [], 'balanced': []}
    for a in range(3):
        known = label[:, a] != -1
        truth, p = label[known, a], score[known, a]
        expected['f1'].append(sk.f1_score(truth, p >= 0.5))
        expected['floor'].append(sk.f1_score(truth, np.ones_like(truth)))
        expected['ap'].append(sk.average_precision_score(truth, p))
        expected['auc'].append(sk.roc_auc_score(truth, p))
        expected['balanced'].append(sk.balanced_accuracy_score(truth, p >= 0.5))
    complete = (label != -1).all(axis=1)
    official = sk.f1_score(label[complete], score[complete] >= 0.5, average='macro')
    assert result['f1_score'] == pytest.approx(np.mean(expected['f1']))
    assert [result[f'{au}_f1'] for au in AUS] == pytest.approx(expected['f1'])
    assert result['f1_floor'] == pytest.approx(np.mean(expected['floor']))
    assert result['f1_official'] == pytest.approx(official)
    assert result['mean_average_precision'] == pytest.approx(np.mean(expected['ap']))
    assert result['roc_auc'] == pytest.approx(np.mean(expected['auc']))
    assert result['mean_class_accuracy'] == pytest.approx(np.mean(expected['balanced']))
    assert result['top5_accuracy'] == 1
    assert {k: result[k] for k in COUNTS} == {
        'num_tracks': 5,
        'num_frames': 200,
        'num_scored_frames': int((label != -1).any(axis=1).sum()),
        'num_ignored_entries': int((label == -1).sum()),
        'num_missing_face_frames': int((~found).sum()),
        'num_unscored_aus': 0,
    }
    assert all(isinstance(value, int | float) for value in result.values())


def test_samples_repeated_by_a_padding_sampler_count_once(windows):
    samples = windows()
    _, once = run(samples, size=len(samples))
    _, padded = run([*samples, *samples[:3]], size=len(samples))
    assert padded == once


def test_more_samples_than_the_data_set_has_is_an_error(windows):
    with pytest.raises(InputError, match='6 distinct samples were predicted, but the data set has 5'):
        run(windows(), size=5)


def test_fewer_samples_than_the_data_set_has_is_noted(windows):
    metric, _ = run(windows(), size=8)
    assert 'only 6 of the 8 samples' in format_report(metric.report)
    metric.process(None, windows())
    metric.evaluate(6)
    assert 'only' not in format_report(metric.report)


def test_only_what_is_asked_for_is_returned(clips):
    _, result = run(clips, metrics=['top_k_accuracy', 'mean_class_accuracy'], topk=(1, 2))
    assert set(result) == {'top1_accuracy', 'top2_accuracy', 'mean_class_accuracy'} | COUNTS
    _, result = run(clips, metrics='roc_auc')
    assert set(result) == {'roc_auc'} | COUNTS


def test_single_label_clips_have_the_usual_accuracies(single):
    metric, result = run(single)
    label, score = np.array([s['label'] for s in single]), np.array([s['score'] for s in single])
    assert result['top1_accuracy'] == pytest.approx(sk.accuracy_score(label, score.argmax(1)))
    assert result['top5_accuracy'] == 1
    assert result['mean_class_accuracy'] == pytest.approx(sk.balanced_accuracy_score(label, score.argmax(1)))
    assert 'f1_score' not in result
    text = format_report(metric.report)
    assert 'left out here: f1_score' in text
    assert '30 clips' in text


def test_data_without_labels_has_counts_only(windows, clips):
    for samples in (windows(), clips):
        metric, result = run([{**s, 'label': None} for s in samples])
        assert set(result) == COUNTS
        assert result['num_scored_frames'] == 0
        assert result['num_ignored_entries'] == result['num_frames'] * 3
        assert 'no label is known' in format_report(metric.report)


def test_an_au_nobody_labelled_is_in_no_mean(windows):
    samples = windows()
    for sample in samples:
        sample['label'][:, 1] = -1
    metric, result = run(samples, {'aus': AUS})
    assert math.isnan(result['AU2_f1'])
    assert result['f1_score'] == pytest.approx((result['AU1_f1'] + result['AU25_f1']) / 2)
    assert math.isnan(result['f1_official'])
    assert result['num_unscored_aus'] == 1
    text = format_report(metric.report)
    assert 'without a known label, in no mean: AU2' in text
    assert 'no row has a label for every AU' in text


def test_a_threshold_per_au_moves_that_au_only(windows):
    samples = windows()
    _, half = run(samples, aus=AUS)
    metric, other = run(samples, aus=AUS, threshold=[0.5, 0.5, 0.05])
    assert (half['AU1_f1'], half['AU2_f1']) == (other['AU1_f1'], other['AU2_f1'])
    assert half['AU25_f1'] != other['AU25_f1']
    assert [row.threshold for row in metric.report.rows] == [0.5, 0.5, 0.05]


def test_the_table_names_every_au_and_says_what_is_synthetic(windows, caplog):
    metric, result = run(windows(), {'aus': AUS, 'synthetic': True, 'dataset': 'faces'})
    text = format_report(metric.report)
    lines = text.splitlines()
    assert lines[0] == 'Evaluation on faces (synthetic data)'
    assert [line.split('|')[1].strip() for line in lines if line.startswith('| AU')] == ['AU', *AUS]
    assert f'F1, mean over AUs: {result["f1_score"]:.4f}' in text
    assert f'{result["f1_floor"]:.4f}' in text
    assert all(ord(character) < 128 for character in text)
    metric, _ = run(windows(), {'aus': AUS})
    assert 'synthetic' not in format_report(metric.report)


def test_an_f1_that_is_zero_by_convention_is_marked(clips):
    for sample in clips:
        sample['label'][:] = [0, 1, 0]
        sample['score'][:] = [0.1, 0.9, 0.2]
    metric, result = run(clips, {'aus': AUS})
    assert (result['AU1_f1'], result['AU2_f1'], result['AU25_f1']) == (0, 1, 0)
    assert '0.0000*' in format_report(metric.report)
    assert [row.f1_undefined for row in metric.report.rows] == [True, False, True]


def test_results_are_written_where_asked(windows, tmp_path):
    path = tmp_path / 'new' / 'result.json'
    run(windows(), {'aus': AUS, 'dataset': 'faces', 'fps': 30}, out=str(path))
    results = read_results(path)
    assert results.aus == tuple(AUS)
    assert results.metadata['dataset'] == 'faces'
    assert results.metadata['metrics']['num_frames'] == 30
    np.testing.assert_array_equal(results.predictions.score, collect_predictions(windows()).score)


def test_aus_are_numbered_when_nobody_names_them(clips):
    metric, result = run(clips)
    assert [row.au for row in metric.report.rows] == ['AU?0', 'AU?1', 'AU?2']
    assert 'AU?2_f1' in result


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'metrics': ['f1_scores']}, "there is no metric 'f1_scores'; did you mean 'f1_score'"),
        ({'metrics': []}, 'no metric'),
        ({'threshold': 2.0}, 'threshold'),
        ({'threshold': [0.5, 0.5], 'aus': AUS}, 'threshold'),
        ({'topk': (0,)}, 'top-k'),
        ({'aus': ['AU1', 'AU1']}, 'twice'),
        ({'out': 'result.xml'}, '.pkl, .json, .yaml, .yml, .csv'),
    ],
)
def test_unusable_arguments_are_refused_before_the_run(options, message):
    with pytest.raises(InputError, match=message.replace('?', r'\?')):
        AUMetric(**options)


@pytest.mark.parametrize('options', [{'aus': ['AU1']}, {'threshold': [0.5, 0.5]}])
def test_arguments_that_do_not_fit_the_predictions_are_refused(clips, options):
    with pytest.raises(InputError, match=r'AU'):
        run(clips, **options)


def test_nothing_to_score_is_an_error():
    with pytest.raises(InputError, match='no prediction'):
        AUMetric().evaluate(0)


def test_a_failed_evaluation_leaves_nothing_behind(windows):
    metric = AUMetric()
    samples = windows()
    metric.process(None, samples)
    with pytest.raises(InputError):
        metric.evaluate(1)
    metric.process(None, samples)
    assert metric.evaluate(6)['num_tracks'] == 3


def test_a_config_builds_it_and_mmengine_runs_it(windows):
    samples = windows()
    evaluator = Evaluator(METRICS.build({'type': 'AUMetric', 'metrics': list(METRIC_NAMES), 'prefix': 'au'}))
    evaluator.dataset_meta = {'aus': AUS}
    evaluator.process(data_samples=samples, data_batch=None)
    result = evaluator.evaluate(len(samples))
    assert result['au/f1_score'] == run(samples, {'aus': AUS})[1]['f1_score']


def test_a_metric_of_ones_own_takes_one_file_and_one_line(windows, tmp_path, monkeypatch):
    (tmp_path / 'apex_metric.py').write_text(
        'from pyskl.evaluation import PredictionMetric\n\n\n'
        'class ApexMetric(PredictionMetric):\n'
        '    def compute_metrics(self, predictions):\n'
        "        return {'apex': float(predictions.score.max())}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    samples = windows()
    try:
        with DefaultScope.overwrite_default_scope('pyskl'):
            evaluator = Evaluator([{'type': 'AUMetric'}, {'type': 'apex_metric.ApexMetric'}])
        evaluator.process(data_samples=samples, data_batch=None)
        assert evaluator.evaluate(len(samples))['apex'] == pytest.approx(max(s['score'].max() for s in samples))
    finally:
        sys.modules.pop('apex_metric', None)
