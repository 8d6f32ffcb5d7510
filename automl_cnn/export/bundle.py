"""A model file ready to predict.

    from automl_cnn.export import bundle

    classifier = bundle.load(Path("automl-cnn-runs/studies/flowers/best/model.keras"))
    classifier.predict(["photo.jpg"])            # ["tulip"]

The file's format is `automl_cnn.modelfile`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn import keras_settings
from automl_cnn.data.levels import Scale
from automl_cnn.errors import StoreError
from automl_cnn.export.answering import BATCH, Answering, joined, sound
from automl_cnn.modelfile.file import load_model, read_card, verify
from automl_cnn.paths import unusable
from automl_cnn.store import MODEL, Store
from automl_cnn.tasks import Units, of_card

if TYPE_CHECKING:
    from automl_cnn.export.inputs import Images


def resolve(model: str | Path, store: Store) -> Path:
    """The model file for a `.keras` file, a folder that contains one, or a study's name.

    Raises:
        StoreError: there is none; the message lists what exists.
    """
    path = Path(model)
    if why := unusable(path):
        raise StoreError(f"{why}. {_what_there_is(store)}")
    if path.is_file():
        return path
    for candidate in (path / "best" / MODEL, path / MODEL):
        if candidate.is_file():
            return candidate
    text = str(model)
    if path.suffix == ".keras":
        raise StoreError(f"There is no model file {path}. {_what_there_is(store)}")
    if text in store.studies:
        file = store.find(text).model
        if file.is_file():
            return file
        raise StoreError(f"The study '{text}' has no model yet ({file} does not exist): run its search until one network is trained.")
    if path.is_dir():
        raise StoreError(f"The folder {path} holds no model (neither best/{MODEL} nor {MODEL}). {_what_there_is(store)}")
    raise StoreError(f"'{model}' is neither a .keras file, nor a study's folder, nor a study in the store {store.root}. {_what_there_is(store)}")


def require_fit(model: Any, card: Mapping[str, Any], path: Path) -> None:
    """Check that a network's input and output match its card.

    Raises:
        StoreError: they do not; the message says what was received and what was expected.
    """
    size, channels, classes = int(card["size"]), int(card["channels"]), len(card["classes"])
    try:
        given, answer = tuple(model.input_shape), tuple(model.output_shape)
        fits = len(given) == 4 and given[3] == channels and all(side in (None, size) for side in given[1:3]) and answer == (None, classes)
    except (AttributeError, TypeError, ValueError):
        raise StoreError(f"{path} holds no network with one input and one output. Expected a model written by `automl-cnn search`.") from None
    if not fits:
        raise StoreError(
            f"The network in {path} does not fit its card: it takes {given} and answers {answer}; expected {channels} channels of {size} px "
            f"and answers for {classes} {of_card(card).words.many}. The file was changed: copy it again, or search again."
        )
    task, last = of_card(card), _activation(model)
    wanted = "linear" if isinstance(task.activation, Units) else task.activation
    if last is not None and last != wanted:
        raise StoreError(
            f"The network in {path} does not fit its card: it ends with {last}; expected {wanted}, as the task is {task.name}. "
            "The file was changed: copy it again, or search again."
        )


def _activation(model: Any) -> str | None:
    """The last activation, softmax, sigmoid or linear; None if it cannot be determined."""
    last = model.layers[-1]
    name = getattr(getattr(last, "activation", None), "__name__", type(last).__name__.lower())
    return "linear" if name in ("rescaling", "add") else name if name in ("softmax", "sigmoid") else None


def load(path: Path) -> Classifier:
    """The classifier in a model file. Code in the file is never run. The file is refused if it changed since its search wrote it.

    Raises:
        StoreError: the file is missing, damaged or changed, or is not a model of automl-cnn.
    """
    card = read_card(path)
    unchecked = verify(path)
    model = load_model(path)
    require_fit(model, card, path)
    return Classifier(model, card, unchecked)


@dataclass(frozen=True)
class Classifier(Answering):
    """A trained network, ready to predict. Made by `load`; `model` is the Keras model, `card` its metadata.

    `unchecked` says why the file's hash could not be compared with the recorded one, or is None.
    """

    model: Any = field(repr=False)
    card: Mapping[str, Any] = field(repr=False)
    unchecked: str | None = field(default=None, repr=False)

    @property
    def described(self) -> Mapping[str, Any]:
        """The card."""
        return self.card

    def answers(self, images: Images, *, scale: Scale | None = None) -> np.ndarray:
        """As `Answering.answers`."""
        import keras

        parts: list[np.ndarray] = []
        for batch in self.batches(images, scale):
            missing = BATCH - len(batch) if parts else 0  # a last batch of another shape would trace the model again
            padded = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)]) if missing else batch
            with keras_settings.standard():
                parts.append(keras.ops.convert_to_numpy(self.model.predict_on_batch(padded))[: len(batch)])
        return sound(self.task, joined(parts), "The model")


def _what_there_is(store: Store) -> str:
    names = [name for name in store.studies if store.find(name).model.is_file()]
    if not names:
        return f"The store {store.root} holds no finished study; run `automl-cnn search --data FOLDER`, or name another --store."
    return f"Studies with a model in {store.root}: {', '.join(names)}."
