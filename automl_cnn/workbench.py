"""One network at a time, in a notebook: train it, compare it with others, look into it.

    from automl_cnn import workbench
    from automl_cnn_plugins import VGG

    images = workbench.images(train=300)                       # scikit-learn's digits, or a folder of yours
    small = workbench.train(VGG(kernel=3), images, epochs=5, width=0.25)
    small.accuracy, small.params, small.mult_adds

    found = workbench.compare({"3x3": VGG(kernel=3), "7x7": VGG(kernel=7)}, images, epochs=5, width=0.25)
    found.table()
    found.plot()

Choose it to understand what one decision does. To find the best network, use `automl_cnn.search`; to compare many networks with
a record that survives a crash, use `automl-cnn study`.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.comparison.results import Contrast, Results, Row, Score
from automl_cnn.comparison.table import Comparison, ImageSet, Measure, Network
from automl_cnn.comparison.words import NAMES
from automl_cnn.config import Metric
from automl_cnn.data import Dataset, pixels, prepare, prepare_arrays, scan
from automl_cnn.data.samples import digits
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.plugin import Architecture, Optimizer, Plugin, Regularizer
from automl_cnn.quantities import compact
from automl_cnn.records import Epoch, Event, Fidelity, NetCost
from automl_cnn.space import Scalar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from automl_cnn.registry import Registry

__all__ = ["Compared", "Trained", "compare", "cost", "curves", "feature_maps", "images", "kernels", "loss_paths", "train"]

HELD_OUT = 0.35
METRIC: Metric = "accuracy"
FIGURE = (7.0, 3.2)  # inches


@dataclass(frozen=True)
class Trained:
    """A trained network and how it came to be.

    `model` is a `keras.Model` from raw pixels (batch, height, width, channels) in 0 to 255 to probabilities (batch, classes). `history` has a row for each
    epoch; `accuracy` is the share of held-out images that the kept epoch answered correctly, `correct` says which.
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
        """The share of training images, without augmentation and dropout, that the last epoch answered correctly."""
        return float(self.history["train_accuracy"].iloc[-1])

    @property
    def gap(self) -> float:
        """By how much the last epoch's accuracy on training images is above that on held-out images: large where a network has learned images by heart."""
        return self.train_accuracy - float(self.history["accuracy"].iloc[-1])


@dataclass(frozen=True)
class Compared:
    """Several networks, each trained with the same seeds on the same images."""

    results: Results
    trained: Mapping[str, tuple[Trained, ...]] = field(repr=False)

    def score(self, name: str, measure: Measure = "accuracy") -> Score:
        """The mean of a measure over the seeds, with half of its 95 % interval."""
        score = self.results.score(*self._of(name), measure=measure)
        assert score is not None  # every one was trained
        return score

    def difference(self, name: str, other: str, measure: Measure = "accuracy") -> Contrast:
        """By how much a measure of `name` is above that of `other`, with half of its 95 % interval."""
        contrast = self.results.contrast(*self._of(name), self._of(other)[1], measure=measure)
        assert contrast is not None  # as above
        return contrast

    def table(self, *measures: Measure) -> pd.DataFrame:
        """A row for each network: means over the seeds, with half of the 95 % interval where it is not nothing."""
        import pandas as pd

        from automl_cnn.comparison.words import cell

        chosen: tuple[Measure, ...] = measures or ("accuracy", "train_accuracy", "params", "mult_adds", "seconds")
        rows = {name: {NAMES[measure]: cell(self.results.score(*self._of(name), measure=measure), measure) for measure in chosen} for name in self.trained}
        return pd.DataFrame.from_dict(rows, orient="index")

    def plot(self, measure: Measure = "accuracy") -> Figure:
        """A dot for each network, with its 95 % interval."""
        from matplotlib.figure import Figure

        from automl_cnn.comparison.charts import dots

        figure = Figure(figsize=(FIGURE[0], 0.45 * len(self.trained) + 1.0), layout="constrained")
        scores = {name: self.results.score(*self._of(name), measure=measure) for name in self.trained}
        dots(figure.subplots(), {name: score for name, score in scores.items() if score is not None}, measure)
        return figure

    def _of(self, name: str) -> tuple[str, str]:
        if name not in self.trained:
            raise ConfigError(f"There is no network '{name}' here. There are: {', '.join(self.trained)}.")
        return self.results.comparison.sets[0].name, name


