"""PyTorch's files, old and new, hostile and damaged; without PyTorch and Keras."""

import collections
import io
import os
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest

from automl_cnn.errors import PluginError
from automl_cnn.models.pretrained.items import Convolution, Dense, Depthwise, Norm, from_torch
from automl_cnn.models.pretrained.torch_file import MAGIC, read_torch

KINDS = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage", "i4": "IntStorage"}


class Stored:
    """A tensor as PyTorch would pickle it: numbers of its own kept apart, seen with strides."""

    def __init__(self, values, shape=None, strides=None, offset=0):
        self.values = np.array(values, order="C")
        self.shape = self.values.shape if shape is None else shape
        self.strides = tuple(s // self.values.itemsize for s in self.values.strides) if strides is None else strides
        self.offset = offset

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (Held(self.values), self.offset, self.shape, self.strides, False, collections.OrderedDict())


class Held:
    def __init__(self, values):
        self.values = values


@pytest.fixture
def torch_names(monkeypatch):
    """Just enough of PyTorch's names to write its pickles."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in KINDS.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2():
        raise AssertionError("reading never calls this")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2, torch._utils = _rebuild_tensor_v2, utils
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def pickled(state, torch, *, old):
    storages = {}

    class Writer(pickle.Pickler):
        def persistent_id(self, held):
            if not isinstance(held, Held):
                return None
            key = str(len(storages))
            storages[key] = held.values
            kind = getattr(torch, KINDS[held.values.dtype.str[1:]])
            return ("storage", kind, key, "cpu", held.values.size, *((None,) if old else ()))

    stream = io.BytesIO()
    Writer(stream, protocol=2).dump(state)
    return stream.getvalue(), storages


def old_file(path, state, torch):
    data, storages = pickled(state, torch, old=True)
    head = b"".join(pickle.dumps(part, protocol=2) for part in (MAGIC, 1001, {"protocol_version": 1001, "little_endian": True}))
    raw = b"".join(values.size.to_bytes(8, "little") + values.tobytes() for values in storages.values())
    path.write_bytes(head + data + pickle.dumps(list(storages), protocol=2) + raw)
    return path


def new_file(path, state, torch):
    data, storages = pickled(state, torch, old=False)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", data)
        archive.writestr("net/byteorder", "little")
        for key, values in storages.items():
            archive.writestr(f"net/data/{key}", values.tobytes())
    return path


WRITERS = pytest.mark.parametrize("write", [old_file, new_file])


@WRITERS
def test_tensors_come_back_in_order_type_and_shape(tmp_path, torch_names, write):
    rng = np.random.default_rng(0)
    given = {
        "z": rng.normal(size=(4, 3, 2, 2)).astype("f4"),
        "a": rng.normal(size=3),
        "half": np.ones((2, 2), "f2"),
        "count": np.array(7, "i8"),
        "int": np.arange(5, dtype="i4"),
    }
    read = read_torch(write(tmp_path / "x.pth", collections.OrderedDict((key, Stored(value, value.shape)) for key, value in given.items()), torch_names))
    assert list(read) == list(given)
    for key, value in given.items():
        assert read[key].dtype == value.dtype
        np.testing.assert_array_equal(read[key], value)


@WRITERS
def test_strides_and_offsets_are_honoured(tmp_path, torch_names, write):
    values = np.arange(24, dtype="f4")
    read = read_torch(write(tmp_path / "x.pth", {"t": Stored(values, (3, 2), (1, 4), 5)}, torch_names))
    np.testing.assert_array_equal(read["t"], [[5, 9], [6, 10], [7, 11]])


@WRITERS
def test_a_checkpoint_with_a_state_dict_will_do(tmp_path, torch_names, write):
    read = read_torch(write(tmp_path / "x.pth", {"epoch": 3, "state_dict": {"w": Stored(np.ones(2, "f4"))}}, torch_names))
    assert list(read) == ["w"]


@WRITERS
@pytest.mark.parametrize(("shape", "strides", "offset"), [((5,), (1,), 0), ((2,), (1,), 3), ((2,), (-1,), 1), ((1 << 40,), (0,), 0), ((2,), (1,), -1)])
def test_a_tensor_beyond_its_values_is_refused(tmp_path, torch_names, write, shape, strides, offset):
    with pytest.raises(PluginError, match="tensor 't' reaches beyond its 4 values"):
        read_torch(write(tmp_path / "x.pth", {"t": Stored(np.ones(4, "f4"), shape, strides, offset)}, torch_names))


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@WRITERS
@pytest.mark.parametrize("function", [os.system, eval, getattr, __import__, np.array, collections.Counter], ids=lambda function: function.__name__)
def test_a_pickle_that_calls_anything_else_is_refused_by_name_and_not_run(tmp_path, torch_names, write, function):
    mark = tmp_path / "ran"
    bad = write(tmp_path / "x.pth", {"w": Calls(function, f"touch {mark}")}, torch_names)
    with pytest.raises(PluginError, match=rf"asks for [\w.]+\.{function.__name__}\. .*could run code"):
        read_torch(bad)
    assert not mark.exists()


def test_a_hostile_pickle_in_place_of_the_magic_number_is_refused(tmp_path):
    mark = tmp_path / "ran"
    (tmp_path / "x.pth").write_bytes(pickle.dumps(Calls(os.system, f"touch {mark}")))
    with pytest.raises(PluginError, match=r"\.system\. "):
        read_torch(tmp_path / "x.pth")
    assert not mark.exists()


def test_names_behind_an_allowed_module_are_refused(tmp_path):
    for module, name in (("torch.storage", "os.system"), ("torch", "load"), ("collections", "OrderedDict.fromkeys"), ("torch._utils", "_rebuild_parameter")):
        code = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)) + b"\x93."
        (tmp_path / "x.pth").write_bytes(code)
        with pytest.raises(PluginError, match="asks for"):
            read_torch(tmp_path / "x.pth")


@WRITERS
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, torch_names, write):
    whole = write(tmp_path / "x.pth", {"a": Stored(np.ones((8, 4), "f4")), "b": Stored(np.ones(3, "f4"))}, torch_names).read_bytes()
    for length in range(0, len(whole) - 1, 7):
        (tmp_path / "short.pth").write_bytes(whole[:length])
        with pytest.raises(PluginError, match=r"short\.pth"):
            read_torch(tmp_path / "short.pth")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n" * 9, pickle.dumps([1, 2]), pickle.dumps(MAGIC)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(PluginError, match=r"expected a whole \.pth file"):
        read_torch(tmp_path / "x.pth")


def test_another_zip_archive_and_a_missing_file_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(PluginError, match=r"without one data\.pkl"):
        read_torch(tmp_path / "x.pth")
    with pytest.raises(PluginError, match="There is no file"):
        read_torch(tmp_path / "y.pth")


def test_a_compressed_archive_is_refused_before_it_fills_the_memory(tmp_path, torch_names):
    with (
        zipfile.ZipFile(new_file(tmp_path / "x.pth", {"w": Stored(np.zeros(9, "f4"))}, torch_names)) as plain,
        zipfile.ZipFile(tmp_path / "y.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(PluginError, match="a compressed zip archive"):
        read_torch(tmp_path / "y.pth")


@WRITERS
def test_any_damaged_byte_gives_tensors_or_our_error(tmp_path, torch_names, write):
    whole = write(tmp_path / "x.pth", collections.OrderedDict(a=Stored(np.ones((8, 4), "f4")), b=Stored(np.ones(3, "f4"))), torch_names).read_bytes()
    rng, refused = np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        (tmp_path / "bad.pth").write_bytes(damaged)
        try:
            read_torch(tmp_path / "bad.pth")
        except PluginError:
            refused += 1
    assert refused > 50


@WRITERS
@pytest.mark.parametrize("state", [[1, 2], {"w": 3}, {"w": {"deep": 1}}], ids=str)
def test_what_is_no_dictionary_of_tensors_is_refused(tmp_path, torch_names, write, state):
    with pytest.raises(PluginError, match=r"expected a (dictionary of tensors|tensor)\. Save torch\.save"):
        read_torch(write(tmp_path / "x.pth", state, torch_names))


def test_layers_are_told_by_their_tensors_and_turned_to_keras_shapes():
    kernel, norm = np.zeros((8, 3, 5, 4)), np.zeros(8)
    tensors = {
        "stem.weight": kernel,
        "bn.weight": norm,
        "bn.bias": norm,
        "bn.running_mean": norm,
        "bn.running_var": norm,
        "bn.num_batches_tracked": np.array(0),
        "deep.weight": np.zeros((8, 1, 3, 2)),
        "deep.bias": norm,
        "fc.weight": np.zeros((10, 8)),
        "fc.bias": np.zeros(10),
    }
    stem, bn, deep, fc = from_torch(tensors, "x.pth")
    assert isinstance(stem, Convolution)
    assert stem.kernel.shape == (5, 4, 3, 8)
    assert stem.bias is None
    assert isinstance(bn, Norm)
    assert isinstance(deep, Depthwise)
    assert deep.kernel.shape == (3, 2, 8, 1)
    assert deep.bias is norm
    assert isinstance(fc, Dense)
    assert fc.kernel.shape == (8, 10)
    with pytest.raises(PluginError, match=r"x\.pth: layer 'attention' has weight \(2, 3, 4\)"):
        from_torch({"attention.weight": np.zeros((2, 3, 4))}, "x.pth")
