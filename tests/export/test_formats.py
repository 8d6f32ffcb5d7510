import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import Levels
from automl_cnn.errors import ExportError
from automl_cnn.export import folder, runners
from automl_cnn.export.formats import FORMATS, INT8, NONE, QUANTIZATIONS, of
from automl_cnn.export.samples import resized


def test_each_format_has_what_the_registry_promises():
    for name, format_ in FORMATS.items():
        assert format_.name == name
        assert runners.RUNNERS[name].__doc__
        assert NONE in format_.methods
        assert format_.instead in FORMATS
        assert format_.instead != name
        assert set(format_.methods) <= set(QUANTIZATIONS)
    assert len({format_.file for format_ in FORMATS.values()}) == len(FORMATS)


def test_a_missing_runtime_names_its_extra(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("onnxruntime", "ai_edge_litert", "openvino") else real(name))
    for name in ("onnx", "litert", "openvino"):
        with pytest.raises(ExportError, match=rf"The format {name} needs .*pip install 'automl-cnn\[{name}\]'"):
            folder.checked([name], [])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ExportError, match=r"To run model\.onnx, onnxruntime is needed\. .*automl-cnn\[onnx\]"):
        FORMATS["onnx"].runner(Path("model.onnx"))
    folder.checked(["keras", "saved_model"], [])


def test_what_does_not_exist_is_said_with_what_does(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    for names, quantize, words in (
        (["onix"], [], "Did you mean 'onnx'"),
        (["onnx"], ["int4"], "no quantization 'int4'. Available: none, float16, int8"),
        (["keras"], ["int8"], "keras has no int8 variant"),
    ):
        with pytest.raises(ExportError, match=words):
            folder.checked(names, quantize)


def test_a_file_tells_its_format(tmp_path):
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"")
    for name, format_ in FORMATS.items():
        assert of(tmp_path / format_.file).name == name
        assert of(format_.path(tmp_path, NONE)) is format_
    assert FORMATS["onnx"].path(tmp_path, INT8).name == "model-int8.onnx"
    with pytest.raises(ExportError, match=r"not an exported model.*model\.onnx"):
        of(tmp_path / "photo.jpg")


def test_the_proofs_resizing_is_pillows():
    images = np.random.default_rng(0).integers(0, 256, (2, 37, 53, 3), dtype=np.uint8)
    for size in (12, 37, 80):
        pillow = np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)) for image in images])
        assert np.abs(resized(images, size) - pillow).max() <= 1.0
    np.testing.assert_array_equal(resized(images[:, :, :37], 37), images[:, :, :37])


def test_stock_keras_says_what_our_layers_say(network, dataset):
    from automl_cnn.data import pixels
    from automl_cnn.export.network import core, of_any_size, of_one_size, portable

    images = np.asarray(pixels(dataset, 12)[:40])
    expected = network.predict_on_batch(images)
    stock = core(network, 12, 3)
    assert not [layer for layer in stock._flatten_layers() if type(layer).__module__.startswith("automl_cnn")]
    np.testing.assert_allclose(stock.predict_on_batch(images.astype("float32")), expected, atol=1e-6)
    for build in (of_any_size, of_one_size, portable):
        np.testing.assert_allclose(build(stock).predict_on_batch(images), expected, atol=1e-6)
    photos = np.random.default_rng(0).integers(0, 256, (3, 40, 31, 3), dtype=np.uint8)
    shrunk = network.predict_on_batch(resized(photos, 12))
    for build in (of_any_size, portable):
        np.testing.assert_allclose(build(stock).predict_on_batch(photos), shrunk, atol=1e-5)


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_photos_become_square_inside_of_the_model_as_outside_of_it(network, fit):
    from automl_cnn.data.decode import resize_array
    from automl_cnn.export.network import core, of_any_size, portable

    stock = core(network, 12, 3)
    draw = np.random.default_rng(4)
    for height, width in ((40, 22), (17, 31), (9, 30), (12, 18)):
        photos = draw.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        assert np.abs(resized(photos, 12, fit) - resize_array(photos, 12, fit)).max() <= 1.5  # which rounds twice
        expected = network.predict_on_batch(resized(photos, 12, fit))
        np.testing.assert_allclose(portable(stock, fit).predict_on_batch(photos), expected, atol=1e-5)
        if (height - width) % 2 == 0:
            np.testing.assert_allclose(of_any_size(stock, fit).predict_on_batch(photos), expected, atol=1e-5)


