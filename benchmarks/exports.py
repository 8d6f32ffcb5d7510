"""Every built-in architecture in every format: does it say the same, how large and how fast is it.

    python benchmarks/exports.py --out benchmarks/results/exports.csv [--architectures vgg,resnet] [--formats onnx,litert]

A small variant of each is trained for a few epochs on coloured gratings, so that its batch norms and its probabilities are
those of a network in use (`labels_given`: how many of the four classes it answers with), then exported as `automl-cnn
export` does it: run by its own runtime in a fresh process on 200 test images. One of them also as float16 and int8. The
CSV grows row by row, and what it holds is not done again.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from rows import append, read

from automl_cnn import registry
from automl_cnn.data import Dataset, pixels, prepare_arrays
from automl_cnn.errors import ExportError
from automl_cnn.export import folder
from automl_cnn.export.formats import FORMATS, NONE, QUANTIZATIONS
from automl_cnn.modelfile import file as modelfile
from automl_cnn.models.build import network_of
from automl_cnn.train import predict

CLASSES, SIZE, TRAIN, TEST = 4, 64, 400, 200
QUANTIZED = "resnet"
HEAD = (
    "architecture", "params", "format", "quantize", "method", "max_difference", "same_labels", "labels_given", "accuracy", "original_accuracy",
    "bytes", "latency_1_ms", "latency_32_ms", "loading_seconds", "failure",
)  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("exports.csv"))
    options.add_argument("--architectures", default="")
    options.add_argument("--formats", default=",".join(FORMATS))
    options.add_argument("--width", type=float, default=0.25)
    chosen = options.parse_args()
    plugins = registry.load()
    names = chosen.architectures.split(",") if chosen.architectures else plugins.names("architecture")
    done = {(row["architecture"], row["format"], row["quantize"]) for row in read(chosen.out)}
    with tempfile.TemporaryDirectory() as place:
        dataset = gratings(Path(place) / "cache")
        for name in names:
            todo = {wanted for wanted in _wanted(name, chosen.formats.split(",")) if (name, *wanted) not in done}
            if todo:
                model = trained(name, chosen.width, dataset, plugins, Path(place) / f"{name}.keras")
                for row in measured(name, model, dataset, todo, Path(place)):
                    append(chosen.out, row, HEAD)
                    print(*(f"{row[key]}" for key in HEAD), flush=True)
                keras.backend.clear_session()


def gratings(cache: Path) -> Dataset:
    """Stripes of four directions in random colours, with noise: 400 images to train and validate with, 200 to test with."""
    draw = np.random.default_rng(0)
    count = TRAIN + TEST
    labels = np.arange(count) % CLASSES
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    images = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for row, label in enumerate(labels):
        angle = np.pi * label / CLASSES + draw.normal(0, 0.12)
        wave = 0.5 + 0.5 * np.sin(2 * np.pi * (draw.uniform(3, 8) * (x * np.cos(angle) + y * np.sin(angle)) + draw.uniform()))
        one, other = draw.uniform(0, 255, (2, 3))
        images[row] = np.clip(wave[..., None] * one + (1 - wave[..., None]) * other + draw.normal(0, 45, (SIZE, SIZE, 3)), 0, 255)
    return prepare_arrays(images, labels, cache, val_share=0.1, test_share=TEST / count, max_size=SIZE)


def trained(name: str, width: float, dataset: Dataset, plugins: registry.Registry, path: Path) -> Path:
    """A small variant of an architecture after a few epochs, as the file that a search leaves."""
    configuration = {"architecture": name, "resolution": SIZE, "width": width, "depth": 1.0}
    built = network_of(configuration, plugins, classes=CLASSES, channels=3, seed=0)
    model, outputs = built.training, len(built.loss_weights)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8  # so few steps would leave the statistics where they began
    model.compile(keras.optimizers.Adam(1e-3), ["sparse_categorical_crossentropy"] * outputs, loss_weights=list(built.loss_weights))
    rows = dataset.rows("train")
    images, labels = np.asarray(pixels(dataset, SIZE)[rows]), dataset.labels[rows]
    model.fit(images, [labels] * outputs if outputs > 1 else labels, batch_size=32, epochs=4, verbose=0)
    given = len(set(predict(built.model, pixels(dataset, SIZE), dataset.rows("test")).argmax(axis=1).tolist()))
    built.model.save(path)
    card = {"classes": list(dataset.classes), "size": SIZE, "stored": SIZE, "channels": 3, "params": built.model.count_params(), "labels_given": given}
    modelfile.write_card(path, card)
    return path


def measured(name: str, model: Path, dataset: Dataset, todo: set[tuple[str, str]], place: Path) -> Iterator[dict[str, object]]:
    """A row for each format and quantization."""
    card = modelfile.read_card(model)
    known = {"architecture": name, "params": card["params"], "labels_given": card["labels_given"]}
    for quantize in QUANTIZATIONS:
        kinds = [kind for kind in FORMATS if (kind, quantize) in todo]
        if not kinds:
            continue
        try:
            variants = folder.export(model, place / "exported", names=kinds, quantize=(quantize,), dataset=dataset).variants
        except ExportError as error:
            yield from ({**dict.fromkeys(HEAD, ""), **known, "format": kind, "quantize": quantize, "failure": str(error)} for kind in kinds)
            continue
        for variant in variants:
            fields = variant.as_dict()
            speed = fields.get("latency_ms") or {}
            yield {key: fields.get(key) for key in HEAD} | known | {"latency_1_ms": speed.get("1"), "latency_32_ms": speed.get("32")}


def _wanted(name: str, formats: list[str]) -> Iterator[tuple[str, str]]:
    for kind in formats:
        for quantize in FORMATS[kind].methods:
            if quantize == NONE or name == QUANTIZED:
                yield kind, quantize


if __name__ == "__main__":
    main()
