"""The report on real faces: measuring, gaps, text and the command, with faces that no detector had to find."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic_to_real
import synthetic_to_real_clips
import synthetic_to_real_gaps as gaps
import synthetic_to_real_measure as measure
import synthetic_to_real_text as text
from synthetic_to_real_clips import Clip, repeated

from pyskl.datasets.transforms import AlignFace
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints
from pyskl.landmarks.blendshapes import BLENDSHAPES


def make_clip(annotation: dict, name: str = 'clip', seed: int = 0) -> Clip:
    """A synthetic track in the form of a real clip: its 68 keypoints stand at their places of the mesh."""
    keypoint, score = annotation['keypoint'][0], annotation['keypoint_score'][0]
    index = np.asarray(convert_keypoints('mediapipe478', 'ibug68'))
    mesh, trust = np.zeros((len(keypoint), 478, 2), np.float32), np.zeros((len(keypoint), 478), np.float32)
    mesh[:, index], trust[:, index] = keypoint, score
    rng = np.random.default_rng(seed)
    blendshapes = np.clip(np.cumsum(rng.standard_normal((len(keypoint), 52)) / 20, axis=0) + 0.5, 0, 1)
    blendshapes[~score.any(axis=1)] = np.nan
    blendshapes[:, BLENDSHAPES.index('mouthFrownLeft')] = blendshapes[:, BLENDSHAPES.index('mouthFrownRight')] = 0
    return Clip(name, mesh, trust, blendshapes.astype(np.float32), np.arange(len(keypoint)) / 10, 10.0, (480, 640))


class Oracle:
    """Stands in for the network: AU12 is the blendshape itself, the others are noise."""

    aus = ('AU12', 'AU15', 'AU25')
    layout = 'ibug68'

    def __init__(self, clips: list[Clip]) -> None:
        self.clips = {clip.name: clip for clip in clips}

    def predict(self, annotation: dict) -> SimpleNamespace:
        clip = self.clips[annotation['frame_dir']]
        rng = np.random.default_rng(5)
        probability = rng.uniform(size=(annotation['total_frames'], 3)).astype(np.float32)
        columns = [BLENDSHAPES.index(f'mouthSmile{side}') for side in ('Left', 'Right')]
        probability[:, 0] = clip.blendshapes[:, columns].mean(axis=1) ** 3
        return SimpleNamespace(probability=probability)


@pytest.fixture
def clips(annotation_content: dict) -> list[Clip]:
    tracks = annotation_content['annotations']
    return [make_clip(tracks[number], name, number) for number, name in enumerate(('one', 'two', 'face_noface'))]


def test_what_follows_the_reference_is_found_to(clips: list[Clip]) -> None:
    readings = [measure.read(Oracle(clips), clip) for clip in clips]
    records = {record['au']: record for record in measure.measure_pairs(readings, Oracle.aus, draws=60)}
    smile = records['AU12']
    assert smile['network']['spearman'] == pytest.approx(1)
    assert smile['pooled_clips'] == 2
    assert smile['network']['frames'] == sum(clip.seen.sum() for clip in clips[:2])
    assert text.verdict(smile) == 'follows'
    assert smile['gain'][1] > 0
    assert set(smile['clips']) == {'one', 'two', 'face_noface'}


def test_a_reference_that_does_not_move_gives_no_number(clips: list[Clip]) -> None:
    readings = [measure.read(Oracle(clips), clip) for clip in clips]
    (frown,) = measure.measure_pairs(readings, ['AU15'], draws=10)
    assert frown['network'] is None
    assert frown['pooled_clips'] == 0
    assert not any(found['moves'] for found in frown['clips'].values())
    assert text.verdict(frown) == 'no reference'
    assert 'reference does not move' in text.clip_table([frown], 'one')[1][0]


def test_a_distance_is_no_ruler_for_itself(clips: list[Clip]) -> None:
    readings = [measure.read(Oracle(clips), clip) for clip in clips]
    records = measure.measure_pairs(readings, ['AU25'], draws=10)
    assert [bool(record['baseline']) for record in records] == [True, False]


def test_mistakes_are_named(clips: list[Clip]) -> None:
    readings = [measure.read(Oracle(clips), clip) for clip in clips]
    for reading in readings:
        reading.probability['AU25'] = reading.blendshapes['browDown']
    found = measure.measure_confusions(readings, ['AU25'])['AU25']
    assert found[0]['name'] == 'browDown'
    assert found[0]['spearman'] == pytest.approx(1)
    assert len(found) == 3


def test_portraits_rank_the_expected_aus() -> None:
    (row,) = measure.portrait_table({'0-f15-hao-ph.jpg': {'AU4': 0.1, 'AU6': 0.5, 'AU12': 0.9, 'AU15': 0.6}})
    assert row['expected'] == ['AU6', 'AU12']
    assert row['rank'] == pytest.approx(3 / 4)
    (row,) = measure.portrait_table({'0-f15-hao-ph.jpg': {'AU4': 0.1}})
    assert row['rank'] is None


def test_a_still_is_repeated(clips: list[Clip]) -> None:
    still = repeated(clips[0], 7)
    assert still.keypoint.shape == (7, 478, 2)
    assert (still.keypoint == clips[0].keypoint[:1]).all()
    assert len(still.timestamps) == 7


def test_noise_is_found_in_its_band() -> None:
    time = np.arange(64) / 30
    window = np.zeros((64, 68, 2))
    window[:, 5, 0] = 2 * np.sin(2 * np.pi * 7.5 * time)
    found = gaps.band_amplitudes(window, 30.0)
    assert found['6-12 Hz'][5] == pytest.approx(np.sqrt(2), rel=0.05)
    assert found['0-1 Hz'][5] < 0.1
    assert found['6-12 Hz'][6] == pytest.approx(0, abs=1e-9)


def test_shared_noise_tells_a_trembling_region_from_trembling_points() -> None:
    rng = np.random.default_rng(0)
    alone = rng.standard_normal((64, 68, 2))
    together = rng.standard_normal((64, 1, 2)) + 0.1 * alone
    assert abs(gaps.shared_noise(alone)) < 0.2
    assert gaps.shared_noise(together) > 0.9


def test_a_resting_face_is_replaced_and_its_movement_kept(annotation_content: dict) -> None:
    track = annotation_content['annotations'][0]
    keypoint, seen = track['keypoint'][0].astype(float), track['keypoint_score'][0].all(axis=1)
    align = AlignFace(size=(1000, 1000), eye_distance=0.1, eye_height=0.5, scale='frame')
    rest = np.ones(len(seen), bool)
    own = np.median(gaps._align(align, keypoint[seen]), axis=0)
    np.testing.assert_allclose(gaps.move_at_rest(keypoint, seen, rest, own)[seen], keypoint[seen], atol=0.5)
    wanted = own + np.where(np.arange(68)[:, None] >= 48, [0.0, 10.0], 0.0)
    moved = gaps.move_at_rest(keypoint, seen, rest, wanted)
    span = np.linalg.norm(keypoint[:, [42, 45]].mean(1) - keypoint[:, [36, 39]].mean(1), axis=1)
    distance = np.linalg.norm(moved - keypoint, axis=-1)[seen] / span[seen, None]
    np.testing.assert_allclose(distance[:, 48:], 0.1, atol=0.01)
    np.testing.assert_allclose(distance[:, :48], 0, atol=0.01)
    only = gaps.move_at_rest(keypoint, seen, rest, wanted, ('brows',))
    np.testing.assert_allclose(only[seen][:, 48:], keypoint[seen][:, 48:], atol=1e-6)


def test_gaps_of_a_collection_with_itself_are_none(annotation_content: dict) -> None:
    found = gaps.describe(annotation_content['annotations'])
    assert found['faces'] >= 3
    assert found['windows'] >= 1
    assert max(row['size'] for row in gaps.compare(found, found)) == 0
    assert all(row['z'] == 0 for row in gaps.landmark_table(found, found))


def test_the_greatest_gap_comes_first(annotation_content: dict) -> None:
    tracks = annotation_content['annotations']
    longer = [track | {'keypoint': track['keypoint'].copy()} for track in tracks]
    for track in longer:
        points = track['keypoint'][0]
        span = np.linalg.norm(points[:, [42, 45]].mean(1) - points[:, [36, 39]].mean(1), axis=1)
        points[:, 17:27, 1] -= 0.6 * span[:, None]
    rows = gaps.compare(gaps.describe(longer), gaps.describe(tracks))
    assert rows[0]['what'].startswith('resting face: ')
    assert 'brow' in rows[0]['what']


def test_the_command_refuses_before_it_works(tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    arguments = ['none.pth', '--out', str(tmp_path / 'out'), '--doc', str(page)]
    with pytest.raises(InputError, match=r'--doc: no such file'):
        synthetic_to_real.main(arguments)
    page.write_text('no marks')
    with pytest.raises(InputError, match='lacks the line'):
        synthetic_to_real.main(arguments)
    assert not (tmp_path / 'out').exists()


def test_the_page_of_the_docs_has_its_marks(root: Path) -> None:
    before, after = synthetic_to_real._page(root / 'docs/synthetic_to_real.md')
    assert before.startswith('# ')
    assert synthetic_to_real.BEGIN not in before + after


def test_the_command_writes_the_report(
    trained: Path, clips: list[Clip], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    by_name = dict(zip(('one.mp4', 'two.mp4'), clips, strict=False))
    monkeypatch.setattr(synthetic_to_real_clips, 'clip_files', lambda: [Path(name) for name in by_name])
    monkeypatch.setattr(synthetic_to_real_clips, 'picture_files', lambda names: [Path(name) for name in names])
    monkeypatch.setattr(synthetic_to_real_clips, 'read_clip', lambda path, cache, progress: by_name[path.name])
    monkeypatch.setattr(synthetic_to_real_clips, 'read_picture', lambda path, cache: [repeated(clips[2], 1)])
    checkpoint = next(iter(sorted(trained.rglob('best*.pth'))))
    page = tmp_path / 'page.md'
    page.write_text(f'before\n{synthetic_to_real.BEGIN}\nprevious figures\n{synthetic_to_real.END}\nafter\n')
    out = tmp_path / 'out'
    arguments = [str(checkpoint), '--out', str(out), '--draws', '20', '--synthetic-tracks', '12', '--doc', str(page)]
    assert synthetic_to_real.main([*arguments, '--note', 'a test', '--device', 'cpu']) == 0
    report = json.loads((out / 'report.json').read_text())
    assert [clip['name'] for clip in report['clips']] == ['one', 'two']
    assert set(report['changes']['as it is']) == set(report['levels'])
    written = (out / 'report.md').read_text()
    assert 'remark: a test' in written
    assert str(tmp_path) not in written
    assert 'previous figures' not in page.read_text()
    assert page.read_text().startswith('before\n')
    assert page.read_text().endswith('after\n')
    assert sorted(path.name for path in (out / 'plots').iterdir()) == ['one.png', 'scatter.png', 'two.png']
    assert 'AU12' in capsys.readouterr().out
