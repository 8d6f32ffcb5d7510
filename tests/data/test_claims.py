"""What a search or a prediction reads from the cache is not deleted by another process."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from automl_cnn.data import arrays, claims, unpacked
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.to_predict import pictures_of
from automl_cnn.errors import DataError

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


PREDICT = """
import sys
from contextlib import ExitStack
from pathlib import Path
from automl_cnn.data.to_predict import pictures_of
archive, cache = map(Path, sys.argv[1:])
with ExitStack() as claim:
    images = pictures_of(archive, cache, claim=claim).images
    print(len(images), flush=True)
    sys.stdin.readline()
    print(sum(one.path.exists() for one in images), flush=True)
    sys.stdin.readline()
print("closed", flush=True)
sys.stdin.readline()
"""


def packed(tmp_path, kind):
    """An archive, or a table with its images inside, of three images."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "PNG")
    if kind == "parquet":
        path = tmp_path / "photos.parquet"
        pq.write_table(pa.table({"image": [content.getvalue()] * 3}), path)
        return path
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", content.getvalue())
    return path


@pytest.mark.parametrize("known", [False, True], ids=["new", "unpacked before"])
@pytest.mark.parametrize("kind", ["zip", "parquet"])
def test_what_was_unpacked_stays_while_it_is_predicted(tmp_path, kind, known):
    source, cache = packed(tmp_path, kind), tmp_path / "cache"
    if known:
        pictures_of(source, cache)
    command = [sys.executable, "-c", PREDICT, str(source), str(cache)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "3\n"
        place = unpacked.place_of(source, cache)
        other = cache / unpacked.FOLDER / "other"
        other.mkdir()
        unpacked.used(other, cache, 0)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "3\n"
        assert unpacked.is_complete(place)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"
        unpacked.used(other, cache, 0)
        assert not place.exists(), "it gives way once nobody reads it"
        process.stdin.write("\n")
        process.stdin.flush()
    assert not list((cache / unpacked.FOLDER).glob(".*"))


def test_an_archive_that_was_deleted_right_before_it_was_claimed_is_unpacked_again(tmp_path, monkeypatch):
    source, cache = packed(tmp_path, "zip"), tmp_path / "cache"
    claimed = claims.claimed

    def late(folder, family):
        shutil.rmtree(folder / family)
        return claimed(folder, family)

    monkeypatch.setattr(claims, "claimed", late)
    with contextlib.ExitStack() as claim:
        assert all(one.path.exists() for one in pictures_of(source, cache, claim=claim).images)


def test_an_archive_that_cannot_be_unpacked_leaves_no_folder(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK")
    with contextlib.ExitStack() as claim, pytest.raises(DataError):
        pictures_of(tmp_path / "bad.zip", tmp_path / "cache", claim=claim)
    assert not (tmp_path / "cache").exists()


def test_a_search_keeps_what_was_unpacked_for_it(tmp_path):
    source, cache = packed(tmp_path, "zip"), tmp_path / "cache"
    with contextlib.ExitStack() as claim:
        with contextlib.suppress(DataError):
            scan_input(source, cache=cache, claim=claim)
        assert claims.in_use(cache / unpacked.FOLDER) == {unpacked.place_of(source, cache).name}
    assert claims.in_use(cache / unpacked.FOLDER) == set()
