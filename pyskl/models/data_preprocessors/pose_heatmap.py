"""From a batch of keypoints to heatmap volumes on the model's own device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pyskl.errors import InputError
from pyskl.keypoints import get_layout
from pyskl.keypoints.heatmap_channels import heatmap_channels
from pyskl.models.data_preprocessors.heatmap import draw_keypoints, draw_limbs
from pyskl.models.layers.blobs import cat, keypoint_blobs
from pyskl.registry import MODELS

__all__ = ['PoseHeatmapPreprocessor']


@MODELS.register_module()
class PoseHeatmapPreprocessor(nn.Module):
    """Moves a batch to the model's device and draws its keypoints as heatmaps there.

    Keypoints are a thousandth of the volume drawn from them, so this is what should travel from the loader. A batch
    that already holds ``imgs`` (drawn by ``GeneratePoseTarget``) is only moved and turned to floats.

    A backbone that works on the keypoints themselves (``takes_blobs``) is not given the volume but its description, a
    :class:`~pyskl.models.layers.KeypointBlobs` of the same numbers, if the batch has one person a clip and no limbs are
    drawn; the recogniser asks for that by setting :attr:`keep_blobs`.

    Volumes are float32 (float64 for keypoints of that type), under autocast of autocast's type.

    Args:
        heatmap_size: (H, W) of a heatmap; keypoints are scaled to it from ``img_shape``.
        sigma: standard deviation of the Gaussians, in heatmap pixels.
        use_score: the score of a keypoint is its peak; otherwise every peak is 1, undetected keypoints included.
        with_kp: draw keypoints.
        with_limb: draw limbs; their channels follow those of the keypoints.
        layout: name of the keypoint layout; says what limbs and mirror images are.
        skeletons: keypoint pairs joined by a limb, in place of the layout's.
        double: outside training, append the mirrored volume of each clip as further clips.
        left_kp, right_kp, left_limb, right_limb: what changes places in the mirror, in place of the layout's.
        channels_last: lay volumes out in memory with the channels last; None: where the model is on a CPU, whose
            convolutions are faster so.

    Raises:
        InputError: if nothing is to be drawn, an argument is out of range, or the keypoints of a batch do not have
            the layout.
    """

    def __init__(
        self,
        heatmap_size: Sequence[int] = (56, 56),
        sigma: float = 0.6,
        use_score: bool = True,
        with_kp: bool = True,
        with_limb: bool = False,
        layout: str = 'ibug68',
        skeletons: Sequence[Sequence[int]] | None = None,
        double: bool = False,
        left_kp: Sequence[int] | None = None,
        right_kp: Sequence[int] | None = None,
        left_limb: Sequence[int] | None = None,
        right_limb: Sequence[int] | None = None,
        channels_last: bool | None = None,
    ) -> None:
        super().__init__()
        if not (with_kp or with_limb):
            raise InputError('data_preprocessor: with_kp and with_limb are both False; there is nothing to draw')
        if len(heatmap_size) != 2 or min(heatmap_size) < 1:
            raise InputError(f'data_preprocessor.heatmap_size is {tuple(heatmap_size)}; it must be (height, width)')
        if not sigma > 0:
            raise InputError(f'data_preprocessor.sigma is {sigma}; it must be above 0')
        self.heatmap_size = (int(heatmap_size[0]), int(heatmap_size[1]))
        self.sigma = float(sigma)
        self.use_score = use_score
        self.with_kp = with_kp
        self.with_limb = with_limb
        self.double = double
        self.channels_last = channels_last
        self.keep_blobs = False
        self.layout = get_layout(layout)
        self.channels = heatmap_channels(
            self.layout, with_kp, with_limb, skeletons, left_kp, right_kp, left_limb, right_limb
        )
        # Buffers follow the model to its device; none is part of a checkpoint.
        self.register_buffer('mirror', torch.as_tensor(self.channels.mirror), persistent=False)
        self.register_buffer('limbs', torch.tensor(self.channels.limbs).reshape(-1, 2).long(), persistent=False)
        self.register_buffer('size', torch.tensor(self.heatmap_size), persistent=False)

    @property
    def num_channels(self) -> int:
        """Number of heatmaps of a frame: what ``backbone.in_channels`` has to be."""
        return len(self.channels)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return the batch on the model's device, with ``imgs``.

        Args:
            data: a batch with ``keypoint`` (N, K, M, T, V, 2) in pixels of ``img_shape`` (N, 2) (h, w) and optionally
                ``keypoint_score`` (N, K, M, T, V); or with ``imgs`` (N, K, C, T, H, W). Other fields are kept.
            training: whether this is a training batch.

        Returns:
            The fields of ``data`` and ``imgs`` (N, K, C, T, H, W), a tensor or with ``keep_blobs`` perhaps a
            ``KeypointBlobs``; 2 K clips where ``double`` applies.
        """
        device = self.mirror.device
        batch = {
            name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
            for name, value in data.items()
        }
        if 'imgs' in batch:
            imgs = batch['imgs'].float()
        elif 'keypoint' in batch:
            keypoint, score = self._scaled(batch['keypoint'], batch.get('keypoint_score'), batch.get('img_shape'))
            double = self.double and not training
            if self.keep_blobs and not self.with_limb and keypoint.shape[2] == 1 and keypoint.dtype == torch.float32:
                imgs = keypoint_blobs(keypoint[:, :, 0], score[:, :, 0], self.heatmap_size, self.sigma)
                batch['imgs'] = cat([imgs, imgs.mirrored(self.mirror)], dim=1) if double else imgs
                return batch
            imgs = self._draw(keypoint, score)
            if double:
                imgs = torch.cat([imgs, imgs.index_select(2, self.mirror).flip(-1)], dim=1)
        else:
            raise InputError(f"the batch has neither 'keypoint' nor 'imgs' (it has {', '.join(map(str, batch))})")
        if self._channels_last(imgs):
            imgs = imgs.movedim(2, -1).contiguous().movedim(-1, 2)
        batch['imgs'] = imgs
        return batch

    @torch.no_grad()
    def draw(self, keypoint: Tensor, score: Tensor | None = None, img_shape: Tensor | None = None) -> Tensor:
        """Draw a batch.

        Args:
            keypoint: (N, K, M, T, V, 2) x and y in pixels.
            score: (N, K, M, T, V); all 1 by default.
            img_shape: (N, 2) height and width the pixels refer to; by default that of the heatmaps.

        Returns:
            (N, K, C, T, H, W).
        """
        return self._draw(*self._scaled(keypoint, score, img_shape))

    @torch.no_grad()
    def _scaled(self, keypoint: Tensor, score: Tensor | None, img_shape: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return keypoints in pixels of the heatmaps, and scores."""
        if keypoint.ndim != 6 or keypoint.shape[-1] != 2:
            raise InputError(
                f'keypoint is {tuple(keypoint.shape)}; expected (samples, clips, persons, frames, keypoints, 2)'
            )
        if (self.with_limb or self.double) and keypoint.shape[-2] != self.layout.num_keypoints:
            raise InputError(
                f'the batch has {keypoint.shape[-2]} keypoints, the layout in model.data_preprocessor '
                f"('{self.layout.name}') {self.layout.num_keypoints}; name the layout of the annotations there"
            )
        if keypoint.dtype != torch.float64:
            keypoint = keypoint.float()
        if img_shape is not None:
            factor = (self.size / img_shape.to(keypoint.dtype)).flip(-1)
            keypoint = keypoint * factor.reshape(-1, 1, 1, 1, 1, 2)
        score = torch.ones_like(keypoint[..., 0]) if score is None or not self.use_score else score.to(keypoint.dtype)
        return keypoint, score

    @torch.no_grad()
    def _draw(self, keypoint: Tensor, score: Tensor) -> Tensor:
        kind = keypoint.device.type
        autocast = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        dtype = torch.get_autocast_dtype(kind) if autocast else keypoint.dtype
        last = self._channels_last(keypoint)
        volumes = []
        if self.with_kp:
            volumes.append(draw_keypoints(keypoint, score, self.heatmap_size, self.sigma, dtype, last))
        if self.with_limb:
            volumes.append(draw_limbs(keypoint, score, self.limbs, self.heatmap_size, self.sigma, dtype))
        return volumes[0] if len(volumes) == 1 else torch.cat(volumes, dim=2)

    def _channels_last(self, tensor: Tensor) -> bool:
        return tensor.device.type == 'cpu' if self.channels_last is None else self.channels_last
