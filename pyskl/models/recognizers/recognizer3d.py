"""Recogniser: data preprocessor, 3-D backbone and head in one module that mmengine's Runner can drive."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pyskl.errors import InputError, did_you_mean
from pyskl.models.layers import KeypointBlobs
from pyskl.models.recognizers.chunks import chunk_logits
from pyskl.models.recognizers.predictions import clip_predictions, frame_predictions
from pyskl.models.utils.receptive_field import temporal_halo
from pyskl.registry import MODELS

__all__ = ['Recognizer3D']

MODES = ('loss', 'predict', 'tensor')
AVERAGES = ('prob', 'score', None)


@MODELS.register_module()
class Recognizer3D(nn.Module):
    """Recognises what is active in clips of keypoint heatmaps.

    A plain module: ``recognizer(imgs)`` gives logits. ``train_step``, ``val_step`` and ``test_step`` are what the
    loops of mmengine call, in one process or inside ``MMDistributedDataParallel``.

    Args:
        backbone: config of the backbone, or a module.
        cls_head: config of the head, or a module.
        data_preprocessor: config of the data preprocessor, or a module; ``PoseHeatmapPreprocessor`` with its defaults
            unless given.
        train_cfg: accepted for configs of other toolboxes; there is nothing to set.
        test_cfg: ``average_clips``: how several views of a clip (or of a frame) become one prediction. ``'prob'``, the
            default: mean of the probabilities. ``'score'``: probability of the mean logit. None, for heads that
            predict clips only: one prediction a view, (K, A).
            ``chunk_frames``: predict longer clips in chunks of so many frames, for networks that are dense in time. The
            predictions are those of one pass; memory does not grow with the clip. None, the default: in one pass.

    Raises:
        InputError: if a config is unknown or contradicts the head.
    """

    def __init__(
        self,
        backbone: dict[str, Any] | nn.Module,
        cls_head: dict[str, Any] | nn.Module,
        data_preprocessor: dict[str, Any] | nn.Module | None = None,
        train_cfg: dict[str, Any] | None = None,
        test_cfg: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.data_preprocessor = _build(data_preprocessor or {'type': 'PoseHeatmapPreprocessor'})
        self.backbone = _build(backbone)
        self.cls_head = _build(cls_head)
        if hasattr(self.data_preprocessor, 'keep_blobs'):
            self.data_preprocessor.keep_blobs = getattr(self.backbone, 'takes_blobs', False)
        _check_keys('train_cfg', train_cfg, ())
        _check_keys('test_cfg', test_cfg, ('average_clips', 'chunk_frames'))
        of_head = getattr(self.cls_head, 'average_clips', None) or 'prob'
        self.average_clips = (test_cfg or {}).get('average_clips', of_head)
        if self.average_clips not in AVERAGES:
            raise InputError(
                f"model.test_cfg.average_clips is {self.average_clips!r}; it must be 'prob', 'score' or None"
            )
        if self.average_clips is None and self.cls_head.per_frame:
            raise InputError(
                'model.test_cfg.average_clips=None keeps every view, but a per-frame head gives each frame once; '
                "use 'prob' or 'score'"
            )
        self.chunk_frames: int | None = (test_cfg or {}).get('chunk_frames')
        if self.chunk_frames is not None:
            self._check_chunks(self.chunk_frames)

    def _check_chunks(self, chunk_frames: Any) -> None:
        if isinstance(chunk_frames, bool) or not isinstance(chunk_frames, int) or chunk_frames < 1:
            raise InputError(
                f'model.test_cfg.chunk_frames is {chunk_frames!r}; it must be a whole number of at least 1, or None'
            )
        try:
            temporal_halo(self.backbone, self.cls_head)
        except InputError as error:
            raise InputError(f'model.test_cfg.chunk_frames={chunk_frames} cannot be had: {error}') from None

    def init_weights(self) -> None:
        """Draw fresh weights for the parts that have ``init_weights``, or read the backbone's ``pretrained``."""
        for part in (self.backbone, self.cls_head):
            if hasattr(part, 'init_weights'):
                part.init_weights()

    def forward(
        self,
        imgs: Tensor | KeypointBlobs | None = None,
        label: Tensor | None = None,
        mode: str = 'tensor',
        **fields: Any,
    ) -> Tensor | dict[str, Tensor] | list[dict[str, Any]]:
        """Run the model on a batch that the data preprocessor has prepared.

        Args:
            imgs: (N, K, C, T, H, W) heatmap volumes of K clips a sample, drawn or as ``KeypointBlobs``.
            label: (N,) class, (N, A) action units of the clip, or (N, K, T, A) of every frame.
            mode: ``'tensor'`` for logits (N * K, A) or (N * K, T, A), ``'loss'`` for a dict of losses, ``'predict'``
                for one dict a sample (see :mod:`pyskl.models.recognizers.predictions`).
            **fields: the other fields of the batch: ``frame_inds`` (N, K, T), ``frame_valid`` (N, K, T),
                ``keypoint_score`` (N, K, M, T, V) and ``metas`` are used by ``'predict'``.

        Raises:
            InputError: if the mode is unknown or the batch lacks what the mode needs.
        """
        if mode not in MODES:
            raise InputError(f"unknown mode '{mode}'; {did_you_mean(mode, MODES)}")
        if imgs is None or imgs.ndim != 6:
            found = 'no imgs' if imgs is None else f'imgs of shape {tuple(imgs.shape)}'
            raise InputError(f'the batch has {found}; expected (samples, clips, channels, frames, height, width)')
        logits = self.cls_head(self.backbone(imgs.flatten(0, 1)))
        if mode == 'loss':
            if label is None:
                raise InputError("the batch has no label to learn from; keep 'label' in Collect and label the data")
            return self.cls_head.loss(logits, self._clip_labels(label, imgs.shape[1]))
        if mode == 'predict':
            return self._predictions(logits.unflatten(0, imgs.shape[:2]), label, fields)
        return logits

    def _clip_labels(self, label: Tensor, num_clips: int) -> Tensor:
        """Return the label of each of the N * K clips."""
        if label.ndim != 4:
            return label.repeat_interleave(num_clips, dim=0) if num_clips > 1 else label
        return _repeat_clips(label, num_clips).flatten(0, 1)

    @torch.no_grad()
    def _predictions(self, logits: Tensor, label: Tensor | None, fields: dict[str, Any]) -> list[dict[str, Any]]:
        num_samples, num_clips = logits.shape[:2]
        logits = logits.float()
        metas = fields.get('metas') or [{'frame_dir': str(index), 'sample_idx': index} for index in range(num_samples)]
        score = fields.get('keypoint_score')
        found = None if score is None else (score > 0).any(-1).any(2)  # (N, K, T)
        if not self.cls_head.per_frame:
            if self.average_clips == 'score':
                scores = self.cls_head.predict(logits.mean(1))
            else:
                scores = self.cls_head.predict(logits)
                if self.average_clips == 'prob' or num_clips == 1:
                    scores = scores.mean(1)
            return clip_predictions(scores, label, found, metas)
        frames = logits.shape[2]
        inds, valid = fields.get('frame_inds'), fields.get('frame_valid')
        if inds is None:
            if num_clips > 1:
                raise InputError("several clips a sample need 'frame_inds' to tell their frames; keep it in Collect")
            inds = torch.arange(frames).expand(num_samples, 1, frames)
        if inds.shape[-1] != frames:
            raise InputError(
                f'the clips have {inds.shape[-1]} frames but the features have {frames}; with '
                'cls_head.per_frame=True all temporal strides of the backbone must be 1 and with_pool2 False'
            )
        valid = torch.ones_like(inds, dtype=torch.bool) if valid is None else valid
        inds, valid, label, found = (
            None if field is None else _repeat_clips(field, num_clips).flatten(1, 2).cpu()
            for field in (inds, valid, label, found)
        )
        by_score = self.average_clips == 'score'
        views = (logits if by_score else self.cls_head.predict(logits)).flatten(1, 2).cpu()
        finish = self.cls_head.predict if by_score else None
        return frame_predictions(views, inds, valid, label, found, metas, finish)

    def parse_losses(self, losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum of the entries whose name holds ``loss``, and all entries for the log."""
        log = {name: value.mean() for name, value in losses.items()}
        total = torch.stack([value for name, value in log.items() if 'loss' in name]).sum()
        return total, {'loss': total.detach(), **{name: value.detach() for name, value in log.items()}}

    def train_step(self, data: dict[str, Any], optim_wrapper: Any) -> dict[str, Tensor]:
        """Learn from one batch.

        Args:
            data: a batch as it comes from the loader.
            optim_wrapper: mmengine's wrapper of an optimiser.

        Returns:
            The losses, for the log.
        """
        with optim_wrapper.optim_context(self):
            losses = self(**self.data_preprocessor(data, training=True), mode='loss')
        total, log = self.parse_losses(losses)
        optim_wrapper.update_params(total)
        return log

    def val_step(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one prediction dict a sample of the batch; the model should be in evaluation mode."""
        with torch.no_grad():
            if self.chunk_frames is None:
                return self(**self.data_preprocessor(data, training=False), mode='predict')
            return self._predictions(chunk_logits(self, data, self.chunk_frames), data.get('label'), data)

    def test_step(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """The same as :meth:`val_step`."""
        return self.val_step(data)


def _build(part: dict[str, Any] | nn.Module) -> nn.Module:
    return part if isinstance(part, nn.Module) else MODELS.build(part)


def _check_keys(name: str, cfg: dict[str, Any] | None, known: tuple[str, ...]) -> None:
    for key in cfg or {}:
        if key not in known:
            raise InputError(f"unknown key '{key}' in model.{name}; {did_you_mean(key, known)}")


def _repeat_clips(field: Tensor, num_clips: int) -> Tensor:
    """(N, K, ...) -> (N, num_clips, ...): mirrored clips follow the clips they mirror in the same order."""
    if field.shape[1] == num_clips:
        return field
    return field.repeat(1, num_clips // field.shape[1], *[1] * (field.ndim - 2))
