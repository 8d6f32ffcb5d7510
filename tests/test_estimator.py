"""`ImageClassifier` as somebody uses it who knows scikit-learn. The search is a stand-in; the model is a real one."""

import copy
import functools
import os
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from automl_cnn import ImageClassifier, estimator
from automl_cnn.data import pixels, prepare_arrays, resize_array
from automl_cnn.data.labels import labels_of
from automl_cnn.errors import DataError
from automl_cnn.export import bundle
from automl_cnn.modelfile import file as modelfile


@pytest.fixture(scope="module")
def network():
    """`network(2)`: the mean of the picture decides between two classes, or more."""
    import keras

    from automl_cnn.layers import Resize

    @functools.cache
    def made(classes):
        image = keras.Input((None, None, 1), dtype="uint8")
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(Resize(8)(image)))
        dense = keras.layers.Dense(classes, activation="softmax")
        model = keras.Model(image, dense(x))
        slope = np.linspace(-9.0, 9.0, classes)
        dense.set_weights([slope[None], -slope / 2])
        return model

    return made


@pytest.fixture
def search(network, monkeypatch, tmp_path):
    """Stands in for the search: leaves that network, with the card of the data set."""
    seen = SimpleNamespace()

    def run(config, *, track, dataset):
        seen.config, seen.dataset = config, dataset
        path = config.store / "best" / "model.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        network(len(dataset.classes)).save(path)
        card = {"classes": list(dataset.classes), "size": 8, "stored": dataset.side, "channels": dataset.channels, "levels": dataset.levels.as_dict()}
        modelfile.write_card(path, card)
        modelfile.seal(path)
        return SimpleNamespace(model_path=os.path.relpath(path), notes=())

    monkeypatch.setattr(estimator, "run", run)
    return seen


DRAW = np.random.default_rng(0)
Y = np.arange(30) % 2
X = (DRAW.integers(0, 100, (30, 12, 12)) + 150 * Y[:, None, None]).astype(np.uint8)


def made(tmp_path, **settings):
    return ImageClassifier(store=tmp_path / "store", **settings)


def test_a_pickle_answers_in_a_new_process_without_the_store(search, tmp_path):
    model = made(tmp_path).fit(X, Y)
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "store").rename(tmp_path / "gone")
    code = (
        "import pickle, sys, numpy as np; from pathlib import Path\n"
        "model = pickle.load(open('model.pickle', 'rb'))\n"
        "assert 'keras' not in sys.modules\n"
        "np.save('answers.npy', model.predict_proba(np.load('x.npy')))\n"
        "assert Path(model.model_path_).is_file()\n"
        "print(model.predict(np.load('x.npy')).tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(Y.tolist())
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), model.predict_proba(X), atol=1e-6)


def test_copies_and_clones(search, tmp_path):
    model = made(tmp_path, scale=(0, 255)).fit(X, Y)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other.predict(X), Y)
        assert other.get_params() == model.get_params()
        check_is_fitted(other)
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        check_is_fitted(fresh)


