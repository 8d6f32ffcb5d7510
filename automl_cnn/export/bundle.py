"""The model file: a `.keras` archive that also knows its classes, its input and how good it is.

    from automl_cnn.export import bundle

    classifier = bundle.load(Path("automl-cnn-runs/studies/flowers/best/model.keras"))
    classifier.predict(["photo.jpg"])            # ["tulip"]

A `.keras` file is a zip archive; its extra member `automl_cnn.json` is the card. Keras reads the
file as it would any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl_cnn import backend, keras_settings
from automl_cnn.data.levels import Levels, Scale
from automl_cnn.errors import DataError, StoreError
from automl_cnn.export import archive
from automl_cnn.export.contract import card_of
from automl_cnn.export.inputs import as_batches
from automl_cnn.export.reasons import reason
from automl_cnn.paths import unusable
from automl_cnn.store import MODEL, Store, atomic_write_text

if TYPE_CHECKING:
    from automl_cnn.export.inputs import Images

CARD = "automl_cnn.json"
BATCH = 64
TOLERANCE = 0.001  # by which a probability may lie outside 0..1


def write_card(keras_file: Path, card: Mapping[str, Any]) -> None:
    """Put `card` (JSON-ready) into the model file, in place of an earlier one. In one step, with every member stored uncompressed.

    Raises:
        StoreError: the file is no `.keras` file, or cannot be written.
    """
    text = json.dumps(card, indent=2, ensure_ascii=False)
    temporary: str | None = None
    try:
        with zipfile.ZipFile(keras_file) as old, tempfile.NamedTemporaryFile(dir=keras_file.parent, prefix=".model-", suffix=".tmp", delete=False) as out:
            temporary = out.name
            with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
                for member in old.infolist():
                    if member.filename != CARD:
                        with old.open(member) as source, new.open(member.filename, "w", force_zip64=True) as target:
                            shutil.copyfileobj(source, target, 1 << 20)
                new.writestr(CARD, text)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, 0o644)
        unseal(keras_file)
        os.replace(temporary, keras_file)
    except (OSError, zipfile.BadZipFile) as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise StoreError(f"The model file {keras_file} cannot be rewritten: {error}. Expected a .keras file in a folder with free space.") from None


def read_card(path: Path) -> dict[str, Any]:
    """What the model file says about itself: classes, size (px), channels, metric, scores, configuration, versions.

    Raises:
        StoreError: there is no such file, it was not written by automl-cnn, or what it says cannot be.
    """
    try:
        content = archive.member(path, CARD)
    except FileNotFoundError:
        raise StoreError(f"There is no model file {path}. Expected a .keras file written by `automl-cnn search`.") from None
    except KeyError:
        raise StoreError(f"{path} is a Keras model without classes and input size (no '{CARD}' inside). Expected one written by `automl-cnn search`.") from None
    except (
        OSError,
        ValueError,
        EOFError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:  # RuntimeError: it is encrypted, or packed in a way unknown here
        raise StoreError(f"The model file {path} cannot be read: {error}. It may be damaged or half copied: copy it again, or search again.") from None
    return card_of(content, path)


def sealed(path: Path) -> Path:
    """Where the SHA-256 of a model file is kept: beside it, in the form that `sha256sum --check` reads."""
    return path.with_name(f"{path.name}.sha256")


def seal(path: Path) -> str:
    """Record the SHA-256 of a model file that is finished, and return it.

    Raises:
        StoreError: the file cannot be read, or the folder cannot be written.
    """
    found = digest(path)
    atomic_write_text(sealed(path), f"{found}  {path.name}\n")
    return found


def unseal(path: Path) -> None:
    """Forget the SHA-256 of a model file that is about to change."""
    sealed(path).unlink(missing_ok=True)


def verify(path: Path) -> str | None:
    """Whether a model file is as it was when its search ended: None if so, else a sentence why that cannot be checked.

    Raises:
        StoreError: it is missing, or not the file that the search left.
    """
    found = digest(path)
    try:
        words = sealed(path).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return f"{path} could not be checked: no SHA-256 is kept beside it ({sealed(path).name}), as the end of a search writes it."
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"The SHA-256 in {sealed(path)} cannot be read: {error}. Restore both files, or search anew.") from None
    if not words or words[0] != found:
        expected = words[0][:12] if words else "nothing"
        raise StoreError(
            f"{path} is not the file that its search left: its SHA-256 begins with {found[:12]}, expected {expected} (from {sealed(path).name}). "
            "It was damaged, replaced or changed: restore it, or search anew. If you changed it yourself, delete the .sha256 file."
        )
    return None


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise StoreError(f"There is no model file {path}. Expected a .keras file written by `automl-cnn search`.") from None
    except OSError as error:
        raise StoreError(f"The model file {path} cannot be read: {error.strerror}.") from None


def resolve(model: str | Path, store: Store) -> Path:
    """The model file that is meant by a `.keras` file, a folder that holds one, or a study's name.

    Raises:
        StoreError: there is none; the message names what there is.
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
        found = store.find(text).model
        if found.is_file():
            return found
        raise StoreError(f"The study '{text}' has no model yet ({found} does not exist): run its search until one network is trained.")
    if path.is_dir():
        raise StoreError(f"The folder {path} holds no model (neither best/{MODEL} nor {MODEL}). {_what_there_is(store)}")
    raise StoreError(f"'{model}' is neither a .keras file, nor a study's folder, nor a study in the store {store.root}. {_what_there_is(store)}")


