"""Finding misspelt keys and arguments in a config before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.registry import Registry

from pyskl.engine.config.schema import (
    CUSTOM_KEYS,
    DEFAULT_HOOKS,
    PLAIN,
    REGISTRY_OF,
    TOP_LEVEL,
    accepted_arguments,
    find_type,
    known_types,
)
from pyskl.errors import InputError, closest, did_you_mean
from pyskl.registry import MODELS, TRANSFORMS

__all__ = ['check_config', 'check_stored_component']

# Keys that the framework takes out of a component's dict before it is built.
_TAKEN_BEFORE = {
    'optim_wrapper': {'optimizer', 'paramwise_cfg', 'constructor'},
    'param_scheduler': {'convert_to_iter_based'},
    'norm_cfg': {'requires_grad'},
    'train_cfg': {'by_epoch'},
}
_DEFAULT_TYPE = {
    'optim_wrapper': 'OptimWrapper',
    'log_processor': 'LogProcessor',
    'visualizer': 'Visualizer',
    'val_cfg': 'ValLoop',
    'test_cfg': 'TestLoop',
    'model_wrapper_cfg': 'MMDistributedDataParallel',
}
# Arguments that the caller of a component supplies, not the config.
_SUPPLIED = {'runner', 'dataloader', 'evaluator', 'model', 'params', 'module', 'param_name'}
# Where a dict is a component, whatever stands around it.
_COMPONENTS = {'norm_cfg', 'conv_cfg', 'act_cfg', 'loss_cls', 'backbone', 'cls_head'}
_COMPONENTS |= REGISTRY_OF.keys() - _DEFAULT_TYPE.keys() - {'default_hooks', 'train_cfg'}
_IN_LISTS = {
    'custom_hooks', 'param_scheduler', 'pipeline', 'test_evaluator', 'transforms', 'val_evaluator', 'vis_backends',
}  # fmt: skip
_PLAIN_LAYERS = {'Conv2d', 'Conv3d', 'BN', 'BN3d', 'SyncBN', 'ReLU', 'SiLU', 'LeakyReLU', 'Kaiming', 'Xavier'}


class _Checker:
    """Walks a config; ``stored`` is True for one that was read from a checkpoint, which is not trusted."""

    def __init__(self, source: str, stored: bool = False) -> None:
        self.source = source
        self.stored = stored

    def fail(self, path: str, message: str) -> InputError:
        return InputError(f'{self.source}: {path}: {message}' if path else f'{self.source}: {message}')

    def keys(self, node: Mapping, known: set[str] | frozenset[str], path: str, what: str) -> None:
        for key in node:
            if key not in known:
                raise self.fail(path, f"unknown {what} '{key}'; {did_you_mean(str(key), known)}")

    def value(self, value: Any, key: str, path: str, registry: Registry | None) -> None:
        if not self.stored and not path.startswith('default_hooks.'):
            registry = REGISTRY_OF.get(key, registry)
        if isinstance(value, Mapping):
            self.mapping(value, key, path, registry)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            self.kind(value, key, path)
            for number, item in enumerate(value):
                nested = key == 'transforms' and isinstance(item, Sequence)  # pipelines to choose from
                if key in _IN_LISTS and not isinstance(item, Mapping) and not callable(item) and not nested:
                    raise self.fail(f'{path}[{number}]', f'must be a dict, not {item!r}')
                self.value(item, key, f'{path}[{number}]', registry)
        else:
            self.kind(value, key, path)

    def kind(self, value: Any, key: str, path: str) -> None:
        """Refuse a number, a string or a list where a dict has to stand."""
        if value is None or (isinstance(value, Sequence) and not isinstance(value, str) and key in _IN_LISTS):
            return
        dicts = key in _COMPONENTS or path in PLAIN or (path == key and key in _DEFAULT_TYPE) or path == 'train_cfg'
        if (dicts or path.rpartition('.')[0] == 'default_hooks') and not callable(value):
            raise self.fail(path, f'must be a dict, not {value!r}')

    def mapping(self, node: Mapping, key: str, path: str, registry: Registry | None) -> None:
        if path in PLAIN and 'type' not in node:
            self.keys(node, PLAIN[path], path, 'key')
        elif node.get('type') is not None or (path == key and key in _DEFAULT_TYPE) or path == 'train_cfg':
            registry = self.component(node, key, path, registry)
        elif key in _COMPONENTS or 'type' in node:
            misspelt = closest('type', [str(name) for name in node])
            hint = f"; is it misspelt as '{misspelt}'?" if misspelt not in (None, 'type') else ''
            raise self.fail(path, f"'type' is missing{hint}")
        elif path.startswith(CUSTOM_KEYS):
            self.keys(node, {'lr_mult', 'decay_mult'}, path, 'key')
        for name, value in node.items():
            inner = f'{path}.{name}'
            if path == 'default_hooks' and isinstance(value, Mapping) and 'type' not in value:
                value = {'type': DEFAULT_HOOKS[name], **value}
            self.value(value, name, inner, registry)

    def component(self, node: Mapping, key: str, path: str, registry: Registry | None) -> Registry | None:
        name = node.get('type')
        if name is None:
            by_epoch = node.get('by_epoch', True)
            default = _DEFAULT_TYPE.get(key) or ('EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop')
            name = default
        if registry is None:
            raise self.fail(path, f"holds a 'type', but no component is expected here; did you misspell '{key}'?")
        if not isinstance(name, str):
            if self.stored or not callable(name):
                raise self.fail(path, f"'type' must be a name, not {name!r}")
            component = name
        else:
            component = self.find(name, path, registry)
        known = accepted_arguments(component)
        if known is not None:
            known = (known - _SUPPLIED) | {'type'} | _TAKEN_BEFORE.get(key, set())
            label = name if isinstance(name, str) else component.__name__
            self.keys(node, known, f'{path} ({label})', 'argument')
        return registry

    def find(self, name: str, path: str, registry: Registry) -> Any:
        if self.stored:
            registry.import_from_location()
            admitted = dict(registry.module_dict)
            admitted |= {key: value for key, value in known_types(registry).items() if key in _PLAIN_LAYERS}
            if name not in admitted:
                raise self.fail(path, f"asks for '{name}', which is none of the project's own components; refused")
            return admitted[name]
        component = find_type(name, registry)
        if component is None:
            raise self.fail(path, f"there is no {registry.name} '{name}'; {did_you_mean(name, known_types(registry))}")
        return component


def check_config(cfg: Mapping, source: str) -> None:
    """Check every key and every argument of a config.

    Args:
        cfg: the whole config.
        source: the config's name, for messages.

    Raises:
        InputError: at the first unknown key, type or argument; one line that says where it stands and names the
            closest one that is known.
    """
    checker = _Checker(source)
    checker.keys(cfg, TOP_LEVEL, '', 'key')
    for key, value in cfg.items():
        checker.value(value, key, key, None)


def check_stored_component(node: Any, kind: str, source: str) -> None:
    """Check a model or a pipeline that was stored in a checkpoint, before it is built.

    A file from a stranger may name anything that can be imported as a ``type``; only the components of this project
    and plain layers are admitted.

    Args:
        node: the component's dict, or a list of them.
        kind: 'model' or 'pipeline'.
        source: the checkpoint's name, for messages.

    Raises:
        InputError: if it names another component or an unknown argument.
    """
    checker = _Checker(source, stored=True)
    expected = {'model': Mapping, 'pipeline': list}[kind]
    if not isinstance(node, expected):
        raise checker.fail(kind, f'must be a {"dict" if kind == "model" else "list"}, not {type(node).__name__}')
    checker.value(node, kind, kind, {'model': MODELS, 'pipeline': TRANSFORMS}[kind])
