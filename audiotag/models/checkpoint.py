"""Reads checkpoints of PyTorch and Keras 2 without PyTorch, and without running anything that they hold."""

from __future__ import annotations

import collections
import io
import math
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from audiotag.errors import AudiotagError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


class _Storage(NamedTuple):
    """What stands for a PyTorch storage type: the dtype of its elements on disk."""

    dtype: np.dtype
    is_bfloat16: bool = False


_DTYPES = {"Double": "<f8", "Float": "<f4", "Half": "<f2", "Bool": "?"}
_DTYPES |= {"Long": "<i8", "Int": "<i4", "Short": "<i2", "Char": "<i1", "Byte": "<u1"}
_STORAGES = {f"{kind}Storage": _Storage(np.dtype(dtype)) for kind, dtype in _DTYPES.items()} | {
    "BFloat16Storage": _Storage(np.dtype("<u2"), is_bfloat16=True),
}

# What NumPy's arrays and numbers are pickled by, before NumPy 2 and since.
_NUMPY = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    }
)
_TABLES = ("model", "state_dict")  # what training scripts call the tensors when they save more than these


class _NumPyObject:
    """What stands for anything of NumPy's that lies beside the tensors: it takes every argument and keeps none."""

    __slots__ = ()

    def __new__(cls, *_: Any) -> _NumPyObject:
        return super().__new__(cls)

    def __setstate__(self, _: Any) -> None:
        return


class _Refused(Exception):
    """The file is not a plain table of tensors; the text says what it is instead."""


def load_state_dict(path: Path | str) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name.

    A `.pt` file is a pickle, which could run any code. It is read by an unpickler that admits tensors, ordered
    dictionaries and plain values only; anything else is refused and nothing of it is executed. Where a training script
    saved more, its table "model" or "state_dict" is taken; NumPy's objects beside it are passed over unbuilt.

    Args:
        path: a `.safetensors`, `.pt` or `.pth` file that holds a `state_dict`, or a `.h5` file that Keras 2 saved
            weights in.

    Returns:
        name -> array, in the order of the file; bfloat16 tensors as float32. Weights of Keras 2 have its names:
        "layer1/conv/kernel:0".

    Raises:
        AudiotagError: no such file, another kind of file, or one that holds other things than tensors.
    """
    path = Path(path)
    try:
        state = {".safetensors": _safetensors, ".h5": _keras_weights}.get(path.suffix, _pytorch)(path)
    except FileNotFoundError as error:
        raise AudiotagError(f"no such file: {path}") from error
    except _Refused as error:
        raise AudiotagError(f"{path} is no checkpoint of tensors only: {error}") from error
    except Exception as error:
        # Whatever a damaged file provokes in the readers of zip archives and pickles: one line for the user.
        raise AudiotagError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}: {error}): fetch the file again"
        ) from error
    return state


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)


def _keras_weights(path: Path) -> dict[str, np.ndarray]:
    import h5py

    def text(name: bytes | str) -> str:
        return name.decode() if isinstance(name, bytes) else name

    state: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        if "layer_names" not in file.attrs:
            raise _Refused("it has no layer_names: it is none of the files that save_weights of Keras 2 wrote")
        for layer in map(text, file.attrs["layer_names"]):
            for name in map(text, file[layer].attrs["weight_names"]):
                weight = file[layer][name]
                # Keras stores weights as they are; what claims more would only fill the memory.
                if weight.nbytes > path.stat().st_size:
                    raise _Refused(f"its weight {name!r} has {weight.nbytes} bytes, more than the file")
                state[name] = weight[()]
    return state


def _pytorch(path: Path) -> dict[str, np.ndarray]:
    content = _zipped(path) if zipfile.is_zipfile(path) else _legacy(path)
    if not isinstance(content, dict) or not content:
        raise _Refused(f"it holds {type(content).__name__}, not a table of tensors by name")
    tables = [table for name in _TABLES if isinstance(table := content.get(name), dict) and table]
    tables = [table for table in tables if all(isinstance(tensor, np.ndarray) for tensor in table.values())]
    if len(tables) == 1:
        content = tables[0]
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            kind = type(value).__name__.lstrip("_")
            raise _Refused(f"its entry {name!r} is {kind}, not a tensor: save the state_dict alone")
    return {name: np.ascontiguousarray(value).reshape(value.shape) for name, value in content.items()}


class _TensorUnpickler(pickle.Unpickler):
    """Builds arrays from the description of tensors; `read` gives a storage's elements by its key."""

    def __init__(self, file: io.BufferedIOBase, read: Callable[[str, _Storage, int], np.ndarray]) -> None:
        super().__init__(file, encoding="utf-8")
        self._read = read

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        raise _Refused(f"it asks for {module}.{name}, which is no tensor; nothing of it was run")

    def persistent_load(self, pid: Any) -> np.ndarray:
        kind, storage, key, _, count = pid[:5]
        if kind != "storage" or not isinstance(storage, _Storage) or (len(pid) > 5 and pid[5] is not None):
            raise _Refused(f"it refers to {kind!r} of a kind that is not known")
        return self._read(str(key), storage, int(count))


