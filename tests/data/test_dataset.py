import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from automl_cnn.data import Dataset, Skipped
from automl_cnn.errors import DataError

DATASET = Dataset(
    name="pets",
    folder="/photos/pets",
    classes=("cat", "dög"),
    channels=3,
    side=32,
    paths=("cat/1.png", "cat/2.png", "cat/\udcff.png", "dög/1.png", "dög/2.png"),
    labels=np.array([0, 0, 0, 1, 1], np.int32),
    splits=np.array([0, 0, 1, 0, 2], np.int8),
    fingerprint="ab12",
    array="/cache/x-32.npy",
    skipped=(Skipped("dög/3.png", "the file is empty (0 bytes)"),),
    duplicates=1,
    notes=("a note",),
    native=31,
)


def test_rows_counts_imbalance():
    assert DATASET.rows("train").tolist() == [0, 1, 3]
    assert DATASET.rows("val").tolist() == [2]
    assert DATASET.counts("train").tolist() == [2, 1]
    assert DATASET.counts("test").tolist() == [0, 1]
    assert DATASET.imbalance == 2.0
    assert len(DATASET) == 5


def test_saved_and_loaded_is_the_same(tmp_path):
    path = tmp_path / "new" / "dataset.json"
    DATASET.save(path)
    loaded = Dataset.load(path)
    for field in dataclasses.fields(Dataset):
        mine, theirs = getattr(DATASET, field.name), getattr(loaded, field.name)
        assert type(mine) is type(theirs), field.name
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype
            assert np.array_equal(mine, theirs)
        else:
            assert mine == theirs, field.name
    assert [file.name for file in path.parent.iterdir()] == ["dataset.json"]


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "dataset.json"
    DATASET.save(path)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        dataclasses.replace(DATASET, name="other").save(path)
    assert Dataset.load(path).name == "pets"
    assert len(list(tmp_path.iterdir())) == 1


def test_load_tells_what_is_wrong(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        Dataset.load(tmp_path / "none.json")
    for content in ("{", "[]", '{"name": "x"}'):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(DataError, match="not a data set description"):
            Dataset.load(tmp_path / "bad.json")


def test_deeply_nested_json_is_no_data_set(tmp_path):
    (tmp_path / "dataset.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="not a data set description"):
        Dataset.load(tmp_path / "dataset.json")


def test_the_data_layer_is_light():
    code = "import sys, automl_cnn.data; print(sorted({'keras', 'tensorflow', 'sklearn', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
