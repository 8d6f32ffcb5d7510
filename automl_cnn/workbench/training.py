"""Images for the workbench, the cost of a network, and one training."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.comparison.sets import some
from automl_cnn.config import Metric
from automl_cnn.data import Dataset, prepare, prepare_arrays
from automl_cnn.data.samples import digits
from automl_cnn.paired import unpacked
from automl_cnn.plugin import Architecture, Optimizer, Plugin, Regularizer
from automl_cnn.records import Epoch, Event, Fidelity, NetCost
from automl_cnn.space import Scalar

if TYPE_CHECKING:
    import pandas as pd

    from automl_cnn.registry import Registry

HELD_OUT, TEST = 0.35, 0.05  # of the images
METRIC: Metric = "accuracy"


@dataclass(frozen=True)
class Trained:
    """A trained network and its training.

    `model` is a `keras.Model` from raw pixels (batch, height, width, channels) in 0 to 255 to probabilities (batch, classes). `history` has a row for each
    epoch. `accuracy` is the held-out accuracy of the kept epoch, `correct` marks the held-out images that it predicted correctly.
    """

    name: str
    model: Any
    history: pd.DataFrame
    accuracy: float
    correct: np.ndarray
    params: int
    mult_adds: int
    seconds: float

    @property
    def train_accuracy(self) -> float:
        """The accuracy of the last epoch on training images, without augmentation and dropout."""
        return float(self.history["train_accuracy"].iloc[-1])

    @property
    def gap(self) -> float:
        """The last epoch's accuracy on training images minus that on held-out images: large if the network overfits."""
        return self.train_accuracy - float(self.history["accuracy"].iloc[-1])


def images(folder: str | Path | None = None, *, train: int | None = 400, held_out: int | None = 600, size: int = 64, seed: int = 0) -> Dataset:
    """Images for training and held-out scores: scikit-learn's handwritten digits, or those of a folder, an archive, a table or a URL.

    `train` and `held_out` limit their numbers (None: all), `size` the stored side in pixels. A smaller number of training
    images is a subset of any larger one.

    Raises:
        DataError: the folder cannot be used, or has fewer images.
    """
    place = _cache()
    if folder is None:
        pictures, labels = digits()
        dataset = prepare_arrays(pictures, labels, place, seed=seed, val_share=HELD_OUT, test_share=TEST, max_size=size)
        dataset = dataclasses.replace(dataset, name="digits")
    else:
        dataset = prepare(folder, place, seed=seed, val_share=HELD_OUT, test_share=TEST, max_size=size)
    return some(dataset, train, held_out)


def cost(network: Architecture, *, size: int = 32, width: float = 1.0, depth: float = 1.0, classes: int = 10, channels: int = 3) -> NetCost:
    """The cost of a network, without training it: `params`, `mult_adds` for one image, `kernels` (layers with weights). Sizes are in pixels.

    Raises:
        PluginError: the network cannot be built at this size.
    """
    from automl_cnn.models.build import network as build
    from automl_cnn.models.cost import cost as counted

    return counted(build(network, classes=classes, channels=channels, size=size, width=width, depth=depth).model).summary


def train(
    network: Architecture,
    images: Dataset,
    *,
    epochs: int = 10,
    optimizer: Optimizer | None = None,
    regularizers: Sequence[Regularizer] = (),
    size: int = 32,
    width: float = 1.0,
    depth: float = 1.0,
    batch_size: int = 32,
    seed: int = 0,
    name: str | None = None,
) -> Trained:
    """Train one network with the trainer of the search, and score it on the held-out images.

    `size` is the input in pixels, `width` and `depth` are the multipliers of compound scaling. The default optimizer is Adam. Only the given regularizers
    are on. The epoch with the best held-out accuracy is kept.

    Raises:
        PluginError: the network cannot be built.
        TrialError: the training diverged.
    """
    import keras

    from automl_cnn import keras_settings
    from automl_cnn.models.cost import cost as counted
    from automl_cnn.train.clean import clean
    from automl_cnn.train.spec import TrialSpec
    from automl_cnn.train.trial import Training

    keras_settings.settle()
    chosen = optimizer if optimizer is not None else _adam()
    plugins: tuple[Plugin, ...] = (network, chosen, *regularizers)
    configuration: dict[str, Scalar] = {"architecture": network.name, "resolution": size, "width": width, "depth": depth, "batch_size": batch_size}
    configuration |= {"optimizer": chosen.name, **{f"regularizer.{one.name}": True for one in regularizers}}
    for plugin in plugins:
        configuration |= {f"{plugin.name}.{key}": getattr(plugin, key) for key in plugin.domains()}
    epochs_seen: list[Epoch] = []

    def emit(event: Event) -> bool:
        if isinstance(event, Epoch):
            epochs_seen.append(event)
        return True

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place, clean():
        keras.utils.set_random_seed(seed)
        spec = TrialSpec(0, configuration, Fidelity(epochs), METRIC, "off", seed, str(Path(place) / "model.keras"))
        training = Training(spec, images, _with(plugins), emit, began=began)
        paid = counted(training.net.model).summary
        finished = training.run()
        model = training.net.model
    correct = unpacked(finished.right or "0:")
    seconds = time.monotonic() - began
    return Trained(name or repr(network), model, _history(epochs_seen), float(correct.mean()), correct, paid.params, paid.mult_adds, seconds)


def _history(epochs: Sequence[Epoch]) -> pd.DataFrame:
    """A row for each epoch."""
    import pandas as pd

    rows = [
        {
            "epoch": epoch.number,
            "loss": epoch.val_loss,
            "accuracy": epoch.val_accuracy,
            "train_loss": epoch.loss if epoch.clean_loss is None else epoch.clean_loss,
            "train_accuracy": epoch.accuracy if epoch.clean_accuracy is None else epoch.clean_accuracy,
            "learning_rate": epoch.learning_rate,
        }
        for epoch in epochs
    ]
    return pd.DataFrame(rows)


@functools.cache
def _cache() -> Path:
    """A folder for decoded images, as long as the process lives."""
    return Path(_kept().name)


@functools.cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="automl-cnn-workbench-")


@functools.cache
def _installed() -> Registry:
    from automl_cnn import registry

    return registry.load()


def _adam() -> Optimizer:
    plugin = _installed().get("optimizer", "adam")()
    assert isinstance(plugin, Optimizer)  # the registry keeps the kinds apart
    return plugin


def _with(plugins: Sequence[Plugin]) -> Registry:
    """The installed plugins and those given, which may be classes of a notebook."""
    from automl_cnn.registry import Entry, Registry

    known = _installed()
    entries = {kind: dict(named) for kind, named in known.entries.items()}
    for plugin in plugins:
        entries[plugin.kind][plugin.name] = Entry(type(plugin), "here")
    return Registry(entries, known.broken)
