"""Vectors come out of files as they went in, whatever the files look like, or are refused."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from m3net.embeddings.block import BLOCK_SIZE
from m3net.embeddings.files import read_embeddings
from m3net.embeddings.parquet import read_parquet
from m3net.errors import DatasetNotFoundError, EmbeddingError

Vectors = dict[str, NDArray[np.float32]]

IMAGES = [f"ærme/{number}.jpg" for number in range(7)]
LENGTHS = {"collar": 3, "length [cm]": 5}


@pytest.fixture
def vectors() -> Vectors:
    """For each attribute one vector per image, exact in 16 bits."""
    draw = np.random.default_rng(0)
    return {
        name: draw.integers(-99, 99, (len(IMAGES), length)).astype(np.float32)
        for name, length in LENGTHS.items()
    }


@pytest.fixture
def frame(vectors: Vectors) -> pd.DataFrame:
    """One row per attribute and image, in no order."""
    rows = [
        {"image": image, "attribute": name, "vector": vector, "more": 1}
        for name, own in vectors.items()
        for image, vector in zip(IMAGES, own, strict=True)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def asked() -> dict[str, list[str]]:
    return {name: list(IMAGES) for name in LENGTHS}


def written(frame: pd.DataFrame, folder: Path) -> Path:
    file = folder / "vectors.parquet"
    frame.to_parquet(file, row_group_size=3)
    return file


def refused(place: Path, images: dict[str, list[str]] | None = None) -> str:
    with pytest.raises(EmbeddingError) as found:
        read_embeddings(place, asked() if images is None else images, None)
    text = str(found.value)
    assert text.startswith(str(place))
    assert text.endswith(".")
    return text


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


def test_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none\.parquet.*--embeddings"):
        read_embeddings(tmp_path / "none.parquet", asked(), None)


def test_a_folder_without_parts_is_named(tmp_path: Path) -> None:
    assert "no .parquet in this folder" in refused(tmp_path)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
            return exec, (f"open({str(tmp_path / 'proof')!r}, 'w')",)

    for name in ("a.pkl", "a.pt", "a.npy", "a.parquet", "a.safetensors"):
        (tmp_path / name).write_bytes(pickle.dumps(Payload()))
        text = refused(tmp_path / name)
        assert "neither .parquet nor .safetensors" in text or f"not {name[2:]}" in text.lower()
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("name", ["a.parquet", "a.safetensors"])
def test_a_truncated_file_is_named(
    frame: pd.DataFrame, vectors: Vectors, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    if name == "a.parquet":
        frame.to_parquet(file)
    else:
        tensors = {attribute: torch.from_numpy(own) for attribute, own in vectors.items()}
        save_file(tensors, file, {"images": json.dumps(IMAGES)})
    content = file.read_bytes()
    for length in (len(content) - 20, 3, 0):
        file.write_bytes(content[:length])
        assert f": not {name[2:]}" in refused(file).lower()


@pytest.mark.parametrize("column", ["image", "attribute", "vector"])
def test_a_column_is_not_there(frame: pd.DataFrame, tmp_path: Path, column: str) -> None:
    file = written(frame.drop(columns=column), tmp_path)
    assert f"no column {column!r}" in refused(file)


@pytest.mark.parametrize(
    ("column", "value"),
    [("image", 1), ("attribute", 1.5), ("vector", 1.5), ("vector", ["1"]), ("vector", [1])],
)
def test_a_column_holds_something_else(
    frame: pd.DataFrame, tmp_path: Path, column: str, value: object
) -> None:
    frame = frame.assign(**{column: pd.Series([value] * len(frame), index=frame.index)})
    assert f"column {column!r} holds" in refused(written(frame, tmp_path))


@pytest.mark.parametrize("column", ["image", "attribute", "vector"])
def test_a_cell_is_empty(frame: pd.DataFrame, tmp_path: Path, column: str) -> None:
    frame[column] = frame[column].where(np.arange(len(frame)) != 8, None)
    assert f"column {column!r} is empty in row 8" in refused(written(frame, tmp_path))


def test_the_known_attributes_are_named(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = written(frame, tmp_path)
    text = refused(file, {"length [cm]": IMAGES, "sleeve": IMAGES})
    assert "attribute 'collar' is none of the data's" in text
    assert "'length [cm]', 'sleeve'" in text


@pytest.mark.parametrize("row_group_size", [1, 14])
def test_vectors_of_an_attribute_have_one_length(
    frame: pd.DataFrame, tmp_path: Path, row_group_size: int
) -> None:
    frame = frame.sort_values(["attribute", "image"], ignore_index=True)
    frame["vector"] = [*frame["vector"][:4], np.ones(4, dtype=np.float32), *frame["vector"][5:]]
    file = tmp_path / "a.parquet"
    frame.to_parquet(file, row_group_size=row_group_size)
    text = refused(file)
    assert f"'collar' have 3 numbers, but 4 for image {IMAGES[4]!r}" in text


def test_a_vector_without_numbers_is_named(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame["vector"] = [vector[:0] for vector in frame["vector"]]
    assert "hold no number" in refused(written(frame, tmp_path))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, None])
def test_a_vector_that_cannot_be_compared_is_named(
    frame: pd.DataFrame, tmp_path: Path, value: float | None
) -> None:
    vector_of = frame["image"].eq(IMAGES[3]) & frame["attribute"].eq("collar")
    frame["vector"] = [
        [1.0, value, 2.0] if wrong else vector
        for wrong, vector in zip(vector_of, frame["vector"], strict=True)
    ]
    assert f"image {IMAGES[3]!r} for attribute 'collar'" in refused(written(frame, tmp_path))


@pytest.mark.parametrize("row_group_size", [1, 15])
def test_a_second_vector_is_named(frame: pd.DataFrame, tmp_path: Path, row_group_size: int) -> None:
    again = frame[frame["image"].eq(IMAGES[3]) & frame["attribute"].eq("collar")]
    file = tmp_path / "a.parquet"
    again = again.assign(image=str(tmp_path / IMAGES[3]))
    pd.concat([frame, again]).to_parquet(file, row_group_size=row_group_size)
    with pytest.raises(EmbeddingError, match=r"a second vector of .*3\.jpg' for .*'collar'"):
        read_embeddings(file, asked(), tmp_path)


def test_images_without_a_vector_are_counted_and_named(frame: pd.DataFrame, tmp_path: Path) -> None:
    kept = frame["image"].eq(IMAGES[1]) | frame["attribute"].eq("collar")
    frame["image"] = frame["image"].where(frame["image"] != IMAGES[0], "other/0.jpg")
    text = refused(written(frame[kept], tmp_path))
    assert "no vector for attribute 'collar' of 1 of 7 images that take part" in text
    assert f": {IMAGES[0]!r}; and 6 vectors of other attributes" in text
    assert "not as 'other/0.jpg'" in text
    text = refused(
        written(frame[kept & frame["attribute"].ne("collar")], tmp_path), {"length [cm]": IMAGES}
    )
    assert "of 6 of 7 images that take part" in text
    listed = ", ".join(repr(image) for image in [IMAGES[0], *IMAGES[2:6]])
    assert f": {listed}, ..." in text


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        (None, "has no 'images'"),
        ({"images/collar": json.dumps(IMAGES)}, "names the images of 'length [cm]'"),
        ({"images": "ærme/0.jpg"}, "not JSON"),
        ({"images": json.dumps([*range(7)])}, "not a list of texts"),
        ({"images": json.dumps("ærme/0")}, "not a list of texts"),
        ({"images": json.dumps(IMAGES[1:])}, "7 vectors for 6 images"),
    ],
)
def test_images_of_tensors_must_be_named(
    vectors: Vectors, tmp_path: Path, metadata: dict[str, str] | None, named: str
) -> None:
    file = tmp_path / "a.safetensors"
    save_file({name: torch.from_numpy(own) for name, own in vectors.items()}, file, metadata)
    assert named in refused(file)


@pytest.mark.parametrize("tensor", [torch.ones(7), torch.ones(7, 3, dtype=torch.int64)])
def test_tensors_of_another_kind_are_named(tmp_path: Path, tensor: torch.Tensor) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"collar": tensor}, file, {"images": json.dumps(IMAGES)})
    assert f"shape {tuple(tensor.shape)}" in refused(file)
