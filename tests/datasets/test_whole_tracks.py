"""Whole tracks, prepared window by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pyskl.datasets import AnnotationFile, PoseDataset, WholeTracks
from pyskl.errors import InputError
from pyskl.keypoints import mean_face

CLIP, STRIDE = 16, 2
FORMAT = [
    {'type': 'FormatShape', 'input_format': 'NMTVC'},
    {'type': 'Collect', 'keys': ['keypoint', 'keypoint_score', 'label']},
    {'type': 'ToTensor', 'keys': ['keypoint', 'keypoint_score', 'label']},
]


def pipeline(clip_len: int = CLIP, *steps: dict) -> list[dict]:
    steps = steps or (
        {'type': 'InterpolateGaps', 'max_gap': 5},
        {'type': 'AlignFace', 'size': (56, 56), 'fit': True},
        {'type': 'SubtractRestingFace'},
    )
    return [{'type': 'SampleWindow', 'clip_len': clip_len}, {'type': 'PoseDecode'}, *steps, *FORMAT]


def face(frames: int, size: np.ndarray | float = 80.0, seed: int = 0, tremble: float = 0.02, name: str = 'a') -> dict:
    """A face that moves and trembles, but for the corners of its eyes, ``size`` pixels from eye to eye."""
    rng = np.random.default_rng(seed)
    points = np.repeat(mean_face('ibug68')[None], frames, 0)
    points = points + tremble * rng.standard_normal(points.shape)
    points[:, [36, 39, 42, 45]] = mean_face('ibug68')[[36, 39, 42, 45]]
    place = rng.uniform(200, 300, 2) + np.cumsum(rng.normal(size=(frames, 2)), axis=0)
    keypoint = points * np.broadcast_to(size, frames)[:, None, None] + place[:, None]
    return {
        'frame_dir': name,
        'total_frames': frames,
        'img_shape': (480, 640),
        'keypoint': keypoint[None].astype(np.float32),
        'keypoint_score': np.ones((1, frames, 68), np.float32),
        'label': rng.integers(-1, 2, (frames, 3)).astype(np.int8),
    }


def annotation(*tracks: dict) -> AnnotationFile:
    return AnnotationFile(Path('memory.pkl'), {}, {track['frame_dir']: track for track in tracks}, {})


def same(one: dict, other: dict, atol: float = 0.0) -> None:
    assert one.keys() == other.keys()
    assert one['metas']['frame_dir'] == other['metas']['frame_dir']
    for name in one.keys() - {'metas'}:
        np.testing.assert_allclose(one[name], other[name], rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize('frames', [1, 5, CLIP])
def test_a_track_of_one_clip_is_the_clip(frames):
    content = annotation(face(frames, size=np.linspace(50, 150, frames)))
    clips = PoseDataset(content, pipeline(), clip_len=CLIP, test_mode=True)
    (clip,) = [clips[number] for number in range(len(clips))]
    same(WholeTracks(content, pipeline(), clip_len=CLIP)[0], clip)


@pytest.mark.parametrize('frames', [CLIP + 1, 40, 101])
def test_with_a_constant_scale_it_is_the_track_in_one_piece(frames):
    track = face(frames)
    track['keypoint_score'][0, 5:7, 50:60] = 0  # a gap to fill
    content = annotation(track)
    (whole,) = PoseDataset(content, pipeline(frames), clip_len=frames, test_mode=True)
    same(WholeTracks(content, pipeline(), clip_len=CLIP)[0], whole, atol=1e-3)
    without = [step for step in pipeline() if step.get('type') != 'InterpolateGaps']
    assert not np.allclose(WholeTracks(content, without, clip_len=CLIP)[0]['keypoint'], whole['keypoint'], atol=1e-3)


@pytest.mark.parametrize('stride', [None, 1, 5, CLIP])
def test_every_frame_is_taken_from_the_window_in_whose_middle_it_lies(stride):
    frames = 75
    track = face(frames, size=np.linspace(50, 150, frames))
    steps = pipeline(CLIP, {'type': 'AlignFace', 'size': (56, 56)})
    whole = WholeTracks(annotation(track), steps, clip_len=CLIP, stride=stride)[0]
    assert whole['keypoint'].shape == (1, 1, frames, 68, 2)
    starts = [*range(0, frames - CLIP, stride or STRIDE), frames - CLIP]
    for frame in range(frames):
        off_centre = [abs(2 * frame + 1 - (2 * start + CLIP)) for start in starts]
        start = starts[max(number for number, value in enumerate(off_centre) if value == min(off_centre))]
        cut = {**track, 'total_frames': CLIP, 'label': track['label'][start : start + CLIP]}
        for name in ('keypoint', 'keypoint_score'):
            cut[name] = track[name][:, start : start + CLIP]
        expected = PoseDataset(annotation(cut), steps, clip_len=CLIP, test_mode=True)[0]
        np.testing.assert_array_equal(whole['keypoint'][:, :, frame], expected['keypoint'][:, :, frame - start])
    assert np.array_equal(whole['frame_inds'], np.arange(frames)[None])
    assert whole['frame_valid'].all()
    assert np.array_equal(whole['label'][0], track['label'])


def test_the_scale_follows_a_camera_that_comes_closer():
    frames = 200
    content = annotation(face(frames, size=np.geomspace(40, 160, frames), tremble=0))
    steps = {'type': 'AlignFace', 'size': (56, 56)}
    running = WholeTracks(content, pipeline(CLIP, steps), clip_len=CLIP)[0]['keypoint']
    (one_scale,) = PoseDataset(content, pipeline(frames, steps), clip_len=frames, test_mode=True)

    def widths(keypoint: torch.Tensor) -> np.ndarray:
        return np.linalg.norm(keypoint[0, 0, :, 45] - keypoint[0, 0, :, 36], axis=-1)

    assert np.ptp(widths(running)) / widths(running).mean() < 0.15  # half a clip at either end is scaled as one
    assert np.ptp(widths(one_scale['keypoint'])) / widths(one_scale['keypoint']).mean() > 1


def test_planes_of_different_sizes_become_one():
    frames = 50
    content = annotation(face(frames, size=np.linspace(50, 150, frames)))
    steps = pipeline(CLIP, {'type': 'PoseCompact'})
    whole = WholeTracks(content, steps, clip_len=CLIP)[0]
    windows = PoseDataset(content, steps, clip_len=CLIP, stride=STRIDE, test_mode=True)
    sizes = set()
    for window in windows:
        sizes.add(tuple(window['img_shape']))
        own = window['frame_inds'][0][window['frame_valid'][0]]
        np.testing.assert_allclose(
            whole['keypoint'][:, :, own] / torch.tensor(whole['img_shape'][::-1].copy()),
            window['keypoint'][:, :, window['frame_valid'][0]] / torch.tensor(window['img_shape'][::-1].copy()),
            rtol=1e-5,
        )
    assert len(sizes) > 1


def test_one_sample_for_each_track_whatever_its_label():
    clip_label = {**face(30, name='b', seed=1), 'label': np.array([1, 0, -1], np.int8)}
    for tracks in ((face(40), face(20, name='c')), (clip_label,)):
        dataset = WholeTracks(annotation(*tracks), pipeline(), clip_len=CLIP)
        assert len(dataset) == len(tracks)
        for number, track in enumerate(tracks):
            sample = dataset[number]
            assert sample['metas']['sample_idx'] == number
            assert sample['metas']['frame_dir'] == track['frame_dir']
            assert np.array_equal(np.squeeze(sample['label']), track['label'])
    arrays = WholeTracks(annotation(face(40)), pipeline()[:-1], clip_len=CLIP)[0]  # without ToTensor
    same(WholeTracks(annotation(face(40)), pipeline(), clip_len=CLIP)[0], arrays)
    assert isinstance(arrays['keypoint'], np.ndarray)


def test_what_does_not_suit_is_refused():
    content = annotation(face(40))
    with pytest.raises(InputError, match=r'the pipeline needs SampleWindow\(clip_len=16\)'):
        WholeTracks(content, pipeline()[1:], clip_len=CLIP)
    with pytest.raises(InputError, match='is for testing'):
        WholeTracks(content, pipeline(), clip_len=CLIP, test_mode=False)
    with pytest.raises(InputError, match='clip_len: must be a whole number'):
        WholeTracks(content, pipeline(), clip_len='16')
    drawn = pipeline(CLIP, {'type': 'AlignFace', 'size': (8, 8)}, {'type': 'GeneratePoseTarget'})[:-3]
    drawn += [{'type': 'FormatShape', 'input_format': 'NCTHW_Heatmap'}, {'type': 'Collect', 'keys': ['imgs']}]
    with pytest.raises(InputError, match='the pipeline must give keypoints'):
        WholeTracks(content, drawn, clip_len=CLIP)[0]
