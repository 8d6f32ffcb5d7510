"""The formats a network can be written in. Nothing here imports a runtime.

    from automl_cnn.export import formats

    run = formats.of(Path("exported/model.onnx")).runner(Path("exported/model.onnx"))
    answers = run(images)                        # uint8 (n, height, width, channels)

To add a format, write one file beside these with a `FORMAT`, and a function in `export.runners` that runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from automl_cnn.errors import ExportError
from automl_cnn.export.formats import keras, litert, onnx, openvino, saved_model
from automl_cnn.export.formats.protocol import FLOAT16, INT8, NONE, QUANTIZATIONS, Format, Source

FORMATS: Mapping[str, Format] = {kind.name: kind for kind in (keras.FORMAT, saved_model.FORMAT, onnx.FORMAT, litert.FORMAT, openvino.FORMAT)}

__all__ = ["FLOAT16", "FORMATS", "INT8", "NONE", "QUANTIZATIONS", "Format", "Source", "of"]


def of(path: Path) -> Format:
    """The format of an exported file or folder, determined by its name.

    Raises:
        ExportError: no format has this name.
    """
    for kind in FORMATS.values():
        suffix = Path(kind.file).suffix
        if (suffix and path.suffix == suffix) or (not suffix and (path / "saved_model.pb").is_file()):
            return kind
    files = ", ".join(kind.file for kind in FORMATS.values())
    raise ExportError(f"{path} is not an exported model. Expected a file or folder like one of: {files}.")
