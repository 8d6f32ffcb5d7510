"""The paths of several optimizers over the loss of one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from automl_cnn.comparison.charts import COLORS
from automl_cnn.data import Dataset
from automl_cnn.plugin import Architecture, Optimizer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Paths:
    """The paths of several optimizers over the loss of one network, in the plane that contains most of their variation.

    `paths` has points (steps, 2) for each optimizer, `losses` the training loss at each; `grid` is the loss over the plane at `xs` and `ys`.
    """

    paths: Mapping[str, np.ndarray]
    losses: Mapping[str, np.ndarray]
    xs: np.ndarray
    ys: np.ndarray
    grid: np.ndarray

    def plot(self) -> Figure:
        """Plot the loss as a map, and the paths on it from their common start."""
        from matplotlib.figure import Figure

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
    """Run several optimizers for `steps` steps from the same weights, and project their paths onto the plane of their two principal directions.

    The loss is measured on one fixed batch of at most 256 training images, with batch norms in training mode. Choose a small network: the weights of all
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