def images(folder: str | Path | None = None, *, train: int | None = 400, held_out: int | None = 600, size: int = 64, seed: int = 0) -> Dataset:
    """Images to learn from and to be judged by: scikit-learn's handwritten digits, or those of a folder with one subfolder per class.

    `train` and `held_out` limit their numbers (None: all there are), `size` the pixels that are kept of each side. A smaller number of training
    images is a part of any larger one.

    Raises:
        DataError: the folder cannot be used, or has fewer images.
    """
    from automl_cnn.comparison.sets import some

    place = _cache()
    if folder is None:
        pictures, labels = digits()
        dataset = prepare_arrays(pictures, labels, place, seed=seed, val_share=HELD_OUT, test_share=0.05, max_size=size)
        dataset = dataclasses.replace(dataset, name="digits")
    else:
        dataset = prepare(scan(Path(folder)), place, seed=seed, val_share=HELD_OUT, test_share=0.05, max_size=size)
    return some(dataset, train, held_out)


def cost(network: Architecture, *, size: int = 32, width: float = 1.0, depth: float = 1.0, classes: int = 10, channels: int = 3) -> NetCost:
    """What a network costs, without training it: `params`, `mult_adds` for one image, `kernels` (layers with weights).

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
    """Train one network with the trainer of the search, and judge it by the held-out images.

    `size` is the input in pixels, `width` and `depth` are the multipliers of compound scaling. Without `optimizer` it is Adam, and no regularizer is on
    that is not given. The epoch with the best held-out accuracy is kept.

    Raises:
        PluginError: the network cannot be built.
        TrialError: the training diverged.
    """
    import keras
    import pandas as pd

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
    rows = [
        {
            "epoch": epoch.number,
            "loss": epoch.val_loss,
            "accuracy": epoch.val_accuracy,
            "train_loss": epoch.loss if epoch.clean_loss is None else epoch.clean_loss,
            "train_accuracy": epoch.accuracy if epoch.clean_accuracy is None else epoch.clean_accuracy,
            "learning_rate": epoch.learning_rate,
        }
        for epoch in epochs_seen
    ]
    from automl_cnn.paired import unpacked

    correct = unpacked(finished.right or "0:")
    seconds = time.monotonic() - began
    return Trained(name or repr(network), model, pd.DataFrame(rows), float(correct.mean()), correct, paid.params, paid.mult_adds, seconds)


def compare(
    networks: Mapping[str, Architecture | Mapping[str, Any]],
    images: Dataset,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    progress: Callable[[str], None] | None = print,
    **settings: Any,
) -> Compared:
    """Train each of several networks with each seed, on the same images.

    The values of `networks` are architectures, or mappings of `train`'s arguments with the key "network": `{"network": VGG(), "optimizer": SGD()}`. They
    override `settings`, which are those of `train` and the same for all.

    Raises:
        ConfigError: there is no network, or no seed.
        PluginError, TrialError: as in `train`.
    """
    if not networks or not seeds:
        raise ConfigError("There is nothing to compare. Pass at least one network and one seed.")
    asked = ImageSet(images.name, len(images.rows("train")), len(images.rows("val")))
    rows, trained = [], dict[str, tuple[Trained, ...]]()
    for name, given in networks.items():
        own = {"network": given} if isinstance(given, Architecture) else dict(given)
        for seed in seeds:
            one = train(**{"images": images, **settings, **own, "seed": seed, "name": name})
            trained[name] = (*trained.get(name, ()), one)
            rows.append(_row(asked, name, seed, one))
        if progress is not None:
            scores = ", ".join(f"{one.accuracy:.3f}" for one in trained[name])
            progress(f"{name:<24} {compact(trained[name][0].params):>6} parameters, accuracy {scores}")
    listed = tuple(Network(name, "", None, {}, asked, 0) for name in networks)
    comparison = Comparison(images.name, Path(), "", "", "", "", "", ("accuracy",), "", tuple(seeds), next(iter(networks)), "none", listed)
    return Compared(Results(comparison, tuple(rows)), trained)


def curves(*trained: Trained, measure: str = "accuracy") -> Figure:
    """A measure of `Trained.history` by epoch: solid for the held-out images, dashed for the training images."""
    from matplotlib.figure import Figure

    from automl_cnn.comparison.charts import COLORS

    if measure not in ("accuracy", "loss"):
        raise ConfigError(f"measure = {measure!r}: expected accuracy or loss.")
    figure = Figure(figsize=FIGURE, layout="constrained")
    panel = figure.subplots()
    for number, one in enumerate(trained):
        color = COLORS[number % len(COLORS)]
        panel.plot(one.history["epoch"], one.history[measure], color=color, label=one.name)
        panel.plot(one.history["epoch"], one.history[f"train_{measure}"], color=color, linestyle="--", linewidth=1)
    panel.set_xlabel("epoch")
    panel.set_ylabel(f"{measure} (dashed: training images)")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=9)
    return figure


def kernels(trained: Trained, layer: int = 0, most: int = 16) -> Figure:
    """The kernels of the convolution number `layer` as pictures, each stretched from black to white: its first `most` channels, averaged over the inputs."""
    layers = _convolutions(trained.model)
    if not 0 <= layer < len(layers):
        raise ConfigError(f"layer = {layer}: the network has convolutions 0 to {len(layers) - 1}.")
    weights = np.asarray(layers[layer].get_weights()[0]).mean(axis=2)
    return _pictures([weights[..., channel] for channel in range(min(most, weights.shape[-1]))], f"kernels of {layers[layer].name}")


def feature_maps(trained: Trained, image: np.ndarray, layer: int = 0, most: int = 16) -> Figure:
    """What the convolution number `layer` makes of one image (height, width, channels), values in 0 to 255: its first `most` channels as pictures."""
    import keras

    layers = _convolutions(trained.model)
    if not 0 <= layer < len(layers):
        raise ConfigError(f"layer = {layer}: the network has convolutions 0 to {len(layers) - 1}.")
    reader = keras.Model(trained.model.inputs, layers[layer].output)
    maps = np.asarray(reader.predict_on_batch(np.asarray(image, "float32")[None]))[0]
    return _pictures([maps[..., channel] for channel in range(min(most, maps.shape[-1]))], f"maps behind {layers[layer].name}")


@dataclass(frozen=True)
class Paths:
    """The ways of several optimizers over the loss of one network, in the plane that holds most of them.

    `paths` has points (steps, 2) for each optimizer, `losses` the training loss at each; `grid` is the loss over the plane at `xs` and `ys`.
    """

    paths: Mapping[str, np.ndarray]
    losses: Mapping[str, np.ndarray]
    xs: np.ndarray
    ys: np.ndarray
    grid: np.ndarray

    def plot(self) -> Figure:
        """The loss as a map, and the paths on it from their common beginning."""
        from matplotlib.figure import Figure

        from automl_cnn.comparison.charts import COLORS

        figure = Figure(figsize=(6.4, 4.6), layout="constrained")
        panel = figure.subplots()
        levels = np.geomspace(max(1e-3, self.grid.min()), self.grid.max(), 18)
        drawn = panel.contourf(self.xs, self.ys, self.grid, levels=levels, cmap="Greys", norm="log")
        figure.colorbar(drawn, ax=panel, label="training loss", format="%.2g")
        for number, (name, points) in enumerate(self.paths.items()):
            panel.plot(points[:, 0], points[:, 1], color=COLORS[number % len(COLORS)], label=name, linewidth=1.8)
            panel.plot(*points[-1], "o", color=COLORS[number % len(COLORS)], markersize=5)
        panel.plot(*next(iter(self.paths.values()))[0], "k*", markersize=10)
        panel.set_xlabel("first direction")
        panel.set_ylabel("second direction")
        panel.legend(frameon=False, fontsize=9)
        return figure


def loss_paths(
    network: Architecture,
    images: Dataset,
    optimizers: Mapping[str, Optimizer],
    *,
    steps: int = 60,
    batch_size: int = 32,
    size: int = 32,
    width: float = 1.0,
    seed: int = 0,
    points: int = 21,
) -> Paths:
    """Let several optimizers take `steps` from the same weights, and draw their ways in the plane of the two directions in which they differ most.

    The loss is measured on one fixed batch of at most 256 training images, with batch norms as while training. Choose a small network: all weights of all
    steps are kept in memory.

    Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, https://arxiv.org/abs/1712.09913
    """
    from automl_cnn.train.landscape import walk

    walked = {name: walk(network, images, one, steps=steps, batch_size=batch_size, size=size, width=width, seed=seed) for name, one in optimizers.items()}
    first = next(iter(walked.values()))
    origin = first.weights[0]
    every = np.concatenate([one.weights - origin for one in walked.values()])
    _, _, directions = np.linalg.svd(every, full_matrices=False)
    plane = directions[:2]
    flat = {name: (one.weights - origin) @ plane.T for name, one in walked.items()}
    reach = np.concatenate(list(flat.values()))
    low, high = reach.min(axis=0), reach.max(axis=0)
    margin = 0.15 * np.maximum(high - low, 1e-6)
    xs, ys = (np.linspace(low[axis] - margin[axis], high[axis] + margin[axis], points) for axis in range(2))
    grid = np.array([[first.loss_at(origin + x * plane[0] + y * plane[1]) for x in xs] for y in ys])
    return Paths(flat, {name: one.losses for name, one in walked.items()}, xs, ys, grid)


def _row(asked: ImageSet, name: str, seed: int, one: Trained) -> Row:
    from automl_cnn.paired import packed

    last = one.history.iloc[-1]
    return Row(
        asked.name,
        asked.train,
        name,
        "",
        seed,
        "",
        accuracy=one.accuracy,
        last_accuracy=float(last["accuracy"]),
        train_accuracy=float(last["train_accuracy"]),
        loss=float(last["loss"]),
        train_loss=float(last["train_loss"]),
        params=one.params,
        mult_adds=one.mult_adds,
        seconds=one.seconds,
        right=packed(one.correct),
    )


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


def _convolutions(model: Any) -> list[Any]:
    import keras

    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def _pictures(pictures: Sequence[np.ndarray], title: str) -> Figure:
    """Small gray pictures in a row or several, each stretched from black to white."""
    from matplotlib.figure import Figure

    columns = min(8, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(0.95 * columns, 0.95 * rows + 0.4), layout="constrained")
    panels = np.asarray(figure.subplots(rows, columns, squeeze=False)).ravel()
    for panel in panels:
        panel.axis("off")
    for panel, picture in zip(panels, pictures, strict=False):
        panel.imshow(picture, cmap="gray")
    figure.suptitle(title, fontsize=10)
    return figure


def picture(images: Dataset, row: int = 0, size: int | None = None) -> np.ndarray:
    """One image of a data set, uint8 (size, size, channels).

    Raises:
        DataError: there is no such row.
    """
    if not 0 <= row < len(images):
        raise DataError(f"There is no image {row}: the data set has images 0 to {len(images) - 1}.")
    return np.asarray(pixels(images, size or images.side)[row])
