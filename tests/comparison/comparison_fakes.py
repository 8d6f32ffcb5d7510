"""A study in a temporary folder, and rows whose statistics are known."""

import numpy as np

from automl_cnn.comparison.results import Results, Row
from automl_cnn.comparison.table import load
from automl_cnn.paired import packed

TABLE = """
title = "Small or large kernels"
question = "Which are better?"
claim = "Small ones."
measures = ["accuracy", "train_error", "params", "mult_adds"]
epochs = 2
seeds = [0, 1, 2]
reference = "small"

[set]
architecture = "simple_cnn"
resolution = 16

[[compare]]
name = "small"
set = { "simple_cnn.kernel" = "3x3" }

[[compare]]
name = "large"
set = { "simple_cnn.kernel" = "7x7" }

[images.digits]
train = 200
held_out = 100
"""


def study(folder, text=TABLE, **options):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(text)
    return load(folder, **options)


def row(network, seed, right, **given):
    """A training that answered the given images correctly, bool (images,)."""
    known = {"accuracy": float(np.mean(right)), "params": 10, "mult_adds": 1000, "seconds": 2.0, "right": packed(np.asarray(right)), **given}
    return Row(network.images.name, network.images.train, network.series, network.point, seed, network.recipe, **known)


def results_of(comparison, rights, **given):
    """Results from the answers of each network, bool (seeds, images)."""
    rows = [row(network, seed, right, **given) for network, answers in zip(comparison.networks, rights, strict=True) for seed, right in enumerate(answers)]
    return Results(comparison, tuple(rows))
