"""An exported model, run by its own runtime: what `automl-cnn predict` needs where it is not given a study or a `.keras` file.

classifier = load(Path("exported"))          # or exported/model.onnx, model.tflite, model.xml, a SavedModel's folder
classifier.predict_proba(["photo.jpg"])
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.data.levels import Levels, Scale
from automl_cnn.errors import DataError, ExportError, StoreError
from automl_cnn.export import bare, bundle, formats
from automl_cnn.export.inputs import as_batches

if TYPE_CHECKING:
    from automl_cnn.export.inputs import Images

CONTRACT = "model.json"
ORDER = ("onnx", "litert", "openvino", "keras", "saved_model")  # of a folder with several: those that start at once come first
BATCH = 64


@dataclass(frozen=True)
class Deployed:
    """A classifier in an exported file. `contract` is the model.json beside it."""

    run: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    contract: Mapping[str, Any] = field(repr=False)

    @property
    def classes(self) -> list[str]:
        """The labels, in the order of the probabilities."""
        return list(self.contract["classes"])

    def predict_proba(self, images: Images, *, scale: Scale | None = None) -> np.ndarray:
        """Class probabilities (images, classes), float32; `images` and `scale` as for `bundle.Classifier.predict_proba`.

        Raises:
            DataError: an image cannot be read; the message names it.
        """
        size, channels = int(self.contract["size"]), int(self.contract["channels"])
        levels = Levels.from_dict(self.contract.get("levels")).stated(scale)
        parts = [self.run(batch) for batch in as_batches(images, size, channels, BATCH, stored=int(self.contract.get("stored", size)), levels=levels)]
        if not parts:
            raise DataError("There are no images to predict: received an empty list.")
        return np.concatenate(parts)


def is_exported(path: Path) -> bool:
    """Whether `path` is what `automl-cnn export` writes, and no `.keras` file, which knows everything itself."""
    if path.is_file():
        return path.suffix in {Path(found.file).suffix for found in formats.FORMATS.values()} - {"", ".keras"}
    return (path / CONTRACT).is_file() or (path / "saved_model.pb").is_file()


def load(path: Path) -> Deployed:
    """The classifier in an exported file, or in a folder of them: of several, the first whose runtime is installed.

    Raises:
        StoreError: model.json is missing or damaged, or the file is not the one that it vouches for.
        ExportError: no runtime for it is installed.
    """
    several = path.is_dir() and (path / CONTRACT).is_file()
    folder = path if several else path.parent
    contract = _contract(folder / CONTRACT)
    if not several:
        return Deployed(_running(path, folder, contract), contract)
    listed = sorted(contract.get("models", ()), key=lambda entry: (ORDER.index(entry["format"]), entry["precision"] != "float32"))
    lacking: ExportError | None = None
    for entry in listed:
        try:
            return Deployed(_running(folder / entry["file"], folder, contract), contract)
        except ExportError as error:
            lacking = lacking or error
    raise lacking or StoreError(f"The folder {path} holds no model. Write one with: automl-cnn export NAME --out {path}")


def _running(path: Path, folder: Path, contract: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    kind = formats.of(path)
    hashes: Mapping[str, str] = next((entry["sha256"] for entry in contract.get("models", ()) if entry["file"] == path.name), {})
    for name, known in hashes.items():
        if bundle.digest(folder / name) != known:
            raise StoreError(f"{folder / name} is not the file that {CONTRACT} vouches for (another sha256). Export it again.")
    try:
        return bare.RUNNERS[kind.name](str(path))
    except ImportError as error:
        raise ExportError(f"To run {path.name}, {error.name} is needed. Install it with: pip install 'automl-cnn[{kind.extra}]'") from None


def _contract(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}, which says what the model's classes and input are, cannot be read: {error}. Keep it beside the model.") from None
    if not isinstance(found, dict) or not {"classes", "size", "channels"} <= found.keys():
        raise StoreError(f"{path} lacks the classes, the size or the channels. Expected one written by `automl-cnn export`.")
    return found
