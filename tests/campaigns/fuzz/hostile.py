"""Files made to harm, as hypothesis draws them: classes, paths, bombs and other kinds anywhere."""

import copy
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from hypothesis import strategies as st

from tests.support.hostile.audit import MODULE

LIMITS = {"max_epochs": 3, "max_steps": -1, "max_time": None}
"""Of a training, as finished.json has them."""
Encode = Callable[[Any], bytes]

_CLASSES = (
    *("subprocess.Popen", "os.system", "builtins.exec", "builtins.open", "pathlib.Path", "Popen"),
    *("logging.FileHandler", "shutil.rmtree", "importlib.import_module", f"{MODULE}.Class", MODULE),
    *("lightning.pytorch.callbacks.ModelCheckpoint", "lightning.pytorch.callbacks.RichProgressBar"),
    *(
        "lightning.pytorch.loggers.CSVLogger",
        "m3net.base.files.write_text",
        "m3net.training.task.M3NetTask",
    ),
    *(
        "m3net.data.datamodules.CatalogueDataModule",
        "m3net.experiments.csv_logger.RunCSVLogger",
        "",
        ".",
        "a.",
    ),
    "m3net.training.callbacks.weight_average.WeightAverage",
)
_ARGUMENTS = ("args", "filename", "dirpath", "file", "path", "name", "save_dir", "console_kwargs")
_KEYS = ("class_path", "init_args", "dict_kwargs", "__default__", "<<", "", "0", "a.b", "__class__")


def _deep(levels: int, key: str | None) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value] if key is None else {key: value}
    return value


_BOMBS = st.one_of(
    st.sampled_from([2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 10**4000, -1, 0, 1e308, 1e-320]),
    st.sampled_from([float("inf"), float("-inf"), float("nan")]),
    st.builds(_deep, st.integers(1, 200), st.none() | st.sampled_from(_KEYS)),
    st.builds(lambda count, own: [own] * count, st.integers(1, 5000), st.none() | st.text()),
    st.builds(lambda count: "x" * count, st.integers(1, 20_000)),
    st.builds(lambda count: {str(n): n for n in range(count)}, st.integers(1, 3000)),
)


def class_trees() -> st.SearchStrategy[Any]:
    """Draw whatever jsonargparse takes for a class with its arguments, nested."""

    def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        arguments = st.dictionaries(st.sampled_from(_ARGUMENTS), inner, max_size=3)
        named = {"class_path": st.sampled_from(_CLASSES)}
        whole = st.fixed_dictionaries(named, optional={"init_args": arguments | inner})
        return whole | st.lists(inner, max_size=2)

    leaves = st.sampled_from(_CLASSES) | st.booleans() | st.integers(-1, 3) | st.none()
    return st.recursive(leaves, around, max_leaves=6)


def paths(outside: Path) -> st.SearchStrategy[str]:
    """Draw paths that lead out of a run folder, to things that must not be opened or changed."""
    places = (
        *("/etc/passwd", "/etc/hostname", "/dev/zero", "/proc/self/environ", "/proc/self/mem"),
        *("..", "../..", "../../outside", "~/.bashrc", ".", "/", "\\\\host\\a", "C:\\a", "a\0b"),
        *(str(outside), str(outside / "kept.txt"), str(outside / "new.txt"), str(outside / "pipe")),
        *(
            "hf-hub:org/name",
            "https://example.org/a.ckpt",
            "file:///etc/passwd",
            "wandb-artifact://a",
        ),
        *("{epoch:999999999d}", "{0.__class__}", "=cmd()", "\x1b[31m", "\u202e", "a" * 5000),
    )
    return st.sampled_from(places)


def trees(whole: Any, outside: Path, encode: Encode) -> st.SearchStrategy[bytes]:  # noqa: ANN401
    """Draw a file with one to three hostile values at any places of its tree.

    Args:
        whole: Nested plain values, or tensors.
        outside: A folder that paths lead to.
        encode: Makes a file of them.
    """
    values = st.one_of(class_trees(), paths(outside), _BOMBS, st.none() | st.booleans())
    modes = st.sampled_from(["replace", "replace", "replace", "add", "rename", "wrap", "remove"])
    edits = st.lists(st.tuples(st.integers(0, 2**16), modes, values), min_size=1, max_size=3)
    return edits.map(lambda found: encode(_edited(whole, found)))


def _edited(whole: Any, edits: list[tuple[int, str, Any]]) -> Any:  # noqa: ANN401 - plain values
    root = [copy.deepcopy(whole)]
    for number, mode, value in edits:
        places = list(_places(root))
        parent, key = places[number % len(places)]
        if mode == "replace" or parent is root:
            parent[key] = value
        elif mode == "wrap":
            parent[key] = {"class_path": value, "init_args": parent[key]}
        elif mode == "remove":
            del parent[key]
        elif isinstance(parent, dict):
            name = _KEYS[number % len(_KEYS)]
            parent[name] = parent.pop(key) if mode == "rename" else value
    return root[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - plain values
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, own in list(pairs):
        yield value, key
        # Long lists are of one kind: their first places stand for all.
        if isinstance(own, (dict, list)):
            yield from _places(own if isinstance(own, dict) or len(own) < 20 else own[:0])


def bombs(given: dict[str, bytes]) -> st.SearchStrategy[bytes]:
    """Draw one of some files."""
    return st.sampled_from([*given.values()])


def to_json(value: Any) -> bytes:  # noqa: ANN401 - plain values
    """Encode as JSON, which YAML reads, too."""
    return json.dumps(value, default=str).encode()


def to_checkpoint(value: Any) -> bytes:  # noqa: ANN401 - plain values and tensors
    """Encode as torch does."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def tables(rows: list[dict[str, str]], outside: Path, encode: Encode) -> st.SearchStrategy[bytes]:
    """Draw an honest table of which one to three cells or names of columns are hostile.

    Args:
        rows: Of the honest table.
        outside: A folder that paths lead to.
        encode: Makes a file of a DataFrame.
    """
    texts = st.one_of(paths(outside), st.text(max_size=20), st.sampled_from(["", "1e999", "nan"]))
    edits = st.lists(st.tuples(st.integers(-1, 99), st.integers(0, 99), texts), max_size=3)

    def table(found: list[tuple[int, int, str]]) -> bytes:
        frame = pd.DataFrame(rows, dtype=object)
        names = [*frame.columns]
        for row, column, text in found:
            if row < 0:
                names[column % len(names)] = text
            else:
                frame.iloc[row % len(frame), column % len(names)] = text
        frame.columns = pd.Index(names, dtype=object)
        return encode(frame)

    return edits.map(table)


def to_csv(table: pd.DataFrame) -> bytes:
    """Encode as CSV."""
    return table.to_csv(index=False).encode("utf-8", "surrogatepass")


def to_parquet(table: pd.DataFrame) -> bytes:
    """Encode as Parquet, which has each name once and no halves of characters."""
    buffer = io.BytesIO()
    safe = table.map(lambda cell: str(cell).encode("utf-8", "replace").decode())
    safe.columns = [f"{name}".encode("utf-8", "replace").decode() for name in table.columns]
    safe.loc[:, ~safe.columns.duplicated()].to_parquet(buffer, index=False)
    return buffer.getvalue()
