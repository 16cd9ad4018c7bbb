"""
Reads tensors of files whose pickles name classes of programs that are not there, or not to be trusted: `torch.load`
refuses those as a whole with `weights_only=True`, and executes them without it.
"""

import pickle
import sys
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


_STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
}
# What a pickle that is damaged, or made to do harm, leads to: instructions that make no sense.
_DAMAGES = (
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies in the file: its storage, and the part of it."""

    storage: Any
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def load(self, archive: zipfile.ZipFile, folder: str) -> Tensor:
        """Reads it. Raises one of `_DAMAGES` for a storage that is not there, or too short."""
        kind, dtype, key, _, count = self.storage
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(key, str):
            raise ValueError(f"expected a storage of numbers, got {self.storage}")
        content = archive.read(f"{folder}/data/{key}")
        values = torch.frombuffer(bytearray(content), dtype=dtype) if content else torch.empty(0, dtype=dtype)
        if len(values) != count:
            raise ValueError(f"expected {count} numbers in storage {key}, got {len(values)}")
        return values.as_strided(self.size, self.stride, self.offset).clone()


class InertUnpickler(pickle.Unpickler):
    """
    Unpickles plain containers; tensors as [`StoredTensor`]; and for every other class or function that is named, a
    stand-in that does nothing. Nothing is imported, and nothing but these is called.
    """

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "collections", "OrderedDict":
                return OrderedDict
            case "torch", _ if name in _STORAGES:
                return _STORAGES[name]
            case "torch._utils", "_rebuild_tensor_v2":
                return self.stored_tensor
            case "torch._utils", "_rebuild_parameter":
                return self.parameter
        return _stand_in()

    def persistent_load(self, pid: Any) -> Any:
        return pid

    # Methods, as a pickle can change the attributes of functions that it is given.
    def stored_tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> StoredTensor:
        return StoredTensor(storage, offset, size, stride)

    def parameter(self, data: Any, *_: Any) -> Any:
        return data


def _stand_in() -> type:
    """A class of its own for every place in a pickle, so that none reaches another."""

    class Inert:
        def __new__(cls, *args: Any, **options: Any) -> "Inert":
            return super().__new__(cls)

        def __init__(self, *args: Any, **options: Any):
            pass

        def __call__(self, *args: Any, **options: Any) -> "Inert":
            return self

        def __setstate__(self, state: Any) -> None:
            pass

        def __setitem__(self, key: Any, value: Any) -> None:
            pass

        def append(self, value: Any) -> None:
            pass

        def extend(self, values: Any) -> None:
            pass

    return Inert


def read_state_dict(path: str | Path, entry: str) -> dict[str, Tensor]:
    """
    Reads one state dict of a file of `torch.save`, and nothing else of it. Its pickle is not executed.

    Args:
        path: a file as PyTorch writes them since 1.6.
        entry: key of the state dict in the dictionary that was saved.

    Raises:
        ValueError: a damaged file, no such entry, or one that holds anything but tensors.
        OSError: no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            folder = pickled.removesuffix("/data.pkl")
            if f"{folder}/byteorder" in archive.namelist():
                order = archive.read(f"{folder}/byteorder").decode()
                if order != sys.byteorder:
                    raise ValueError(f"its numbers are {order} endian, expected {sys.byteorder} endian")
            content = InertUnpickler(BytesIO(archive.read(pickled))).load()
            if not isinstance(content, dict) or not isinstance(content.get(entry), dict):
                held = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
                raise ValueError(f"expected a dictionary with a state dict {entry}, got {held or 'nothing'}")
            return {name: _tensor(name, value, archive, folder) for name, value in dict.items(content[entry])}
    except _DAMAGES as error:
        raise ValueError(f"{path} is damaged or no file of torch.save with {entry}: {error}") from error


def _tensor(name: Any, value: Any, archive: zipfile.ZipFile, folder: str) -> Tensor:
    if not isinstance(name, str) or not isinstance(value, StoredTensor):
        raise ValueError(f"expected tensors by name, got {type(value).__name__} as {name!r}")
    return value.load(archive, folder)
