"""Pictures of a training, and of what a network has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.comparison.charts import COLORS
from automl_cnn.comparison.results import Score
from automl_cnn.data import Dataset, pixels
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.workbench.training import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE = (6.4, 3.2)  # inches
MARKED = 20  # points of a line, at most, that have markers


def lines(series: Mapping[str, Mapping[float, Score | float]], x: str, y: str, *, log: bool = False) -> Figure:
    """Plot a line for each of `series`, values by x, with 95 % intervals if they are scores. `x` and `y` are the axis labels; `log` scales the y axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=FIGURE, layout="constrained")
    panel = figure.subplots()
    for number, (name, values) in enumerate(series.items()):
        means = [value.mean if isinstance(value, Score) else value for value in values.values()]
        halves = [(value.half or 0.0) if isinstance(value, Score) else 0.0 for value in values.values()]
        color, marker = COLORS[number % len(COLORS)], "o" if len(means) <= MARKED else None
        panel.errorbar(list(values), means, yerr=halves if any(halves) else None, color=color, marker=marker, capsize=3, label=name)
    if log:
        panel.set_yscale("log")
    panel.set_xlabel(x)
    panel.set_ylabel(y)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=9)
    return figure


def curves(*trained: Trained, measure: str = "accuracy") -> Figure:
    """Plot a measure of `Trained.history` by epoch: solid for the held-out images, dashed for the training images."""
    from matplotlib.figure import Figure

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
    """Show the kernels of convolution `layer` (counted from 0) as pictures, each stretched from black to white: its first `most` channels, averaged over
    the inputs.
    """
    layers = _convolutions(trained.model)
    if not 0 <= layer < len(layers):
        raise ConfigError(f"layer = {layer}: the network has convolutions 0 to {len(layers) - 1}.")
    weights = np.asarray(layers[layer].get_weights()[0]).mean(axis=2)
    return _pictures([weights[..., channel] for channel in range(min(most, weights.shape[-1]))], f"kernels of {layers[layer].name}")


def feature_maps(trained: Trained, image: np.ndarray, layer: int = 0, most: int = 16) -> Figure:
    """Show the output of convolution `layer` (counted from 0) for one image (height, width, channels) with values in 0 to 255: its first `most` channels."""
    import keras

    layers = _convolutions(trained.model)
    if not 0 <= layer < len(layers):
        raise ConfigError(f"layer = {layer}: the network has convolutions 0 to {len(layers) - 1}.")
    reader = keras.Model(trained.model.inputs, layers[layer].output)
    maps = np.asarray(reader.predict_on_batch(np.asarray(image, "float32")[None]))[0]
    return _pictures([maps[..., channel] for channel in range(min(most, maps.shape[-1]))], f"maps behind {layers[layer].name}")


def picture(images: Dataset, row: int = 0, size: int | None = None) -> np.ndarray:
    """One image of a data set, uint8 (size, size, channels).

    Raises:
        DataError: the data set has no such row.
    """
    if not 0 <= row < len(images):
        raise DataError(f"There is no image {row}: the data set has images 0 to {len(images) - 1}.")
    return np.asarray(pixels(images, size or images.side)[row])


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
