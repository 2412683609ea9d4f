"""The pictures and counts of browse_dataset, against literal counts and read back as pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from pyskl.datasets import AnnotationFile, PoseDataset
from pyskl.engine import load_config
from pyskl.errors import InputError
from pyskl.models import PoseHeatmapPreprocessor
from pyskl.registry import DATASETS
from pyskl.visualization import browse
from pyskl.visualization.browse.charts import _condense, _runs
from pyskl.visualization.browse.face import draw_face, face_limits, shorten
from pyskl.visualization.style import ACTIVE

AUS = ['AU1', 'AU6', 'AU12']


def track(name: str, frames: int, **fields) -> dict:
    """A face whose chin (keypoint 8) is below its brows, in pixels that grow downwards."""
    rng = np.random.default_rng(frames)
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = np.stack([320 + 90 * np.cos(angle), 240 + 120 * np.sin(angle)], axis=-1).astype(np.float32)
    sample = {
        'frame_dir': name,
        'total_frames': frames,
        'img_shape': (480, 640),
        'keypoint': np.tile(points, (1, frames, 1, 1)),
        'keypoint_score': np.ones((1, frames, 68), np.float32),
        'label': rng.integers(-1, 2, (frames, 3)).astype(np.int8),
    }
    return {key: value for key, value in {**sample, **fields}.items() if value is not None}


def content(*tracks: dict, **metainfo) -> AnnotationFile:
    names = [sample['frame_dir'] for sample in tracks]
    return AnnotationFile(Path('memory.pkl'), {'all': names}, dict(zip(names, tracks, strict=True)), metainfo)


def dataset_of(*tracks: dict, clip_len: int | None = 8, **metainfo) -> PoseDataset:
    metainfo.setdefault('aus', AUS)
    return PoseDataset(content(*tracks, **metainfo), [], 'all', clip_len=clip_len, test_mode=True)


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def test_counts_agree_with_a_loop_over_frames():
    hidden = track('bb', 20, fps=30.0, img_shape=(100, 200))
    hidden['keypoint_score'][:, 3:7] = 0
    tracks = [track('a', 30), hidden, track('c', 5, label=np.full((5, 3), -1, np.int8))]
    file = content(*tracks, aus=AUS, fps=25.0, dataset='made up')
    contents = browse.count_contents(file, {'all': tracks})
    part = contents.splits['all']
    positive, known, labelled, together = [0] * 3, [0] * 3, 0, np.zeros((3, 3), int)
    for sample in tracks:
        for row in sample['label']:
            labelled += any(value != -1 for value in row)
            for one in range(3):
                positive[one] += row[one] == 1
                known[one] += row[one] != -1
                for other in range(3):
                    together[one, other] += row[one] == 1 and row[other] == 1
    assert part.positive.tolist() == positive
    assert part.known.tolist() == known
    assert part.together.tolist() == together.tolist()
    assert (part.tracks, part.frames, part.no_face, part.labelled) == (3, 55, 4, labelled)
    assert part.fps == {25.0: 2, 30.0: 1}
    assert part.sizes == {(480, 640): 2, (100, 200): 1}
    assert part.layouts == {'ibug68': 3}
    assert part.labels == {'every frame': 3}
    assert part.prevalence == pytest.approx(np.array(positive) / known)


def test_labels_of_tracks_count_for_all_their_frames():
    tracks = [track('a', 30, label=np.array([1, 0, -1])), track('bb', 20, label=np.array([1, 1, 0]))]
    part = browse.count_contents(content(*tracks), {'all': tracks}).splits['all']
    assert part.positive.tolist() == [50, 20, 0]
    assert part.known.tolist() == [50, 50, 20]
    assert part.together[0].tolist() == [50, 20, 0]
    classes = [track('a', 30, label=2), track('bb', 20, label=None)]
    part = browse.count_contents(content(*classes), {'all': classes}).splits['all']
    assert part.labels == {'class number': 1, 'none': 1}
    assert (part.labelled, len(part.positive)) == (30, 0)


def test_table_shows_hostile_names_as_they_are():
    from rich.console import Console

    tracks = [track('a', 4)]
    file = AnnotationFile(Path('x.pkl'), {}, {'a': tracks[0]}, {'aus': ['[red]A', 'AU6', 'AU12']})
    contents = browse.count_contents(file, {'[bold]split': tracks})
    console = Console(width=120, markup=False, record=True, quiet=False, file=open('/dev/null', 'w'))  # noqa: SIM115, PTH123
    console.print(contents.table())
    text = console.export_text()
    assert '[bold]split' in text
    assert '[red]A active, %' in text


def test_chosen_windows_are_in_order_repeatable_and_have_the_au():
    dataset = dataset_of(track('a', 200), track('bb', 100))
    chosen = browse.choose_windows(dataset, 10, seed=3)
    assert chosen == sorted(set(chosen)) == browse.choose_windows(dataset, 10, seed=3)
    assert chosen != browse.choose_windows(dataset, 10, seed=4)
    assert browse.choose_windows(dataset, 1000) == list(range(len(dataset)))
    assert browse.choose_windows(dataset, 1, index=[5, 2, 5]) == [5, 2]
    label = np.zeros((64, 3), np.int8)
    label[17, 2] = label[40:44, 2] = 1
    rare = dataset_of(track('a', 64, label=label))
    assert browse.choose_windows(rare, 9, au='AU12') == [2, 5]
    assert browse.view_window(rare, 2, 'AU12').frame == 17
    assert browse.view_window(rare, 5, 'AU12').frame == 43
    assert browse.view_window(rare, 5).frame == 44


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'number': 0}, '--number: must be at least 1'),
        ({'index': [8]}, '--index 8: there are windows 0 to 7'),
        ({'index': [-1]}, '--index -1'),
        ({'au': 'AU7'}, '--au AU7: the labels have no such AU'),
        ({'au': 'AU6'}, "--au AU6: it is active in no window of split 'all'"),
    ],
)
def test_windows_that_do_not_exist_are_refused(arguments, message):
    dataset = dataset_of(track('a', 64, label=np.zeros((64, 3), np.int8)))
    with pytest.raises(InputError, match=message):
        browse.choose_windows(dataset, **{'number': 3, **arguments})


def test_what_a_frame_shows_is_told_in_words():
    label = np.array([[1, 0, 1], [0, 0, 0], [-1, 1, 0], [-1, -1, -1]], np.int8)
    view = browse.view_window(dataset_of(track('a', 4, label=label)), 0)
    texts = [view.describe(frame) for frame in range(4)]
    assert texts == [['AU1', 'AU12'], ['none active'], ['AU6', '1 unknown'], ['label unknown']]
    assert browse.view_window(dataset_of(track('a', 4, label=7), aus=None), 0).describe(0) == ['class 7']
    assert browse.view_window(dataset_of(track('a', 4, label=None)), 0).describe(0) == ['no label']
    assert browse.view_window(dataset_of(track('a\x07\n', 4)), 0).name == 'a??'


def test_windows_that_reach_over_a_short_track_end_with_it():
    view = browse.view_window(dataset_of(track('a', 5), clip_len=8, fps=50.0), 0)
    assert (view.start, view.stop, view.fps) == (0, 5, 50.0)
    assert browse.view_window(dataset_of(track('a', 5, fps=0.0)), 0).fps == 25.0


def test_y_grows_downwards_and_limits_hold_every_point_found():
    sample = track('a', 1)
    keypoint, score = sample['keypoint'][:, 0].copy(), sample['keypoint_score'][:, 0].copy()
    keypoint[0, 0], score[0, 0] = (0, 0), 0
    limits = face_limits(keypoint, score)
    axes = Figure().add_subplot()
    draw_face(axes, keypoint, score, [(0, 1), (1, 2)], limits)
    low, high = axes.get_ylim()
    assert low > high
    found = keypoint[score > 0]
    assert (np.abs(found - limits[:2]) < limits[2]).all()
    assert limits[2] < 200  # the keypoint that was not found, at 0, 0, does not count
    (lines,) = axes.collections[:1]
    assert len(lines.get_segments()) == 1  # the limb with a missing end is not drawn
    points = axes.transData.transform(found)
    assert points[found[:, 1].argmax(), 1] == points[:, 1].min()  # the lowest point of the face is lowest on the page
    assert face_limits(keypoint, np.zeros_like(score)) is None


@pytest.mark.parametrize('count', [1, 2, 5, 9])
def test_contact_sheet_grows_by_rows_and_shows_every_face(tmp_path, count):
    dataset = dataset_of(track('a', 8 * count))
    views = [browse.view_window(dataset, index) for index in range(count)]
    browse.draw_contact_sheet(views, tmp_path / 'faces.png', 'a title')
    picture = read(tmp_path / 'faces.png')
    orange = (np.abs(picture.astype(int) - ACTIVE) < 30).all(axis=-1)
    rows, columns = orange.any(axis=1), orange.any(axis=0)
    assert picture.shape[0] == pytest.approx(100 * (0.55 + 3.52 * -(-count // 4)), abs=2)
    gaps = (np.diff(np.flatnonzero(columns)) > 40).sum(), (np.diff(np.flatnonzero(rows)) > 100).sum()
    assert gaps == (min(count, 4) - 1, -(-count // 4) - 1)


def test_names_with_formulas_and_without_end_do_no_harm(tmp_path):
    name = '$\\frac{' + 'x' * 300
    dataset = dataset_of(track(name, 16), aus=['$a_{', 'AU6', 'b' * 200])
    views = [browse.view_window(dataset, 0)]
    contents = browse.count_contents(content(*dataset.tracks, aus=['$a_{', 'AU6', 'AU12']), {'$x_{': dataset.tracks})
    browse.draw_contact_sheet(views, tmp_path / '1.png', name)
    browse.draw_label_timeline(views, tmp_path / '2.png')
    browse.draw_prevalence(contents, tmp_path / '3.png')
    browse.draw_animation(views[0], tmp_path / '4.gif')
    assert len(list(tmp_path.iterdir())) == 4


def test_time_line_shows_each_state_where_it_is(tmp_path):
    label = np.zeros((100, 3), np.int8)
    label[20:40, 0] = 1
    label[50:100, 1] = -1
    sample = track('a', 100, label=label)
    sample['keypoint_score'][:, 70:80] = 0
    dataset = dataset_of(sample, clip_len=25)
    browse.draw_label_timeline([browse.view_window(dataset, 1)], tmp_path / 'line.png')
    picture = read(tmp_path / 'line.png').astype(int)

    def columns(colour, below):
        return (np.abs(picture[below:] - colour) <= 3).all(axis=-1).sum(axis=0) > 8

    inner = 1300 - 325
    active = columns(ACTIVE, 90)
    assert active.sum() == pytest.approx(0.2 * inner, abs=3)
    assert np.flatnonzero(active)[0] == pytest.approx(250 + 0.2 * inner, abs=3)
    assert columns((0x77,) * 3, 90).sum() == pytest.approx(0.1 * inner, abs=3)
    assert columns((0xF2,) * 3, 90).sum() == pytest.approx(0.5 * inner, abs=3)


def test_a_single_active_frame_of_a_long_track_is_still_seen():
    values = np.zeros(10_000, np.int8)
    values[7777] = 1
    short = _condense(values, 5)
    assert len(short) == 2000
    assert np.flatnonzero(short).tolist() == [1555]
    assert _runs(np.array([0, 0, 1, -1, -1])) == [(0, 2, 0), (2, 3, 1), (3, 5, -1)]


def test_charts_without_labels_are_refused(tmp_path):
    dataset = dataset_of(track('a', 8, label=None))
    with pytest.raises(InputError, match='has no AU labels'):
        browse.draw_label_timeline([browse.view_window(dataset, 0)], tmp_path / 'x.png')
    with pytest.raises(InputError, match='has no AU labels'):
        browse.draw_prevalence(browse.count_contents(content(), {'all': dataset.tracks}), tmp_path / 'x.png')
    assert not list(tmp_path.iterdir())


def test_animation_has_every_frame_of_the_window(tmp_path):
    from PIL import Image

    sample = track('a', 40)
    sample['keypoint_score'][:, 3] = 0
    browse.draw_animation(browse.view_window(dataset_of(sample, clip_len=8, fps=20.0), 0), tmp_path / 'clip.gif')
    with Image.open(tmp_path / 'clip.gif') as picture:
        # GIF writers join frames that are alike and add up their time.
        durations = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            durations.append(picture.info['duration'])
    assert sum(durations) == 8 * 50


def test_draws_are_what_the_loader_gives_and_differ(tiny_config):
    cfg = load_config(tiny_config)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    preprocessor = PoseHeatmapPreprocessor(heatmap_size=(16, 16), layout='ibug51')
    draws = browse.draws_of_window(dataset, 3, 3, preprocessor)
    for epoch, draw in enumerate(draws):
        dataset.set_epoch(epoch)
        sample = dataset[3]
        np.testing.assert_array_equal(draw.after, sample['keypoint'][0])
        assert draw.frames.tolist() == sample['frame_inds'].reshape(-1).tolist()
        number, _ = dataset.windows[3]
        stored = dataset.tracks[number]
        np.testing.assert_allclose(draw.before, stored['keypoint'][:, draw.frames][:, :, 17:], rtol=1e-6)
        assert draw.volume.shape == (16, 16, 16)
    assert not np.array_equal(draws[0].after, draws[1].after)
    # One channel a keypoint: where a keypoint lies inside, the sum of the heatmaps is not 0.
    draw = draws[0]
    x, y = (draw.after[0, 8] * 16 / 32).round().astype(int).T
    seen = (draw.after_score[0, 8] > 0.5) & (x >= 0) & (x < 16) & (y >= 0) & (y < 16)
    assert (draw.volume[8, y[seen], x[seen]] > 0.1).all()


@pytest.mark.parametrize('with_model', [True, False])
def test_network_input_has_a_row_a_draw(tiny_config, tmp_path, with_model):
    cfg = load_config(tiny_config)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    preprocessor = PoseHeatmapPreprocessor(heatmap_size=(16, 16), layout='ibug51') if with_model else None
    sizes = []
    for count in (1, 3):
        draws = browse.draws_of_window(dataset, 0, count, preprocessor)
        browse.draw_network_input(draws, tmp_path / 'input.png', 'a title')
        sizes.append(read(tmp_path / 'input.png').shape)
    assert sizes[1][0] - sizes[0][0] == pytest.approx(2 * 304, abs=2)
    assert sizes[0][1] == pytest.approx(100 * ((4 if with_model else 2) * 2.92 + 0.22), abs=1)


def test_pipelines_that_draw_heatmaps_themselves_are_shown_too(tiny_config, tmp_path):
    cfg = load_config(tiny_config)
    keys = ['imgs', 'label']
    pipeline = [
        dict(type='UniformSampleFrames', clip_len=4, num_clips=2),
        dict(type='PoseDecode'),
        dict(type='Resize', scale=(40, 30), keep_ratio=False),
        dict(type='GeneratePoseTarget', sigma=0.6),
        dict(type='FormatShape', input_format='NCTHW_Heatmap'),
        dict(type='Collect', keys=keys),
        dict(type='ToTensor', keys=keys),
    ]
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, 'pipeline': pipeline, 'clip_len': None})
    (draw,) = browse.draws_of_window(dataset, 0, 1, PoseHeatmapPreprocessor(layout='ibug51'))
    assert draw.after is None
    assert draw.volume.shape[0] == 4
    browse.draw_network_input([draw], tmp_path / 'input.png')
    assert read(tmp_path / 'input.png').std() > 20


def test_page_escapes_what_it_shows(tmp_path):
    browse.write_page(tmp_path / 'index.html', '<b>', 'a & <script>alert(1)</script>', [('"><i>', 'a b%.png')])
    text = (tmp_path / 'index.html').read_text()
    assert '<script>' not in text and '<b>' not in text and '<i>' not in text
    assert '&lt;script&gt;' in text
    assert 'src="a%20b%25.png"' in text


def test_long_names_are_shortened_in_the_middle():
    assert shorten('abcdefghij', 10) == 'abcdefghij'
    assert shorten('abcdefghijk', 5) == 'ab…jk'
    assert len(shorten('x' * 99, 34)) == 34
