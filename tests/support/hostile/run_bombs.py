"""Small files of a run folder that would take gigabytes, or minutes, of whoever believes them."""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import torch

from tests.support.checkpoint_files import contents

_ZEROS = 2**28


def packed(
    description: bytes, entries: Mapping[str, bytes] | None = None, kind: int = zipfile.ZIP_STORED
) -> bytes:
    """Give an archive as torch writes it.

    Args:
        description: What data.pkl holds.
        entries: Contents of data/<n> by n.
        kind: How entries are compressed.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        archive.writestr("archive/data.pkl", description)
        for name, content in (entries or {}).items():
            archive.writestr(f"archive/data/{name}", content)
    return buffer.getvalue()


def _word(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _int(number: int) -> bytes:
    size = max(1, (number.bit_length() + 8) // 8)
    return b"\x8a" + bytes([size]) + number.to_bytes(size, "little", signed=True)


def _name(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _storage(length: int, kind: str = "FloatStorage") -> bytes:
    return (
        b"("
        + _word("storage")
        + _name("torch", kind)
        + _word("0")
        + _word("cpu")
        + _int(length)
        + b"tQ"
    )


def _tensor(
    shape: tuple[int, ...], strides: tuple[int, ...], length: int, offset: int = 0
) -> bytes:
    numbers = [b"(" + b"".join(map(_int, own)) + b"t" for own in (shape, strides)]
    hooks = _name("collections", "OrderedDict") + b")R"
    given = _storage(length) + _int(offset) + b"".join(numbers) + b"\x89" + hooks
    return _name("torch._utils", "_rebuild_tensor_v2") + b"(" + given + b"tR"


def _in_a_checkpoint(value: bytes) -> bytes:
    return b"\x80\x02}" + _word("hyper_parameters") + value + b"s."


def _laughs(levels: int = 12, width: int = 10) -> bytes:
    """Lists of ten times the list before, and so on: a tuple of them."""
    code = b"(]q\x00"
    for level in range(levels):
        code += b"](" + (b"h" + bytes([level])) * width + b"eq" + bytes([level + 1])
    return code + b"t"


def _overlapping() -> bytes:
    """An archive whose directory names the same megabyte a thousand times."""
    whole = packed(b"\x80\x02}.", {"0": bytes(2**20)})
    start = whole.index(b"PK\x01\x02")
    [entry] = [own for own in whole[start:].split(b"PK\x01\x02")[1:] if b"data/0" in own]
    entry = b"PK\x01\x02" + entry.split(b"PK\x05\x06")[0]
    first = whole[start : whole.index(b"PK\x01\x02", start + 4)]
    many = [entry.replace(b"data/0", f"data/{n}".encode()[:6]) for n in range(10)]
    directory = first + b"".join(many)
    end = struct.pack(
        "<4s4H2IH", b"PK\x05\x06", 0, 0, 1 + len(many), 1 + len(many), len(directory), start, 0
    )
    return whole[:start] + directory + end


def _with(**more: Any) -> bytes:  # noqa: ANN401 - entries of a checkpoint
    buffer = io.BytesIO()
    torch.save(contents(**more), buffer)
    return buffer.getvalue()


def _with_setting(group: str, name: str, value: object) -> bytes:
    about = json.loads(json.dumps(contents()["hyper_parameters"]))
    place = about
    for part in filter(None, group.split(".")):
        place = place[part]
    place[name] = value
    return _with(hyper_parameters=about)


def _with_loading(**loading: object) -> bytes:
    return _with(datamodule_hyper_parameters={"loading": loading})


def pickle_parts() -> list[bytes]:
    """Give parts of pickles, harmful ones among them, of which any number makes a program."""
    names = (
        *(("builtins", "eval"), ("os", "system"), ("subprocess", "Popen"), ("torch", "load")),
        *(("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter")),
        *(("collections", "OrderedDict"), ("torch", "FloatStorage"), ("hostile_module", "x")),
        *(("torch._utils", "_rebuild_sparse_tensor"), ("torch.serialization", "_get_layout")),
        *(("builtins", "bytearray"), ("_codecs", "encode"), ("torch", "Size"), ("torch", "device")),
    )
    # MARK, TUPLE, REDUCE, BUILD, NEWOBJ, APPENDS, SETITEMS, POP, DUP, EMPTY_*, BINPERSID, INST ...
    codes = [bytes([code]) for code in b"(tRb\x81eusa02}])]QN\x88\x89\x85\x86\x87.1\x94"]
    places = [b"q\x00", b"h\x00", b"r" + struct.pack("<I", 2**31), b"j" + struct.pack("<I", 0)]
    values = [_word("hyper_parameters"), _word("touch proof"), _int(0), _int(2**40), _int(-1)]
    tensors = [
        _tensor((1,), (1,), 1),
        _tensor((10**6, 10**6), (0, 0), 1),
        _tensor((1,), (1,), 1, offset=2**38),
        _tensor((), (), 2**30),
        _storage(1),
        _storage(2**40, "DoubleStorage"),
    ]
    attack = _name("os", "system") + b"(" + _word("touch proof") + b"tR"
    old = b"(S'touch proof'\nios\nsystem\n"
    return [
        *(_name(*own) for own in names),
        *(*codes, *places, *values, *tensors, attack, old, b"}" + _word("hyper_parameters")),
    ]


def checkpoint_bombs() -> dict[str, bytes]:
    """Give checkpoints by what is wrong with them."""
    deep = b"]" * 100_000 + b"a" * 99_999
    classes = [{"name": "a", "classes": [str(n) for n in range(300_000)], "multi_label": False}]
    counts = [1] * 300_000
    many = {"taxonomy": classes, "positives": counts, "annotated": counts}
    return {
        "inflated description": packed(_in_a_checkpoint(_word("a" * _ZEROS)), kind=8),
        "inflated storage": packed(_in_a_checkpoint(b"}"), {"0": bytes(_ZEROS)}, kind=8),
        "overlapping entries": _overlapping(),
        "bytearray": packed(
            _in_a_checkpoint(_name("builtins", "bytearray") + _int(2**36) + b"\x85R")
        ),
        "BYTEARRAY8": packed(b"\x80\x05\x96" + struct.pack("<Q", 2**36) + b"."),
        "BINBYTES8": packed(b"\x80\x04\x8e" + struct.pack("<Q", 2**36) + b"."),
        "a far place of the memo": packed(b"\x80\x02}r" + struct.pack("<I", 2**32 - 1) + b"."),
        "one number for a trillion": packed(
            _in_a_checkpoint(_tensor((10**6, 10**6), (0, 0), 1)), {"0": bytes(4)}
        ),
        "a storage that is not there": packed(
            _in_a_checkpoint(_tensor((2**30,), (1,), 2**30)), {"0": bytes(4)}
        ),
        "a tensor beyond its storage": packed(
            _in_a_checkpoint(_tensor((1,), (1,), 1, offset=2**35)), {"0": bytes(4)}
        ),
        "laughs": packed(_in_a_checkpoint(_laughs())),
        "nested lists": packed(_in_a_checkpoint(deep)),
        "nested tuples": packed(_in_a_checkpoint(b")" + b"\x85" * 100_000)),
        "a number of a million digits": packed(
            _in_a_checkpoint(b"\x8b" + struct.pack("<i", 2**20) + b"\x7f" * 2**20)
        ),
        "attention_dim": _with_setting("network.init_args", "attention_dim", 10**8),
        "value_dim": _with_setting("network.init_args", "value_dim", 16_384),
        "class_dim": _with_setting("network.init_args", "class_dim", 10**9),
        "backbone": _with_setting("network.init_args", "backbone", "convnext_xxlarge"),
        "local size": _with_setting("network", "init_args", {"local": {"size": 10**6}}),
        "cutoffs": _with_setting("metrics", "cutoffs", list(range(1, 50_000))),
        "top_k": _with_setting("metrics", "top_k", 10**12),
        "memory_limit": _with_setting("metrics", "memory_limit", 10**15),
        "classes": _with_setting("", "labels", many),
        "image_size": _with_loading(image_size=10**6),
        "batch_size": _with_loading(batch_size=10**9),
        "num_workers": _with_loading(num_workers=10**6),
    }


def yaml_bombs() -> dict[str, bytes]:
    """Give config.yaml files by what is wrong with them."""
    laughs = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    merges = "a0: &a0 {k: v}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 30)
    )
    return {
        "laughs": laughs.encode(),
        "merges": merges.encode(),
        "an endless list": b"data: &a [*a]\n",
        "nested lists": b"data: " + b"[" * 50_000,
        "nested mappings": b"data: " + b"{a: " * 30_000,
        "nested blocks": b"".join(b" " * n + b"a:\n" for n in range(400)),
        "keys": b"? " * 40_000,
        "a number of many digits": b"data: " + b"9" * 100_000,
        "a number to the base of sixty": b"data: 1" + b":1" * 60_000,
        "a hexadecimal number": b"data: 0x" + b"f" * 100_000,
        "size": b"data: [" + b"1, " * 2**22 + b"1]\n",
        "a Python object": b"data: !!python/object/apply:os.system ['touch proof']\n",
        "a class": b"data: !!python/name:os.system\n",
    }


def json_bombs() -> dict[str, bytes]:
    """Give JSON files by what is wrong with them."""
    return {
        "nested lists": b"[" * 10**6,
        "closed lists": b"[" * 10**5 + b"]" * 10**5,
        "nested mappings": b'{"best": ' * 10**5 + b"1" + b"}" * 10**5,
        "a number of many digits": b'{"steps": ' + b"9" * 10**6 + b"}",
        "a large exponent": b'{"seconds": 1e999999999, "steps": 1e999999999}',
        "size": b"[" + b"[]," * 2**23 + b"[]]",
        "other kinds": b'{"best": [1], "seconds": {}, "steps": "a", "command": 3, "limits": []}',
        "no mapping": b"3",
    }


def table_bombs() -> dict[str, bytes]:
    """Give CSV files of a run by what is wrong with them."""
    return {
        "columns": b"step" + b",a" * 10**6 + b"\n0" + b",1" * 10**6 + b"\n",
        "cells": b"step,loss\n" + b"," * 2**25 + b"\n",
        "rows": b"step,loss\n" + b",\n" * 2**24,
        "one row": b"step,loss\n" + b"1" * 2**25 + b"\n",
        "a quote": b'step,loss\n0,"' + b"a" * 2**24 + b"\n",
        "texts": b"step,loss\n0,=cmd()\n",
        "numbers": b"step,loss\n1e999,9" + b"9" * 10_000 + b"\n",
        "zeros": bytes(2**20),
    }
