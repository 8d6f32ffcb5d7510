"""Who takes part, and how each is called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TENSORFLOW = "tensorflow" if sys.platform == "darwin" else "tensorflow-cpu"
STUDY = "race"
OURS = Path("store/studies") / STUDY / "best/model.keras"


@dataclass(frozen=True)
class Run:
    """The settings that a tool receives. `deadline` is in seconds since 1970, for tools that are stopped by a callback."""

    python: str
    train: Path
    seed: int
    budget: int
    deadline: float


@dataclass(frozen=True)
class Tool:
    """One contender. `model` is where in its folder the best model so far is put, in one step."""

    name: str
    command: Callable[[Run], list[str]]
    model: Path
    reads: str  # how its models predict: bundle or keras
    packages: tuple[str, ...]  # whose versions are recorded
    pins: tuple[str, ...] = ()  # of an environment of its own
    imports: tuple[str, ...] = field(default=())  # modules that register its models' layers
    note: str = ""


def _ours(*flags: str, module: tuple[str, ...] = ("automl_cnn", "search")) -> Callable[[Run], list[str]]:
    def command(run: Run) -> list[str]:
        arguments = ["--data", str(run.train), "--budget", f"{run.budget}s", "--seed", str(run.seed), "--name", STUDY, "--store", "store", "--no-mlflow"]
        return [run.python, "-P", "-m", *module, *arguments, *flags]

    return command


def _entrant(module: str) -> Callable[[Run], list[str]]:
    return lambda run: [run.python, "-P", "-m", f"race.entrants.{module}", str(run.train), str(run.seed), str(run.deadline)]


OUR_PACKAGES = ("automl-cnn", "keras", TENSORFLOW, "optuna")

TOOLS = {
    tool.name: tool
    for tool in (
        Tool("automl-cnn", _ours(), OURS, "bundle", OUR_PACKAGES),
        Tool("automl-cnn-2", _ours("--workers", "2"), OURS, "bundle", OUR_PACKAGES, note="two workers, each with half of the cores"),
        Tool("automl-cnn-scratch", _ours("--pretrained", "none"), OURS, "bundle", OUR_PACKAGES, note="no pretrained weights"),
        Tool(
            "random",
            _ours("--pretrained", "none", module=("race.entrants.random_search",)),
            OURS,
            "bundle",
            OUR_PACKAGES,
            note="automl-cnn's space, trainer and sizing; every trial at random, none promoted or trained longer; no pretrained weights",
        ),
        Tool(
            "script",
            _entrant("script"),
            Path("model.keras"),
            "keras",
            OUR_PACKAGES,
            imports=("automl_cnn.layers",),
            note="EfficientNet-Lite0 frozen at 224 px and a logistic regression on all images; ends when it is done",
        ),
        Tool(
            "keras-tuner",
            _entrant("keras_tuner_search"),
            Path("model.keras"),
            "keras",
            ("keras-tuner", "keras", TENSORFLOW),
            note="Hyperband over a convolutional net; at most 96 px; stopped by a callback at the deadline",
        ),
        Tool(
            "autokeras",
            _entrant("autokeras_search"),
            Path("model.keras"),
            "keras",
            ("autokeras", "keras-tuner", "keras", TENSORFLOW),
            pins=("autokeras==3.0.0", "keras==3.12.0", f"{TENSORFLOW}==2.20.0", "keras-tuner==1.4.8", "numpy>=2.1", "pillow>=12", "six", "tensorboard"),
            imports=("autokeras",),
            note="ImageClassifier's defaults; at most 96 px; no download of weights; stopped by a callback at the deadline",
        ),
    )
}