@pytest.fixture(scope="module")
def joined():
    """An ensemble of two untrained networks of different sizes, with every layer of ours."""
    import keras

    from automl_cnn.layers import LocalResponseNorm, Resize, StochasticDepth
    from automl_cnn.models.ensemble import ensemble

    members = []
    for seed, size in enumerate((12, 8)):
        keras.utils.set_random_seed(seed)
        pixels = keras.Input((None, None, 3), name="pixels")
        x = keras.layers.Rescaling(1 / 127.5, -1)(Resize(size, name="resize")(pixels))
        x = LocalResponseNorm()(keras.layers.Conv2D(8, 3, activation="relu")(x))
        x = keras.layers.Add()([x, StochasticDepth(0.5)(keras.layers.BatchNormalization()(x))])
        x = keras.layers.Dense(3, name="classifier")(keras.layers.GlobalAveragePooling2D()(x))
        members.append(keras.Model(pixels, keras.layers.Softmax(dtype="float32", name="probabilities")(x)))
    made = ensemble(members, [0.6, 0.4], ["trial_1", "trial_2"], stored=12)
    made.get_layer("classifier").set_weights([np.float32(1.7)])
    return made


def test_an_ensemble_is_stock_keras_too(joined, dataset):
    from automl_cnn.data import pixels
    from automl_cnn.export.network import core, of_any_size, portable

    images = np.asarray(pixels(dataset, 12)[:40])
    expected = joined.predict_on_batch(images)
    stock = core(joined, 12, 3)
    for build in (of_any_size, portable):
        np.testing.assert_allclose(build(stock).predict_on_batch(images), expected, atol=1e-6)
    assert "automl_cnn" not in of_any_size(stock).to_json()


def exported_to_all(model, size, dataset, place, **more):
    """Save the model with a card and export it to every format, in each of which it must give the same labels."""
    from automl_cnn.modelfile import file as modelfile

    path = place / "model.keras"
    model.save(path)
    modelfile.write_card(path, {"classes": ["blue", "green", "red"], "size": size, "stored": size, "channels": 3, "trial": 1, "temperature": 1.0, **more})
    modelfile.seal(path)
    done = folder.export(path, place / "out", names=tuple(FORMATS), dataset=dataset)
    assert [(variant.format, variant.failure) for variant in done.variants] == [(name, None) for name in FORMATS]
    assert [variant.proof.same for variant in done.variants] == [1] * len(FORMATS)


