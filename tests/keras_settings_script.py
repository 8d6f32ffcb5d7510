"""Run by test_keras_settings.py, once with each keras.json: builds, loads, predicts, and prints what it found as one line of JSON."""

from __future__ import annotations

import json
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from automl_cnn import registry
from automl_cnn.export import bundle
from automl_cnn.modelfile import file as modelfile
from automl_cnn.models import pretrained
from automl_cnn.models.build import network
from automl_cnn.models.cost import cost
from automl_cnn.models.estimate import estimate
from automl_cnn.models.net import BuildNet
from automl_cnn.plugin import Architecture, Inputs, Pretrained
from automl_cnn.testing import check_plugin


class Plain(Architecture):
    """Layers of stock Keras without a data format. Choose it in tests."""

    name = "plain"

    def features(self, x, net):
        x = keras.layers.Conv2D(net.width(32), 3, padding="same", kernel_regularizer=net.penalty())(x)
        for _ in range(net.depth(2)):
            x = keras.layers.Conv2D(net.width(64), 3, padding="same", activation="relu", kernel_regularizer=net.penalty())(net.after_block(x))
        return keras.layers.MaxPooling2D(2)(x)


def settings() -> list[Any]:
    config = keras.config
    policy = config.dtype_policy().name
    return [config.image_data_format(), config.floatx(), config.epsilon(), policy, config.max_epochs(), config.max_steps_per_epoch()]


def formats_of(model: Any) -> set[str]:
    return {layer.data_format for layer in model.layers if getattr(layer, "data_format", None) and not isinstance(layer, keras.layers.ZeroPadding2D)}


def main(folder: Path, other: Path) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    facts: dict[str, Any] = {"before": settings()}
    plugins = registry.load()
    facts["costs"], facts["formats"] = {}, {}
    for name in plugins.names("architecture"):
        paid = estimate({"architecture": name, "resolution": 64}, plugins, classes=3, channels=3)
        facts["costs"][name] = [paid.params, paid.mult_adds, paid.activations, paid.weights]
        architecture: Any = plugins.get("architecture", name)()
        spatial: Any = plugins.get("regularizer", "spatial_dropout")()
        net = BuildNet(input_size=64, classes=3, width=0.25, depth=0.25, regularizers=(spatial,), keep_strides=False)
        x = keras.Input((64, 64, 3))
        bare = keras.Model(x, architecture.head(architecture.features(x, net), net))  # as in a notebook, without a search
        if formats_of(bare) != {"channels_last"}:
            facts["formats"][name] = sorted(formats_of(bare))
    images = np.random.default_rng(0).integers(0, 256, (3, 70, 50, 3), dtype=np.uint8)
    entry = plugins.get("architecture", "efficientnet_lite").pretrained[0]
    lite: Any = plugins.get("architecture", "efficientnet_lite")(**entry.point)
    features = network(lite, classes=3, channels=3, size=64, pretrained=entry)
    pretrained.load(features.model, entry)
    reader = keras.Model(features.model.input, features.model.layers[-3].output)
    facts["pretrained"] = keras.ops.convert_to_numpy(reader(keras.ops.convert_to_tensor(images), training=False)).astype(float).ravel()[:200].tolist()
    torch = Pretrained("made_up", "package:none/none", inputs=Inputs.torch())  # colours on scales of their own
    made = network(plugins.get("architecture", "resnet")(), classes=3, channels=3, size=64, pretrained=torch).model  # type: ignore[arg-type]
    file = folder / "model.keras"
    made.save(file)
    modelfile.write_card(file, {"classes": ["a", "b", "c"], "size": 64, "channels": 3})
    with zipfile.ZipFile(file) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    facts["written"] = sorted(
        {layer["config"]["data_format"] for layer in layers if layer["class_name"] != "ZeroPadding2D" and "data_format" in layer["config"]}
    )
    classifier = bundle.load(other)
    sized = np.stack([images[0][:48, :48]] * 2)
    facts["ours"] = classifier.predict_proba(sized).astype(float).tolist()
    shrunk = np.zeros((2, 64, 64, 3), np.uint8) + np.arange(64, dtype=np.uint8)[None, :, None, None]
    facts["ours"] += classifier.predict_proba(shrunk).astype(float).tolist()
    stock = keras.saving.load_model(other, compile=False)
    facts["stock"] = classifier.predict_proba(sized).astype(float).tolist() + np.asarray(stock.predict_on_batch(shrunk)).astype(float).tolist()
    stranger = cost(network(Plain(), classes=3, channels=3, size=32).model)
    report = check_plugin(Plain)
    facts["stranger"] = {"params": stranger.params, "mult_adds": stranger.mult_adds, "failed": [result.message for result in report.failed]}
    facts["after"] = settings()
    return facts


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
