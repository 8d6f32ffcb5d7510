"""PyTorch's weight files, old and new, read without PyTorch and without running what they say.

Such a file holds a pickle, and a pickle may call any function of Python. This reader allows the five
things that a plain dictionary of tensors needs and refuses the rest.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from automl_cnn.errors import PluginError
from automl_cnn.models.pretrained.items import Array

MAGIC = 0x1950A86A20F9469CFC6C  # opens the old format
STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4"}
BROKEN = (  # what unpickling damaged or strange bytes may raise
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    NotImplementedError,
    zipfile.BadZipFile,
)


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch(file: Path) -> dict[str, Array]:
    """The tensors of a state dict by name, in the order in which they were saved.

    A dictionary that has one under "state_dict" will do as well.

    Raises:
        PluginError: the file is missing, damaged, no PyTorch file, or asks for anything but tensors.
    """
    try:
        with file.open("rb") as stream:
            raw, storages = _from_zip(stream) if zipfile.is_zipfile(stream) else _from_stream(stream, file.stat().st_size)
            return {str(key): _array(value, storages, str(key)) for key, value in _state(raw).items()}
    except FileNotFoundError:
        raise PluginError(f"There is no file {file}: expected weights in PyTorch's format (.pth).") from None
    except PluginError as error:
        raise PluginError(f"{file}: {error}") from error
    except BROKEN as error:
        raise PluginError(
            f"{file} cannot be read as weights in PyTorch's format ({type(error).__name__}: {error}): expected a whole .pth file, as torch.save writes it."
        ) from error


class _Allowed(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("collections", "OrderedDict"), ("__builtin__", "OrderedDict")}:
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild
        if module in ("torch", "torch.storage") and name in STORAGES:
            return name
        raise PluginError(
            f"its pickle asks for {module}.{name}. Only dictionaries of tensors are read, since anything else could run code. "
            "Save the weights alone: torch.save(model.state_dict(), FILE)."
        )

    def persistent_load(self, pid: Any) -> _Storage:
        word, kind, key, _, count = pid[:5]
        if word != "storage" or kind not in STORAGES or (len(pid) > 5 and pid[5] is not None):
            raise ValueError(f"unknown storage {pid!r}")
        return _Storage(str(key), kind, int(count))

    def _rebuild(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise TypeError("a tensor without a storage")
        return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _from_stream(stream: IO[bytes], size: int) -> tuple[Any, dict[str, bytes]]:
    """Four pickles (magic number, version, machine, dictionary), the storages' keys, and for each a count and raw values."""
    stream.seek(0)
    if _Allowed(stream).load() != MAGIC:
        raise ValueError("it does not begin like one")
    version, machine = _Allowed(stream).load(), _Allowed(stream).load()
    if version != 1001 or not machine.get("little_endian", True):
        raise ValueError(f"version {version} of {machine}, expected 1001, little-endian")
    unpickler = _Allowed(stream)
    raw = unpickler.load()
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in _state(raw).values() if isinstance(tensor, _Tensor)}
    storages: dict[str, bytes] = {}
    for key in _Allowed(stream).load():
        count = int.from_bytes(stream.read(8), "little")
        length = count * np.dtype(STORAGES[kinds[key]]).itemsize
        if stream.tell() + length > size:
            raise EOFError(f"it ends within storage {key}")
        storages[key] = stream.read(length)
    return raw, storages


def _from_zip(stream: IO[bytes]) -> tuple[Any, dict[str, bytes]]:
    """An archive of `NAME/data.pkl` and one member `NAME/data/KEY` for each storage."""
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("a zip archive without one data.pkl")
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):  # PyTorch never does; a few bytes could fill the memory
            raise ValueError("a compressed zip archive")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}byteorder" in members and archive.read(f"{root}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        with archive.open(pickles[0]) as opened:
            raw = _Allowed(opened).load()
        storages = {}
        for tensor in _state(raw).values():
            if isinstance(tensor, _Tensor):
                key, member = tensor.storage.key, members[f"{root}data/{tensor.storage.key}"]
                if member.file_size != tensor.storage.count * np.dtype(STORAGES[tensor.storage.kind]).itemsize:
                    raise ValueError(f"storage {key} has {member.file_size} bytes for {tensor.storage.count} values")
                if key not in storages:
                    storages[key] = archive.read(member)
        return raw, storages


def _state(raw: Any) -> Mapping[Any, Any]:
    state = raw.get("state_dict", raw) if isinstance(raw, Mapping) else raw
    if not isinstance(state, Mapping):
        raise PluginError(f"it holds a {type(state).__name__}: expected a dictionary of tensors. Save torch.save(model.state_dict(), FILE).")
    return state


def _array(tensor: Any, storages: Mapping[str, bytes], name: str) -> Array:
    if not isinstance(tensor, _Tensor):
        raise PluginError(f"'{name}' is a {type(tensor).__name__}: expected a tensor. Save torch.save(model.state_dict(), FILE).")
    values = np.frombuffer(storages[tensor.storage.key], STORAGES[tensor.storage.kind])
    last = tensor.offset + sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.strides, strict=True))
    size = int(np.prod(tensor.shape, dtype=object)) if tensor.shape else 1
    if min(tensor.offset, *tensor.strides, *tensor.shape, 0) < 0 or size > len(values) or (size and last >= len(values)):
        raise ValueError(f"tensor '{name}' reaches beyond its {len(values)} values")
    steps = tuple(stride * values.itemsize for stride in tensor.strides)
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps)).reshape(tensor.shape)
