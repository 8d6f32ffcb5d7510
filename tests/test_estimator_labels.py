"""`ImageMultiLabelClassifier` as somebody uses it who knows scikit-learn. The search is a stand-in; the model is a real one."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.utils import get_tags

from automl_cnn import ImageClassifier, ImageMultiLabelClassifier, estimator
from automl_cnn.errors import InputError
from automl_cnn.modelfile import file as modelfile

DRAW = np.random.default_rng(0)
Y = DRAW.integers(0, 2, (40, 2))
X = (DRAW.integers(0, 100, (40, 12, 12)) + 150 * np.repeat(Y, 6, axis=1)[:, :, None]).astype(np.uint8)  # upper half, lower half


@pytest.fixture(scope="module")
def network():
    """How bright the upper half is, and the lower."""
    import keras

    from automl_cnn.layers import Resize

    image = keras.Input((None, None, 1), dtype="uint8")
    halves = keras.layers.AveragePooling2D((4, 8))(keras.layers.Rescaling(1 / 255)(Resize(8)(image)))
    dense = keras.layers.Dense(2)
    model = keras.Model(image, keras.layers.Activation("sigmoid")(dense(keras.layers.Flatten()(halves))))
    dense.set_weights([np.eye(2) * 18.0, np.full(2, -9.0)])
    return model


@pytest.fixture
def made(network, monkeypatch, tmp_path):
    """`made()` is a classifier whose search leaves that network, with the card of the data set; `made.seen` is what it was asked."""
    seen = SimpleNamespace(thresholds=[0.5, 0.5])

    def run(config, *, track, dataset):
        seen.config, seen.dataset = config, dataset
        path = config.store / "best" / "model.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        network.save(path)
        shape = {"size": 8, "stored": dataset.side, "channels": dataset.channels, "levels": dataset.levels.as_dict()}
        modelfile.write_card(path, {**dataset.task.stated(), "classes": list(dataset.classes), **shape, "thresholds": seen.thresholds})
        modelfile.seal(path)
        return SimpleNamespace(model_path=str(path), notes=())

    monkeypatch.setattr(estimator, "run", run)

    def make(**settings):
        return ImageMultiLabelClassifier(store=tmp_path / "store", **settings)

    make.seen = seen
    return make


def test_an_array_in_and_an_array_out(made):
    model = made().fit(X, Y)
    assert model.classes_.tolist() == [0, 1]
    answers, probabilities = model.predict(X), model.predict_proba(X)
    assert answers.dtype == np.int64
    np.testing.assert_array_equal(answers, Y)
    np.testing.assert_array_equal(probabilities >= 0.5, Y)
    assert model.score(X, Y) == accuracy_score(Y, answers) == 1.0
    assert made.seen.dataset.task.name == "multilabel"
    np.testing.assert_array_equal(made.seen.dataset.truth(np.arange(40)), Y)


NAMES = ("up", "down")


@pytest.mark.parametrize(
    ("given", "classes", "order"),
    [
        (csr_matrix(Y), [0, 1], [0, 1]),
        (Y.astype(bool), [0, 1], [0, 1]),
        (pd.DataFrame(Y, columns=NAMES), ["up", "down"], [0, 1]),
        ([{name for name, has in zip(NAMES, row, strict=True) if has} for row in Y], ["down", "up"], [1, 0]),
        ([[7 - label for label in (0, 1) if row[label]] for row in Y], [6, 7], [1, 0]),
    ],
    ids=["sparse", "bool", "frame", "sets", "lists of numbers"],
)
def test_labels_of_every_usual_form_keep_their_types_and_order(made, given, classes, order):
    model = made().fit(X, given)
    assert model.classes_.tolist() == classes
    assert made.seen.dataset.classes == tuple(map(str, classes))
    np.testing.assert_array_equal(made.seen.dataset.truth(np.arange(40)), Y[:, order])
    assert model.score(X, given) == np.mean((Y[:, order] == Y).all(axis=1))  # the network's first answer is always the upper half


def test_the_score_is_the_share_of_images_with_every_label_right(made):
    model = made().fit(X, Y)
    other = Y.copy()
    other[:10, 0] = 1 - other[:10, 0]
    assert model.score(X, other) == 0.75
    assert model.score(X, other, sample_weight=np.r_[np.ones(10), np.zeros(30)]) == 0.0
    with pytest.raises(InputError, match="40 images and 39 rows"):
        model.score(X, Y[:-1])
    with pytest.raises(InputError, match="3 columns"):
        model.score(X, np.ones((40, 3)))


def test_each_label_has_its_threshold(made):
    made.seen.thresholds = [0.0, 1.0]
    np.testing.assert_array_equal(made().fit(X, Y).predict(X), np.tile([1, 0], (40, 1)))


def test_a_pickle_and_a_clone(made):
    model = made(budget=30, metric="f1").fit(X, Y)
    assert made.seen.config.metric == "f1"
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), Y)
    fresh = clone(model)
    assert fresh.get_params() == model.get_params()
    assert fresh.set_params(seed=4).seed == 4
    with pytest.raises(NotFittedError, match=r"This ImageMultiLabelClassifier is not fitted yet: call fit\(images, labels\)"):
        fresh.predict(X)


def test_scikit_learn_knows_what_it_is():
    assert is_classifier(ImageMultiLabelClassifier())
    tags = get_tags(ImageMultiLabelClassifier())
    assert (tags.classifier_tags.multi_label, tags.target_tags.multi_output) == (True, True)
    assert (get_tags(ImageClassifier()).classifier_tags.multi_label, get_tags(ImageClassifier()).target_tags.multi_output) == (False, False)
    assert ImageMultiLabelClassifier().get_params().keys() == ImageClassifier().get_params().keys()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "type NoneType"),
        (Y[:, 0], r"shape \(40,\)"),
        (Y * 2, "hold 2"),
        (Y[:-1], "40 images and 39 labels"),
        (np.ones((40, 2)), "the same for every image"),
        ([["a|b"], ["c"]] * 20, r"have no '\|' in them"),
        ([[1], ["1"]] * 20, "different name"),
    ],
)
def test_labels_that_cannot_be_meant(made, labels, words):
    with pytest.raises(InputError, match=words):
        made().fit(X, labels)


def test_the_metric_is_one_of_the_task(tmp_path):
    with pytest.raises(Exception, match="accuracy"):
        ImageMultiLabelClassifier(store=tmp_path, metric="accuracy").fit(X, Y)
