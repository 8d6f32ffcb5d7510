"""LiteRT (TensorFlow Lite): for phones, microcontrollers and small boards. The images must have the network's own size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automl_cnn.export.formats.protocol import FLOAT, FLOAT16, INT8, NONE, Format, Source
from automl_cnn.export.formats.signature import exported


def write(source: Source, path: Path, method: str) -> None:
    """Write `path`, a `.tflite` file."""
    import keras

    from automl_cnn.export.network import of_one_size

    model = of_one_size(source.even if method == "int8 weights" else source.network)
    named = keras.Model(model.inputs[0], {source.returned: model.outputs[0]})  # so that its signature has this name
    exported(named, path, "litert", **_options(source, method))


def _options(source: Source, method: str) -> dict[str, Any]:
    """The converter's settings: only LiteRT's own operations, because its small runtime has no others."""
    import tensorflow as tf

    target: dict[str, Any] = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    if method == "float32":
        return {"target_spec": target}
    options: dict[str, Any] = {"target_spec": target, "optimizations": [tf.lite.Optimize.DEFAULT]}  # by itself: int8 weights
    if method == "float16":
        target["supported_types"] = [tf.float16]
    if method == "int8":
        target["supported_ops"] = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
        images = source.images

        def calibration() -> Iterator[list[Any]]:
            for row in range(len(images)):
                yield [images[row : row + 1]]

        options["representative_dataset"] = calibration
    return options


FORMAT = Format(
    name="litert",
    file="model.tflite",
    extra="litert",
    modules=("tensorflow", "ai_edge_litert"),
    distributions=("ai-edge-litert", "tensorflow-cpu", "tensorflow"),
    methods={NONE: FLOAT, FLOAT16: ("float16",), INT8: ("int8", "int8 weights")},
    write=write,
    instead="onnx",
    any_size=False,
)