def test_the_model_file_is_the_one_of_this_fit(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = made(tmp_path).fit(X, Y)
    kept = tmp_path / "store" / "best" / "model.keras"
    assert model.model_path_ == str(kept)
    content = kept.read_bytes()
    kept.write_bytes(b"another search's")
    copied = bundle.load(type(kept)(model.model_path_))
    assert type(kept)(model.model_path_).read_bytes() == content
    assert copied.classes == ["0", "1"]


@pytest.mark.parametrize("asked", ["predict", "predict_proba", "score", "model_path_"])
def test_before_fit_everything_asks_for_it(asked):
    model = ImageClassifier()
    with pytest.raises(NotFittedError, match=r"call fit\(images, labels\)"):
        getattr(model, asked)(*([X] if asked != "score" else [X, Y]))


@pytest.mark.parametrize(
    "labels",
    [
        Y[:, None],
        Y.tolist(),
        Y[:, None].tolist(),
        pd.Series(Y),
        pd.DataFrame({"label": Y}),
        pd.Series(Y).astype("category"),
        pd.array(Y),
        Y.astype(object),
        np.asmatrix(Y).T,
    ],
    ids=["column", "list", "list of lists", "Series", "DataFrame", "category", "pandas array", "objects", "matrix"],
)
@pytest.mark.filterwarnings("ignore:A column-vector y")
def test_labels_of_every_usual_shape(search, tmp_path, labels):
    model = made(tmp_path).fit(X, labels)
    assert model.classes_.tolist() == [0, 1]
    assert model.classes_.shape == (2,)
    assert model.score(X, labels) == 1.0
    assert search.dataset.labels.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("kinds", "dtype"), [((False, True), bool), ((0.5, 2.0), float), (("a", "b"), np.str_), ((1, "b"), object), ((np.int8(3), np.int8(7)), np.int8)]
)
def test_answers_are_labels_of_the_same_type(search, tmp_path, kinds, dtype):
    model = made(tmp_path).fit(X, [kinds[label] for label in Y])
    assert model.classes_.tolist() == list(kinds)
    assert np.issubdtype(model.classes_.dtype, dtype)
    assert model.predict(X[:2]).tolist() == list(kinds)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.eye(2)[Y], r"shape \(30, 2\).*argmax\(axis=1\)"),
        (np.eye(2)[Y].tolist(), r"argmax\(axis=1\)"),
        (Y[None], r"shape \(1, 30\)"),
        ([[0], [1, 2]] * 15, "different lengths"),
        (None, "the target y is None"),
        ("cat", "type str"),
        (7, "type int"),
        (Y[:-1], "30 images and 29 labels"),
        ([], "30 images and 0 labels"),
        (pd.Series([0, None] * 15, dtype="Int64"), "label is missing"),
        ([0, np.nan] * 15, "label is missing"),
        ([0, None] * 15, "label is missing"),
    ],
)
def test_labels_that_cannot_be_meant(search, tmp_path, labels, reason):
    with pytest.raises(DataError, match=reason):
        made(tmp_path).fit(X, labels)


def test_tuples_are_labels_still():
    assert labels_of([("x", 1), ("a", 2)]) == [("x", 1), ("a", 2)]


