"""The keypoint store: an annotation of any size as a folder of memory-mapped arrays."""

from __future__ import annotations

from pyskl.datasets.store.convert import converted_pickle
from pyskl.datasets.store.reader import KeypointStore, is_store, open_store
from pyskl.datasets.store.writer import StoreWriter, write_store

__all__ = ['KeypointStore', 'StoreWriter', 'converted_pickle', 'is_store', 'open_store', 'write_store']
