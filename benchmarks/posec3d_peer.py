"""MMAction2's side of benchmarks/posec3d.py: answers requests in a process of its own, with the peer's own code.

The peer lives in a folder of its own (:func:`install`); torch, mmengine and mmcv are those of this interpreter. It
trains as its users train: its data set, transforms, recogniser and numbers (float32), with mmengine's ``train_step``.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.metadata
import os
import pickle
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
from posec3d_jobs import Heatmaps, Setting, Training, endless, serve, use_threads

PACKAGES = ('mmaction2==1.2.0', 'einops==0.8.2')
FOLDER = 'POSEC3D_PEER'  # the environment variable that names the folder


def install(folder: Path) -> None:
    """Put the peer into a folder, where it is not there yet.

    Raises:
        InputError: if it cannot be fetched.
    """
    from pyskl.errors import InputError

    if (folder / 'mmaction').is_dir() and (folder / 'einops').is_dir():
        return
    print(f'installing {" and ".join(PACKAGES)} into {folder} (once; nothing else is touched)', file=sys.stderr)
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', str(folder), *PACKAGES]
    if subprocess.run(command, check=False).returncode:
        raise InputError(f'--peer: {PACKAGES[0]} cannot be installed into {folder}; --without-peer measures ours alone')


def import_peer() -> None:
    """Make ``mmaction`` importable: its wheel lacks a module, and it insists on an mmcv and packages it hardly uses."""
    if 'mmaction' in sys.modules:
        return
    import mmcv
    from mmengine.registry import init_default_scope

    sys.path.append(os.environ[FOLDER])
    mmcv.__version__ = '2.1.0'
    np.Inf = np.inf  # noqa: NPY201 - the name that PoseCompact uses
    sys.modules['importlib_metadata'] = importlib.metadata
    drn = 'mmaction.models.localizers.drn'
    for name in ('torchvision', 'torchvision.models', drn, f'{drn}.drn'):
        stub = sys.modules[name] = types.ModuleType(name)
        stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules[f'{drn}.drn'].DRN = type('DRN', (), {})
    import mmaction.datasets
    import mmaction.models  # noqa: F401

    init_default_scope('mmaction')


def heatmaps(num_keypoints: int, clip_len: int, size: int, threads: int) -> Heatmaps:
    """Drawing heatmaps."""
    import_peer()
    from mmaction.datasets.transforms import GeneratePoseTarget

    use_threads(threads)
    return Heatmaps(GeneratePoseTarget().transform, num_keypoints, clip_len, size)


def build_model(setting: Setting, num_classes: int) -> Any:
    """Return the published network of this setting, with one logit for each AU."""
    from mmaction.registry import MODELS

    backbone = {
        'type': 'ResNet3dSlowOnly',
        'depth': 50,
        'pretrained': None,
        'in_channels': setting.num_keypoints,
        'base_channels': setting.base_channels,
        'num_stages': 3,
        'out_indices': (2,),
        'stage_blocks': setting.stage_blocks,
        'conv1_stride_s': 1,
        'pool1_stride_s': 1,
        'inflate': (0, 1, 1),
        'spatial_strides': (2, 2, 2),
        'temporal_strides': (1, 1, 2),
        'dilations': (1, 1, 1),
    }
    head = {
        'type': 'I3DHead',
        'in_channels': setting.num_features,
        'num_classes': num_classes,
        'dropout_ratio': 0.5,
        'multi_class': True,
        'average_clips': 'score',
        'loss_cls': {'type': 'BCELossWithLogits'},
    }
    return MODELS.build({'type': 'Recognizer3D', 'backbone': backbone, 'cls_head': head})


def _pipeline(setting: Setting, training: bool) -> list[dict[str, Any]]:
    """Return the published transforms for training or testing."""
    scale = {'scale': (-1, setting.size * 8 // 7)}
    whole = {'scale': (setting.size, setting.size), 'keep_ratio': False}
    augmentation = [
        {'type': 'Resize', **scale},
        {'type': 'RandomResizedCrop', 'area_range': (0.56, 1.0)},
        {'type': 'Resize', **whole},
        {'type': 'Flip', 'flip_ratio': 0.5, 'left_kp': list(setting.left), 'right_kp': list(setting.right)},
    ]
    return [
        {'type': 'UniformSampleFrames', 'clip_len': setting.clip_len, 'test_mode': not training},
        {'type': 'PoseDecode'},
        {'type': 'PoseCompact', 'hw_ratio': 1.0, 'allow_imgpad': True},
        *(augmentation if training else [{'type': 'Resize', **whole}]),
        {'type': 'GeneratePoseTarget', 'sigma': 0.6, 'use_score': True, 'with_kp': True, 'with_limb': False},
        {'type': 'FormatShape', 'input_format': 'NCTHW_Heatmap'},
        {'type': 'PackActionInputs'},
    ]


def _annotations(setting: Setting) -> tuple[list[dict], int]:
    """Return the tracks with their labels as lists of classes, which is how the peer takes them, and their number."""
    tracks = pickle.loads(Path(setting.tracks).read_bytes())['annotations']
    classes = len(tracks[0]['label'])
    return [{**track, 'label': np.flatnonzero(track['label']).tolist()} for track in tracks], classes


class PeerTraining(Training):
    """Training iterations."""

    def __init__(self, setting: dict[str, Any], optimizer: dict[str, Any]) -> None:
        import_peer()
        import torch
        from mmaction.registry import DATASETS
        from mmengine.dataset import pseudo_collate
        from mmengine.optim import build_optim_wrapper

        work = Setting(**setting)
        device = use_threads(work.threads)
        tracks, classes = _annotations(work)
        file = Path(work.tracks).with_suffix('.peer.pkl')
        file.write_bytes(pickle.dumps(tracks))
        dataset = DATASETS.build(
            {
                'type': 'PoseDataset',
                'ann_file': str(file),
                'pipeline': _pipeline(work, training=True),
                'multi_class': True,
                'num_classes': classes,
            }
        )
        loader = endless(dataset, work, collate_fn=pseudo_collate)
        torch.manual_seed(0)
        model = build_model(work, classes).to(device)
        with contextlib.redirect_stdout(sys.stderr):
            model.init_weights()
        super().__init__(model, loader, build_optim_wrapper(model, optimizer), work.batch_size)


class PeerFrames:
    """One prediction a frame, the only way the peer has: a clip around every frame.

    Takes the batch size that is fastest. The frames timed are a part of the track's, drawn at random: each costs the
    same.
    """

    def __init__(self, setting: dict[str, Any]) -> None:
        import_peer()
        import torch
        from mmengine.dataset import Compose, pseudo_collate

        self.work = work = Setting(**setting)
        device = use_threads(work.threads)
        tracks, classes = _annotations(work)
        self.track = tracks[0]
        self.pipeline, self.collate = Compose(_pipeline(work, training=False)), pseudo_collate
        torch.manual_seed(0)
        self.model = build_model(work, classes).to(device).eval()
        self.rng = np.random.default_rng(0)
        self._seconds(1, 1)
        self.batch = min((1, 4), key=lambda batch: min(self._seconds(batch, 1) for _ in range(2)))

    def facts(self) -> dict[str, Any]:
        """Nothing has to be equal."""
        return {}

    def _clip(self, frame: int) -> dict[str, Any]:
        length, total = self.work.clip_len, self.track['total_frames']
        frames = np.clip(np.arange(frame - length // 2, frame - length // 2 + length), 0, total - 1)
        clip = {**self.track, 'total_frames': length, 'modality': 'Pose', 'start_index': 0, 'label': 0}
        clip['keypoint'] = self.track['keypoint'][:, frames]
        clip['keypoint_score'] = self.track['keypoint_score'][:, frames]
        return self.pipeline(clip)

    def _seconds(self, batch: int, batches: int) -> float:
        """Return the seconds of one frame."""
        import torch

        start = time.perf_counter()
        for _ in range(batches):
            frames = self.rng.integers(0, self.track['total_frames'], batch)
            with torch.no_grad():
                data = self.model.test_step(self.collate([self._clip(int(frame)) for frame in frames]))
            data[0].pred_score.cpu()
        return (time.perf_counter() - start) / (batch * batches)

    def unit(self, count: int) -> dict[str, float]:
        """Return the seconds of one frame, from at least ``count`` frames."""
        return {'seconds': self._seconds(self.batch, -(-count // self.batch))}


JOBS = {'heatmaps': heatmaps, 'training': PeerTraining, 'frames': PeerFrames}

if __name__ == '__main__':
    serve(JOBS)
