"""The side of this project in benchmarks/posec3d.py: answers requests in a process of its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from posec3d_jobs import Heatmaps, Setting, Training, endless, serve, use_threads

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'configs/posec3d/slowonly_r50_affwild_xsub/joint.py'


def config_of(setting: Setting, per_frame: bool) -> Any:
    """Return the config of the network; without ``per_frame`` it is the published one, which predicts clips."""
    from pyskl.engine.config import load_config

    model = {
        'backbone.base_channels': setting.base_channels,
        'backbone.stage_blocks': setting.stage_blocks,
        'backbone.temporal_strides': (1, 1, 1) if per_frame else (1, 1, 2),
        'data_preprocessor.heatmap_size': (setting.size, setting.size),
        'cls_head.in_channels': setting.num_features,
        'cls_head.per_frame': per_frame,
    }
    overrides = {'ann_file': setting.tracks, 'keypoint_layout': setting.layout}
    return load_config(CONFIG, overrides | {f'model.{key}': value for key, value in model.items()})


def heatmaps(num_keypoints: int, clip_len: int, size: int, threads: int) -> Heatmaps:
    """Drawing heatmaps."""
    from pyskl.datasets.transforms import GeneratePoseTarget

    use_threads(threads)
    return Heatmaps(GeneratePoseTarget().transform, num_keypoints, clip_len, size)


class OurTraining(Training):
    """Training iterations.

    Args:
        setting: the work, as a dict.
        bfloat16: True: as the device computes best; False: float32 alone.
    """

    def __init__(self, setting: dict[str, Any], bfloat16: bool = True) -> None:
        import torch
        from mmengine.optim import build_optim_wrapper
        from mmengine.registry import init_default_scope

        from pyskl.datasets import pose_collate
        from pyskl.registry import DATASETS, MODELS

        init_default_scope('pyskl')
        self.setting = work = Setting(**setting)
        device = use_threads(work.threads)
        cfg = config_of(work, per_frame=False)
        self.aus = len(cfg.aus)
        dataset = DATASETS.build({'type': 'PoseDataset', 'ann_file': work.tracks, 'pipeline': _pipeline(work)})
        loader = endless(dataset, work, collate_fn=pose_collate, pin_memory=device == 'cuda')
        torch.manual_seed(0)
        model = MODELS.build(cfg.model).to(device)
        model.init_weights()
        kind = {'type': 'AutocastOptimWrapper', 'dtype': 'auto' if bfloat16 else 'float32'}
        optim_wrapper = build_optim_wrapper(model, {**cfg.optim_wrapper, **kind})
        super().__init__(model, loader, optim_wrapper, work.batch_size)

    def flops(self) -> dict[str, float]:
        """Return the arithmetic of an iteration of the dense network, forward and backward, in floating-point steps.

        Counted on volumes, one clip, whatever form of the network the iterations measured use.
        """
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        work = self.setting
        device = next(self.model.parameters()).device
        volume = torch.zeros(1, 1, work.num_keypoints, work.clip_len, work.size, work.size, device=device)
        label = torch.zeros(1, self.aus, device=device)
        with FlopCounterMode(display=False) as counter:
            losses = self.model(imgs=volume, label=label, mode='loss')
            self.model.parse_losses(losses)[0].backward()
        self.model.zero_grad()
        return {'flops': float(counter.get_total_flops()) * work.batch_size}


def _pipeline(setting: Setting) -> list[dict[str, Any]]:
    """Return the published augmentation, on keypoints alone."""
    keys = ['keypoint', 'keypoint_score', 'label']
    return [
        {'type': 'UniformSampleFrames', 'clip_len': setting.clip_len},
        {'type': 'PoseDecode'},
        {'type': 'PoseCompact', 'hw_ratio': 1.0, 'allow_imgpad': True},
        {'type': 'Resize', 'scale': (-1, setting.size * 8 // 7)},
        {'type': 'RandomResizedCrop', 'area_range': (0.56, 1.0)},
        {'type': 'Resize', 'scale': (setting.size, setting.size), 'keep_ratio': False},
        {'type': 'Flip', 'flip_ratio': 0.5},
        {'type': 'FormatShape', 'input_format': 'NMTVC'},
        {'type': 'Collect', 'keys': keys},
        {'type': 'ToTensor', 'keys': keys},
    ]


class OurFrames:
    """Action Units of every frame of one long track, by :class:`pyskl.apis.AUInferencer` from a checkpoint."""

    def __init__(self, setting: dict[str, Any], frames: int) -> None:
        import torch

        from pyskl.apis import AUInferencer
        from pyskl.datasets.annotation import open_annotations
        from pyskl.registry import MODELS

        work = Setting(**setting)
        use_threads(work.threads)
        cfg = config_of(work, per_frame=True).to_dict()
        torch.manual_seed(0)
        model = MODELS.build(cfg['model'])
        meta = {
            'model': cfg['model'],
            'pipeline': cfg['test_dataloader']['dataset']['pipeline'],
            'clip_len': cfg['test_dataloader']['dataset']['clip_len'],
            'keypoint_layout': work.layout,
            'aus': cfg['aus'],
        }
        file = Path(work.tracks).with_suffix('.pth')
        torch.save({'meta': {'pyskl': meta}, 'state_dict': model.state_dict()}, file)
        self.inferencer = AUInferencer(file)
        self.track = open_annotations(work.tracks).tracks(None)[0]
        self.frames = frames
        self._predict(min(64, frames))

    def _predict(self, frames: int) -> Any:
        track = {**self.track, 'total_frames': frames}
        track['keypoint'] = track['keypoint'][:, :frames]
        track['keypoint_score'] = track['keypoint_score'][:, :frames]
        return self.inferencer.predict(track)

    def facts(self) -> dict[str, Any]:
        """Nothing has to be equal."""
        return {}

    def unit(self, count: int) -> dict[str, float]:
        """Return the seconds of one frame, from ``count`` runs over the whole track."""
        start = time.perf_counter()
        for _ in range(count):
            result = self._predict(self.frames)
        seconds = (time.perf_counter() - start) / count
        return {'seconds': seconds / len(result.frame)}


JOBS = {'heatmaps': heatmaps, 'training': OurTraining, 'frames': OurFrames}

if __name__ == '__main__':
    from pyskl.engine.memory import keep_freed_memory

    keep_freed_memory()  # as tools/train.py and tools/test.py do
    serve(JOBS)
