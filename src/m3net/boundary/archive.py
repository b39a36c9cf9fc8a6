"""A checkpoint file as plain values and tensors; nothing that it names is imported or run.

torch writes a zip archive: `data.pkl` describes the contents, and each `data/<n>` is the storage of
some tensors. torch's reader keeps code out (`weights_only=True`), but trusts all sizes: an inflated
entry, `bytearray(10 ** 12)` or a storage that is longer than its entry. This reader knows only the
opcodes that torch writes for a checkpoint, and takes no more memory than the file has bytes.
"""

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from m3net.boundary.regular_file import MIB, ExcessError, check_regular

_MOST_DESCRIPTION = 16 * MIB
"""Bytes of data.pkl: a ResNet-50 with its optimizer takes a quarter of one MiB."""
_MOST_VALUES = 2_000_000
_MOST_DEPTH = 40
_MOST_AXES = 8
_MOST_NUMBERS = 2**40
_OPCODES = (
    "PROTO STOP MARK EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 SETITEM SETITEMS "
    "APPEND APPENDS BINPUT LONG_BINPUT BINGET LONG_BINGET BINUNICODE BININT BININT1 BININT2 LONG1 "
    "BINFLOAT NEWTRUE NEWFALSE NONE GLOBAL REDUCE BUILD BINPERSID "
)
"""Opcodes that torch writes, by pickle's second protocol."""
_STORAGES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}


# Tuples, since pickle's BUILD could change whatever has a __dict__ or a __setstate__.
class _Storage(NamedTuple):
    """The entry of the archive that holds a tensor's numbers, and their dtype."""

    key: str
    dtype: torch.dtype
    length: int


