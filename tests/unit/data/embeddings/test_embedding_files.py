"""Vectors come out of files as they went in, whatever the files look like."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from m3net.data.embeddings.attribute_vectors import BLOCK_SIZE
from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.data.embeddings.embedding_rows import read_parquet
from tests.unit.data.embeddings.written import IMAGES, LENGTHS, Vectors, asked, refused, written


def assert_read(place: Path, vectors: Vectors, root: Path | None = None) -> None:
    found = read_embeddings(place, asked(), root)
    assert [*found] == [*LENGTHS]
    order = [4, 0, 6, 1, 2, 3, 5]
    for name, own in found.items():
        batch = own.batch([IMAGES[place] for place in order])
        assert batch.dtype == np.float32
        assert np.array_equal(batch, vectors[name][order])


TYPES = [
    (pa.string(), pa.list_(pa.float32())),
    (pa.dictionary(pa.int16(), pa.string()), pa.list_(pa.float64())),
    (pa.large_string(), pa.large_list(pa.float16())),
]


@pytest.mark.parametrize(("text", "floats"), TYPES, ids=str)
def test_any_text_and_floats_will_do(
    frame: pd.DataFrame, vectors: Vectors, tmp_path: Path, text: pa.DataType, floats: pa.DataType
) -> None:
    halves = [vector.astype(np.float16) for vector in frame["vector"]]
    columns = {
        "more": pa.array(frame["more"]),
        "vector": pa.array(halves, pa.list_(pa.float16())).cast(floats),
        **{name: pa.array(frame[name]).cast(text) for name in ("attribute", "image")},
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", row_group_size=4)
    assert_read(tmp_path / "a.parquet", vectors)


def test_lists_of_fixed_size_will_do(frame: pd.DataFrame, vectors: Vectors, tmp_path: Path) -> None:
    for name, length in LENGTHS.items():
        own = frame[frame["attribute"] == name]
        kind = pa.list_(pa.float32(), length)
        columns = {"image": pa.array(own["image"]), "attribute": pa.array(own["attribute"])}
        columns["vector"] = pa.array(own["vector"].tolist(), kind)
        pq.write_table(pa.table(columns), tmp_path / f"{length}.parquet")
    assert_read(tmp_path, vectors)


def test_the_parts_of_a_folder_are_one(
    frame: pd.DataFrame, vectors: Vectors, tmp_path: Path
) -> None:
    for part in range(3):
        frame.iloc[part::3].to_parquet(tmp_path / f"part-{part}.parquet")
    assert_read(tmp_path, vectors)


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("own", [False, True])
def test_tensors_are_read_like_tables(
    vectors: Vectors, tmp_path: Path, kind: torch.dtype, own: bool
) -> None:
    file = tmp_path / "a.safetensors"
    tensors = {name: torch.from_numpy(values).to(kind) for name, values in vectors.items()}
    metadata = {"model": "anything", "images": json.dumps(IMAGES)}
    if own:
        metadata["images/collar"] = json.dumps(IMAGES[::-1])
        tensors["collar"] = tensors["collar"].flip(0)
    save_file(tensors, file, metadata)
    assert_read(file, vectors)


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_files_longer_than_a_block(tmp_path: Path, suffix: str) -> None:
    images = [f"{number}.jpg" for number in range(2 * BLOCK_SIZE + 5)]
    values = np.random.default_rng(1).random((len(images), 2), dtype=np.float32)
    file = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        columns = {"image": images, "attribute": "collar", "vector": list(values)}
        pd.DataFrame(columns).to_parquet(file)
        assert max(len(block.images) for block in read_parquet(file)) <= BLOCK_SIZE
    else:
        save_file({"collar": torch.from_numpy(values)}, file, {"images": json.dumps(images)})
    found = read_embeddings(file, {"collar": images[::-1]}, None)["collar"]
    assert np.array_equal(found.batch(images), values)


@pytest.mark.parametrize("row_group_size", [2000, 16_000])
def test_memory_does_not_grow_with_a_table(tmp_path: Path, row_group_size: int) -> None:
    values = np.random.default_rng(2).random((16_000, 256), dtype=np.float32)
    columns = {"image": "a.jpg", "attribute": "collar", "vector": list(values)}
    file = tmp_path / "a.parquet"
    pd.DataFrame(columns).to_parquet(file, row_group_size=row_group_size)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in read_parquet(file)]
    assert len(held) >= 16
    assert 0 < max(held) < file.stat().st_size / 2


@pytest.mark.parametrize(
    "spell",
    [
        lambda root, image: str(root.absolute() / image),
        lambda root, image: str(root / image),
        lambda root, image: f"./elsewhere/../{root}/{image}",
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_images_may_be_named_by_their_paths(
    frame: pd.DataFrame,
    vectors: Vectors,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spell: Callable[[Path, str], str],
    absolute: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("photos/of")
    frame["image"] = [spell(root, image) for image in frame["image"]]
    assert_read(written(frame, tmp_path), vectors, root.absolute() if absolute else root)
    text = refused(tmp_path / "vectors.parquet")
    assert f"attribute 'collar' of 7 of 7 images that take part: {IMAGES[0]!r}" in text


def test_an_image_that_is_listed_twice_has_one_vector(
    frame: pd.DataFrame, vectors: Vectors, tmp_path: Path
) -> None:
    twice = {name: [*IMAGES, IMAGES[2]] for name in LENGTHS}
    found = read_embeddings(written(frame, tmp_path), twice, None)
    batch = found["collar"].batch(twice["collar"])
    assert np.array_equal(batch, vectors["collar"][[*range(7), 2]])


def test_images_that_take_no_part_are_counted_and_no_more(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame["vector"] = [
        vector * np.nan if image == IMAGES[5] else vector
        for image, vector in zip(frame["image"], frame["vector"], strict=True)
    ]
    images = {"collar": IMAGES[:3], "length [cm]": []}
    found = read_embeddings(written(frame, tmp_path), images, None)
    assert [own.num_unused for own in found.values()] == [4, 7]
    assert not found["collar"].batch(IMAGES)[3:].any()
    assert not found["length [cm]"].batch(IMAGES).any()


def test_an_attribute_that_nothing_asks_for_may_lack(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = written(frame[frame["attribute"] == "collar"], tmp_path)
    text = refused(file)
    assert "no vectors for attribute 'length [cm]'" in text
    found = read_embeddings(file, asked() | {"length [cm]": []}, None)
    assert len(found["length [cm]"].batch(IMAGES)) == len(IMAGES)
