"""A process of ours keeps the memory that it frees."""

from __future__ import annotations

import platform
import subprocess

import pytest

from automl_cnn.processes import environment, python

FAULTS = """
import resource
import numpy as np
from automl_cnn.allocator import keep_freed_memory

print(keep_freed_memory() if {keep} else None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(100 * 2**20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 100 * 2**20 // 4096
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def faults(*, keep: bool, **variables: str) -> tuple[str, int]:
    """What `keep_freed_memory` answered, and the page faults of twenty allocations of 100 MB."""
    done = subprocess.run(python("-c", FAULTS.format(keep=keep)), capture_output=True, text=True, check=True, env=environment(variables))
    answer, number = done.stdout.split()
    return answer, int(number)


@glibc
def test_memory_that_was_freed_is_used_again_without_page_faults():
    answer, kept = faults(keep=True)
    _, left = faults(keep=False)
    assert answer == "True"
    assert kept < 2 * PAGES
    assert left > 10 * PAGES or left > 5 * kept


@glibc
def test_settings_of_the_user_stand():
    assert faults(keep=True, MALLOC_TOP_PAD_="1048576")[0] == "False"


def test_another_system_is_left_alone(monkeypatch):
    from automl_cnn import allocator

    class Other:
        pass

    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: Other())
    assert allocator.keep_freed_memory() is False

    def fails(name):
        raise TypeError("expected str")

    monkeypatch.setattr(allocator.ctypes, "CDLL", fails)
    assert allocator.keep_freed_memory() is False