class _View(NamedTuple):
    """A tensor before its storage is read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_archive(file: Path) -> Any:  # noqa: ANN401 - whatever was saved
    """Read what `torch.save` wrote, and check the checksums of the archive.

    Args:
        file: An uncompressed zip archive.

    Returns:
        Dicts, lists, tuples, texts, numbers, None and CPU tensors.

    Raises:
        OSError: The file cannot be read.
        zipfile.BadZipFile: It is no archive, or damaged.
        pickle.UnpicklingError: It holds anything but values and tensors, such as code.
        ExcessError: It describes more data than it has bytes.
        ValueError: Its description is damaged.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "a.ckpt"
        ...     torch.save({"weight": torch.arange(6.0).view(2, 3).T, "step": 3}, file)
        ...     read_archive(file)
        {'weight': tensor([[0., 3.],
                [1., 4.],
                [2., 5.]]), 'step': 3}
    """
    size = check_regular(file)
    with zipfile.ZipFile(file) as archive:
        folder = _check_entries(archive, size)
        order = f"{folder}byteorder"
        if order in archive.NameToInfo and archive.read(order) != b"little":
            raise ValueError("its numbers are not little-endian")
        description = archive.read(f"{folder}data.pkl")
        _check_opcodes(description)
        unpickled = _Unpickler(description).load()
        return _Builder(archive, f"{folder}data/").build(unpickled)


def _check_entries(archive: zipfile.ZipFile, size: int) -> str:
    """Check that entries are no larger than the file; return their common folder."""
    entries = archive.infolist()
    if len(archive.NameToInfo) < len(entries):
        raise ExcessError("two of its entries have the same name")
    if any(e.compress_type != zipfile.ZIP_STORED or e.flag_bits & 1 for e in entries):
        raise ExcessError("its entries are compressed or encrypted, which torch never does")
    if sum(entry.file_size for entry in entries) > size:
        raise ExcessError("its entries share bytes")
    top = [entry for entry in entries if entry.filename.count("/") == 1]
    described = [entry for entry in top if entry.filename.endswith("/data.pkl")]
    if len(described) != 1:
        raise zipfile.BadZipFile("not what torch.save writes")
    if described[0].file_size > _MOST_DESCRIPTION:
        raise ExcessError(f"its description has more than {_MOST_DESCRIPTION:,} bytes")
    return described[0].filename.removesuffix("data.pkl")


def _check_opcodes(description: bytes) -> None:
    """Check all opcodes before any runs: some turn a few bytes into many."""
    known = frozenset(_OPCODES.split())
    for count, (opcode, argument, _) in enumerate(pickletools.genops(description)):
        if opcode.name not in known:
            raise pickle.UnpicklingError(f"it holds {opcode.name}, which torch does not write")
        number = argument if isinstance(argument, int) else 0
        # The memo is a table as long as its highest index.
        if opcode.name == "LONG_BINPUT" and number > count:
            raise ExcessError("its description remembers more than it holds")
        if abs(number) >= 2**63:
            raise ExcessError("it holds a number of more than 64 bits")


def _view(
    storage: object,
    offset: object,
    shape: object,
    strides: object,
    requires_grad: object,
    hooks: object,
) -> _View:
    """Stand in for `torch._utils._rebuild_tensor_v2`."""
    del requires_grad
    unknown = pickle.UnpicklingError("a tensor of a kind that no checkpoint of m3net has")
    if not isinstance(storage, _Storage) or hooks:
        raise unknown
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise unknown
    if max(len(shape), len(strides)) > _MOST_AXES:
        raise unknown
    numbers = (offset, *shape, *strides)
    if not all(type(number) is int and 0 <= number < _MOST_NUMBERS for number in numbers):
        raise unknown
    return _View(storage, offset, shape, strides)  # type: ignore[arg-type]


def _parameter(view: object, requires_grad: object, hooks: object) -> object:
    """Stand in for `torch._utils._rebuild_parameter`."""
    del requires_grad
    if not isinstance(view, _View) or hooks:
        raise pickle.UnpicklingError("a parameter of a kind that no checkpoint of m3net has")
    return view


_KNOWN: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _view,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): dtype for name, dtype in _STORAGES.items()},
}


class _Unpickler(pickle.Unpickler):
    """Resolves only the names in `_KNOWN`, each to a harmless substitute."""

    def __init__(self, description: bytes) -> None:
        super().__init__(io.BytesIO(description))

    def find_class(self, module: str, name: str, /) -> Any:  # noqa: ANN401 - pickle's signature
        """Return the substitute of a name."""
        if (module, name) not in _KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is never imported")
        return _KNOWN[module, name]

    def persistent_load(self, pid: object) -> _Storage:
        """Return which storage an id names."""
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage":
            raise pickle.UnpicklingError("it names something else than a storage")
        _, dtype, key, _, length = pid
        if not isinstance(dtype, torch.dtype) or not isinstance(key, str) or not key.isdecimal():
            raise pickle.UnpicklingError("it names an unknown storage")
        if type(length) is not int or length < 0:
            raise pickle.UnpicklingError("it names a storage of an impossible length")
        return _Storage(key, dtype, length)


class _Builder:
    """Builds plain values from unpickled ones, and tensors from the archive."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}
        self._count = 0

    def build(self, value: object, depth: int = 0) -> Any:  # noqa: ANN401 - as it comes
        """Build a value; one that is referenced twice is built and counted twice."""
        self._count += 1
        if self._count > _MOST_VALUES or depth > _MOST_DEPTH:
            raise ExcessError(
                f"it holds more than {_MOST_VALUES:,} values or {_MOST_DEPTH} levels of them"
            )
        if isinstance(value, _View):
            return self._tensor(value)
        if isinstance(value, dict):
            # An OrderedDict may have been given an attribute `items`.
            return {self._key(key): self.build(item, depth + 1) for key, item in dict.items(value)}
        if isinstance(value, (list, tuple)):
            return type(value)(self.build(item, depth + 1) for item in value)
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise pickle.UnpicklingError("it holds a name where a value should stand")

    @staticmethod
    def _key(key: object) -> object:
        if isinstance(key, (str, int)):
            return key
        raise pickle.UnpicklingError("a mapping has keys that are neither texts nor whole numbers")

    def _tensor(self, view: _View) -> Tensor:
        numbers = self._numbers(view.storage)
        last = view.offset + sum(
            (size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)
        )
        count = math.prod(view.shape)
        # Strides of 0 would let one number stand for any number of them.
        if count and (last >= len(numbers) or count > len(numbers)):
            raise ExcessError("a tensor is larger than its storage")
        if not count:
            return torch.empty(view.shape, dtype=numbers.dtype)
        return numbers.as_strided(view.shape, view.strides, view.offset)

    def _numbers(self, storage: _Storage) -> Tensor:
        key, dtype, length = storage
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._folder}{key}"))
            if len(content) != length * dtype.itemsize:
                raise ExcessError(f"the storage {key} is not as long as it says")
            # torch.frombuffer refuses an empty buffer.
            numbers = torch.empty(0, dtype=dtype)
            self._storages[key] = torch.frombuffer(content, dtype=dtype) if content else numbers
        if self._storages[key].dtype != dtype:
            raise ExcessError(f"the storage {key} has two types")
        return self._storages[key]
