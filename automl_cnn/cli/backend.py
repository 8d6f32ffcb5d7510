"""What the command line does around Keras: ask for its backend, and show that it loads."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from automl_cnn.backend import require
from automl_cnn.cli.console import Screen, Text

__all__ = ["loading", "require"]


@contextlib.contextmanager
def loading(words: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner on a terminal, and hide TensorFlow's startup messages, which no setting turns off. Yield a function that changes the text."""
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
