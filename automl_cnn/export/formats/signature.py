"""Call Keras' exporter with the same names of input and output in every format."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import Any


def exported(model: Any, path: Path, format_: str, **options: Any) -> None:
    """`model.export` without its log output; the input is called `images`."""
    import keras

    from automl_cnn.export.network import IMAGES

    signature = [keras.InputSpec(shape=model.input_shape, dtype="uint8", name=IMAGES)]
    loud = logging.root.manager.disable
    logging.disable(logging.ERROR)  # tf2onnx logs a harmless traceback
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            model.export(str(path), format=format_, verbose=False, input_signature=signature, **options)
    finally:
        logging.disable(loud)
