"""Keras' own archive, of stock classes only: to train on, or to serve where Keras is installed. Loads without automl-cnn, in safe mode."""

from __future__ import annotations

from pathlib import Path

from automl_cnn.export.formats.protocol import FLOAT, NONE, Format, Source


def write(source: Source, path: Path, method: str) -> None:
    """Write `path`, a `.keras` file."""
    from automl_cnn.export.network import of_any_size

    of_any_size(source.network, source.fit).save(path)


FORMAT = Format(
    name="keras",
    file="model.keras",
    extra="cpu",
    modules=("keras",),
    distributions=("keras", "tensorflow-cpu", "tensorflow"),
    methods={NONE: FLOAT},
    write=write,
)
