"""Real clips and the extractor every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pyskl.assets import fetch_asset
from pyskl.landmarks import MediaPipeExtractor


@pytest.fixture(scope='session')
def clips() -> Path:
    return fetch_asset('pyfeat_videos')


@pytest.fixture(scope='session')
def carphone() -> Path:
    return fetch_asset('carphone')


@pytest.fixture(scope='session')
def extractor() -> Iterator[MediaPipeExtractor]:
    with MediaPipeExtractor() as opened:
        yield opened
