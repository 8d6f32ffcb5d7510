import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from automl_cnn.errors import TrialError
from automl_cnn.tasks import Multiclass
from automl_cnn.train import probe, regression


def network(classes, width=6):
    x = keras.Input((4, 4, width))
    row = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(x, keras.layers.Softmax()(keras.layers.Dense(classes, name="classifier")(row)))


def clouds(classes, each=30, width=6, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, width)) * 3 + 5
    labels = np.repeat(np.arange(classes), each)
    return (centres[labels] + rng.normal(size=(len(labels), width))).astype("float32"), labels


def answers(model, seen):
    return keras.ops.convert_to_numpy(model(seen[:, None, None, :].repeat(4, 1).repeat(4, 2)))


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_classifier_says_what_the_regression_says(classes, monkeypatch):
    monkeypatch.setattr(regression, "STRENGTHS", (0.3,) * 4)
    model, (seen, labels) = network(classes), clouds(classes)
    probe.fit(Multiclass(model.output_shape[-1]), model, seen, labels, balanced=False, seed=0)
    plain = (seen - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-3)
    expected = LogisticRegression(C=0.3, max_iter=300, tol=1e-3).fit(plain, labels).predict_proba(plain)
    np.testing.assert_allclose(answers(model, seen), expected, atol=1e-4)
    assert (answers(model, seen).argmax(axis=1) == labels).mean() > 0.95


def test_a_class_that_was_not_seen_is_never_answered():
    model, (seen, labels) = network(4), clouds(3)
    probe.fit(Multiclass(model.output_shape[-1]), model, seen, labels, balanced=True, seed=0)
    assert answers(model, seen)[:, 3].max() < 1e-3


def test_a_rare_class_weighs_as_much_as_the_others_where_asked():
    seen, labels = clouds(2, each=200, seed=3)
    seen[labels == 1] = seen[labels == 0] + 0.5
    few = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:20]])
    shares = {}
    for balanced in (False, True):
        model = network(2)
        probe.fit(Multiclass(model.output_shape[-1]), model, seen[few], labels[few], balanced=balanced, seed=0)
        shares[balanced] = (answers(model, seen).argmax(axis=1) == 1).mean()
    assert shares[True] > shares[False] + 0.1


def test_features_are_what_the_classifier_sees_whatever_the_number_of_images():
    model, images = network(2), np.random.default_rng(0).normal(size=(71, 4, 4, 6)).astype("float32")
    rows = np.arange(70)[::-1]
    np.testing.assert_allclose(probe.features(model, images, rows), images[rows].mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


def test_reading_ends_when_it_is_told_to():
    model, images = network(2), np.zeros((100, 4, 4, 6), "float32")
    assert len(probe.features(model, images, np.arange(100), lambda done, of: done < 40)) == 64


def test_what_cannot_be_learned_from_is_said():
    model, (seen, labels) = network(2), clouds(2)
    with pytest.raises(TrialError, match="all of the same class"):
        probe.fit(Multiclass(model.output_shape[-1]), model, seen[:30], labels[:30], balanced=False, seed=0)
    with pytest.raises(TrialError, match="not finite"):
        probe.fit(Multiclass(model.output_shape[-1]), model, seen * np.nan, labels, balanced=False, seed=0)
