import dataclasses

import numpy as np
import pytest

from automl_cnn.errors import ExportError
from automl_cnn.export import picture, quantize
from automl_cnn.export.formats import Source


def test_calibration_images_are_as_many_of_each_class_as_there_are():
    labels = np.array([0] * 50 + [1] * 3 + [2] * 50)
    rows = np.arange(0, len(labels))
    chosen = quantize.evenly(labels, rows, 23)
    assert np.bincount(labels[chosen]).tolist() == [10, 3, 10]
    assert len(set(chosen)) == 23
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, quantize.evenly(labels, rows, 23))
    assert quantize.evenly(labels, rows[labels != 1], 20).tolist()[0] == 0
    assert not (labels[quantize.evenly(labels, rows[labels != 1], 20)] == 1).any()


def test_each_class_has_one_even_where_there_are_many():
    labels = np.repeat(np.arange(30), 2)
    chosen = quantize.evenly(labels, np.arange(60), 10)
    assert labels[chosen].tolist() == list(range(30))
    assert quantize.evenly(labels, np.arange(60), 500).tolist() == list(range(60))
    assert quantize.evenly(labels, np.arange(0), 10).tolist() == []


def test_int8_without_images_says_what_to_do():
    with pytest.raises(ExportError, match="training split to calibrate with"):
        _ = Source(None).images


@pytest.fixture
def onnx_file(needs, tmp_path):
    """A convolution of every kernel's own scale, and a dense layer; a resizing branch that must stay as it is."""
    needs("onnx")
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(0)
    kernel = (draw.normal(size=(8, 3, 5, 5)) * np.geomspace(0.01, 10, 8)[:, None, None, None]).astype(np.float32)
    dense = (0.2 * draw.normal(size=(8, 40))).astype(np.float32)
    tensors = [numpy_helper.from_array(value, name) for name, value in (("kernel", kernel), ("dense", dense), ("bias", np.ones(8, np.float32)))]
    nodes = [
        helper.make_node("Conv", ["x", "kernel", "bias"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["row"]),
        helper.make_node("MatMul", ["row", "dense"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["out:0"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, 9, 9])
    answer = helper.make_tensor_value_info("out:0", TensorProto.FLOAT, [None, 40])
    model = helper.make_model(helper.make_graph(nodes, "small", [given], [answer], tensors), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "small.onnx"
    onnx.save(model, path)
    return path


def answer(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(1).normal(size=(4, 3, 9, 9)).astype(np.float32)
    return session.get_outputs()[0].name, session.run(None, {"x": x})[0]


def test_the_output_gets_the_contracts_name(onnx_file):
    before = answer(onnx_file)[1]
    quantize.name_output(onnx_file, "probabilities")
    name, after = answer(onnx_file)
    assert name == "probabilities"
    np.testing.assert_array_equal(after, before)
    quantize.name_output(onnx_file, "probabilities")
    assert answer(onnx_file)[0] == "probabilities"


@pytest.mark.parametrize(("change", "share", "tolerance"), [(quantize.onnx_float16, 0.65, 2e-3), (quantize.onnx_int8_weights, 0.55, 0.03)])
def test_stored_weights_shrink_and_the_answer_stays(onnx_file, change, share, tolerance):
    before, size = answer(onnx_file)[1], onnx_file.stat().st_size
    change(onnx_file)
    after = answer(onnx_file)[1]
    assert onnx_file.stat().st_size < share * size
    assert 0 < np.abs(after - before).max() < tolerance


def test_kernels_of_unlike_scale_each_have_their_own(onnx_file):
    """One scale for all would leave nothing of the kernels that are a thousand times smaller."""
    import onnx

    quantize.onnx_int8_weights(onnx_file)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(onnx_file).graph.initializer}
    assert stored["kernel_scale"].shape == (8,)
    assert stored["dense_scale"].shape == (40,)
    assert (np.abs(stored["kernel_int8"]).max(axis=(1, 2, 3)) == 127).all()
    assert stored["bias"].dtype == np.float32


@pytest.mark.parametrize(("outputs", "spared"), [(4000, True), (40, False)])
def test_the_smallest_kernels_stay_as_they_are_where_they_hold_a_hundredth_of_the_weights(onnx_file, outputs, spared):
    import onnx

    model = onnx.load(onnx_file)
    dense = next(tensor for tensor in model.graph.initializer if tensor.name == "dense")
    dense.CopyFrom(onnx.numpy_helper.from_array(np.random.default_rng(2).normal(size=(8, 8 * outputs)).astype(np.float32), "dense"))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 8 * outputs
    onnx.save(model, onnx_file)
    quantize.onnx_int8_weights(onnx_file)
    names = {tensor.name for tensor in onnx.load(onnx_file).graph.initializer}
    assert "dense_int8" in names
    assert ("kernel" in names, "kernel_int8" in names) == (spared, not spared)


def test_weights_beyond_half_precision_stay(onnx_file):
    import onnx

    model = onnx.load(onnx_file)
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "dense")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * 1e6, "dense"))
    onnx.save(model, onnx_file)
    quantize.onnx_float16(onnx_file)
    types = {tensor.name: tensor.data_type for tensor in onnx.load(onnx_file).graph.initializer}
    assert types["dense"] == onnx.TensorProto.FLOAT
    assert types["kernel_float16"] == onnx.TensorProto.FLOAT16


def test_the_picture_names_all_and_marks_the_front():
    rows = [
        picture.Shown("model.onnx", latency=4.0, bytes=4_000_000, score=0.9, same=1.0),
        picture.Shown("model-int8.onnx", latency=2.0, bytes=1_000_000, score=0.89, same=0.99),
        picture.Shown("model<b>.tflite", latency=5.0, bytes=4_000_000, score=0.88, same=0.9),
    ]
    drawn = picture.variants(rows)
    assert drawn.count("<circle") == 3
    assert drawn.count('class="front"') == 2
    assert "model&lt;b&gt;.tflite" in drawn
    assert "accuracy on the test images" in drawn
    assert "share of the original's answers" in picture.variants([dataclasses.replace(rows[0], score=None)])
