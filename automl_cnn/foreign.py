"""Code of plugins, run in this process: it may fail, exit, print or hang, and only the plugin is lost.

    module = call(lambda: import_module("mine"), "mine.py", seconds=60)      # or ForeignError, which says what it did

While it runs, what it prints goes to standard error, since standard output may carry JSON; what it reads is empty;
and `os._exit` raises instead of ending the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import NoReturn, TypeVar

from automl_cnn.errors import AutomlCnnError

T = TypeVar("T")

AGAIN = 1.0  # seconds after which code that swallowed its interruption is interrupted again
GRACE = 15.0  # seconds of that after which it is given up
MOST_CHARACTERS = 300
NOT_FOREIGN = frozenset({"automl_cnn", "contextlib", "importlib", "keras", "tensorflow"})  # packages in which a plugin's mistake may surface
end = os._exit  # which stays what it is
_one_at_a_time = threading.RLock()  # standard output and `os._exit` belong to the whole process


class ForeignError(Exception):
    """What the code did, in a sentence."""


class TooLong(BaseException):
    """Raised inside code that took too long; no `except Exception` swallows it."""


def stuck(what: str, seconds: float) -> None:
    """Called, in a thread, when code cannot be interrupted. The command line puts another function in its place, which ends the process."""
    sys.stderr.write(f"{what} still runs after {seconds:.0f} s and cannot be interrupted.\n")


def call(function: Callable[[], T], what: str, *, seconds: float) -> T:
    """What `function` returns. `what` names the code for whoever waits.

    Raises:
        ForeignError: it raised anything but KeyboardInterrupt, tried to end the process, or took more than `seconds`.
    """
    try:
        with _one_at_a_time, output_to_stderr(), _no_input(), _no_exit(), _within(what, seconds) as running:
            try:
                return function()
            finally:
                running.clear()  # from here on nothing is interrupted: an alarm within the clean-up would leave the process half restored
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ForeignError(sentence(error)) from error


def sentence(error: BaseException) -> str:
    """An exception of somebody else's in one short line."""
    if isinstance(error, SystemExit):
        return f"SystemExit: it tried to end the process, with {error.code!r}"
    try:
        text = plainly(error)
    except BaseException:  # its __str__ is foreign code too
        text = ""
    name = "" if isinstance(error, (TooLong, AutomlCnnError)) else f"{type(error).__name__}: "
    return f"{name}{text}"[:MOST_CHARACTERS].removesuffix(": ")


def plainly(text: object) -> str:
    """An error's message in one line, without Keras's colors and its list of arguments."""
    words = re.sub(r"\x1b\[[0-9;]*m", "", str(text)).partition("Arguments received by")[0]
    return " ".join(words.split())


def place(error: BaseException | None) -> str:
    """` (mine.py, line 7)`: the line of the plugin's file that raised the error; "" where none is known or the message has it."""
    if error is None or isinstance(error, SyntaxError):  # a SyntaxError names its line
        return ""
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__) if _is_foreign(frame.f_globals)]
    if not lines:
        return ""
    file = lines[0][0]  # the first foreign file is the plugin's; what it calls may be any library
    return f" ({PurePath(file).name}, line {[line for path, line in lines if path == file][-1]})"


def placed(error: ForeignError) -> str:
    """What the code did and in which line of its file, without a period at the end."""
    return f"{str(error).rstrip('.')}{place(error.__cause__)}"


def _is_foreign(names: dict[str, object]) -> bool:
    return str(names.get("__name__")).partition(".")[0] not in NOT_FOREIGN


@contextlib.contextmanager
def output_to_stderr() -> Iterator[None]:
    """Whatever is written to standard output, by this process or one that it starts, goes to standard error."""
    kept: int | None = None
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):  # one of the two is closed
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.__stdout__.flush()  # type: ignore[union-attr]  # where there is none, the next lines do not run
            os.dup2(kept, 1)
            os.close(kept)


@contextlib.contextmanager
def _no_input() -> Iterator[None]:
    before = sys.stdin
    with open(os.devnull, encoding="utf-8") as nothing:
        sys.stdin = nothing
        try:
            yield
        finally:
            sys.stdin = before


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """`os._exit` and `os.abort` raise SystemExit, also where the code took them from `os` for later."""

    def leave(code: object = "os.abort()") -> NoReturn:
        raise SystemExit(code)

    before = os._exit, os.abort
    os._exit = os.abort = leave  # type: ignore[assignment]  # of this very signature, but for the default
    try:
        yield
    finally:
        os._exit, os.abort = before


@contextlib.contextmanager
def _within(what: str, seconds: float) -> Iterator[threading.Event]:
    """Raise TooLong in this thread after `seconds`, again and again until the code gives way. It is interrupted only while the event is set."""
    done, running = threading.Event(), threading.Event()
    running.set()
    words = f"it did not finish within {seconds:.0f} s"
    alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGALRM) is not None
    me = threading.get_ident()

    def watch() -> None:
        begun = time.monotonic()
        wait = seconds
        while not done.wait(wait):
            if not alarm and running.is_set():  # takes effect at the next line of Python
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(me), ctypes.py_object(TooLong))
            if time.monotonic() - begun > seconds + GRACE:
                return stuck(what, seconds)
            wait = AGAIN
        return None

    with _alarm(seconds, words, running) if alarm else contextlib.nullcontext():
        threading.Thread(target=watch, daemon=True).start()
        try:
            yield running
        except TooLong:
            raise TooLong(words) from None
        finally:
            done.set()
            if not alarm:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(me), None)  # one that was not raised yet would hit whoever comes next


@contextlib.contextmanager
def _alarm(seconds: float, words: str, running: threading.Event) -> Iterator[None]:
    """The system's alarm, which interrupts waiting too; the one that somebody else set goes on after it."""

    def ring(number: int, frame: object) -> None:
        if running.is_set():
            raise TooLong(words)

    begun = time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - begun)), interval)
