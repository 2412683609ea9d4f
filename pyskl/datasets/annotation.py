"""The annotation: which tracks there are, in which split, with which keypoints and labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyskl.datasets.checks import check_metainfo, check_splits
from pyskl.datasets.safe_pickle import load_pickle
from pyskl.datasets.store.reader import is_store, open_store
from pyskl.errors import InputError, did_you_mean

__all__ = ['AnnotationFile', 'open_annotations', 'read_annotation_file']


@dataclass(frozen=True)
class AnnotationFile:
    """The content of an annotation file or a keypoint store.

    Attributes:
        path: where it was read from.
        splits: split name -> ids (``frame_dir``) of its tracks.
        samples: id -> sample (see ``docs/data_format.md``); a :class:`pyskl.datasets.store.KeypointStore` makes them
            when they are asked for.
        metainfo: what the file says of itself: ``dataset``, ``aus``, ``keypoint_layout``, ``fps``...
    """

    path: Path
    splits: Mapping[str, Sequence[str]]
    samples: Mapping[str, dict]
    metainfo: Mapping[str, Any]

    def names(self, split: str | None) -> list[str]:
        """Return the ids of a split in the file's order; all of them when ``split`` is None.

        Raises:
            InputError: if the split is unknown, empty, lists an id twice, or lists one that has no sample.
        """
        if split is None:
            if not self.samples:
                raise InputError(f'{self.path}: annotations: is empty')
            return list(self.samples)
        if not self.splits:
            raise InputError(f"{self.path}: split: is missing, so there is no split '{split}'")
        if split not in self.splits:
            raise InputError(f"{self.path}: split: there is no split '{split}'; {did_you_mean(split, self.splits)}")
        missing = [name for name in self.splits[split] if name not in self.samples]
        if missing:
            raise InputError(f"{self.path}: split '{split}' lists '{missing[0]}', which has no annotation")
        twice = [name for name, count in Counter(self.splits[split]).items() if count > 1]
        if twice:
            raise InputError(f"{self.path}: split '{split}' lists '{twice[0]}' twice")
        if not self.splits[split]:
            raise InputError(f"{self.path}: split '{split}' is empty")
        return list(self.splits[split])

    def tracks(self, split: str | None) -> list[dict]:
        """Return the samples of :meth:`names`, as they are in the file."""
        return [self.samples[name] for name in self.names(split)]


def open_annotations(path: str | os.PathLike[str]) -> AnnotationFile:
    """Open an annotation: a pickle or a keypoint store.

    A pickle of more than :data:`pyskl.datasets.store.convert.CONVERT_FROM_BYTES` is converted to a store once; from
    then on the store is opened.

    Args:
        path: the pickle file, or the folder of the store.

    Raises:
        InputError: if there is none, or it is unusable.
    """
    path = Path(path)
    if path.is_dir():
        if not is_store(path):
            raise InputError(f'ann_file: {path} is a folder, but no keypoint store (it has no meta.json)')
        return _of_store(path, path)
    from pyskl.datasets.store.convert import converted_pickle

    store = converted_pickle(path, read_annotation_file) if path.is_file() else None
    return read_annotation_file(path) if store is None else _of_store(path, store)


def _of_store(path: Path, folder: Path) -> AnnotationFile:
    store = open_store(folder)
    return AnnotationFile(path, store.splits, store, store.metainfo)


def read_annotation_file(path: str | os.PathLike[str]) -> AnnotationFile:
    """Read an annotation file in PYSKL's form, safely.

    The form is ``dict(split={name: [frame_dir, ...]}, annotations=[sample, ...])``, optionally with ``metainfo``.

    Raises:
        InputError: if the file is missing, is no such file, or would run code.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(
            f'ann_file: {path} does not exist; set `ann_file` in the config, or give --ann-file PATH '
            f'(docs/data_format.md tells how to make one)'
        )
    content = load_pickle(path)
    if not isinstance(content, dict) or 'annotations' not in content:
        raise InputError(f"{path}: must hold a dict with the keys 'split' and 'annotations'")
    annotations, splits, metainfo = content['annotations'], content.get('split', {}), content.get('metainfo') or {}
    if not isinstance(annotations, list | tuple):
        raise InputError(f'{path}: annotations: must be a list of samples, not {type(annotations).__name__}')
    check_splits(splits, path)
    check_metainfo(metainfo, path)
    samples: dict[str, dict] = {}
    for number, sample in enumerate(annotations):
        if not isinstance(sample, dict) or not isinstance(sample.get('frame_dir'), str):
            raise InputError(f"{path}: annotations[{number}]: must be a dict with a string 'frame_dir'")
        if sample['frame_dir'] in samples:
            raise InputError(f"{path}: annotations[{number}]: frame_dir '{sample['frame_dir']}' stands there twice")
        samples[sample['frame_dir']] = sample
    return AnnotationFile(path, splits, samples, metainfo)