class Tensor:
    """Of another library."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


def objects(arrays):
    boxed = np.empty(len(arrays), object)
    boxed[:] = arrays
    return boxed


@pytest.mark.parametrize(
    "images",
    [
        X.tolist(),
        list(X),
        tuple(X),
        objects(list(X)),
        pd.Series(list(X)),
        pd.DataFrame({"image": list(X)}),
        X.astype(object),
        Tensor(X),
        [Tensor(x) for x in X],
        X[..., None],
    ],
    ids=["lists", "list", "tuple", "objects", "Series", "DataFrame", "numbers as objects", "tensor", "tensors", "channel"],
)
def test_images_in_every_usual_container(search, tmp_path, images):
    model = made(tmp_path).fit(images, Y)
    assert np.array_equal(pixels(search.dataset, search.dataset.side), resize_array(X[..., None], search.dataset.side))
    assert np.array_equal(model.predict(images), Y)
    assert np.array_equal(model.predict(X), Y)


def test_pictures_of_different_sizes(search, tmp_path):
    images = [np.pad(x, ((0, number % 5), (0, number % 3)), "edge") for number, x in enumerate(X)]
    images[4] = images[4] / 255
    model = made(tmp_path).fit(images, Y)
    assert (search.dataset.channels, search.dataset.native) == (1, np.median([min(image.shape) for image in images]))
    assert np.array_equal(model.predict(images), Y)
    mixed = [np.repeat(image[..., None], 3, axis=2) if number % 2 else image for number, image in enumerate(images)]
    assert prepare_arrays(mixed, Y, tmp_path / "cache").channels == 3
    assert np.array_equal(model.predict(mixed), Y)


def test_pictures_of_pillow_and_their_files_are_read_alike(search, tmp_path):
    lying = [Image.fromarray(x.T) for x in X]
    for image in lying:
        image.getexif()[0x0112] = 5  # mirrored along the diagonal
    lying[1] = Image.fromarray(X[1]).convert("P")
    lying[2] = Image.fromarray(X[2]).convert("CMYK")
    dataset = prepare_arrays(lying, Y, tmp_path / "cache")
    stored = pixels(dataset, dataset.side)
    expected = resize_array(X[..., None], dataset.side)
    assert np.abs(stored.astype(int) - expected).max() <= 1
    deep = X.astype(np.uint16) * 16
    model = made(tmp_path).fit(deep, Y)
    paths = [tmp_path / f"{number}.png" for number in range(30)]
    for path, values in zip(paths, deep, strict=True):
        Image.fromarray(values).save(path)
    np.testing.assert_allclose(model.predict_proba(paths), model.predict_proba(deep), atol=1e-6)
    np.testing.assert_allclose(model.predict_proba([Image.open(path) for path in paths]), model.predict_proba(deep), atol=1e-6)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([*X[:29], X[0, 0]], "Image 30 has the shape"),
        ([*X[:29], "photo.jpg"], r"Image 30 is a path .*automl_cnn\.search"),
        (["a.jpg"] * 30, "Image 1 is a path"),
        ([*X[:29], None], "Image 30 is not a picture: received NoneType"),
        ([*X[:29], [[1, 2], [3]]], "Image 30 is not a picture"),
        (X.reshape(30, 144), "with reshape"),
        (pd.DataFrame(X.reshape(30, 144)), "with reshape"),
        (np.moveaxis(np.repeat(X[..., None], 3, 3), -1, 1), r"np\.moveaxis"),
        (X[:, :, :4], "a single picture, or 30 gray ones that are 4 px wide"),
        (X[0], "shape|labels"),
        (X[:0], "0 images and 30 labels"),
        ([], "empty list"),
        (np.where(X.max() == X, np.nan, X), "not finite"),
        (X.astype(str), "the type <U"),
        (X.astype(complex), "complex128"),
        ({"a": X}, "type dict"),
        (7, "type int"),
        (None, "NoneType"),
    ],
)
def test_images_that_cannot_be_used(search, tmp_path, images, reason):
    with pytest.raises(DataError, match=reason):
        made(tmp_path).fit(images, Y)


def test_one_picture_is_one_answer(search, tmp_path):
    model = made(tmp_path).fit(X, Y)
    bright = np.full((20, 30), 240, np.uint8)
    for picture in (np.repeat(bright[..., None], 3, 2), np.repeat(bright[..., None], 4, 2), bright[..., None], [bright]):
        assert model.predict(picture).tolist() == [1]
    with pytest.raises(DataError, match=r"array\[None\] for a single picture"):
        model.predict(bright)
    path = tmp_path / "bright.png"
    Image.fromarray(bright).save(path)
    for given in (path, str(path), [path], [str(path)], np.array([str(path)]), path.read_bytes(), Image.open(path), pd.Series([str(path)])):
        assert model.predict(given).tolist() == [1]
    for given in ("nowhere.png", [tmp_path / "nowhere.png"], [], X[:0], 7, {"a": X}, None):
        with pytest.raises(DataError):
            model.predict(given)


def test_the_scale_of_the_training_images_is_that_of_every_call(search, tmp_path):
    binary = (DRAW.random((30, 12, 12)) < np.where(Y, 0.8, 0.2)[:, None, None]).astype(int)
    model = made(tmp_path).fit(binary, Y)
    for kind in (int, float, bool, np.uint8):
        assert model.score(binary.astype(kind), Y) == 1.0
    deep = X.astype(np.uint16) * 16
    model = made(tmp_path).fit(deep, Y)
    assert model.score(deep, Y) == 1.0
    dark = deep[Y == 0][:1]
    np.testing.assert_allclose(model.predict_proba(dark), model.predict_proba(deep)[np.flatnonzero(Y == 0)[:1]], atol=1e-6)
    with pytest.raises(DataError, match="pass scale"):
        model.predict(deep.astype(float))
    with pytest.warns(UserWarning, match="nearly black: the model reads uint16 up to 4095"):
        model.predict((X > 100).astype(np.uint16))
    stated = made(tmp_path, scale=(-1, 1)).fit(X / 127.5 - 1, Y)
    assert stated.score(X / 127.5 - 1, Y) == 1.0


def test_every_parameter_is_one_of_scikit_learns(search, tmp_path):
    model = made(tmp_path, budget=30)
    assert model.set_params(seed=3, scale=(0, 1)).get_params()["scale"] == (0, 1)
    assert "budget=30" in repr(model)
    assert model.fit(X / 255, Y) is model
    assert search.config.budget == 30
    assert model.score(X / 255, Y, sample_weight=np.ones(30)) == 1.0


def searched(search, monkeypatch, spent):
    """Names, budgets and trials of the searches, each of which leaves a record of a study with that number of seconds spent."""
    asked, stand_in = [], estimator.run

    def run(config, *, track, dataset):
        asked.append((config.name, config.budget, config.trials))
        result = stand_in(config, track=track, dataset=dataset)
        record = SimpleNamespace(name=config.name, seconds=spent, trials=(1, 2, 3), settings={"fingerprint": dataset.fingerprint})
        monkeypatch.setattr(estimator.Record, "all", lambda journal: {config.name: record})
        return SimpleNamespace(**vars(result), study=config.name)

    monkeypatch.setattr(estimator, "run", run)
    return asked


def test_each_fit_begins_a_new_search_wherever_it_is_called(search, monkeypatch, tmp_path):
    asked = searched(search, monkeypatch, spent=60.0)
    model = made(tmp_path, budget="1m", trials=3)
    model.fit(X, Y)
    monkeypatch.chdir(tmp_path)
    model.fit(X, Y)
    (first, *limits), (second, *others) = asked
    assert first != second
    assert first.rpartition("-")[0] == second.rpartition("-")[0] == f"arrays-{search.dataset.fingerprint[:8]}"
    assert limits == others == [60.0, 3]


def test_a_warm_start_goes_on_for_another_budget(search, monkeypatch, tmp_path):
    asked = searched(search, monkeypatch, spent=55.0)
    model = made(tmp_path, budget="1m", trials=3, warm_start=True)
    model.fit(X, Y).fit(X, Y)
    assert asked[1] == (asked[0][0], 115.0, 6)
    model.fit(X[::-1], Y)
    assert asked[2][0] != asked[0][0], "other images are another study"
    assert asked[2][1:] == (60.0, 3)


class OfTables(ImageClassifier):
    """Makes a gray picture of each row of a table, since scikit-learn checks estimators with tables alone."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

    def fit(self, X, y):
        return super().fit(pictures(X), y)

    def predict_proba(self, X):
        return super().predict_proba(pictures(X))


