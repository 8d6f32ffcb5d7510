"""The model of a search that had no time for a network: it answers how frequent each class is, or the mean number, whatever the image.

The file is written without Keras, which may take longer to start than the whole budget; Keras reads it as any other.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.data import Dataset
from automl_cnn.records import MAJORITY, MAJORITY_CLASS, Fidelity, Job, NetCost
from automl_cnn.space import Configuration
from automl_cnn.tasks import Activation, Units

STEP = 30  # seconds: budgets that are advised are multiples of it
TRAINING = 60.0  # seconds in which a first network should be trained, once Keras has started
LAST: dict[str, tuple[str, dict[str, Any]]] = {  # the last layer, as Keras calls it
    "softmax": ("Softmax", {"axis": -1}),
    "sigmoid": ("Activation", {"activation": "sigmoid"}),
}
FLOAT = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def job(dataset: Dataset) -> Job:
    """The wish for it; its pixels are those that were decoded already."""
    configuration: Configuration = {"architecture": MAJORITY_CLASS, "resolution": dataset.side}
    return Job(configuration, Fidelity(1), "no network could be trained in time", MAJORITY)


def cost(dataset: Dataset) -> NetCost:
    """What it costs."""
    classes, channels = len(dataset.classes), dataset.channels
    return NetCost(classes * (channels + 1), classes * channels, 1, classes * (channels + 1))


def shares(dataset: Dataset) -> np.ndarray:
    """How frequent each class or label is among the training images, or their mean number, float64 (classes,)."""
    return dataset.task.constant(dataset.truth(dataset.rows("train")))


def favorite(dataset: Dataset) -> str:
    """What it answers."""
    return dataset.task.favorite(dataset.truth(dataset.rows("train")), dataset.classes)


def answers(dataset: Dataset, images: int) -> np.ndarray:
    """Its probabilities for this number of images, (images, classes)."""
    return np.tile(shares(dataset), (images, 1))


def advice(used: float, ready: float | None) -> str:
    """The budget that may suffice, as `--budget` takes it: `used` seconds did not, of which `ready` went by before the first trial (None: none began)."""
    needed = (2 * used if ready is None else ready) + TRAINING
    return f"{STEP * math.ceil(max(needed, used + TRAINING / 2) / STEP)}s"


def write(file: Path, dataset: Dataset) -> None:
    """Write the `.keras` file: pixels -> their mean -> weights of zero and the logit of each share -> softmax or sigmoid."""
    import h5py

    channels, classes = dataset.channels, len(dataset.classes)
    last = last_layer(dataset.task.activation)[0]
    weights = io.BytesIO()
    with h5py.File(weights, "w") as tree:
        for group, name in (("input_layer", "pixels"), ("resize", "resize"), ("global_average_pooling2d", "pool"), (last.lower(), "probabilities")):
            tree.create_group(f"layers/{group}/vars").attrs["name"] = name
        dense = tree.create_group("layers/dense/vars")
        dense.attrs["name"] = "classifier"
        dense["0"] = np.zeros((channels, classes), np.float32)
        dense["1"] = _bias(dataset)
        tree.create_group("vars").attrs["name"] = MAJORITY_CLASS
    meta = {"keras_version": importlib.metadata.version("keras"), "date_saved": ""}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps(meta))
        archive.writestr("config.json", json.dumps(_network(channels, classes, dataset.side, dataset.task.activation)))
        archive.writestr("model.weights.h5", weights.getvalue())


def last_layer(activation: Activation) -> tuple[str, dict[str, Any]]:
    """Keras' name of the last layer, and its settings."""
    if isinstance(activation, Units):
        return "Rescaling", {"scale": list(activation.scale), "offset": list(activation.offset)}
    return LAST[activation]


def _bias(dataset: Dataset) -> np.ndarray:
    """What the last layer turns into the answer, float32 (classes,)."""
    answer = shares(dataset)
    return dataset.task.logits(np.maximum(answer, 1e-7) if dataset.task.probable else answer).astype(np.float32)


def _network(channels: int, classes: int, size: int, activation: Activation) -> dict[str, Any]:
    """The network in Keras' own words."""
    given: list[int | None] = [None, None, None, channels]
    kind, settings = last_layer(activation)
    entry = {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": given, "dtype": "float32", "name": "pixels"}}
    resize = {"module": "automl_cnn.layers", "registered_name": "automl_cnn>Resize"}
    layers = [
        {**entry, "registered_name": None, "name": "pixels", "inbound_nodes": []},
        {**_layer("Resize", "resize", {"size": size, "trainable": False}, "pixels", given), **resize},
        _layer("GlobalAveragePooling2D", "pool", {"data_format": "channels_last", "keepdims": False}, "resize", [None, size, size, channels]),
        _layer("Dense", "classifier", {"units": classes, "activation": "linear"}, "pool", [None, channels]),
        _layer(kind, "probabilities", settings, "classifier", [None, classes]),
    ]
    config = {"name": MAJORITY_CLASS, "trainable": True, "layers": layers, "input_layers": ["pixels", 0, 0], "output_layers": ["probabilities", 0, 0]}
    return {"module": "keras.src.models.functional", "class_name": "Functional", "config": config, "registered_name": "Functional"}


def _layer(kind: str, name: str, config: Mapping[str, Any], before: str, shape: Sequence[int | None]) -> dict[str, Any]:
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": list(shape), "dtype": "float32", "keras_history": [before, 0, 0]}}
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "dtype": FLOAT, **config},
        "registered_name": None,
        "build_config": {"input_shape": list(shape)},
        "name": name,
        "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
    }
