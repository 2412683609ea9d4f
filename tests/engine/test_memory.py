"""Memory that is freed is used again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyskl.engine import memory

SCRIPT = """
import resource
import sys

import torch

from pyskl.engine.memory import keep_freed_memory

done = keep_freed_memory() if sys.argv[1] == 'keep' else None
faults = []
for number in range(11):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensor = torch.ones(16_000_000)
    del tensor
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(done, sorted(faults)[5])
"""


def page_faults(mode: str, **variables: str) -> tuple[str, int]:
    plain = {name: value for name, value in os.environ.items() if name not in memory._SETTINGS}
    output = subprocess.run(
        [sys.executable, '-c', SCRIPT, mode], env={**plain, **variables}, capture_output=True, text=True, check=True
    )
    done, count = output.stdout.split()
    return done, int(count)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='a setting of glibc')
def test_the_next_tensor_takes_the_pages_of_the_last():
    _, without = page_faults('default')
    done, kept = page_faults('keep')
    assert done == 'True'
    assert without >= 64_000_000 // (2 << 20)  # one for each page, however large a page is
    assert kept < without / 5


def test_the_user_s_own_settings_are_left_alone():
    assert page_faults('keep', MALLOC_TRIM_THRESHOLD_='131072')[0] == 'False'


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, 'platform', 'darwin')
    assert memory.keep_freed_memory() is False
