"""Running the commands as a user types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def shell(root: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Run ``bash SCRIPT ARGUMENTS...`` in the checkout with this Python; the result has text output."""

    def run(*arguments: object, timeout: float = 600, **variables: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1', **variables}
        return subprocess.run(
            ['bash', *map(str, arguments)],
            cwd=root,
            env=environment,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    return run
