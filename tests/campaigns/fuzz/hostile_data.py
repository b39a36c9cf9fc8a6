"""The readers of catalogues, vectors and journals, each with a way to draw what would harm."""

import io
from pathlib import Path

import pandas as pd
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from m3net.data.annotations import darn
from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue
from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.data.photos.journal import Journal
from tests.campaigns.fuzz.hostile import (
    bombs,
    class_trees,
    paths,
    tables,
    to_csv,
    to_json,
    to_parquet,
    trees,
)
from tests.campaigns.fuzz.target import Target
from tests.support.bombs import csv_bombs, journal_bombs, parquet_bombs, safetensors_bombs

NAMES = {"clothes length": ["a", "b", "c", "d", "e", "f", "g"]}
ROWS = [
    {
        "image": f"{number}.jpg",
        "split": ("train", "val", "test")[number % 3],
        "item": f"p{number // 2}",
        "sleeve": ("long|short", "short", "")[number % 3],
    }
    for number in range(9)
]
IMAGES = [{"image": f"{number}.jpg", "attribute": "collar"} for number in range(3)]


def hostile_data(folder: Path, outside: Path) -> list[Target]:
    """Return the readers.

    Args:
        folder: Takes their files.
        outside: Things that nobody may touch.
    """
    names = folder / "names.json"
    drawn = trees(NAMES, outside, to_json)
    return [
        *_catalogues(folder, outside),
        *_vectors(folder, outside),
        _journal(folder, outside),
        Target("hostile: names.json", 62, names, [to_json(NAMES)], darn.read_names, drawn=drawn),
    ]


def _catalogues(folder: Path, outside: Path) -> list[Target]:
    columns, honest = CatalogueColumns(split="split", item="item"), pd.DataFrame(ROWS)

    def read(file: Path) -> None:
        read_catalogue(file, columns)

    return [
        Target(
            "hostile: catalogue, CSV",
            57,
            folder / "hostile.csv",
            [to_csv(honest)],
            read,
            drawn=tables(ROWS, outside, to_csv) | bombs(csv_bombs()),
        ),
        Target(
            "hostile: catalogue, Parquet",
            47,
            folder / "hostile.parquet",
            [to_parquet(honest)],
            read,
            drawn=tables(ROWS, outside, to_parquet) | bombs(parquet_bombs()),
        ),
    ]


def _vectors(folder: Path, outside: Path) -> list[Target]:
    def read(file: Path) -> None:
        read_embeddings(file, {"collar": [own["image"] for own in IMAGES]}, folder)

    whole = folder / "vectors.safetensors"
    names = '["0.jpg", "1.jpg", "2.jpg"]'
    return [
        Target(
            "hostile: vectors, Parquet",
            14,
            folder / "vectors.parquet",
            [_with_vectors(pd.DataFrame(IMAGES))],
            read,
            drawn=tables(IMAGES, outside, _with_vectors) | bombs(parquet_bombs()),
        ),
        Target(
            "hostile: vectors, safetensors",
            14,
            whole,
            [save({"collar": torch.ones(3, 2)}, {"images": names})],
            read,
            drawn=bombs(safetensors_bombs()),
        ),
    ]


def _with_vectors(table: pd.DataFrame) -> bytes:
    """Encode as Parquet, with a vector in each row."""
    buffer = io.BytesIO()
    named = pd.read_parquet(io.BytesIO(to_parquet(table)))
    vectors = pd.Series([[1.0, 2.0]] * len(named), dtype=object)
    named.assign(vector=vectors).to_parquet(buffer, index=False)
    return buffer.getvalue()


def _journal(folder: Path, outside: Path) -> Target:
    head = b'{"journal": "photos"}\n'
    values = st.one_of(class_trees(), paths(outside), st.integers(), st.none())
    lines = st.lists(values.map(to_json) | st.lists(values, max_size=4).map(to_json), max_size=4)
    drawn = lines.map(lambda own: head + b"".join(line + b"\n" for line in own))

    def read(file: Path) -> None:
        with Journal(file, "photos") as journal:
            for key, numbers in journal.done.items():
                assert isinstance(key, str)
                assert all(type(number) is int for number in numbers)

    honest = [head + b'["a.jpg", 3, 4]\n']
    drawn |= bombs(journal_bombs())
    return Target("hostile: journal", 71, folder / "journal", honest, read, drawn=drawn)