def pictures(table):
    given, table = table, np.asarray(table)
    if issparse(given) or table.dtype.kind not in "iuf" or table.ndim != 2 or 0 in table.shape:
        return given
    table = table.astype(float)
    shades = (np.arctan(table) / np.pi + 0.5, np.sign(table) * np.log1p(np.abs(table)) / 20 + 0.5)
    return np.stack([np.repeat(shade, -(-4 // table.shape[1]), axis=1) for shade in (*shades, *shades, *shades)], axis=2)


COPIES = "rows that hardly differ are copies of one photo, of which a class needs three different ones"
LEARNS_NOTHING = "the network that stands in for a search learns nothing"
REFUSED = {
    "check_n_features_in_after_fitting": "pictures have no features to count",
    "check_n_features_in": COPIES,
    "check_fit_idempotent": COPIES,
    "check_fit_check_is_fitted": COPIES,
    "check_complex_data": "the error names the type and what is expected, in other words",
    "check_estimators_empty_data_messages": "the error names the shape and what is expected, in other words",
    "check_fit2d_predict1d": "the error names the shape and what is expected, in other words",
    "check_dtype_object": "an array of objects holds no pixels",
    "check_classifiers_train": LEARNS_NOTHING,
    "check_methods_sample_order_invariance": "a network computes in float32, to about 1e-6",
}


def test_it_keeps_scikit_learns_conventions_as_far_as_images_allow(search, tmp_path):
    from sklearn.utils.estimator_checks import check_estimator

    done = check_estimator(OfTables(store=tmp_path / "store"), expected_failed_checks=REFUSED, on_fail=None, on_skip=None)
    assert {check["check_name"]: str(check["exception"]) for check in done if check["status"] == "failed"} == {}
    assert sum(check["status"] == "passed" for check in done) > 35
