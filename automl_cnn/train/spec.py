"""The input of a worker that trains one trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from automl_cnn.config import Metric
from automl_cnn.data.dataset import SplitName
from automl_cnn.records import Event, Fidelity
from automl_cnn.space import Configuration

RESTART = 0.5
Emit = Callable[[Event], bool]  # hands on an event; False asks the training to stop


@dataclass(frozen=True)
class TrialSpec:
    """One trial: its configuration, how long, how it is scored, and where its best epoch's model goes."""

    number: int
    configuration: Configuration
    fidelity: Fidelity
    metric: Metric
    class_weights: str  # auto, on, off
    seed: int
    checkpoint: str
    start: str | None = None  # the model file of an earlier trial of the same network, to go on from
    restart: float = RESTART  # the rate of a training that goes on so, as a share of the first's
    splits: tuple[SplitName, ...] = ("train",)  # what it learns from; anything beside "train" is for a refit, whose last weights are kept
    loss: Literal["squared", "huber"] = "squared"  # of a network that answers numbers
    weights: str | None = None  # a file of the user's with pretrained weights, in place of the architecture's own source
