"""Compiling the kernels: once, for this processor, and never a reason to stop."""

from __future__ import annotations

import ctypes
import shutil
import sys

import pytest

from pyskl.models.kernels import build

needs_compiler = pytest.mark.skipif(
    sys.platform == 'win32' or not any(map(shutil.which, build.COMPILERS)), reason='there is no C++ compiler here'
)


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty cache, and a loader that has loaded nothing yet."""
    monkeypatch.setenv('PYSKL_CACHE', str(tmp_path))
    monkeypatch.delenv(build.SWITCH, raising=False)
    build.load_kernels.cache_clear()
    yield tmp_path
    build.load_kernels.cache_clear()


@needs_compiler
def test_compiled_once_and_found_again(fresh, monkeypatch):
    library = build.load_kernels()
    assert isinstance(library, ctypes.CDLL) and library.blob_stem_forward
    (made,) = (fresh / 'kernels').glob('*.so')
    monkeypatch.setattr(build, '_compile', lambda *_: pytest.fail('compiled again'))
    build.load_kernels.cache_clear()
    assert build.load_kernels()._name == str(made)


@needs_compiler
def test_another_processor_or_source_gets_another_library(fresh, monkeypatch):
    compiler = next(filter(None, map(shutil.which, build.COMPILERS)))
    monkeypatch.setattr(build, '_compile', lambda compiler, sources, target: target.touch())
    first = build._library(compiler)
    monkeypatch.setattr(build, '_processor', lambda: 'another one')
    assert build._library(compiler) != first


@needs_compiler
@pytest.mark.parametrize('damage', [b'', b'\x7fELF', None])
def test_a_damaged_library_is_made_again(fresh, damage):
    build.load_kernels()
    (made,) = (fresh / 'kernels').glob('*.so')
    good = made.read_bytes()
    made.unlink()  # what is mapped stays
    if damage is not None:
        made.write_bytes(damage)
    build.load_kernels.cache_clear()
    assert build.load_kernels() is not None
    assert made.read_bytes() == good


@needs_compiler
def test_a_library_where_others_can_write_is_not_loaded(fresh, monkeypatch, caplog):
    (fresh / 'kernels').mkdir(mode=0o700)
    (fresh / 'kernels').chmod(0o777)
    library = build.load_kernels()
    assert library is not None and str(fresh) not in library._name
    assert not list((fresh / 'kernels').iterdir())
    assert 'by others' in caplog.text


def test_it_can_be_switched_off(fresh, monkeypatch):
    monkeypatch.setenv(build.SWITCH, '0')
    monkeypatch.setattr(build, '_library', lambda _: pytest.fail('compiled'))
    assert build.load_kernels() is None


def test_without_a_compiler_there_are_none(fresh, monkeypatch):
    monkeypatch.setattr(build.shutil, 'which', lambda _: None)
    assert build.load_kernels() is None


def test_a_compiler_that_fails_is_named_and_leaves_nothing(fresh, monkeypatch, caplog):
    fake = fresh / 'c++'
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo fake 1.0 && exit 0\necho "no such header" >&2\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setattr(build.shutil, 'which', lambda _: str(fake))
    assert build.load_kernels() is None
    assert 'no such header' in caplog.text
    assert not list((fresh / 'kernels').iterdir())


def test_a_damaged_library_is_no_reason_to_stop(fresh, monkeypatch, caplog):
    monkeypatch.setattr(build, '_compile', lambda compiler, sources, target: target.write_bytes(b'not a library'))
    monkeypatch.setattr(build, '_processor', lambda: 'another one')  # nothing of that name is loaded already
    monkeypatch.setattr(build.shutil, 'which', lambda _: sys.executable)
    assert build.load_kernels() is None
    assert 'plain PyTorch' in caplog.text
