"""The formats a network can be written in: a shop window. Nothing here imports a runtime.

    from automl_cnn.export import formats

    run = formats.of(Path("exported/model.onnx")).runner(Path("exported/model.onnx"))
    probabilities = run(images)                  # uint8 (n, height, width, channels)

A further format is one file beside these with a `FORMAT`, and a function in `export.runners` that runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automl_cnn.errors import ExportError
from automl_cnn.export.formats import keras, litert, onnx, openvino, saved_model
from automl_cnn.export.formats.protocol import FLOAT16, INT8, NONE, QUANTIZATIONS, Format, Source

FORMATS: Mapping[str, Format] = {found.name: found for found in (keras.FORMAT, saved_model.FORMAT, onnx.FORMAT, litert.FORMAT, openvino.FORMAT)}

__all__ = ["FLOAT16", "FORMATS", "INT8", "NONE", "QUANTIZATIONS", "Format", "Source", "of"]


def of(path: Path) -> Format:
    """The format of an exported file or folder, told by its name.

    Raises:
        ExportError: it is none of them.
    """
    for found in FORMATS.values():
        suffix = Path(found.file).suffix
        if (suffix and path.suffix == suffix) or (not suffix and (path / "saved_model.pb").is_file()):
            return found
    files = ", ".join(found.file for found in FORMATS.values())
    raise ExportError(f"{path} is no exported model. Expected a file or folder like one of: {files}.")
