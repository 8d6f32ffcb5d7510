"""`ImageRegressor` as somebody uses it who knows scikit-learn. The search is a stand-in; the model is a real one."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.utils import get_tags

from automl_cnn import ImageClassifier, ImageRegressor, estimator
from automl_cnn.errors import ConfigError, InputError
from automl_cnn.modelfile import file as modelfile

DRAW = np.random.default_rng(0)
LEVELS = DRAW.uniform(0, 1, (60, 2))
X = (200 * np.repeat(LEVELS, 6, axis=1)[:, :, None] + DRAW.integers(0, 50, (60, 12, 12))).astype(np.uint8)  # upper half, lower half
Y = 40 + 20 * LEVELS
HALF = 3.0


@pytest.fixture(scope="module")
def network():
    """`network(2)`: how bright the upper half is, and the lower, in the units of `Y`; `network(1)`: the upper alone."""
    import keras

    from automl_cnn.layers import Resize

    def made(numbers):
        image = keras.Input((None, None, 1), dtype="uint8")
        halves = keras.layers.Flatten()(keras.layers.AveragePooling2D((4, 8))(keras.layers.Rescaling(1 / 200)(Resize(8)(image))))
        dense = keras.layers.Dense(numbers)
        model = keras.Model(image, keras.layers.Rescaling([20.0] * numbers, offset=[37.5] * numbers)(dense(halves)))
        dense.set_weights([np.eye(2, numbers), np.zeros(numbers)])
        return model

    return made


@pytest.fixture
def made(network, monkeypatch, tmp_path):
    """`made()` is a regressor whose search leaves that network, with the card of the data set; `made.seen` is what it was asked."""
    seen = SimpleNamespace(intervals=True)

    def run(config, *, track, dataset):
        seen.config, seen.dataset = config, dataset
        path = config.store / "best" / "model.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = dataset.task.outputs
        network(numbers).save(path)
        shape = {"size": 8, "stored": dataset.side, "channels": dataset.channels, "levels": dataset.levels.as_dict()}
        known = {"intervals": {"level": 0.9, "half_widths": [HALF] * numbers}} if seen.intervals else {}
        modelfile.write_card(path, {**dataset.task.stated(), "classes": list(dataset.classes), **shape, **known})
        modelfile.seal(path)
        return SimpleNamespace(model_path=str(path), notes=())

    monkeypatch.setattr(estimator, "run", run)

    def make(**settings):
        return ImageRegressor(store=tmp_path / "store", **settings)

    make.seen = seen
    return make


def test_one_number_in_and_one_out(made):
    model = made().fit(X, Y[:, 0])
    numbers = model.predict(X)
    assert (numbers.shape, numbers.dtype) == ((60,), np.float64)
    np.testing.assert_allclose(numbers, Y[:, 0], atol=1.5)
    low, high = model.predict_interval(X)
    np.testing.assert_allclose(low, numbers - HALF)
    np.testing.assert_allclose(high, numbers + HALF)
    assert model.score(X, Y[:, 0]) == r2_score(Y[:, 0], numbers) > 0.9
    assert model.names_ == ["number"]
    assert made.seen.dataset.task.name == "regression"
    np.testing.assert_allclose(made.seen.dataset.truth(np.arange(60))[:, 0], Y[:, 0])


def test_several_numbers_in_and_as_many_out(made):
    model = made().fit(X, Y)
    numbers = model.predict(X)
    assert numbers.shape == (60, 2)
    np.testing.assert_allclose(numbers, Y, atol=1.5)
    assert [end.shape for end in model.predict_interval(X)] == [(60, 2), (60, 2)]
    assert model.score(X, Y) == r2_score(Y, numbers)
    assert model.predict(X[:1]).shape == (1, 2)


@pytest.mark.parametrize(
    ("given", "settings", "heads"),
    [
        (Y[:, 0].tolist(), {}, ["number"]),
        (Y[:, :1], {}, ["number"]),
        (Y.astype(np.float32), {}, ["number 1", "number 2"]),
        (np.round(Y).astype(int), {}, ["number 1", "number 2"]),
        (pd.Series(Y[:, 0], name="age"), {}, ["age"]),
        (pd.Series(Y[:, 0], name="age"), {"units": "years"}, ["age (years)"]),
        (pd.DataFrame(Y, columns=["x (mm)", "y"]), {}, ["x (mm)", "y"]),
        (pd.DataFrame(Y, columns=["x", "y"]), {"units": ["mm", ""]}, ["x (mm)", "y"]),
        (Y[:, 0], {"names": "angle", "units": "degrees"}, ["angle (degrees)"]),
        (Y, {"names": ("up", "down")}, ["up", "down"]),
    ],
    ids=["list", "column", "float32", "integers", "series", "unit", "frame", "units", "name and unit", "names"],
)
def test_numbers_of_every_usual_form_keep_their_names_and_units(made, given, settings, heads):
    model = made(**settings).fit(X, given)
    assert model.names_ == heads
    assert [target.title for target in made.seen.dataset.task.named_targets] == heads
    assert model.predict(X).shape == ((60,) if len(heads) == 1 else (60, 2))


def test_what_a_user_sets_reaches_the_search(made):
    made(loss="huber", metric="mae", trials=3, seed=4).fit(X, Y)
    assert (made.seen.config.loss, made.seen.config.metric, made.seen.config.trials, made.seen.config.seed) == ("huber", "mae", 3, 4)
    with pytest.raises(ConfigError, match="loss"):
        made(loss="cubic").fit(X, Y)


def test_a_pickle_and_a_clone(made):
    model = made(budget=30, names=["up", "down"], units=["", "mm"]).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(again.predict_interval(X), model.predict_interval(X))
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    for asked in (fresh.predict, fresh.predict_interval):
        with pytest.raises(NotFittedError, match=r"This ImageRegressor is not fitted yet: call fit\(images, numbers\) before predict"):
            asked(X)


def test_without_intervals_it_says_so(made):
    made.seen.intervals = False
    model = made().fit(X, Y)
    with pytest.raises(InputError, match="has no intervals: its search had too few validation images"):
        model.predict_interval(X)


def test_scikit_learn_knows_what_it_is():
    assert is_regressor(ImageRegressor())
    tags = get_tags(ImageRegressor())
    assert (tags.target_tags.required, tags.target_tags.single_output, tags.target_tags.multi_output) == (True, True, True)
    assert set(ImageRegressor().get_params()) - set(ImageClassifier().get_params()) == {"loss", "names", "units"}
    assert not hasattr(ImageRegressor(), "predict_proba")


@pytest.mark.parametrize(
    ("numbers", "settings", "words"),
    [
        (None, {}, "requires y to be passed, but the target y is None"),
        ("12", {}, "type str"),
        (["a"] * 60, {}, "hold something else"),
        ([[1.0], [2.0, 3.0]] * 30, {}, "rows have different lengths"),
        (np.where(np.arange(60) == 7, np.nan, Y[:, 0]), {}, "number of image 7 is missing or infinite"),
        (np.where(np.arange(60) == 9, np.inf, Y[:, 0]), {}, "number of image 9 is missing or infinite"),
        (Y[:-1], {}, "60 images and 59"),
        (np.ones(60), {}, "the same number"),
        (np.stack([Y[:, 0], np.ones(60)], axis=1), {}, "'number 2' is the same for all training images"),
        (np.zeros((60, 0)), {}, r"shape \(60, 0\)"),
        (np.zeros((60, 2, 2)), {}, r"shape \(60, 2, 2\)"),
        (csr_matrix(Y), {}, "hold something else"),
        (Y, {"names": ["up"]}, "2 columns of numbers and 1 different names"),
        (Y, {"names": ["up", "up"]}, "a different name for each"),
        (Y, {"units": "mm"}, "2 columns of numbers and 1 units"),
        (Y[:, 0], {"units": "mm (mean)"}, "without brackets"),
    ],
)
def test_numbers_that_cannot_be_meant(made, numbers, settings, words):
    with pytest.raises(InputError, match=words):
        made(**settings).fit(X, numbers)


class OfTables(ImageRegressor):
    """Makes a gray picture of each row of a table, since scikit-learn checks estimators with tables alone."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.regressor_tags.poor_score = True  # the network that stands in for a search learns nothing
        return tags

    def fit(self, X, y):
        return super().fit(pictures(X), y)

    def predict(self, X):
        return super().predict(pictures(X))

    def predict_interval(self, X):
        return super().predict_interval(pictures(X))


