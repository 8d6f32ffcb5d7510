"""Whether Keras has anything to compute with, asked without importing it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator

from automl_cnn.cli.console import Screen, Text
from automl_cnn.errors import BackendError

BACKENDS = {"tensorflow": "cpu", "jax": "jax", "torch": "torch"}  # import name -> the extra that installs it


def require() -> str:
    """The backend that Keras will use: `KERAS_BACKEND`, else the first installed of TensorFlow, JAX and PyTorch.

    The choice is put into the environment, so that Keras and every worker process agree.

    Raises:
        BackendError: none is installed, or not the one that `KERAS_BACKEND` names.
    """
    wanted = os.environ.get("KERAS_BACKEND", "").strip()
    if wanted:
        if wanted not in BACKENDS:
            raise BackendError(f"KERAS_BACKEND is {wanted!r}. Expected one of: {', '.join(BACKENDS)}.")
        if not _installed(wanted):
            raise BackendError(
                f"KERAS_BACKEND is {wanted!r}, which is not installed. Install it with: pip install 'automl-cnn[{BACKENDS[wanted]}]', or unset KERAS_BACKEND."
            )
        return wanted
    for name in BACKENDS:
        if _installed(name):
            os.environ["KERAS_BACKEND"] = name
            return name
    raise BackendError(
        "Keras has no backend to compute with: none of tensorflow, jax and torch is installed.\n"
        "Install one with: pip install 'automl-cnn[cpu]' (or 'automl-cnn[gpu]' for an NVIDIA GPU on Linux)."
    )


@contextlib.contextmanager
def loading(words: str) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal's standard error, without TensorFlow's greetings, which no setting turns off; gives a function that changes the words."""
    sys.stderr.flush()
    encoding, errors = sys.stderr.encoding or "utf-8", sys.stderr.errors or "backslashreplace"
    with os.fdopen(os.dup(2), "w", encoding=encoding, errors=errors) as real, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            screen = Screen(file=real)
            with screen.status(Text(words)) if screen.is_terminal else contextlib.nullcontext() as status:
                yield lambda words: status.update(Text(words)) if status is not None else None
        finally:
            sys.stderr.flush()
            os.dup2(real.fileno(), 2)


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
