"""Running the machinery as the commands do."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pyskl.preprocess import add_arguments, run_preprocessing


@pytest.fixture(scope='session')
def preprocess() -> Callable[..., int]:
    """Run jobs with arguments as they are typed: ``preprocess(jobs, '--out', path, metainfo=..., recipe=...)``."""

    def run(
        jobs: Sequence[Any],
        *words: object,
        metainfo: dict[str, Any],
        recipe: dict[str, Any] | None = None,
        **more: Any,
    ) -> int:
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        words = words if '--workers' in words else (*words, '--workers', 0)
        return run_preprocessing(jobs, parser.parse_args([str(word) for word in words]), metainfo, recipe or {}, **more)

    return run


@pytest.fixture
def content() -> Callable[[Path], dict[str, bytes]]:
    """Read a result, file by file: relative name -> bytes; the summary is left out."""

    def read(path: Path) -> dict[str, bytes]:
        if path.is_file():
            return {'': path.read_bytes()}
        files = [file for file in path.rglob('*') if file.is_file() and file.name != 'summary.json']
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}

    return read
