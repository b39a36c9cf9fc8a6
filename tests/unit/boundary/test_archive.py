"""Checkpoints are read as torch reads them, and as nothing else."""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from m3net.boundary.archive import read_archive
from tests.support.hostile.run_bombs import packed, pickle_parts

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=4)
    ),
    max_leaves=20,
)
DTYPES = [
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32),
    *(torch.int16, torch.int8, torch.uint8, torch.bool),
]


def equal(one: Any, other: Any) -> bool:  # noqa: ANN401 - nested plain values
    if isinstance(one, Tensor):
        alike = one.dtype == other.dtype and one.shape == other.shape
        return alike and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=True)
        return all(a == b and equal(x, y) for (a, x), (b, y) in pairs)
    if isinstance(one, (list, tuple)):
        same = type(one) is type(other) and len(one) == len(other)
        return same and all(map(equal, one, other))
    return type(one) is type(other) and (one == other or one != one)  # NaN is not itself


@given(PLAIN)
def test_plain_values_come_back(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    file = tmp_path_factory.getbasetemp() / "plain.ckpt"
    torch.save(value, file)
    assert equal(read_archive(file), value)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_come_back(tmp_path: Path, dtype: torch.dtype) -> None:
    base = torch.arange(24).to(dtype).view(2, 3, 4)
    views = [
        base,
        base[1],
        base.permute(2, 1, 0),
        base[:, ::2],
        base[0, 0, 0],
        base[:0],
        base[1:, 1:, 1:],
    ]
    torch.save({"views": views, "number": torch.tensor(3, dtype=dtype)}, tmp_path / "a.ckpt")
    expected = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert equal(read_archive(tmp_path / "a.ckpt"), expected)


def test_a_module_with_its_optimizer_comes_back(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    weights = module.state_dict()
    parameter = next(module.parameters())
    contents = {"weights": weights, "optimizer": optimizer.state_dict(), "parameter": parameter}
    torch.save(contents, tmp_path / "a.ckpt")
    found = read_archive(tmp_path / "a.ckpt")
    assert equal(found["weights"], dict(weights))
    assert equal(found["parameter"], parameter.detach())
    module.load_state_dict(found["weights"])
    optimizer.load_state_dict(found["optimizer"])


def test_tensors_that_share_numbers_go_on_to_share_them(tmp_path: Path) -> None:
    base = torch.zeros(4)
    torch.save([base, base[1:]], tmp_path / "a.ckpt")
    one, other = read_archive(tmp_path / "a.ckpt")
    one[2] = 7
    assert other.tolist() == [0, 7, 0]


@pytest.mark.promise("checkpoint-code")
@pytest.mark.parametrize(
    "value",
    [
        torch.float32,
        torch.device("cpu"),
        torch.Size([1]),
        Path("a"),
        {1, 2},
        b"bytes",
        1j,
        nn.Linear(1, 1),
        torch.eye(2).to_sparse(),
        torch.Generator,
        OrderedDict,
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_no_checkpoint_has_is_refused(tmp_path: Path, value: object) -> None:
    torch.save({"more": value}, tmp_path / "a.ckpt")
    with pytest.raises(pickle.UnpicklingError):
        read_archive(tmp_path / "a.ckpt")


@pytest.mark.promise("checkpoint-code")
def test_an_object_cannot_be_changed_after_it_was_checked(tmp_path: Path) -> None:
    """BUILD gives an object a state of the file's choice: here a mapping a method of its own."""
    mapping = b"ccollections\nOrderedDict\n)RX\x01\0\0\0aK\x01s"
    state = b"}X\x05\0\0\0itemsK\x03s"
    file = tmp_path / "a.ckpt"
    file.write_bytes(packed(b"\x80\x02" + mapping + state + b"b."))
    assert read_archive(file) == {"a": 1}


@pytest.mark.promise("checkpoint-bounds")
@pytest.mark.parametrize("bit", [0, 7])
def test_each_bit_of_the_weights_counts(tmp_path: Path, bit: int) -> None:
    file = tmp_path / "a.ckpt"
    torch.save(torch.full((4,), 7.0), file)
    content = bytearray(file.read_bytes())
    content[content.index(torch.full((4,), 7.0).numpy().tobytes())] ^= 1 << bit
    file.write_bytes(content)
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        read_archive(file)


@pytest.mark.promise("checkpoint-bounds")
def test_numbers_of_another_order_of_bytes_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    torch.save([1], file)
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(tmp_path / "b.ckpt", "w") as other:
        for name in whole.namelist():
            big = name.endswith("byteorder")
            other.writestr(name, b"big" if big else whole.read(name))
    with pytest.raises(ValueError, match="little-endian"):
        read_archive(tmp_path / "b.ckpt")


@given(st.lists(st.sampled_from(pickle_parts()), max_size=12))
def test_no_program_of_harmful_parts_does_anything(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]
) -> None:
    file = tmp_path_factory.getbasetemp() / "program.ckpt"
    file.write_bytes(packed(b"\x80\x02" + b"".join(parts) + b".", {"0": bytes(8)}))
    # What pickle raises of a program that makes no sense is none of this reader's choice.
    harmless = (ValueError, LookupError, TypeError, AttributeError, pickle.UnpicklingError)
    try:
        found = read_archive(file)
    except (*harmless, KeyError, EOFError, OverflowError, zipfile.BadZipFile):
        return
    assert isinstance(found, (dict, list, tuple, str, int, bool, type(None), Tensor))
