"""TensorFlow's SavedModel, a folder: for TensorFlow Serving, Vertex AI and everything that runs TensorFlow without Keras."""

from __future__ import annotations

from pathlib import Path

from automl_cnn.export.formats.protocol import FLOAT, NONE, Format, Source
from automl_cnn.export.formats.signature import exported


def write(source: Source, path: Path, method: str) -> None:
    """Write `path`, a folder."""
    from automl_cnn.export.network import portable

    exported(portable(source.network), path, "tf_saved_model")


FORMAT = Format(
    name="saved_model",
    file="saved_model",
    extra="cpu",
    modules=("tensorflow",),
    distributions=("tensorflow-cpu", "tensorflow"),
    methods={NONE: FLOAT},
    write=write,
    instead="keras",
)
