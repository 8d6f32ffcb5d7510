"""Wait for an answer that may never come, with a time limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

LONGEST = 900.0  # seconds: a bucket of a million files takes minutes to list
T = TypeVar("T")


def patiently(ask: Callable[[], T]) -> T:
    """The result of `ask`, after at most `LONGEST` seconds; Ctrl-C ends the wait at once."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ends = time.monotonic() + LONGEST
    while thread.is_alive():
        thread.join(0.2)
        if time.monotonic() > ends:
            raise TimeoutError(f"no answer within {LONGEST:.0f} seconds")
    if errors:
        raise errors[0]
    return answers[0]
