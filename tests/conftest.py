"""Fixtures that several parts of the tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # small inputs: threads cost more than they bring

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope='session')
def annotation_content() -> dict:
    """The content of a small synthetic annotation file; not to be changed."""
    from pyskl.synth import make_dataset

    return make_dataset('tiny', seed=0)


@pytest.fixture(scope='session')
def ann_file(annotation_content: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small synthetic annotation file."""
    from pyskl.datasets import dump_pickle

    path = tmp_path_factory.mktemp('data') / 'annotation.pkl'
    dump_pickle(annotation_content, path)
    return path


TINY_CONFIG = """
_base_ = ['{root}/configs/posec3d/slowonly_small_synthetic/joint.py']
ann_file = '{ann_file}'
model = dict(
    data_preprocessor=dict(heatmap_size=(16, 16)),
    backbone=dict(base_channels=8, stage_blocks=(1, 1, 1)),
    cls_head=dict(in_channels=128),
)
train_dataloader = dict(batch_size=8)
val_dataloader = dict(batch_size=8)
test_dataloader = dict(batch_size=8)
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=3, by_epoch=True, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=3)
"""


@pytest.fixture(scope='session')
def tiny_config(ann_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config whose training takes a few seconds: the quick start's, with a smaller network."""
    path = tmp_path_factory.mktemp('config') / 'tiny.py'
    path.write_text(TINY_CONFIG.format(root=ROOT, ann_file=ann_file))
    return path


@pytest.fixture(scope='session')
def tool() -> Callable[[str], Callable]:
    """Give the ``main`` of a script in tools/ or demo/ by its path: ``tool('tools/train.py')``."""

    def load(path: str) -> Callable:
        name = 'script_' + path.replace('/', '_').removesuffix('.py')
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, ROOT / path)
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        return sys.modules[name].main

    return load


@pytest.fixture(scope='session')
def trained(tiny_config: Path, tool: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work directory of a finished training run of :func:`tiny_config` (in this process)."""
    work_dir = tmp_path_factory.mktemp('trained')
    assert tool('tools/train.py')([str(tiny_config), '--work-dir', str(work_dir), '--validate', '--test-best']) == 0
    return work_dir
