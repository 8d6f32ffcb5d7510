"""Decoded images that a search reads are not deleted by another."""

import os
import subprocess
import sys

import numpy as np
import pytest

from automl_cnn.data import arrays, claims

CLAIM = """
import sys
from pathlib import Path
from automl_cnn.data import claims
with claims.claimed(Path(sys.argv[1]), "used"):
    print("claimed", flush=True)
    sys.stdin.read()
"""
SHAPE = (10, 4, 4, 3)


def write(folder, name, limit=10**9):
    arrays.write(folder / name, SHAPE, [np.zeros(SHAPE, np.uint8)], limit)


@pytest.fixture
def cache(tmp_path):
    """Arrays of two data sets, the claimed one's the older."""
    for age, name in enumerate(("used-4.npy", "used-8.npy", "other-4.npy")):
        write(tmp_path, name)
        os.utime(tmp_path / name, (1e9 + age, 1e9 + age))
    return tmp_path


def left(folder):
    return sorted(path.name for path in folder.glob("*.npy"))


def test_arrays_in_use_are_spared_at_every_size(cache):
    with claims.claimed(cache, "used"):
        write(cache, "new-4.npy", limit=1)
        assert left(cache) == ["new-4.npy", "used-4.npy", "used-8.npy"]
    assert not list(cache.glob(".*"))
    write(cache, "last-4.npy", limit=1)
    assert left(cache) == ["last-4.npy"]


def test_two_searches_may_read_the_same_images(cache):
    with claims.claimed(cache, "used"):
        with claims.claimed(cache, "used"):
            pass
        assert claims.in_use(cache) == {"used"}
    assert claims.in_use(cache) == set()


def test_a_claim_ends_with_its_process_however_it_ends(cache):
    with subprocess.Popen([sys.executable, "-c", CLAIM, str(cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "claimed\n"
        assert claims.in_use(cache) == {"used"}
        process.kill()
    assert list(cache.glob(".used.*.used"))
    write(cache, "new-4.npy", limit=1)
    assert left(cache) == ["new-4.npy"]
    assert not list(cache.glob(".*"))


def test_a_folder_that_cannot_be_written_is_read_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    with claims.claimed(tmp_path / "file", "used"):
        pass
