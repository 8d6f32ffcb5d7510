"""Quantization: the choice of calibration images, and the methods that ONNX has no ready tool for.

- float16: weights stored in half the space, arithmetic in float32; the safe first step.
- int8: weights and activations; a quarter of the space and, where the processor has instructions for it, faster.
  Jacob et al. 2018, Quantization and training of neural networks, https://arxiv.org/abs/1712.05877
- int8 weights: for networks whose activations cannot be quantized; the space of int8, the speed of float.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

CALIBRATION = 200  # images, at least one of each class
SMALL = 256  # numbers; smaller tensors are not quantized
SPARED = 0.01  # share of all weights, those of the smallest kernels, that stay as they are: the first layers suffer most, and are the smallest
QUANTIZED = ("Conv", "MatMul", "Gemm", "Add", "Mul", "MaxPool", "AveragePool", "GlobalAveragePool", "Relu", "Clip", "Concat", "Reshape", "Transpose")
POOLING = ("GlobalAveragePool", "ReduceMean")
PASSING = ("Add", "Mul", "Concat", "Squeeze", "Reshape", "Flatten", "Transpose", "Identity")  # what only hands averages on
HALF_MAX = float(np.finfo(np.float16).max)


def evenly(labels: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of `rows`, ascending, stratified by class, with at least one of each class.

    The choice is deterministic: within a class the rows are evenly spaced.
    """
    classes = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    wanted = [1] * len(classes)
    left = count - len(classes)
    while left > 0 and (open_ := [place for place, mine in enumerate(classes) if wanted[place] < len(mine)]):
        for place in open_[:left]:
            wanted[place] += 1
        left -= len(open_)
    chosen = [mine[np.linspace(0, len(mine) - 1, some).round().astype(int)] for mine, some in zip(classes, wanted, strict=True)]
    return np.sort(np.concatenate(chosen)) if chosen else rows[:0]


def name_output(path: Path, name: str) -> None:
    """Rename the only output of an ONNX file to `name`."""
    import onnx

    model = onnx.load(path)
    (output,) = model.graph.output
    if output.name != name:
        model.graph.node.append(onnx.helper.make_node("Identity", [output.name], [name], name=name))
        output.name = name
        onnx.save(model, path)


def onnx_float16(path: Path) -> None:
    """Store the weights of an ONNX file as float16. A cast to float32 precedes each use; runtimes fold it when they load the file."""
    import onnx

    def halved(weight: np.ndarray, name: str, users: list[Any]) -> tuple[list[Any], Any] | None:
        if weight.size < SMALL or np.abs(weight).max() > HALF_MAX:
            return None
        stored = onnx.numpy_helper.from_array(weight.astype(np.float16), f"{name}_float16")
        return [stored], onnx.helper.make_node("Cast", [stored.name], [name], to=onnx.TensorProto.FLOAT, name=f"{name}_cast")

    _replace_weights(path, halved)


def onnx_int8_weights(path: Path) -> None:
    """Store the kernels of an ONNX file as int8, with one scale per output channel; all arithmetic stays float32. The smallest kernels stay unchanged."""
    import onnx

    spared = _smallest(onnx.load(path).graph)

    def rounded(weight: np.ndarray, name: str, users: list[Any]) -> tuple[list[Any], Any] | None:
        axes = {_channel_axis(user, name) for user in users}
        axis = axes.pop() if len(axes) == 1 else None
        if axis is None or name in spared:
            return None
        others = tuple(other for other in range(weight.ndim) if other != axis)
        scale = np.maximum(np.abs(weight).max(axis=others, keepdims=True), 1e-12) / 127
        stored = onnx.numpy_helper.from_array(np.rint(weight / scale).astype(np.int8), f"{name}_int8")
        scales = onnx.numpy_helper.from_array(scale.ravel().astype(np.float32), f"{name}_scale")
        zeros = onnx.numpy_helper.from_array(np.zeros(scale.size, np.int8), f"{name}_zero")
        parts = [stored, scales, zeros]
        return parts, onnx.helper.make_node("DequantizeLinear", [part.name for part in parts], [name], axis=axis, name=f"{name}_float")

    _replace_weights(path, rounded)


def onnx_int8(path: Path, images: np.ndarray) -> None:
    """Quantize an ONNX file with onnxruntime's own tool: weights by channel, activations calibrated on `images` (uint8).

    Everything after the last feature maps stays float32: the averages of channels with different scales, the classifier, and the scaling of numbers.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    (given,) = onnx.load(path).graph.input

    class Images(CalibrationDataReader):
        """The images one by one."""

        def __init__(self) -> None:
            self.rows = iter(range(len(images)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            row = next(self.rows, None)
            return None if row is None else {given.name: images[row : row + 1]}

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(path),
            Images(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_readout(onnx.load(prepared).graph),
        )


def _readout(graph: Any) -> list[str]:
    """The names of the nodes from the last averages of maps to the output, including the scaling of numbers."""
    maker = {output: node for node in graph.node for output in node.output}
    chosen: dict[str, str] = {}  # by what the node gives
    todo = [(output.name, False) for output in graph.output]
    while todo:
        tensor, read = todo.pop()
        node = maker.get(tensor)
        if node is None or tensor in chosen or node.op_type == "Conv" or (read and node.op_type not in (*POOLING, *PASSING)):
            continue
        chosen[tensor] = node.name
        if node.op_type not in POOLING:
            todo += [(name, read or node.op_type in ("MatMul", "Gemm")) for name in node.input]
    return list(dict.fromkeys(chosen.values()))


def _smallest(graph: Any) -> set[str]:
    """The kernels that stay float32: the smallest ones, up to `SPARED` of all weights together, and all below `SMALL`."""
    sizes = {tensor.name: math.prod(tensor.dims) for tensor in graph.initializer}
    used = {node.input[1] for node in graph.node if node.op_type in ("Conv", "MatMul", "Gemm")}
    kernels = sorted(used & sizes.keys(), key=lambda name: (sizes[name], name))
    together = np.cumsum([sizes[name] for name in kernels])
    return {name for name, so_far in zip(kernels, together, strict=True) if sizes[name] < SMALL or so_far <= SPARED * together[-1]}


def _replace_weights(path: Path, change: Any) -> None:
    """Replace each weight by what `change(weight, name, users)` returns: tensors to store, and a node that computes the weight from them."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    used_within = set(_names_in_branches(graph.node))
    made, stored, kept = [], [], []
    for tensor in graph.initializer:
        users = [node for node in graph.node if tensor.name in node.input]
        float32 = tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in used_within
        replacement = change(onnx.numpy_helper.to_array(tensor), tensor.name, users) if float32 else None
        if replacement is None:
            kept.append(tensor)
        else:
            stored += replacement[0]
            made.append(replacement[1])
    nodes = [*made, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *stored])
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _names_in_branches(nodes: Iterable[Any]) -> Iterator[str]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                for inner in attribute.g.node:
                    yield from inner.input
                yield from _names_in_branches(attribute.g.node)


def _channel_axis(node: Any, name: str) -> int | None:
    """The axis of the weight `name` that holds the output channels of `node`; None if the weight is not a kernel."""
    if list(node.input).index(name) != 1:
        return None
    if node.op_type == "Conv":
        return 0
    if node.op_type == "MatMul":
        return 1
    if node.op_type == "Gemm":
        return 0 if any(attribute.name == "transB" and attribute.i for attribute in node.attribute) else 1
    return None
