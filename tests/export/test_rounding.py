"""Classifiers that read features of unlike scale, in whole numbers."""

import numpy as np
import pytest

from automl_cnn.export.formats import FORMATS, Source
from automl_cnn.export.rounding import corrected, evened, shift_of
from automl_cnn.models.pieces import answering
from automl_cnn.tasks import Multiclass, Multilabel, Regression, Target

SIZE, FEATURES = 12, 32
TASKS = {"sigmoid": Multilabel(3), "softmax": Multiclass(3), "units": Regression(3, tuple(Target(name, "cm", 50.0, 7.0) for name in "abc"))}


def readout(activation="sigmoid", scales=(1.0, 0.1, 0.01)):
    """Frozen maps of unlike scale, and a classifier of their averages to which each of these matters as much."""
    import keras

    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIZE, SIZE, 3), name="pixels")
    given, maps = keras.layers.Rescaling(1 / 127.5, -1)(pixels), []
    for scale in scales:
        layer = keras.layers.Conv2D(FEATURES, 3, activation="relu")
        maps.append(layer(given))
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel * scale, bias])
    features = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(one) for one in maps])
    logits = keras.layers.Dense(3, name="classifier")(features)
    model = keras.Model(pixels, answering(TASKS[activation].activation, "probabilities")(logits), name="readout")
    values = np.asarray(keras.Model(pixels, features).predict_on_batch(photos().astype(np.float32)))
    weights = np.random.default_rng(1).normal(size=(values.shape[1], 3)) / (values.std(axis=0) + 1e-3)[:, None] / 3
    model.get_layer("classifier").set_weights([weights, -values.mean(axis=0) @ weights])
    return model


def photos(count=120, seed=0):
    """Smooth noise in colors and brightness of their own."""
    draw = np.random.default_rng(seed)
    tone = draw.integers(20, 236, (count, 1, 1, 3))
    return np.clip(tone + draw.normal(0, 40, (count, SIZE, SIZE, 3)), 0, 255).astype(np.uint8)


def answers(network, images):
    return np.asarray(network.predict_on_batch(images.astype(np.float32)))


def written(network, name, method, folder, returned):
    """What a file in this format answers to photos that nothing was measured on, and what the network answers."""
    kind = FORMATS[name]
    path = kind.path(folder, "int8")
    kind.write(Source(network, photos(), returned=returned), path, method)
    fresh = photos(60, seed=9)
    return kind.runner(path)(fresh), answers(network, fresh)


@pytest.mark.parametrize("activation", TASKS)
def test_an_evened_classifier_gives_the_same_answers_with_weights_of_one_size(activation):
    network = readout(activation)
    even = evened(network, photos())
    fresh = photos(40, seed=5)
    np.testing.assert_allclose(answers(even, fresh), answers(network, fresh), atol=1e-4, rtol=1e-4)
    before, after = (np.abs(np.asarray(one.get_layer("classifier").kernel)).max(axis=1) for one in (network, even))
    assert before.max() > 50 * before.min()
    assert after.max() < 5 * np.median(after)
    assert answers(network, fresh).std() > 0.2, "the answers differ from image to image, so that this says something"


@pytest.mark.parametrize("activation", TASKS)
@pytest.mark.parametrize(("name", "method"), [("onnx", "int8 weights"), ("onnx", "int8"), ("litert", "int8 weights"), ("openvino", "int8 weights")])
def test_features_of_unlike_scale_keep_their_say_in_whole_numbers(name, method, activation, needs, tmp_path):
    needs(name)
    rounded, exact = written(readout(activation), name, method, tmp_path, TASKS[activation].returned)
    task = TASKS[activation]
    if task.probable:
        assert np.abs(rounded - exact).max() < 0.1
        assert task.agreement(rounded, exact, 0.02) > 0.97
    else:
        assert np.sqrt(np.mean((task.logits(rounded) - task.logits(exact)) ** 2)) < 0.1


def test_rounding_such_a_classifier_as_it_is_changes_what_it_answers(needs, tmp_path):
    """What `evened` is for: the check on the test above."""
    needs("onnx")
    from automl_cnn.export import quantize
    from automl_cnn.export.formats import onnx

    network = readout()
    onnx.write(Source(network, photos()), tmp_path / "model.onnx", "float32")
    quantize.onnx_int8_weights(tmp_path / "model.onnx")
    fresh = photos(60, seed=9)
    rounded = FORMATS["onnx"].runner(tmp_path / "model.onnx")(fresh)
    assert np.abs(rounded - answers(network, fresh)).max() > 0.2


@pytest.mark.parametrize("activation", TASKS)
def test_a_shift_of_the_logits_is_measured_and_taken_off(activation):
    import keras

    network, images, task = readout(activation), photos(), TASKS[activation]
    by = np.array([0.3, -0.2, 0.0], np.float32)
    shifted = keras.models.clone_model(network)
    shifted.set_weights(network.get_weights())
    kernel, bias = network.get_layer("classifier").get_weights()
    shifted.get_layer("classifier").set_weights([kernel, bias + by])
    measured = shift_of(answers(network, images), answers(shifted, images), task)
    wanted = by - by.mean() if task.exclusive else by
    np.testing.assert_allclose(measured, wanted, atol=0.1)
    mended = corrected(network, images, lambda some: answers(shifted, some), task)
    kernel, after = mended.get_layer("classifier").get_weights()
    np.testing.assert_allclose(after, bias - measured, atol=1e-5)
    np.testing.assert_array_equal(network.get_layer("classifier").get_weights()[1], bias, err_msg="the original stays")


def test_sure_answers_say_nothing_of_a_shift():
    exact = np.tile([[0.5, 1.0, 0.3]], (20, 1))
    rounded = np.tile([[0.6, 0.5, 0.0]], (20, 1))
    np.testing.assert_allclose(shift_of(exact, rounded, Multilabel(3)), [np.log(0.6 / 0.4), 0, 0], atol=1e-6)
    np.testing.assert_array_equal(shift_of(exact[:5], rounded[:5], Multilabel(3)), 0)


def test_an_ensemble_stays_as_it_is(label_network):
    import keras

    from automl_cnn.export.network import core
    from automl_cnn.models.ensemble import ensemble

    members = [label_network, keras.models.clone_model(label_network)]
    joined = core(ensemble(members, [0.75, 0.25], ["one", "other"], stored=SIZE, activation="sigmoid"), SIZE, 3)
    assert evened(joined, photos()) is joined
    assert corrected(joined, photos(), lambda images: images, Multilabel(3)) is None
