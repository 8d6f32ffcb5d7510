"""An export format: a name, its requirements, and one function that writes it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.data.fit import Fit
from automl_cnn.errors import ExportError
from automl_cnn.export import runners

NONE, FLOAT16, INT8 = "none", "float16", "int8"
QUANTIZATIONS = (NONE, FLOAT16, INT8)
FLOAT = ("float32",)


@dataclass(frozen=True)
class Source:
    """The input of a format.

    `network` is stock Keras, float32 (n, size, size, channels) within 0..255 -> answers (see `export.network`);
    `calibration` are images of the training split, uint8, which int8 needs; `returned` is the name of the file's output.
    """

    network: Any
    calibration: np.ndarray | None = None
    missing: str = ""  # why there are no calibration images, if that is known
    fit: Fit = "squash"  # how images of another shape become square
    returned: str = "probabilities"

    @property
    def images(self) -> np.ndarray:
        """The calibration images.

        Raises:
            ExportError: there are none.
        """
        if self.calibration is None or not len(self.calibration):
            raise ExportError(
                "int8 needs images of the training split to calibrate with, and there are none. "
                f"{self.missing or 'Export a study of the store by its name.'} Or use float16."
            )
        return self.calibration

    @cached_property
    def even(self) -> Any:
        """The network with a classifier whose weights can be rounded.

        Raises:
            ExportError: there are no calibration images.
        """
        from automl_cnn.export.rounding import evened

        return evened(self.network, self.images)


@dataclass(frozen=True)
class Format:
    """One way to write a network, and what runs it.

    `methods` lists the methods to try for each quantization, the best first; `write(source, path, method)` implements
    them. `modules` must be importable to write and run the format; the `extra` of this package installs them.
    `instead` names the format to use if a network cannot be written in this one.
    """

    name: str
    file: str
    extra: str
    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    methods: Mapping[str, tuple[str, ...]]
    write: Callable[[Source, Path, str], None] = field(repr=False)
    instead: str = "saved_model"
    any_size: bool = True
    layout: str = "NHWC"

    def path(self, folder: Path, quantize: str) -> Path:
        """The path of the file for a quantization: `model-int8.onnx`."""
        stem, dot, suffix = self.file.partition(".")
        return folder / (self.file if quantize == NONE else f"{stem}-{quantize}{dot}{suffix}")

    def parts(self, path: Path) -> list[Path]:
        """All files that belong to the one at `path`."""
        if path.is_dir():
            return sorted(part for part in path.rglob("*") if part.is_file())
        beside = path.with_suffix(".bin")
        return [path, beside] if path.suffix == ".xml" and beside.exists() else [path]

    def missing(self) -> list[str]:
        """The modules that are not installed."""
        return [module for module in self.modules if importlib.util.find_spec(module) is None]

    def require(self, quantize: Sequence[str] = (NONE,)) -> None:
        """Check that the format can be written with these quantizations.

        Raises:
            ExportError: a required module is not installed, or the format lacks a quantization.
        """
        if lacking := self.missing():
            raise ExportError(f"The format {self.name} needs {', '.join(lacking)}. Install with: pip install 'automl-cnn[{self.extra}]'")
        for wanted in quantize:
            if wanted not in self.methods:
                raise ExportError(f"The format {self.name} has no {wanted} variant: leave --quantize out, or use onnx, litert or openvino.")

    def runner(self, path: Path) -> Callable[[np.ndarray], np.ndarray]:
        """The model at `path` in this process: uint8 (n, height, width, channels) -> float32 (n, classes).

        Raises:
            ExportError: its runtime is not installed.
        """
        try:
            return runners.RUNNERS[self.name](str(path))
        except ImportError as error:
            raise ExportError(f"To run {path.name}, {error.name} is needed. Install with: pip install 'automl-cnn[{self.extra}]'") from None

    @property
    def versions(self) -> dict[str, str]:
        """The installed versions of its converter and runtime."""
        versions = {}
        for name in self.distributions:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return versions
