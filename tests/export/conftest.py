"""A tiny trained network with every layer of ours in it, and the data set of its study."""

from __future__ import annotations

import os

import numpy as np
import pytest

SIZE = 12
CLASSES = ("blue", "green", "red")


def coloured(count: int, size: int = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with one channel brighter than the others, which is the label."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = draw.integers(0, 160, (count, size, size, 3))
    images[np.arange(count), :, :, labels] += 90
    return images.astype(np.uint8), labels


@pytest.fixture(scope="session")
def needs():
    """`needs("onnx")` skips where that extra is not installed, and fails where it must be (in CI)."""

    def check(*names: str) -> None:
        from automl_cnn.export.formats import FORMATS

        for name in names:
            if missing := FORMATS[name].missing():
                words = f"{', '.join(missing)} not installed: pip install 'automl-cnn[{FORMATS[name].extra}]'"
                (pytest.fail if os.environ.get("CI") else pytest.skip)(words)

    return check


@pytest.fixture(scope="session")
def network():
    """A network that tells the colours of `coloured`, with a few units' worth of doubt."""
    import keras

    from automl_cnn.layers import LocalResponseNorm, Resize, StochasticDepth

    keras.utils.set_random_seed(3)
    pixels = keras.Input((None, None, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1)(Resize(SIZE)(pixels))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    x = LocalResponseNorm()(x)
    branch = keras.layers.BatchNormalization()(keras.layers.DepthwiseConv2D(3, padding="same")(x))
    x = keras.layers.Add()([x, StochasticDepth(0.5)(branch)])
    x = keras.layers.Dropout(0.3)(keras.layers.GlobalAveragePooling2D()(x))
    x = keras.layers.Softmax(dtype="float32")(keras.layers.Dense(3, name="classifier")(x))
    model = keras.Model(pixels, x, name="tiny")
    images, labels = coloured(96)
    model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    model.fit(images, labels, batch_size=32, epochs=8, verbose=0)
    return model


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """180 coloured images, split as a study splits them."""
    from automl_cnn.data import prepare_arrays

    images, labels = coloured(180, seed=1)
    return prepare_arrays(images, [CLASSES[label] for label in labels], tmp_path_factory.mktemp("cache"), val_share=0.3, test_share=0.3)


@pytest.fixture(scope="session")
def model_file(network, tmp_path_factory):
    """The file that a search leaves."""
    from automl_cnn.modelfile import file as modelfile

    path = tmp_path_factory.mktemp("best") / "model.keras"
    network.save(path)
    modelfile.write_card(path, {"classes": list(CLASSES), "size": SIZE, "stored": SIZE, "channels": 3, "study": "colours", "trial": 1, "temperature": 1.5})
    modelfile.seal(path)
    return path


@pytest.fixture(scope="session")
def ort_web():
    """onnxruntime-web: the copy that AUTOML_CNN_ORT_WEB names, else the one that npm fetches; skips where there is neither."""
    from automl_cnn.errors import ExportError
    from automl_cnn.export import web

    try:
        return web.find(os.environ.get("AUTOML_CNN_ORT_WEB", "npm"))
    except ExportError as error:
        if "AUTOML_CNN_ORT_WEB" in os.environ:
            raise
        pytest.skip(f"AUTOML_CNN_ORT_WEB names no copy of onnxruntime-web, and: {error}")


LABELS = ("blue", "green", "red", "grey")


def spotted(count: int, size: int = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with any number of channels brighter than the others, which are the labels; without a bright channel, the label is grey."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, (count, 3))
    images = draw.integers(0, 235, (count, size, size, 3)) + 20 * labels[:, None, None, :]
    return images.astype(np.uint8), np.concatenate([labels, ~labels.any(axis=1, keepdims=True)], axis=1)


@pytest.fixture(scope="session")
def label_network():
    """A network that finds the labels of `spotted`, with a few units' worth of doubt."""
    import keras

    from automl_cnn.layers import Resize

    keras.utils.set_random_seed(3)
    pixels = keras.Input((None, None, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1)(Resize(SIZE)(pixels))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.Dense(len(LABELS), name="classifier")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(pixels, keras.layers.Activation("sigmoid", dtype="float32", name="probabilities")(x), name="labels")
    images, labels = spotted(192)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(images, labels, batch_size=32, epochs=12, verbose=0)
    return model


@pytest.fixture(scope="session")
def label_dataset(tmp_path_factory):
    """180 spotted images, split as a study splits them."""
    from automl_cnn.data import prepare_arrays

    images, labels = spotted(180, seed=1)
    return prepare_arrays(images, labels, tmp_path_factory.mktemp("cache"), val_share=0.3, test_share=0.3, task="multilabel", names=LABELS)


@pytest.fixture(scope="session")
def label_file(label_network, tmp_path_factory):
    """The file that a search for labels leaves."""
    from automl_cnn.modelfile import file as modelfile

    path = tmp_path_factory.mktemp("best") / "model.keras"
    label_network.save(path)
    card = {"task": "multilabel", "thresholds": [0.35, 0.5, 0.65, 0.4], "classes": list(LABELS), "size": SIZE, "stored": SIZE, "channels": 3}
    modelfile.write_card(path, {**card, "study": "spots", "trial": 1, "temperature": 1.5})
    modelfile.seal(path)
    return path


NUMBERS = ("year", "width (mm)")


def measured(count: int, size: int = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise around a level of red and of blue, from which a year near 2000 and a width in mm are known."""
    draw = np.random.default_rng(seed)
    levels = draw.uniform(0, 1, (count, 2))
    images = draw.integers(0, 60, (count, size, size, 3))
    images[..., 0] += (190 * levels[:, 0, None, None]).astype(int)
    images[..., 2] += (190 * levels[:, 1, None, None]).astype(int)
    return images.astype(np.uint8), np.stack([2000 + 10 * levels[:, 0], 0.4 * levels[:, 1]], axis=1)


@pytest.fixture(scope="session")
def number_dataset(tmp_path_factory):
    """180 measured images, split as a study splits them."""
    from automl_cnn.data import prepare_arrays

    images, numbers = measured(180, seed=1)
    return prepare_arrays(images, numbers, tmp_path_factory.mktemp("cache"), val_share=0.3, test_share=0.3, task="regression", names=NUMBERS)


@pytest.fixture(scope="session")
def number_network(number_dataset):
    """A network that reads the numbers of `measured`, with some error."""
    import keras

    from automl_cnn.layers import Resize
    from automl_cnn.models.pieces import answering
    from automl_cnn.train.losses import loss_for

    keras.utils.set_random_seed(3)
    task = number_dataset.task
    pixels = keras.Input((None, None, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1)(Resize(SIZE)(pixels))
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", activation="relu")(x)
    x = keras.layers.Dense(2, name="classifier")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(pixels, answering(task.activation, "probabilities")(x), name="numbers")
    images, numbers = measured(192)
    model.compile(keras.optimizers.Adam(0.02), loss_for(task))
    model.fit(images, numbers.astype(np.float32), batch_size=32, epochs=12, verbose=0)
    return keras.Model(pixels, model.output, name="numbers")  # without its loss, as a search leaves it


@pytest.fixture(scope="session")
def number_file(number_network, number_dataset, tmp_path_factory):
    """The file that a search for numbers leaves."""
    from automl_cnn.modelfile import file as modelfile

    path = tmp_path_factory.mktemp("best") / "model.keras"
    number_network.save(path)
    intervals = {"level": 0.9, "half_widths": [1.5, 0.0625]}
    card = {**number_dataset.task.stated(), "intervals": intervals, "classes": ["year", "width"], "size": SIZE, "stored": SIZE, "channels": 3}
    modelfile.write_card(path, {**card, "study": "levels", "trial": 1, "metric": "rmse", "temperature": 1.0})
    modelfile.seal(path)
    return path