def load_model(path: Path) -> Any:
    """The Keras model in `path`, not compiled, loaded in safe mode (about 11 s where TensorFlow was not yet imported).

    Raises:
        StoreError: Keras cannot read it, or it was trained with a plugin's layers that are not installed.
        BackendError: Keras has no backend to compute with.
    """
    backend.require()
    import keras

    import automl_cnn.layers  # noqa: F401  # registers the layers of ours

    if not Path(path).is_file():
        raise StoreError(f"There is no model file {path}. Expected a .keras file written by `automl-cnn search`.")
    archive.require_plausible(Path(path))
    try:
        with keras_settings.standard():
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever the archive makes it stumble over
        raise StoreError(f"Keras cannot load {path}: {reason(error)}. {_advice(error)}") from error


def _advice(error: Exception) -> str:
    if "Could not locate" in str(error):
        return "If a plugin's own layers are inside, install or import that plugin first."
    if "arbitrary code" in str(error):
        return "Build the network from layers of Keras or of a plugin, and save it again."
    return "It may be damaged or not one of automl-cnn's: copy it again, or search again."


def require_fit(model: Any, card: Mapping[str, Any], path: Path) -> None:
    """Refuse a network whose input and output are not what its card says.

    Raises:
        StoreError: the message says what was received and what was expected.
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
            f"and {classes} classes. The file was changed: copy it again, or search again."
        )


def load(path: Path) -> Classifier:
    """The classifier in a model file. No code in it is run, and it is read only if it is the file that its search left.

    Raises:
        StoreError: the file is missing, damaged, changed, or no model of automl-cnn's.
    """
    card = read_card(path)
    unchecked = verify(path)
    model = load_model(path)
    require_fit(model, card, path)
    return Classifier(model, card, unchecked)


@dataclass(frozen=True)
class Classifier:
    """A trained network, ready to predict. Made by `load`; `model` is the Keras model, `card` what is known about it.

    `unchecked` says why the file's hash could not be compared with the one its search recorded, where that is so.
    """

    model: Any = field(repr=False)
    card: Mapping[str, Any] = field(repr=False)
    unchecked: str | None = field(default=None, repr=False)

    @property
    def classes(self) -> list[str]:
        """The labels, in the order of the probabilities."""
        return list(self.card["classes"])

    @property
    def size(self) -> int:
        """Height and width, in pixels, to which images are brought."""
        return int(self.card["size"])

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return int(self.card["channels"])

    @property
    def levels(self) -> Levels:
        """Black and white in each kind of source, as the training images had them."""
        return Levels.from_dict(self.card.get("levels"))

    def predict_proba(self, images: Images, *, scale: Scale | None = None) -> np.ndarray:
        """Class probabilities (images, classes), float32, in the order of `classes`.

        `images` is a path, encoded bytes, a PIL image or an array (height, width, channels), a list of any of these (or of
        arrays (height, width)), or one array (images, height, width[, channels]). The values of arrays are read at `levels`:
        unless the training images were arrays of another range, uint8 is 0..255 and floats are 0..1. `scale=(black, white)`
        states another range for this call.

        Raises:
            DataError: an image cannot be read, or its values are out of range; the message names it.
        """
        import keras

        parts: list[np.ndarray] = []
        levels = self.levels.stated(scale)
        for batch in as_batches(images, self.size, self.channels, BATCH, stored=int(self.card.get("stored", self.size)), levels=levels):
            missing = BATCH - len(batch) if parts else 0  # a last batch of another shape would trace the model again
            padded = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)]) if missing else batch
            with keras_settings.standard():
                parts.append(keras.ops.convert_to_numpy(self.model.predict_on_batch(padded))[: len(batch)])
        if not parts:
            raise DataError("There are no images to predict: received an empty list.")
        return probabilities(np.concatenate(parts), "The model")

    def predict(self, images: Images, *, scale: Scale | None = None) -> list[str]:
        """The likeliest class of each image; `images` and `scale` as for `predict_proba`."""
        classes = self.classes
        return [classes[index] for index in self.predict_proba(images, scale=scale).argmax(axis=1)]


def probabilities(answers: np.ndarray, what: str) -> np.ndarray:
    """`answers`, if they can be probabilities: of numbers that are not finite, the largest would mean nothing.

    Raises:
        StoreError: they cannot.
    """
    if not np.isfinite(answers).all() or answers.min() < -TOLERANCE or answers.max() > 1 + TOLERANCE:
        raise StoreError(f"{what} answers with numbers that are not probabilities. Its file is damaged or not a classifier of automl-cnn's: copy it again.")
    return answers


def _what_there_is(store: Store) -> str:
    names = [name for name in store.studies if store.find(name).model.is_file()]
    if not names:
        return f"The store {store.root} holds no finished study; run `automl-cnn search --data FOLDER`, or name another --store."
    return f"Studies with a model in {store.root}: {', '.join(names)}."
