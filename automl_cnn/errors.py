"""The errors that this package raises.

    AutomlCnnError              everything this package raises on purpose
    ├── ConfigError             a setting, a flag or a study.toml that cannot be used
    ├── DataError               the images cannot be used as they are
    │   ├── InputError          given to an ImageClassifier; a ValueError too
    │   └── ImagesGone          the decoded images were deleted while they were needed
    ├── PluginError             a plugin is missing, broken or breaks its contract
    │   └── SpaceError          a value outside a declared range
    ├── BackendError            no Keras backend is installed
    ├── StoreError              the store or a study in it cannot be read or written
    ├── ExportError             a model cannot be written in a format, or gives other predictions there
    └── TrialError              one trial could not be trained (the search goes on)
        └── WorkerLost          it took its worker process with it, or never came back

Each message says what was received, what was expected and what to do about it, so that the
command line can print it alone, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum


class AutomlCnnError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(AutomlCnnError):
    """A setting, a flag or a study file cannot be used."""


class DataError(AutomlCnnError):
    """The images cannot be used as they are."""


class InputError(DataError, ValueError):
    """Images or labels that an `ImageClassifier` cannot use; also a ValueError, as scikit-learn expects."""


class ImagesGone(DataError):
    """The decoded images were deleted while they were needed; they can be decoded again."""


class PluginError(AutomlCnnError):
    """A plugin is missing, broken or breaks its contract."""


class SpaceError(PluginError, ValueError):
    """A value lies outside the range that a plugin declares."""


class BackendError(AutomlCnnError):
    """No Keras backend is installed."""


class StoreError(AutomlCnnError):
    """The store, or a study in it, cannot be read or written."""


class ExportError(AutomlCnnError):
    """A model cannot be written in a format, or the written file gives other predictions."""


class Cause(StrEnum):
    """The causes of failed trials that the search treats differently."""

    INTERRUPTED = "interrupted"  # lost through no fault of its own: it is tried again
    NODE = "node"  # its machine was lost, or could not be reached any more: it is tried again
    MEMORY = "memory"  # it needed more than there is
    DISK = "disk"  # nothing could be written
    IMAGES = "images"  # the decoded images were deleted while it was trained
    DIVERGED = "diverged"  # the loss was not a number
    WORKER = "worker"  # the worker process died or hung
    OTHER = "other"


class TrialError(AutomlCnnError):
    """One trial could not be trained; the search records the reason and goes on."""

    def __init__(self, message: str = "", cause: Cause = Cause.OTHER) -> None:
        super().__init__(message)
        self.cause = cause


class WorkerLost(TrialError):
    """A request killed a worker process or made it hang; the next request gets a new one."""


def did_you_mean(name: str, available: Iterable[str]) -> str:
    """A sentence that names the nearest match and everything available."""
    names = sorted(available)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Available: {', '.join(names) or 'none'}."
