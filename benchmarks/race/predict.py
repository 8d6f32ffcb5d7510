"""Labels of images by several models, in the environment of the tool that made them.

    python -m race.predict REQUEST.json ANSWER.json

The request: reads (bundle or keras), models, images, meta (classes and side of a Keras model), imports (modules that
register layers), packages. The answer: a list of labels for each model, and the packages' versions.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np

BATCH = 64


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    images = [Path(path) for path in request["images"]]
    labels = {model: _bundle(Path(model), images) if request["reads"] == "bundle" else _keras(model, images, request) for model in request["models"]}
    Path(sys.argv[2]).write_text(json.dumps({"labels": labels, "versions": _versions(request["packages"])}))


def _bundle(model: Path, images: list[Path]) -> list[str]:
    from automl_cnn.export import bundle

    return bundle.load(model).predict(images)


def _keras(model: str, images: list[Path], request: dict) -> list[str]:
    import keras

    from race.images import pixels

    for module in request["imports"]:
        importlib.import_module(module)
    meta = json.loads(Path(request["meta"]).read_text())
    network = keras.saving.load_model(model, compile=False)
    answers = [
        np.asarray(network.predict_on_batch(pixels(images[first : first + BATCH], meta["side"]).astype("float32"))) for first in range(0, len(images), BATCH)
    ]
    return [meta["classes"][index] for index in likeliest(np.concatenate(answers)).tolist()]


def likeliest(probabilities: np.ndarray) -> np.ndarray:
    """The index of the likeliest class; a single column is the second class's probability."""
    return (probabilities[:, 0] > 0.5).astype(int) if probabilities.shape[1] == 1 else probabilities.argmax(axis=1)


def _versions(packages: list[str]) -> dict[str, str]:
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    main()
