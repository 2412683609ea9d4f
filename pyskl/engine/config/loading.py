"""Reading a config: inheritance, overrides, checks, and the settings that are shared by its parts."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from pyskl.datasets import pose_collate
from pyskl.engine.config.checking import check_config
from pyskl.engine.config.schema import LOADERS, TOP_LEVEL
from pyskl.errors import InputError, did_you_mean
from pyskl.keypoints import get_layout

__all__ = ['load_config']


def load_config(path: str | os.PathLike[str], overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config file, apply overrides, check every key, and fill in what its parts share.

    Settings at the top of a config that its parts share: ``ann_file`` goes to every data set without one of its own;
    ``keypoint_layout`` goes to data sets and the data preprocessor and gives the backbone its ``in_channels``.

    Args:
        path: the config file (.py, .json or .yaml), with ``_base_`` inheritance as in mmengine.
        overrides: dotted keys and their values, e.g. ``{'train_dataloader.batch_size': 8}``.

    Returns:
        The checked config, with known keys only: helper variables of the files are gone.

    Raises:
        InputError: if the file cannot be read, or a key, type or argument in it is unknown.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f'{path}: there is no such config file')
    try:
        cfg = Config.fromfile(str(path))
    except InputError:
        raise
    except Exception as error:  # a config is a program; whatever it raises is the user's to mend
        reason = ' '.join(str(error).split())
        raise InputError(f'{path}: cannot be read: {type(error).__name__}: {reason}') from error
    helpers = _helper_names(path) if path.suffix == '.py' else set()
    for name in [name for name in cfg if name in helpers and name not in TOP_LEVEL]:
        cfg.pop(name)
    _override(cfg, overrides or {}, path)
    check_config(cfg.to_dict(), str(path))
    _fill_shared_settings(cfg, path)
    return cfg


def _override(cfg: Config, overrides: Mapping[str, Any], path: Path) -> None:
    for key, value in overrides.items():
        top = key.split('.')[0]
        if top not in TOP_LEVEL:
            raise InputError(f"--cfg-options {key}: unknown key '{top}'; {did_you_mean(top, TOP_LEVEL)}")
        try:
            cfg.merge_from_dict({key: value})
        except (KeyError, TypeError, IndexError) as error:
            reason = ' '.join(str(error.args[0]).split())[:200]
            raise InputError(f'--cfg-options {key}: does not fit {path}: {reason}') from None


def _helper_names(path: Path) -> set[str]:
    """Return the names that the config's files set for their own use, after checking that they do use them.

    A name that is no setting and that nothing reads is a misspelt setting, or an override that has no effect.
    """
    helpers: set[str] = set()
    read_by_children: set[str] = set()
    pending = [path]
    while pending:
        file = pending.pop(0)
        tree = ast.parse(file.read_text(encoding='utf-8'), str(file))
        assigned: dict[str, ast.AST] = {}
        read: set[str] = set()
        for statement in tree.body:
            for target in _targets(statement):
                names = {node.id: node for node in ast.walk(target) if isinstance(node, ast.Name)}
                assigned |= names
                if '_base_' in names:
                    bases = ast.literal_eval(statement.value)
                    pending += [file.parent / base for base in ([bases] if isinstance(bases, str) else bases)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                read.add(node.id)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == '_base_':
                read_by_children.add(node.attr)
        for name, node in assigned.items():
            if name in TOP_LEVEL or name == '_base_':
                continue
            if name not in read | read_by_children:
                raise InputError(
                    f"{file}: line {node.lineno}: '{name}' is no setting, and nothing in this file uses it; "
                    f'{did_you_mean(name, TOP_LEVEL)}'
                )
            helpers.add(name)
    return helpers


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign) else []


def _fill_shared_settings(cfg: Config, path: Path) -> None:
    layout = cfg.get('keypoint_layout')
    aus = cfg.get('aus')
    if aus is not None and not (isinstance(aus, list | tuple) and all(isinstance(au, str) for au in aus)):
        raise InputError(f"{path}: aus: must be a list of names like ['AU1', 'AU2'], not {aus!r}")
    model = cfg.get('model') or {}
    num_classes = (model.get('cls_head') or {}).get('num_classes')
    if layout is not None:
        try:
            # One name for all ways to write a selection of regions: data, model and checkpoints compare names.
            cfg.keypoint_layout = layout = get_layout(str(layout)).name
        except InputError as error:
            raise InputError(f'{path}: keypoint_layout: {error}') from None
    drawing: dict[str, Any] = {}
    for name in LOADERS:
        loader = cfg.get(name)
        if loader is None:
            continue
        loader.setdefault('collate_fn', dict(type=pose_collate.__name__))
        dataset = loader.get('dataset')
        if not isinstance(dataset, dict):
            continue
        from_file = dataset.get('type') in ('PoseDataset', 'WholeTracks')
        if not from_file and dataset.get('type') != 'SyntheticFaceDataset':
            continue
        if from_file and cfg.get('ann_file') is not None:
            dataset.setdefault('ann_file', cfg.ann_file)
        if from_file and dataset.get('ann_file') is None:
            raise InputError(f'{path}: ann_file: is not set; set it in the config or give --ann-file PATH')
        if layout is not None:
            dataset.setdefault('keypoint_layout', layout)
        if num_classes is not None:
            dataset.setdefault('num_classes', num_classes)
        if cfg.get('aus') is not None:
            dataset.setdefault('aus', list(cfg.aus))
        steps = dataset.get('pipeline') or ()
        drawing = next((step for step in steps if step['type'] == 'GeneratePoseTarget'), drawing)
    if layout is None or model.get('backbone') is None:
        return
    preprocessor = model.get('data_preprocessor')
    if preprocessor is not None and preprocessor.get('type') == 'PoseHeatmapPreprocessor':
        preprocessor.setdefault('layout', layout)
        drawing = drawing or preprocessor
    model.backbone.setdefault('in_channels', _num_channels(layout, drawing))


def _num_channels(layout: str, drawing: Mapping[str, Any]) -> int:
    """Return the number of heatmap channels that a drawing component makes of a layout."""
    limbs = drawing.get('skeletons') or get_layout(layout).limbs
    channels = get_layout(layout).num_keypoints if drawing.get('with_kp', True) else 0
    return channels + (len(limbs) if drawing.get('with_limb', False) else 0)
