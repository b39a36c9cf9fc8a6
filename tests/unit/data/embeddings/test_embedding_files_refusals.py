"""Files that hold no vectors, or not those that are asked for, are refused with what is wrong."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.errors import DatasetNotFoundError, EmbeddingError
from tests.unit.data.embeddings.written import IMAGES, Vectors, asked, refused, written


def test_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none\.parquet.*embeddings"):
        read_embeddings(tmp_path / "none.parquet", asked(), None)


def test_a_folder_without_parts_is_named(tmp_path: Path) -> None:
    assert "no .parquet in this folder" in refused(tmp_path)


@pytest.mark.promise("vectors-code")
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
    assert "unknown attribute 'collar'" in text
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
        ({"images": "ærme/0.jpg"}, "not a JSON list of texts: Invalid JSON"),
        (
            {"images": json.dumps([*range(7)])},
            "not a JSON list of texts: Input should be a valid string",
        ),
        (
            {"images": json.dumps("ærme/0")},
            "not a JSON list of texts: Input should be a valid array",
        ),
        ({"images": json.dumps(["\ud800"] * 7)}, "not a JSON list of texts: Invalid JSON"),
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
