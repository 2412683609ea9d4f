"""Checkpoints that are whole, or not there."""

from __future__ import annotations

import os
from io import BytesIO

from mmengine.fileio import LocalBackend, register_backend

from pyskl.files import replacing

__all__ = ['AtomicLocalBackend']


@register_backend('AtomicLocalBackend')
class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written under a temporary name and renamed.

    mmengine writes a checkpoint in place, so that a run killed at that moment leaves half a file under the name it
    would resume from.
    """

    def put(self, obj: bytes | BytesIO, filepath: str | os.PathLike[str]) -> None:
        """Write bytes to a file in one step."""
        content = obj.getbuffer() if isinstance(obj, BytesIO) else obj
        with replacing(filepath, make_folder=True) as temporary:
            temporary.write_bytes(content)

    def put_text(self, obj: str, filepath: str | os.PathLike[str], encoding: str = 'utf-8') -> None:
        """Write text to a file in one step."""
        self.put(obj.encode(encoding), filepath)
