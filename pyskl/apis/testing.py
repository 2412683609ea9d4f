"""Testing a checkpoint."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence

from mmengine.config import Config

from pyskl.apis.config_errors import config_errors
from pyskl.apis.runner import bare_model, build_runner, prepare, require_parts
from pyskl.checkpoint import check_weights, load_weights, read_checkpoint
from pyskl.errors import InputError
from pyskl.models.utils import fuse_conv_bn
from pyskl.registry import MODELS

__all__ = ['test']


def test(
    cfg: Config,
    checkpoint: str | os.PathLike[str],
    metrics: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    average_clips: str | None = None,
    fuse: bool = False,
    launcher: str = 'none',
    check_only: bool = False,
) -> Mapping[str, float]:
    """Score a checkpoint on the test split of a config.

    Args:
        cfg: a checked config (:func:`pyskl.engine.load_config`) with ``work_dir``.
        checkpoint: the weights; they must fit the config's model exactly.
        metrics: names of the metrics; None: those of the config.
        out: file for the predictions (.pkl, .json, .yaml or .csv).
        average_clips: 'prob' or 'score': how several clips of a sample are averaged; None: as the config says.
        fuse: fold batch normalisation into the convolutions.
        launcher: how the processes were started.
        check_only: check the input, then stop: nothing is computed or written.

    Returns:
        The scores by name.

    Raises:
        InputError: if the checkpoint does not fit the config, or a file cannot be used.
    """
    from pyskl.evaluation import check_metric_names, check_results_path

    cfg = copy.deepcopy(cfg)
    require_parts(cfg, ['test'])
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    evaluator = next((one for one in evaluators if one.get('type') == 'AUMetric'), None)
    if evaluator is None and (metrics is not None or out is not None):
        raise InputError(f'{cfg.filename}: test_evaluator: --eval and --out need an AUMetric, and there is none')
    if metrics is not None:
        check_metric_names(metrics)
        evaluator.metrics = list(metrics)
    if out is not None:
        check_results_path(out)
        evaluator.out = str(out)
    if average_clips is not None:
        cfg.model.test_cfg = {**(cfg.model.get('test_cfg') or {}), 'average_clips': average_clips}
    cfg.load_from, cfg.resume, cfg.visualizer = None, False, None
    with config_errors(f'{cfg.filename}: model'):
        model = MODELS.build(cfg.model)
    check_weights(model, read_checkpoint(checkpoint)['state_dict'], checkpoint)
    if check_only:
        prepare(cfg, ['test'])
        return {}
    runner = build_runner(cfg, ['test'], launcher)
    load_weights(bare_model(runner), checkpoint)
    if fuse:
        fuse_conv_bn(bare_model(runner))
    return runner.test()
