"""Require a Keras backend, and show progress while Keras loads."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn

from automl_cnn.backend import require
from automl_cnn.cli.console import Screen, Text

__all__ = ["loading", "require"]

PATIENCE = 3.0  # seconds after which they are shown


class _Seconds(ProgressColumn):
    """A column with the elapsed seconds."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.elapsed:.0f} s" if task.elapsed is not None and task.elapsed >= PATIENCE else "", style="dim")


@contextlib.contextmanager
def loading(words: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner and the seconds so far on a terminal, and hide TensorFlow's startup messages, which no setting turns off, and Python's warnings.

    Yield a function that changes the text. The seconds keep counting during a long step: it does not look like a hang.
    """
    sys.stderr.flush()
    encoding, errors = sys.stderr.encoding or "utf-8", sys.stderr.errors or "backslashreplace"
    with os.fdopen(os.dup(2), "w", encoding=encoding, errors=errors) as real, open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            screen = Screen(file=real)
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), _Seconds())
            with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal, redirect_stderr=False) as shown:
                task = shown.add_task(words)
                yield lambda words: shown.update(task, description=words)
        finally:
            sys.stderr.flush()
            os.dup2(real.fileno(), 2)
