"""OpenVINO's two files: the fastest format on many Intel processors and GPUs. The images must have the network's own size.

The files are converted from ONNX, whose converter supports more networks. The size is fixed: with dynamic shapes and a branch in
the network, OpenVINO 2026.4 silently gives wrong predictions for the first batch of every new shape.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from automl_cnn.export.formats import onnx
from automl_cnn.export.formats.protocol import FLOAT, FLOAT16, INT8, NONE, Format, Source


def write(source: Source, path: Path, method: str) -> None:
    """Write `path`, an `.xml` file, and the `.bin` file beside it."""
    import openvino

    from automl_cnn.export.network import of_one_size

    with tempfile.TemporaryDirectory() as folder:
        step = Path(folder) / "model.onnx"
        onnx.convert(of_one_size(onnx.network_for(source, method)), source, step, "float32" if method == "float16" else method)
        model = openvino.convert_model(str(step))
        openvino.save_model(model, str(path), compress_to_fp16=method == "float16")


FORMAT = Format(
    name="openvino",
    file="model.xml",
    extra="openvino",
    modules=("tensorflow", "onnx", "tf2onnx", "onnxruntime", "openvino"),
    distributions=("openvino", "onnx", "tf2onnx"),
    methods={NONE: FLOAT, FLOAT16: ("float16",), INT8: ("int8", "int8 weights")},
    write=write,
    instead="onnx",
    any_size=False,
)
