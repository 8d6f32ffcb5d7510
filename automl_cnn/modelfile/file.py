"""The model file: a `.keras` archive that also knows its classes, its input and how good it is.

A `.keras` file is a zip archive; its extra member `automl_cnn.json` is the card. Keras reads the file as it would any other. Studies and exports
both stand on this format, and it knows neither.
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
from pathlib import Path
from typing import Any

from automl_cnn import backend, keras_settings
from automl_cnn.errors import StoreError
from automl_cnn.modelfile import archive
from automl_cnn.modelfile.contract import card_of
from automl_cnn.modelfile.reasons import reason
from automl_cnn.store import atomic_write_text

CARD = "automl_cnn.json"


def write_card(keras_file: Path, card: Mapping[str, Any]) -> None:
    """Put `card` (JSON-ready) into the model file, in place of an earlier one. In one step, with every member stored uncompressed.

    Raises:
        StoreError: the file is not a `.keras` file, or cannot be written.
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
    checksum = digest(path)
    atomic_write_text(sealed(path), f"{checksum}  {path.name}\n")
    return checksum


def unseal(path: Path) -> None:
    """Forget the SHA-256 of a model file that is about to change."""
    sealed(path).unlink(missing_ok=True)


def verify(path: Path) -> str | None:
    """Whether a model file is as it was when its search ended: None if so, else a sentence why that cannot be checked.

    Raises:
        StoreError: it is missing, or not the file that the search left.
    """
    checksum = digest(path)
    try:
        words = sealed(path).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return f"{path} could not be checked: {sealed(path).name}, which a search writes beside it at its end, is missing."
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"The SHA-256 in {sealed(path)} cannot be read: {error}. Restore both files, or search again.") from None
    if not words or words[0] != checksum:
        expected = words[0][:12] if words else "nothing"
        raise StoreError(
            f"{path} is not the file that its search wrote: its SHA-256 begins with {checksum[:12]}, expected {expected} (from {sealed(path).name}). "
            "It was damaged, replaced or changed: restore it, or search again. If you changed it yourself, delete the .sha256 file."
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