@pytest.mark.slow
def test_an_ensemble_is_exported_to_every_format(joined, dataset, needs, tmp_path):
    needs("onnx", "litert", "openvino")
    exported_to_all(joined, 12, dataset, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_each_way_to_make_photos_square_is_exported_to_every_format(network, dataset, needs, tmp_path, fit):
    needs("onnx", "litert", "openvino")
    exported_to_all(network, 12, dataset, tmp_path, fit=fit)
    contract = json.loads((tmp_path / "out" / "model.json").read_text())
    assert contract["fit"] == contract["input"]["fit"] == fit


@pytest.mark.slow
def test_a_readout_of_two_sizes_and_four_stages_is_exported_to_every_format(dataset, needs, tmp_path):
    from automl_cnn import registry
    from automl_cnn.data import pixels
    from automl_cnn.models.build import network_of

    needs("onnx", "litert", "openvino")
    name, plugins = "mobilenet_v2", registry.load(None)
    entry = plugins.get("architecture", name).pretrained[0].name
    reads = {f"readout_sizes.{name}": 2, f"readout_stages.{name}": 4, f"readout_mirror.{name}": True}
    configuration = {"architecture": name, "resolution": 64, f"pretrained.{name}": entry, f"finetune.{name}": "probe", **reads}
    model = network_of(configuration, plugins, classes=3, channels=3, seed=0).model
    classifier, images = model.get_layer("classifier"), np.asarray(pixels(dataset, 64))
    seen = keras_features(model, classifier, images)
    weights = np.stack([seen[dataset.labels == label].mean(axis=0) for label in range(3)], axis=1)
    classifier.set_weights([20 * (weights - weights.mean(axis=1, keepdims=True)) / weights.std(), np.zeros(3)])
    exported_to_all(model, 64, dataset, tmp_path)


def keras_features(model, classifier, images):
    """What the classifier of a readout is given, of each image."""
    import keras

    return keras.Model(model.input, classifier.input).predict(images, verbose=0)


@pytest.fixture(scope="module")
def exported(model_file, dataset, needs, tmp_path_factory):
    """Three formats at every precision, each proved in its own process."""
    needs("onnx", "litert", "openvino")
    out = tmp_path_factory.mktemp("deploy") / "here"
    return folder.export(model_file, out, names=("onnx", "litert", "openvino"), quantize=QUANTIZATIONS, dataset=dataset)


def test_every_format_agrees_in_a_process_of_its_own(exported):
    assert [variant.failure for variant in exported.variants] == [None] * 9
    for variant in exported.variants:
        proof = variant.proof
        assert proof.images == 108
        assert proof.score is not None
        assert proof.lost <= 0.01
        if variant.method == "float32":
            assert proof.max_difference < 1e-5
            assert proof.same == 1
        assert set(proof.latency_ms) == {"1", "32"}
        assert proof.bytes == sum(part.stat().st_size for part in FORMATS[variant.format].parts(exported.folder / variant.file))


def test_the_folder_says_how_to_use_what_is_in_it(exported):
    from automl_cnn.modelfile import file as modelfile

    out = exported.folder
    assert (out / "labels.txt").read_text().split() == ["blue", "green", "red"]
    contract = json.loads((out / "model.json").read_text())
    assert contract["input"] | {"resize": ""} == {
        "name": "images",
        "shape": [None, None, None, 3],
        "dtype": "uint8",
        "layout": "NHWC",
        "channels": "RGB",
        "range": [0, 255],
        "fit": "squash",
        "resized_inside_to": 12,
        "resize": "",
    }
    assert contract["levels"] == Levels().as_dict()
    assert contract["output"]["shape"] == [None, 3]
    assert contract["output"]["temperature_inside"] == 1.5
    by_file = {model["file"]: model for model in contract["models"]}
    assert by_file["model.onnx"]["input_shape"] == [None, None, None, 3]
    assert by_file["model.tflite"]["input_shape"] == [None, 12, 12, 3]
    assert set(by_file["model-float16.xml"]["sha256"]) == {"model-float16.xml", "model-float16.bin"}
    for model in contract["models"]:
        assert {name: modelfile.digest(out / name) for name in model["sha256"]} == model["sha256"]
    listing = json.loads((out / "export.json").read_text())
    assert [row["file"] for row in listing["variants"]] == [variant.file for variant in exported.variants]
    assert (out / "variants.svg").read_text().count("<circle") == 9
    assert sorted(out.parent.iterdir()) == [out]


def test_the_names_of_input_and_output_are_the_contracts(exported):
    import onnx
    from ai_edge_litert.interpreter import Interpreter

    signatures = [Interpreter(str(exported.folder / name)).get_signature_list() for name in ("model.tflite", "model-int8.tflite")]
    assert signatures == 2 * [{"serving_default": {"inputs": ["images"], "outputs": ["probabilities"]}}]
    for name in ("model.onnx", "model-float16.onnx", "model-int8.onnx"):
        graph = onnx.load(exported.folder / name).graph
        assert ([given.name for given in graph.input], [given.name for given in graph.output]) == (["images"], ["probabilities"])


def test_a_runner_takes_photos_of_any_size_where_the_format_does(exported, network):
    photos = np.random.default_rng(1).integers(0, 256, (3, 31, 50, 3), dtype=np.uint8)
    run = of(exported.folder / "model.onnx").runner(exported.folder / "model.onnx")
    np.testing.assert_allclose(run(photos), network.predict_on_batch(resized(photos, 12)), atol=1e-5)


def test_gray_photos_of_another_size_are_answered_in_batches():
    """On processors with AVX-512, oneDNN's product over (images, 1 channel) read beyond its input: the process ended."""
    import keras

    from automl_cnn.export.network import of_any_size, portable

    pixels = keras.Input((192, 192, 1))
    network = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(keras.layers.AveragePooling2D(4)(pixels)))
    images = np.random.default_rng(0).integers(0, 256, (4, 259, 385, 1)).astype(np.uint8)
    np.testing.assert_allclose(portable(network).predict_on_batch(images), of_any_size(network).predict_on_batch(images), atol=0.05)


@pytest.mark.slow
def test_keras_and_tensorflow_need_nothing_of_ours(model_file, dataset, tmp_path):
    from automl_cnn.export import bundle

    exported = folder.export(model_file, tmp_path / "out", names=("keras", "saved_model"), dataset=dataset)
    assert not exported.failed
    for variant in exported.variants:
        assert variant.proof.max_difference < 1e-5
        assert variant.proof.same == 1
    assert bundle.load(tmp_path / "out" / "model.keras").classes == ["blue", "green", "red"]
