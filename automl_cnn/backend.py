"""The backend that Keras uses, and whether Keras can start: determined in milliseconds, without importing it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any

from automl_cnn.errors import BackendError

VARIABLE = "KERAS_BACKEND"
BACKENDS = {"tensorflow": "cpu", "jax": "jax", "torch": "torch"}  # import name -> the extra that installs it
DEFAULT = "tensorflow"  # Keras' own
ADVICE = "Correct or delete the file, or set KERAS_HOME to another folder."
_replaced: list[str] = []  # the sentence of `replaced`
ALLOWED: dict[str, tuple[str, ...]] = {"floatx": ("float16", "float32", "float64"), "image_data_format": ("channels_last", "channels_first")}


def require() -> str:
    """The backend that Keras will use: that of `KERAS_BACKEND`, else that of `keras.json` where it is installed, else the first of those that are.

    If Keras by itself would choose another, the choice is put into the environment, so that Keras and every worker process agree.

    Raises:
        BackendError: none is installed, or not the one that `KERAS_BACKEND` names, or Keras cannot read its `keras.json`.
    """
    configured = _configured()
    _check_environment()
    given = os.environ.get(VARIABLE, "")
    wanted = given.strip()
    if wanted:
        if wanted not in BACKENDS:
            raise BackendError(f"{VARIABLE} is {wanted!r}. Expected one of: {', '.join(BACKENDS)}.")
        if not _installed(wanted):
            other = next((name for name in BACKENDS if _installed(name)), None)
            instead = f"set {VARIABLE}={other}" if other else f"unset {VARIABLE}"
            install = f"pip install 'automl-cnn[{BACKENDS[wanted]}]'"
            raise BackendError(f"{VARIABLE} is {wanted!r}, which is not installed. Install it with: {install}, or {instead}.")
        if wanted != given:
            os.environ[VARIABLE] = wanted
        return wanted
    for name in dict.fromkeys((configured, *BACKENDS)):
        if name in BACKENDS and _installed(name):
            if name != configured:
                os.environ[VARIABLE] = name
                _remember(configured, name)
            return name
    raise BackendError(
        "Keras has no backend to compute with: none of tensorflow, jax and torch is installed.\n"
        "Install one with: pip install 'automl-cnn[cpu]' (or 'automl-cnn[gpu]' for an NVIDIA GPU on Linux)."
    )


def replaced() -> str | None:
    """A sentence where `keras.json` names a backend that cannot be used, so that `require` chose another; else None."""
    return _replaced[-1] if _replaced else None


def _remember(configured: str, chosen: str) -> None:
    if configured != DEFAULT:  # Keras writes its default into the file unasked
        why = f"which is not installed (pip install 'automl-cnn[{BACKENDS[configured]}]')" if configured in BACKENDS else "which cannot train networks"
        _replaced[:] = [f"{_file()} names the backend {_short(configured)}, {why}. The backend {chosen} is used instead; set {VARIABLE} to choose."]


def _configured() -> str:
    """The backend that `keras.json` names.

    Raises:
        BackendError: Keras could not be imported with this file, or would silently ignore it.
    """
    file = _file()
    if not os.path.lexists(file):
        return DEFAULT
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BackendError(f"Keras' settings in {file} cannot be read: {error.strerror or error}. {ADVICE}") from None
    except (ValueError, RecursionError) as error:
        raise BackendError(f"Keras' settings in {file} are not valid JSON: {str(error)[:200]}. {ADVICE}") from None
    if not isinstance(settings, dict):
        raise BackendError(f"Keras' settings in {file} are a {type(settings).__name__}: expected a JSON object. {ADVICE}")
    for key, options in ALLOWED.items():
        if settings.get(key, options[0]) not in options:
            raise BackendError(f"Keras' settings in {file} have {key} = {_short(settings[key])}: expected one of {', '.join(options)}. {ADVICE}")
    if not isinstance(settings.get("epsilon", 0.0), float):
        raise BackendError(f"Keras' settings in {file} have epsilon = {_short(settings['epsilon'])}: expected a number such as 1e-07. {ADVICE}")
    if settings.get("nnx_enabled") and not _installed("flax"):
        raise BackendError(f"Keras' settings in {file} have nnx_enabled = true, which needs flax, and flax is not installed. {ADVICE}")
    backend = settings.get("backend", DEFAULT)
    if not isinstance(backend, str):
        raise BackendError(f"Keras' settings in {file} have backend = {_short(backend)}: expected one of {', '.join(BACKENDS)}. {ADVICE}")
    return backend


def _check_environment() -> None:
    """The other variables that Keras reads when it is imported.

    Raises:
        BackendError: Keras could not be imported with one of them.
    """
    for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
        value = os.environ.get(name)
        if value is not None and not re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
            raise BackendError(f"{name} is {_short(value)}: expected a whole number. Correct or unset it.")
    if os.environ.get("KERAS_NNX_ENABLED", "").lower() in ("true", "1") and not _installed("flax"):
        raise BackendError("KERAS_NNX_ENABLED is set, which needs flax, and flax is not installed. Unset it.")


def _file() -> Path:
    """Where Keras looks for its settings."""
    home = os.environ.get("KERAS_HOME")
    if home is None:
        user = os.path.expanduser("~")
        home = os.path.join(user if os.access(user, os.W_OK) else "/tmp", ".keras")
    return Path(os.path.expanduser(os.path.join(home, "keras.json")))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
