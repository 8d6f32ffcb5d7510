"""TensorFlow's SavedModel, a folder: for TensorFlow Serving, Vertex AI and everything that runs TensorFlow without Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automl_cnn.export.formats.protocol import FLOAT, NONE, Format, Source


def write(source: Source, path: Path, method: str) -> None:
    """Write `path`, a folder, whose signature takes `images` and returns `probabilities` or `numbers`.

    TensorFlow's own function writes it, because Keras 3.15's exporter stores every weight twice.
    """
    import tensorflow as tf

    from automl_cnn.export.network import IMAGES, portable

    model = portable(source.network, source.fit)
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.uint8, name=IMAGES)], autograph=False)
    def serve(images: Any) -> dict[str, Any]:
        return {source.returned: model(images, training=False)}

    module.serve = serve
    tf.saved_model.save(module, str(path), signatures=serve)


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
