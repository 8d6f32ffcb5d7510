"""Several labels for each image, in whatever form Python has them."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from automl_cnn.data.indicators import indicators_of
from automl_cnn.data.inmemory import pictures_of
from automl_cnn.errors import DataError

ARRAY = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0]])
SETS = [("a", "c"), (), ("b",)]


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        (ARRAY, [0, 1, 2]),
        (ARRAY.astype(bool), [0, 1, 2]),
        (ARRAY.astype(float), [0, 1, 2]),
        (ARRAY.tolist(), [0, 1, 2]),
        (list(ARRAY), [0, 1, 2]),
        (csr_matrix(ARRAY), [0, 1, 2]),
        (pd.DataFrame(ARRAY, columns=["x", "y", "z"]), ["x", "y", "z"]),
        (pd.DataFrame(ARRAY, columns=[3, 5, 7]), [3, 5, 7]),
        (SETS, ["a", "b", "c"]),
        ([set(one) for one in SETS], ["a", "b", "c"]),
        (pd.Series([list(one) for one in SETS]), ["a", "b", "c"]),
        (["a|c", "|", "b"], ["a", "b", "c"]),
        (np.array(["a|c", "|", "b"]), ["a", "b", "c"]),
        ([{1, 30}, set(), {2}], [1, 2, 30]),
        ([[0, 2], [], [1]], [0, 1, 2]),
    ],
)
def test_every_usual_form_is_an_array_of_zeros_and_ones(given, labels):
    made, order = indicators_of(given)
    assert made.tolist() == ARRAY.tolist()
    assert order == labels
    again, known = indicators_of(given, labels)
    assert again.tolist() == ARRAY.tolist()
    assert known == labels


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "type NoneType"),
        ("a|b", "type str"),
        (7, "type int"),
        ([1, 0, 1], "labels of image 0 are of the type int"),
        (np.array([1, 0, 1]), r"shape \(3,\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (ARRAY * 2, "hold 2"),
        (ARRAY * np.nan, "hold nan"),
        (np.array([["a", "b"]]), "hold 'a'"),
        ([["a"], [None]], "label is missing"),
        ([["a"], [["b"]]], "not hashable"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(given, words):
    with pytest.raises(DataError, match=words):
        indicators_of(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ARRAY[:, :2], "2 columns: expected those that the model knows, 'a', 'b', 'c', in this order"),
        (pd.DataFrame(ARRAY, columns=["a", "c", "b"]), "in this order"),
        ([["a", "owl"]], "name 'owl', which the model does not know"),
    ],
)
def test_what_does_not_fit_known_labels_is_named(given, words):
    with pytest.raises(DataError, match=words):
        indicators_of(given, ["a", "b", "c"])


def test_whatever_holds_images_may_hold_several_labels_each():
    images = np.zeros((3, 8, 8), np.uint8)

    class Items:
        classes = ("a", "b", "c")

        def __len__(self):
            return 3

        def __getitem__(self, number):
            return images[number], ARRAY[number]

    for data in ((images, ARRAY), (images, SETS), pd.DataFrame({"image": list(images), "label": ["a|c", "|", "b"]}), Items()):
        _, labels = pictures_of(data, several=True)
        assert indicators_of(labels)[0].tolist() == ARRAY.tolist()
    assert indicators_of(pictures_of(Items(), several=True)[1])[1] == ["a", "b", "c"]