def pictures(table):
    given, table = table, np.asarray(table)
    if issparse(given) or table.dtype.kind not in "iuf" or table.ndim != 2 or 0 in table.shape:
        return given
    table = table.astype(float)
    shades = (np.arctan(table) / np.pi + 0.5, np.sign(table) * np.log1p(np.abs(table)) / 20 + 0.5)
    return np.stack([np.repeat(shade, -(-4 // table.shape[1]), axis=1) for shade in (*shades, *shades, *shades)], axis=2)


IN_OTHER_WORDS = "the error says what is expected, in other words"
REFUSED = {
    "check_n_features_in_after_fitting": "pictures have no features to count",
    "check_n_features_in": "pictures have no features to count",
    "check_complex_data": IN_OTHER_WORDS,
    "check_estimators_empty_data_messages": IN_OTHER_WORDS,
    "check_fit2d_predict1d": IN_OTHER_WORDS,
    "check_fit2d_1sample": IN_OTHER_WORDS,
    "check_dtype_object": "an array of objects holds no pixels",
    "check_methods_sample_order_invariance": "a network computes in float32, to about 1e-6",
}


def test_it_keeps_scikit_learns_conventions_as_far_as_images_allow(made, tmp_path):
    from sklearn.utils.estimator_checks import check_estimator

    done = check_estimator(OfTables(store=tmp_path / "store"), expected_failed_checks=REFUSED, on_fail=None, on_skip=None)
    assert {check["check_name"]: str(check["exception"]) for check in done if check["status"] == "failed"} == {}
    assert sum(check["status"] == "passed" for check in done) > 35