def _rebuild_tensor(
    elements: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> np.ndarray:
    if (
        not isinstance(elements, np.ndarray)
        or len(shape) != len(strides)
        or min((*shape, *strides, offset), default=0) < 0
    ):
        raise _Refused("a tensor is described wrongly")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if math.prod(shape) > elements.size or (math.prod(shape) and last >= elements.size):
        raise _Refused(f"a tensor of shape {tuple(shape)} reaches beyond its {elements.size} stored elements")
    steps = [stride * elements.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(elements[offset:], shape, steps, writeable=False)


# What a checkpoint may ask for, and what it receives.
_ADMITTED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    **{("torch", name): storage for name, storage in _STORAGES.items()},
    **dict.fromkeys(_NUMPY, _NumPyObject),
}


def _elements(data: bytes, storage: _Storage) -> np.ndarray:
    elements = np.frombuffer(data, storage.dtype)
    if storage.is_bfloat16:
        return (elements.astype(np.uint32) << 16).view(np.float32)
    return elements


def _zipped(path: Path) -> Any:
    """The format of PyTorch 1.6 and later: a zip archive of one pickle and a file a storage."""
    with zipfile.ZipFile(path) as archive:
        description = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(description) != 1:
            raise _Refused("the zip archive holds no data.pkl of PyTorch")
        folder = description[0].removesuffix("data.pkl")
        order = f"{folder}byteorder"
        if order in archive.namelist() and archive.read(order).strip() != b"little":
            raise _Refused("its numbers are big-endian")
        storages: dict[str, np.ndarray] = {}

        def read(key: str, storage: _Storage, count: int) -> np.ndarray:
            if key not in storages:
                member = archive.getinfo(f"{folder}data/{key}")
                if member.file_size != count * storage.dtype.itemsize:
                    raise _Refused(f"storage {key} has {member.file_size} bytes, not {count} elements")
                storages[key] = _elements(archive.read(member), storage)
            return storages[key]

        with archive.open(description[0]) as file:
            return _TensorUnpickler(io.BytesIO(file.read()), read).load()


def _legacy(path: Path) -> Any:
    """The format before PyTorch 1.6: five pickles in a row, then every storage's count and elements."""
    with path.open("rb") as file:
        limit = path.stat().st_size
        order: dict[str, tuple[np.ndarray, _Storage]] = {}

        def allocate(key: str, storage: _Storage, count: int) -> np.ndarray:
            if key not in order:
                if not 0 <= count * storage.dtype.itemsize <= limit:
                    raise _Refused(f"storage {key} of {count} elements is larger than the file")
                # The elements follow the description: the arrays are filled below, and every tensor is a view.
                shown = np.dtype("<f4") if storage.is_bfloat16 else storage.dtype
                order[key] = (np.zeros(count, shown), storage)
            return order[key][0]

        def unpickle() -> Any:
            return _TensorUnpickler(file, allocate).load()

        if file.peek(1)[:1] != b"\x80" or unpickle() != LEGACY_MAGIC:
            raise _Refused("it is neither a zip archive nor PyTorch's older format")
        if unpickle() != LEGACY_PROTOCOL or not unpickle().get("little_endian", False):
            raise _Refused("it is a variant of PyTorch's older format that is not known")
        content, keys = unpickle(), unpickle()
        for key in keys:
            elements, storage = order[str(key)]
            (count,) = struct.unpack("<q", file.read(8))
            if count != elements.size:
                raise _Refused(f"storage {key} has {count} elements, not {elements.size}")
            elements[:] = _elements(file.read(count * storage.dtype.itemsize), storage)
        return content
