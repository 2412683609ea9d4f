"""What a config may say: the known settings and where each kind of component is registered."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping

from mmengine import registry as root
from mmengine.registry import Registry
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from pyskl import registry

__all__ = [
    'CUSTOM_KEYS',
    'DEFAULT_HOOKS',
    'LOADERS',
    'PLAIN',
    'REGISTRY_OF',
    'TOP_LEVEL',
    'accepted_arguments',
    'find_type',
    'known_types',
]

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')

SHARED_SETTINGS = {'ann_file', 'keypoint_layout', 'aus'}
"""Settings at the top of a config that are filled in wherever a component does not state its own."""

TOP_LEVEL = (
    set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}
    | {'model_wrapper_cfg', 'find_unused_parameters', 'sync_bn', 'compile'}
    | SHARED_SETTINGS
)
"""Every name that has a meaning at the top level of a config."""

REGISTRY_OF: dict[str, Registry] = {
    'model': registry.MODELS,
    'data_preprocessor': registry.MODELS,
    'dataset': registry.DATASETS,
    'pipeline': registry.TRANSFORMS,
    'transforms': registry.TRANSFORMS,
    'sampler': registry.DATA_SAMPLERS,
    'batch_sampler': registry.DATA_SAMPLERS,
    'collate_fn': registry.FUNCTIONS,
    'worker_init_fn': registry.FUNCTIONS,
    'optim_wrapper': registry.OPTIM_WRAPPERS,
    'optimizer': root.OPTIMIZERS,
    'param_scheduler': root.PARAM_SCHEDULERS,
    'val_evaluator': registry.METRICS,
    'test_evaluator': registry.METRICS,
    'default_hooks': registry.HOOKS,
    'custom_hooks': registry.HOOKS,
    'train_cfg': root.LOOPS,
    'val_cfg': root.LOOPS,
    'test_cfg': root.LOOPS,
    'visualizer': root.VISUALIZERS,
    'vis_backends': root.VISBACKENDS,
    'log_processor': root.LOG_PROCESSORS,
    'model_wrapper_cfg': root.MODEL_WRAPPERS,
}
"""Which registry the components below a key come from; elsewhere it is the one of the enclosing component."""

DEFAULT_HOOKS = {
    'runtime_info': 'RuntimeInfoHook',
    'timer': 'IterTimerHook',
    'sampler_seed': 'DistSamplerSeedHook',
    'logger': 'LoggerHook',
    'param_scheduler': 'ParamSchedulerHook',
    'checkpoint': 'CheckpointHook',
}

_PARAMWISE = (
    'custom_keys lr_mult decay_mult bias_lr_mult bias_decay_mult norm_decay_mult flat_decay_mult dwconv_decay_mult '
    'dcn_offset_lr_mult bypass_duplicate'
)
_PLAIN: dict[str, str] = {
    'env_cfg': 'cudnn_benchmark mp_cfg dist_cfg resource_limit',
    'env_cfg.mp_cfg': 'mp_start_method opencv_num_threads',
    'env_cfg.dist_cfg': 'backend init_backend timeout init_method port',
    'randomness': 'seed diff_rank_seed deterministic',
    'auto_scale_lr': 'enable base_batch_size',
    'default_hooks': ' '.join(DEFAULT_HOOKS),
    'optim_wrapper.paramwise_cfg': _PARAMWISE,
    'optim_wrapper.clip_grad': 'max_norm norm_type error_if_nonfinite foreach clip_value',
    'model.train_cfg': '',
    'model.test_cfg': 'average_clips chunk_frames',
}
PLAIN: dict[str, set[str]] = {path: set(names.split()) for path, names in _PLAIN.items()}
PLAIN |= dict.fromkeys(
    LOADERS,
    set(inspect.signature(DataLoader.__init__).parameters) - {'self'} | {'num_batch_per_epoch'},
)
"""Dicts that are no components, and the keys they may have."""


CUSTOM_KEYS = 'optim_wrapper.paramwise_cfg.custom_keys.'
"""Below it stand parts of parameter names, chosen by the user, each with a dict of factors."""

# What a component accepts as ``**kwargs`` for another one.
_HANDED_ON = {'EMAHook': 'momentum gamma interval device update_buffers'}


@functools.cache
def accepted_arguments(component: Callable) -> frozenset[str] | None:
    """Return the names of the arguments a class or function takes; None when it takes any.

    A constructor with ``**kwargs`` hands them on to the next class in line, so that one's arguments count as well.
    """
    if not inspect.isclass(component):
        parameters = inspect.signature(component).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return None
        return frozenset(parameter.name for parameter in parameters)
    names = set(_HANDED_ON.get(component.__name__, '').split())
    for cls in component.__mro__:
        if '__init__' not in vars(cls) or cls is object:
            continue
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return frozenset(names)


def known_types(registry: Registry) -> Mapping[str, Callable]:
    """Return every name that can be given as ``type`` in a registry: its own and those of its parents."""
    found: dict[str, Callable] = {}
    while registry is not None:
        registry.import_from_location()
        found = {**registry.module_dict, **found}
        registry = registry.parent
    return found


def find_type(name: str, registry: Registry) -> Callable | None:
    """Return the component of that name, or None."""
    found = known_types(registry).get(name)
    if found is None and '.' in name:  # 'scope.Name' or an import path, as mmengine allows
        found = registry.get(name)
    return found
