"""An exported model, run by its own runtime: `automl-cnn predict` uses it for all models except studies and `.keras` files.

classifier = load(Path("exported"))          # or exported/model.onnx, model.tflite, model.xml, a SavedModel's folder
classifier.predict_proba(["photo.jpg"])
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn.data.levels import Scale
from automl_cnn.errors import ExportError, StoreError
from automl_cnn.export import formats, runners, suspicious
from automl_cnn.export.answering import Answering, joined, sound
from automl_cnn.modelfile import archive
from automl_cnn.modelfile import file as modelfile
from automl_cnn.modelfile.contract import described
from automl_cnn.modelfile.reasons import reason
from automl_cnn.tasks import Task, of_card

if TYPE_CHECKING:
    from automl_cnn.export.inputs import Images

CONTRACT = "model.json"
ORDER = ("onnx", "litert", "openvino", "keras", "saved_model")  # preference in a folder with several: formats that start fast come first


@dataclass(frozen=True)
class Deployed(Answering):
    """A model in an exported file. `contract` is the model.json beside it."""

    run: Callable[[np.ndarray], np.ndarray] = field(repr=False)
    contract: Mapping[str, Any] = field(repr=False)

    @property
    def described(self) -> Mapping[str, Any]:
        """The model.json."""
        return self.contract

    def answers(self, images: Images, *, scale: Scale | None = None) -> np.ndarray:
        """As `Answering.answers`."""
        return joined([self.run(batch) for batch in self.batches(images, scale)])


def is_exported(path: Path) -> bool:
    """Whether `path` is what `automl-cnn export` writes, and not a `.keras` file, which contains its own metadata."""
    if path.is_file():
        return path.suffix in {Path(kind.file).suffix for kind in formats.FORMATS.values()} - {"", ".keras"}
    return (path / CONTRACT).is_file() or (path / "saved_model.pb").is_file()


def contract_of(path: Path) -> dict[str, Any]:
    """The model.json of an exported file, or of a folder of them.

    Raises:
        StoreError: it is missing or damaged.
    """
    return described(_folder(path) / CONTRACT)


def _folder(path: Path) -> Path:
    return path if path.is_dir() and (path / CONTRACT).is_file() else path.parent


def load(path: Path, *, trust: bool = False) -> Deployed:
    """The classifier in an exported file, or in a folder of them: the first whose runtime is installed.

    `trust` runs a SavedModel even if its graph may read and write files, or if model.json does not have its hash.

    Raises:
        StoreError: model.json is missing or damaged, the file differs from its hash there, cannot be loaded, or has another input or output.
        ExportError: no runtime for the file is installed.
    """
    contract, folder = contract_of(path), _folder(path)
    if folder != path:
        return _running(path, folder, contract, trust)
    listed = sorted((entry for entry in contract.get("models", ()) if entry["format"] in ORDER), key=_preference)
    lacking: ExportError | None = None
    for entry in listed:
        try:
            return _running(folder / entry["file"], folder, contract, trust)
        except ExportError as error:
            lacking = lacking or error
    raise lacking or StoreError(f"The folder {path} holds no model. Write one with: automl-cnn export NAME --out {path}")


def _preference(entry: Mapping[str, Any]) -> tuple[int, bool]:
    return ORDER.index(entry["format"]), entry["precision"] != "float32"


def _running(path: Path, folder: Path, contract: Mapping[str, Any], trust: bool) -> Deployed:
    kind = formats.of(path)
    hashes: Mapping[str, str] = next((entry.get("sha256", {}) for entry in contract.get("models", ()) if entry["file"] == path.name), {})
    for name, known in hashes.items():
        file = folder / name
        if not file.is_file():
            raise StoreError(f"{file} is missing; {CONTRACT} names it as a part of {path.name}. Copy it again, or export the model again.")
        if modelfile.digest(file) != known:
            raise StoreError(f"{file} is not the file that {CONTRACT} vouches for (another sha256). It may be damaged: copy it again, or export it again.")
    if kind.name == "keras":
        archive.require_plausible(path)
    if kind.name == "onnx":
        suspicious.require_self_contained(path)
    if kind.name == "saved_model" and not trust:
        suspicious.require_harmless(path, vouched=f"{path.name}/saved_model.pb" in hashes)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # onnxruntime prints its errors
            run = runners.RUNNERS[kind.name](str(path))
    except ImportError as error:
        raise ExportError(f"To run {path.name}, {error.name} is needed. Install it with: pip install 'automl-cnn[{kind.extra}]'") from None
    except Exception as error:  # a runtime may raise anything for a damaged file
        raise StoreError(f"{path} cannot be loaded: {reason(error)}. It may be damaged or half copied: copy it again, or export it again.") from None
    model = Deployed(_careful(run, path, of_card(contract)), contract)
    _try(model, path)
    return model


def _careful(run: Callable[[np.ndarray], np.ndarray], path: Path, task: Task) -> Callable[[np.ndarray], np.ndarray]:
    """Wrap `run`: turn its errors into sentences, and check that its predictions are valid for the task."""

    def careful(images: np.ndarray) -> np.ndarray:
        try:
            answers = np.asarray(run(images))
        except Exception as error:  # as above
            raise StoreError(f"{path} cannot be run: {reason(error)}. It may be damaged, or not what {CONTRACT} says: export it again.") from None
        return sound(task, answers, str(path)) if answers.dtype.kind == "f" and answers.size else answers

    return careful


def _try(model: Deployed, path: Path) -> None:
    """Predict one black image, to refuse a model whose input or output differs from model.json before it labels anything.

    Raises:
        StoreError: it differs.
    """
    size, channels, classes = int(model.contract["size"]), int(model.contract["channels"]), len(model.classes)
    answer = model.run(np.zeros((1, size, size, channels), np.uint8))
    if answer.shape != (1, classes) or answer.dtype.kind != "f":
        raise StoreError(
            f"{path} answers one image with {answer.dtype} {answer.shape}; {CONTRACT} names {classes} {model.task.words.many}. Export the model again."
        )
