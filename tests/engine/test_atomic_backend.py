"""Checkpoints are whole, or not there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from mmengine.runner.checkpoint import save_checkpoint

from pyskl.engine import AtomicLocalBackend
from pyskl.errors import InputError


def test_bytes_and_text_are_written(tmp_path):
    backend = AtomicLocalBackend()
    backend.put(b'bytes', tmp_path / 'new' / 'a')
    backend.put(io.BytesIO(b'buffer'), tmp_path / 'b')
    backend.put_text('text', tmp_path / 'c')
    assert [(tmp_path / name).read_bytes() for name in ('new/a', 'b', 'c')] == [b'bytes', b'buffer', b'text']


def test_mmengine_saves_through_it_and_a_failure_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'epoch_1.pth'
    save_checkpoint({'number': 1}, str(path), backend_args={'backend': 'AtomicLocalBackend'})

    def full(self, content):
        with self.open('wb') as file:
            file.write(content[: len(content) // 2])
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(InputError, match='No space left on device'):
        save_checkpoint({'number': 2}, str(path), backend_args={'backend': 'AtomicLocalBackend'})
    assert torch.load(path, weights_only=True) == {'number': 1}
    assert [file.name for file in tmp_path.iterdir()] == ['epoch_1.pth']
