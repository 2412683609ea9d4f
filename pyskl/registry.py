"""Where components are registered, so that a config can name them.

Each registry is a child of mmengine's registry of the same purpose: a name that is not found here (``SGD``,
``CosineAnnealingLR``, ``CheckpointHook``...) is looked up there.
"""

from __future__ import annotations

from mmengine import registry as root

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'EVALUATORS',
    'FUNCTIONS',
    'HOOKS',
    'LOG_PROCESSORS',
    'LOOPS',
    'METRICS',
    'MODELS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PARAM_SCHEDULERS',
    'TRANSFORMS',
    'VISBACKENDS',
]


def _child(name: str, parent: root.Registry, *locations: str) -> root.Registry:
    return root.Registry(name, parent=parent, scope='pyskl', locations=list(locations))


MODELS = _child('model', root.MODELS, 'pyskl.models')
DATASETS = _child(
    'dataset', root.DATASETS, 'pyskl.datasets.pose_dataset', 'pyskl.datasets.whole_tracks', 'pyskl.synth.stream'
)
TRANSFORMS = _child('transform', root.TRANSFORMS, 'pyskl.datasets.transforms')
DATA_SAMPLERS = _child('data sampler', root.DATA_SAMPLERS, 'pyskl.datasets.samplers')
FUNCTIONS = root.FUNCTIONS  # mmengine looks a loader's functions up in its own registry only
METRICS = _child('metric', root.METRICS, 'pyskl.evaluation')
HOOKS = _child('hook', root.HOOKS, 'pyskl.engine')
OPTIM_WRAPPERS = _child('optim_wrapper', root.OPTIM_WRAPPERS, 'pyskl.engine')
OPTIMIZERS = _child('optimizer', root.OPTIMIZERS)
PARAM_SCHEDULERS = _child('parameter scheduler', root.PARAM_SCHEDULERS)
LOOPS = _child('loop', root.LOOPS)
LOG_PROCESSORS = _child('log_processor', root.LOG_PROCESSORS)
OPTIM_WRAPPER_CONSTRUCTORS = _child('optimizer wrapper constructor', root.OPTIM_WRAPPER_CONSTRUCTORS)
VISBACKENDS = _child('vis_backend', root.VISBACKENDS)
EVALUATORS = _child('evaluator', root.EVALUATOR)
