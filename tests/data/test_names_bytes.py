"""Names of files and folders that are not valid UTF-8: classes are valid Unicode, paths can still be opened."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import Dataset, prepare, scan, set_name
from automl_cnn.data.cache import prepare_arrays
from automl_cnn.errors import DataError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")


def images(root: Path, *classes: bytes, each: int = 8) -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        folder = root / os.fsdecode(name)
        folder.mkdir(parents=True)
        for number in range(each):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / os.fsdecode(b"p\xffh-%d.png" % number))
    return root


def test_classes_are_valid_unicode_and_paths_still_open(tmp_path):
    folder = images(tmp_path / os.fsdecode(b"d\xe9"), b"caf\xe9", b"th\xc3\xa9")
    scanned = scan(folder)
    assert scanned.classes == ("caf\\xe9", "thé")
    assert all((folder / path).is_file() for path, _, _ in scanned.files)
    assert set_name(folder) == "d\\xe9"


def test_a_data_set_comes_back_from_its_file(tmp_path):
    folder = images(tmp_path / "data", b"caf\xe9", b"b")
    (folder / os.fsdecode(b"caf\xe9") / os.fsdecode(b"br\xf6ken.png")).write_bytes(b"no image")
    dataset = prepare(folder, tmp_path / "cache")
    dataset.save(tmp_path / "dataset.json")
    again = Dataset.load(tmp_path / "dataset.json")
    assert again.paths == dataset.paths
    assert all((Path(again.folder) / path).is_file() for path in again.paths)
    for text in (again.name, *again.classes, *again.notes, *(part for item in again.skipped for part in (item.path, item.reason))):
        text.encode("utf-8")
    assert any("br\\xf6ken" in item.path for item in again.skipped)


def test_two_folders_never_become_one_class(tmp_path):
    images(tmp_path, b"caf\xe9", b"caf\\xe9")
    with pytest.raises(DataError, match="both read"):
        scan(tmp_path)


def test_labels_of_arrays_may_be_names_of_such_folders(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    dataset = prepare_arrays(pictures, [os.fsdecode(b"caf\xe9"), "b"] * 10, tmp_path / "cache")
    assert dataset.classes == ("b", "caf\\xe9")
    json.dumps(dataset.classes, ensure_ascii=False).encode("utf-8")
