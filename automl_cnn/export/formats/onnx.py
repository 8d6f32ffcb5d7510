"""ONNX: one file that runs nearly everywhere, in onnxruntime on servers, phones and in the browser. The first choice for deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automl_cnn.export.formats.protocol import FLOAT, FLOAT16, INT8, NONE, Format, Source
from automl_cnn.export.formats.signature import exported

OPSET = 17


def write(source: Source, path: Path, method: str) -> None:
    """Write `path`, an `.onnx` file."""
    from automl_cnn.export.network import portable

    convert(portable(network_for(source, method), source.fit), source, path, method)


def network_for(source: Source, method: str) -> Any:
    """The network to write: for int8 weights, one with an evened-out classifier. If activations are quantized too, the classifier stays unchanged."""
    return source.even if method == "int8 weights" else source.network


def convert(model: Any, source: Source, path: Path, method: str) -> None:
    """Write `model`, which takes uint8 images, to `path`; `source` has the calibration images."""
    from automl_cnn.export import quantize

    exported(model, path, "onnx", opset_version=OPSET)
    quantize.name_output(path, source.returned)
    if method == "float16":
        quantize.onnx_float16(path)
    elif method == "int8":
        quantize.onnx_int8(path, source.images)
    elif method == "int8 weights":
        quantize.onnx_int8_weights(path)


FORMAT = Format(
    name="onnx",
    file="model.onnx",
    extra="onnx",
    modules=("tensorflow", "onnx", "tf2onnx", "onnxruntime"),
    distributions=("onnxruntime", "onnx", "tf2onnx"),
    methods={NONE: FLOAT, FLOAT16: ("float16",), INT8: ("int8", "int8 weights")},
    write=write,
)
