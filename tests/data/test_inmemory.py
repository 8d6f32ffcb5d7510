"""Images that Python code holds."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_cnn.data import prepare_arrays
from automl_cnn.data.inmemory import files_of, is_frame, pictures_of
from automl_cnn.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), dtype=np.uint8)
LABELS = [0, 1] * 6


class Tensors:
    """As PyTorch's data sets: a length, items, channels first, names of the classes."""

    classes = ("cat", "dog")

    def __len__(self):
        return 12

    def __getitem__(self, number):
        if not 0 <= number < 12:
            raise IndexError
        return Tensor(np.moveaxis(IMAGES[number], -1, 0)), LABELS[number]


class Tensor:
    def __init__(self, array):
        self.array = array

    def permute(self, *axes):
        raise NotImplementedError

    def numpy(self):
        return self.array


class Batches:
    """As `tf.data`."""

    def __init__(self, size, hot=False):
        self.size, self.hot = size, hot

    def as_numpy_iterator(self):
        labels = np.eye(2)[LABELS] if self.hot else np.array(LABELS)
        if self.size is None:
            yield from zip(IMAGES, labels, strict=True)
        else:
            for start in range(0, 12, self.size):
                yield IMAGES[start : start + self.size], labels[start : start + self.size]


@pytest.mark.parametrize(
    "data",
    [
        (IMAGES, LABELS),
        [list(IMAGES), np.array(LABELS)],
        pd.DataFrame({"image": list(IMAGES), "label": LABELS}),
        Batches(None),
        Batches(5),
        Batches(5, hot=True),
        Tensors(),
        [(Image.fromarray(image), label) for image, label in zip(IMAGES, LABELS, strict=True)],
    ],
    ids=["pair", "lists", "frame", "tf.data", "batches", "one-hot", "tensors", "list of pairs"],
)
def test_every_kind_gives_the_same_data_set(data, tmp_path):
    images, labels = pictures_of(data)
    made = prepare_arrays(images, labels, tmp_path)
    assert len(made) == 12
    assert made.labels.tolist() == LABELS
    assert made.classes in (("0", "1"), ("cat", "dog"))
    assert np.array_equal(np.load(made.array)[3], IMAGES[3])


def test_a_frame_of_paths_lists_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"file": ["a/1.png", "b/2.png"], "species": ["cat", "dog"]})
    assert is_frame(frame)
    files = files_of(frame, "label=species")
    assert files.folder == tmp_path
    assert files.files == (("a/1.png", 0, None), ("b/2.png", 1, None))
    with pytest.raises(DataError, match="Line 2 of the data frame: '/etc/passwd' lies outside of"):
        files_of(pd.DataFrame({"path": ["a.png", "/etc/passwd"], "label": [0, 1]}))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (3, "of the type int: expected a folder, a table or an archive"),
        ({"a": 1}, "of the type dict"),
        ([1, 2, 3], "Item 0 of the list is not a pair"),
        (pd.DataFrame({"image": list(IMAGES)}), "no column of labels"),
    ],
)
def test_what_holds_no_images_is_refused(data, words):
    with pytest.raises(DataError, match=words):
        pictures_of(data)
