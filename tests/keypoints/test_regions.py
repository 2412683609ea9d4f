"""Selecting keypoints by region from a name, and what selections convert from and to."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pyskl.action_units import AFFWILD_AUS
from pyskl.apis import AUInferencer
from pyskl.engine.config import load_config
from pyskl.errors import InputError
from pyskl.keypoints import LAYOUTS, convert_keypoints, get_layout
from pyskl.keypoints.heatmap_channels import heatmap_channels
from pyskl.registry import MODELS

IBUG = get_layout('ibug68')


@st.composite
def choices(draw) -> tuple[str, list[str]]:
    base = draw(st.sampled_from(sorted(LAYOUTS)))
    return base, draw(st.lists(st.sampled_from(sorted(LAYOUTS[base].regions)), min_size=1, max_size=4))


def test_regions_of_ibug68_are_those_of_its_drawing():
    regions = IBUG.regions
    assert regions['jaw'] == tuple(range(17))
    assert regions['right_brow'] == tuple(range(17, 22)) and regions['left_brow'] == tuple(range(22, 27))
    assert regions['nose'] == tuple(range(27, 36)) and regions['nose_base'] == tuple(range(31, 36))
    assert regions['right_eye'] == tuple(range(36, 42)) and regions['left_eye'] == tuple(range(42, 48))
    assert regions['outer_lips'] == tuple(range(48, 60)) and regions['inner_lips'] == tuple(range(60, 68))
    assert len(get_layout('coco_wholebody133').regions['hands']) == 42
    assert len(get_layout('mediapipe478').regions['irises']) == 10


@pytest.mark.parametrize('name', LAYOUTS)
def test_regions_mirror_onto_regions(name):
    layout = get_layout(name)
    for region, members in layout.regions.items():
        assert list(members) == sorted(set(members)) and members
        swapped = region.replace('right_', '*').replace('left_', 'right_').replace('*', 'left_')
        assert sorted(layout.mirror[list(members)].tolist()) == list(layout.regions[swapped])
    for group in ('brow', 'eye'):
        both = {*layout.regions[f'right_{group}'], *layout.regions[f'left_{group}']}
        assert both == set(layout.regions[f'{group}s'])


@given(choices())
def test_a_selection_is_the_union_of_its_regions_in_the_order_of_its_source(chosen):
    base, regions = chosen
    source = LAYOUTS[base]
    layout = get_layout(f'{base}:{"+".join(regions)}')
    wanted = sorted({index for region in regions for index in source.regions[region]})
    indices = convert_keypoints(base, layout.name)
    assert indices.tolist() == wanted
    assert list(layout.names) == [source.names[index] for index in wanted]
    inside = {frozenset(limb) for limb in source.limbs if set(limb) <= set(wanted)}
    assert {frozenset(wanted[index] for index in limb) for limb in layout.limbs} == inside
    inside = {frozenset(pair) for pair in source.pairs if set(pair) <= set(wanted)}
    assert {frozenset(wanted[index] for index in pair) for pair in layout.pairs} == inside
    for region, members in layout.regions.items():
        assert tuple(wanted[index] for index in members) == source.regions[region]
    assert (layout.eye_corners is None) == (not set(source.eye_corners) <= set(wanted))


@given(choices(), st.randoms())
def test_all_ways_to_write_a_selection_have_one_name(chosen, random):
    base, regions = chosen
    layout = get_layout(f'{base}:{"+".join(regions)}')
    again = [*regions, random.choice(regions)]
    random.shuffle(again)
    assert get_layout(f'{base}: {" + ".join(again)}') is layout
    assert get_layout(layout.name) is layout


def test_names_by_hand():
    assert get_layout('ibug68:mouth+brows+mouth').name == 'ibug68:brows+mouth'
    assert get_layout('ibug68:left_brow+right_brow').name == 'ibug68:brows'
    assert get_layout('ibug68:outer_lips+inner_lips+right_eye').name == 'ibug68:right_eye+mouth'
    assert get_layout('ibug68:jaw+inner_face') is get_layout('ibug68')
    assert get_layout('ibug51:brows').num_keypoints == 10


@pytest.mark.parametrize(
    ('source', 'target', 'expected'),
    [
        ('ibug68', 'ibug68:brows+mouth', [*range(17, 27), *range(48, 68)]),
        ('ibug51', 'ibug68:brows+mouth', [*range(10), *range(31, 51)]),
        ('ibug68', 'ibug51:brows', range(17, 27)),
        ('coco_wholebody133', 'ibug68:left_eye', range(65, 71)),
        ('coco_wholebody133', 'coco_wholebody133:right_hand+body', [*range(17), *range(112, 133)]),
        ('coco_wholebody133:face', 'ibug68', range(68)),
        ('openface68', 'coco_wholebody133:face', range(68)),
        ('ibug68:brows+mouth', 'openface68:mouth', range(10, 30)),
        ('mediapipe478', 'mediapipe478:irises', range(468, 478)),
        ('mediapipe478', 'ibug68:nose_bridge', [168, 197, 5, 4]),
        ('mediapipe478', 'openface68:right_brow', [71, 63, 105, 66, 107]),
    ],
)
def test_selections_convert_like_layouts(source, target, expected):
    assert convert_keypoints(source, target).tolist() == list(expected)


@pytest.mark.parametrize(
    ('source', 'target', 'missing'),
    [
        ('ibug51', 'ibug68:jaw', 'right_jaw_0'),
        ('ibug68:mouth', 'ibug68:brows+mouth', 'right_brow_0'),
        ('ibug68', 'mediapipe478:mouth', 'upper_lip'),
        ('mediapipe478', 'coco_wholebody133:hands', 'left_hand_root'),
        ('mediapipe478:mouth', 'ibug68', 'right_jaw_0'),
    ],
)
def test_what_a_layout_lacks_is_named(source, target, missing):
    with pytest.raises(InputError, match=f"cannot be turned into '{re.escape(target)}' .* lack '{missing}'"):
        convert_keypoints(source, target)


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('ibug68:brow', "'ibug68' has no region 'brow'; did you mean 'brows'"),
        ('ibug68:brows+muoth', "no region 'muoth'; did you mean 'mouth'"),
        ('ibug86:brows', "unknown keypoint layout 'ibug86'; did you mean 'ibug68'"),
        ('ibug68:', "no region ''; known: brows, "),
        ('ibug68:brows+', "no region ''"),
        ('ibug51:jaw', "'ibug51' has no region 'jaw'"),
        ('ibug68:irises', "no region 'irises'"),
        (':brows', "unknown keypoint layout ''"),
        ('ibug68:brows:mouth', "no region 'brows:mouth'"),
    ],
)
def test_misspelt_regions_are_refused(name, message):
    with pytest.raises(InputError, match=message) as error:
        get_layout(name)
    assert '\n' not in str(error.value)


def test_lookups_are_cached():
    assert get_layout('ibug68:brows+mouth') is get_layout('ibug68:brows+mouth')
    assert get_layout('ibug68').mirror is get_layout('ibug68').mirror
    assert convert_keypoints('ibug68', 'ibug68:brows') is convert_keypoints('ibug68', 'ibug68:brows')


def test_heatmap_channels_of_a_selection_mirror():
    layout = get_layout('ibug68:brows+mouth')
    channels = heatmap_channels(layout, with_kp=True, with_limb=True)
    assert len(channels) == 30 + len(layout.limbs) == 30 + 4 + 4 + 12 + 8
    np.testing.assert_array_equal(channels.mirror[channels.mirror], np.arange(len(channels)))
    np.testing.assert_array_equal(channels.mirror[:30], layout.mirror)


@pytest.mark.parametrize('written', ['ibug68:brows+mouth', 'ibug68:mouth + brows'])
@pytest.mark.parametrize(('config', 'channels'), [('joint', 30), ('limb', 28)])
def test_a_config_selects_regions_with_one_line(root, tmp_path, written, config, channels):
    path = tmp_path / 'brows_and_mouth.py'
    base = root / f'configs/posec3d/slowonly_r50_affwild_xsub/{config}.py'
    path.write_text(f"_base_ = [{str(base)!r}]\nkeypoint_layout = '{written}'\n")
    cfg = load_config(path)
    assert cfg.model.backbone.in_channels == channels
    assert cfg.keypoint_layout == 'ibug68:brows+mouth'
    assert cfg.train_dataloader.dataset.keypoint_layout == 'ibug68:brows+mouth'


def test_a_misspelt_region_in_a_config_names_file_and_key(root, tmp_path):
    path = tmp_path / 'brows.py'
    base = root / 'configs/posec3d/slowonly_r50_affwild_xsub/joint.py'
    path.write_text(f"_base_ = [{str(base)!r}]\nkeypoint_layout = 'ibug68:brow'\n")
    with pytest.raises(InputError, match=r"brows\.py: keypoint_layout: .*did you mean 'brows'"):
        load_config(path)


def test_a_checkpoint_for_regions_predicts_from_whole_faces(tiny_config, annotation_content, tmp_path):
    """Aligned by eyes that are no part of what the network sees."""
    cfg = load_config(tiny_config, {'keypoint_layout': 'ibug68:mouth+brows'})
    assert cfg.model.backbone.in_channels == 30
    align = {'type': 'AlignFace', 'size': (32, 32)}
    steps = [step for step in cfg.to_dict()['test_dataloader']['dataset']['pipeline'] if step['type'] != 'PoseCompact']
    pipeline = [align if step['type'] == 'Resize' else step for step in steps]
    stored = {
        'model': cfg.to_dict()['model'],
        'pipeline': pipeline,
        'clip_len': 16,
        'keypoint_layout': cfg.keypoint_layout,
        'aus': list(AFFWILD_AUS),
    }
    path = tmp_path / 'regions.pth'
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict(), 'meta': {'pyskl': stored}}, path)
    inferencer = AUInferencer(path, 'cpu')
    assert inferencer.layout == 'ibug68'
    result = inferencer.predict(annotation_content['annotations'][0])
    assert result.success.any()
    assert np.isfinite(result.probability[result.success]).all()
