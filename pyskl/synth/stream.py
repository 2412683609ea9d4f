"""Fresh synthetic faces for every sample of a training run, without a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from pyskl.datasets.collate import pose_collate  # noqa: F401 - loaders of this data set name it in their config
from pyskl.datasets.transforms.compose import Compose
from pyskl.datasets.transforms.decode import PoseDecode
from pyskl.datasets.transforms.resting_face import SubtractRestingFace
from pyskl.errors import InputError
from pyskl.keypoints import convert_keypoints, get_layout, resting_face
from pyskl.registry import DATASETS
from pyskl.synth.dataset import metainfo_of
from pyskl.synth.presets import with_labels
from pyskl.synth.track import MAX_NUMBER, check_seed, load_model, simulate_track

__all__ = ['SyntheticFaceDataset']

SPARE = 1.5  # how much longer a track is than its clip, so that transforms can move and stretch the window


@DATASETS.register_module()
class SyntheticFaceDataset(Dataset):
    """Clips of people who never come back: each sample of each epoch shows a new one, made when it is asked for.

    It looks like a data set of ``length`` samples, because the training loop, the sampler and the learning rate
    schedule of mmengine count the samples of an epoch; there is no sampler for an iterable without a length. Sample
    ``index`` of epoch ``epoch`` is person number ``epoch * length + index`` of the seed. So the person depends on
    nothing else: workers and ranks, among which the sampler shares out the indices, never make the same one; any number
    of them gives the same faces; and a resumed run goes on with those it would have had. The people are none of those
    of a data set that ``tools/data/make_synthetic.py`` makes, whatever its seed: one of them can be used for testing.

    Args:
        preset: what the tracks are like; their number and length are not taken from it.
        pipeline: transforms, as config dicts or callables; ``SampleWindow`` takes the clip out of the track.
        clip_len: length of a clip in frames.
        track_len: length of the track that it is taken from; at least half as long again as the clip, and as what
            ``SubtractRestingFace`` needs to know a resting face. A longer one costs more and tells more of it.
        length: number of samples of an epoch.
        seed: of the faces and of the random augmentation.
        keypoint_layout: the layout the samples shall have, such as ``ibug51`` or ``mediapipe478:brows+mouth``; None:
            ibug68.
        num_classes: number of AUs the network has; must be that of ``aus``.
        aus: the labels: a set (``affwild``, ``bp4d``, ``disfa``, ``all``) or a list of names; None: of the preset.
        test_mode: leave the window where it lies.

    Raises:
        InputError: if a setting cannot be used.

    Example:
        >>> dataset = SyntheticFaceDataset(pipeline=[], clip_len=16, length=1000)
        >>> dataset[0]['keypoint'].shape
        (1, 24, 68, 2)
    """

    label_kind = 'frame'
    has_known_labels = True

    def __init__(
        self,
        preset: str = 'demo',
        pipeline: Sequence[Any] = (),
        clip_len: int = 16,
        length: int = 4096,
        seed: int = 0,
        keypoint_layout: str | None = None,
        num_classes: int | None = None,
        aus: str | Sequence[str] | None = None,
        test_mode: bool = False,
        track_len: int = 1,
    ) -> None:
        check_seed(seed)
        for name, number in (('clip_len', clip_len), ('length', length), ('track_len', track_len)):
            if not isinstance(number, int) or isinstance(number, bool) or number < 1:
                raise InputError(f'SyntheticFaceDataset: {name} must be a whole number of at least 1, not {number!r}')
        wanted = get_layout(keypoint_layout or 'ibug68')
        source = 'mediapipe478' if wanted.name.startswith('mediapipe') else 'ibug68'
        self._preset = with_labels(preset, aus, source)
        select = convert_keypoints(source, wanted.name)
        whole = len(select) == get_layout(source).num_keypoints and bool((np.diff(select) == 1).all())
        self._select = None if whole else select
        self._source = source
        self.keypoint_layout = wanted.name
        self.clip_len, self.length, self.seed, self.test_mode = clip_len, length, int(seed), test_mode
        self.metainfo = {**metainfo_of(self._preset, seed), 'preset': preset, 'keypoint_layout': wanted.name}
        if num_classes is not None and len(self.metainfo['aus']) != num_classes:
            raise InputError(
                f'SyntheticFaceDataset: aus: names {len(self.metainfo["aus"])} AUs, but the model has {num_classes}'
            )
        self.pipeline = Compose(pipeline)
        rests = [step.least_frames for step in self.pipeline.transforms if isinstance(step, SubtractRestingFace)]
        self._wants_rest = bool(rests)
        self.track_len = int(max(track_len, np.ceil(SPARE * max([clip_len, *rests]))))
        self._decodes = any(isinstance(step, PoseDecode) for step in self.pipeline.transforms)
        # Shared memory: loader workers that stay alive between epochs see the new value.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Tell the data set which epoch it is; each has other people."""
        if (epoch + 1) * self.length >= MAX_NUMBER:
            raise InputError(f'SyntheticFaceDataset: epoch {epoch} of {self.length} samples is beyond the last person')
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return self.length

    def prepare(self, index: int) -> dict[str, Any]:
        """Return sample ``index`` of this epoch before the transforms: a track that is longer than the clip."""
        if not 0 <= index < self.length:
            raise IndexError(f'sample {index} of {self.length}')
        number = int(self._epoch) * self.length + int(index)
        frames = self.track_len
        sample = simulate_track(self.seed, 'stream', number, self._preset, load_model(self._source), frames)
        sample['keypoint_layout'] = self.keypoint_layout
        if self._wants_rest:
            face, seen = resting_face(sample['keypoint'], sample['keypoint_score'], get_layout(self._source))
            sample['resting_face'] = face if self._select is None else face[:, self._select]
            sample['resting_frames'] = seen
        if self._select is not None and self._decodes:
            sample['keypoint_select'] = self._select
            sample['source_layout'] = self._source
        elif self._select is not None:
            sample['keypoint'] = sample['keypoint'][:, :, self._select]
            sample['keypoint_score'] = sample['keypoint_score'][:, :, self._select]
        start = (frames - self.clip_len) // 2
        sample.update(
            sample_idx=index,
            window_start=start,
            owned=(start, start + self.clip_len),
            window_fixed=self.test_mode,
            test_mode=self.test_mode,
            start_index=0,
            modality='Pose',
            rng=np.random.default_rng((self.seed, number, 1)),
        )
        return sample

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.pipeline(self.prepare(index))
