"""Files of vectors in safetensors that stand for more than they hold; Parquet is in boundary."""

import os
from pathlib import Path

import numpy as np
import pytest

from m3net.data.embeddings.attribute_vectors import MOST_NUMBERS, AttributeVectors, Block
from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.errors import EmbeddingError
from tests.support.bombs import safetensors_bombs
from tests.support.measured import costs


@pytest.mark.promise("vectors-bounds")
def test_safetensors_bombs_are_refused(tmp_path: Path) -> None:
    files = {}
    for number, (name, content) in enumerate(safetensors_bombs().items()):
        files[name] = tmp_path / f"{number}.safetensors"
        files[name].write_bytes(content)
    for name, cost in costs("vectors", files).items():
        assert cost.problem.startswith(f"EmbeddingError: {files[name]}"), (name, cost)
        assert cost.mib < 100, (name, cost)
        assert cost.seconds < 10, (name, cost)


@pytest.mark.promise("vectors-bounds")
@pytest.mark.parametrize("device", [None, "/dev/zero"])
def test_pipes_and_devices_are_refused(tmp_path: Path, device: str | None) -> None:
    for suffix in ("safetensors", "parquet"):
        file = tmp_path / f"a.{suffix}"
        if device:
            file.symlink_to(device)
        else:
            os.mkfifo(file)
        with pytest.raises(EmbeddingError, match="no regular file"):
            read_embeddings(file, {"collar": ["a.jpg"]}, None)


@pytest.mark.promise("vectors-bounds")
def test_a_long_vector_makes_no_room_for_all_images() -> None:
    vectors = AttributeVectors([f"{number}.jpg" for number in range(10**5)], None)
    block = Block(Path("a"), "collar", ["1.jpg"], np.zeros((1, MOST_NUMBERS + 1), np.float32))
    with pytest.raises(EmbeddingError, match="have 65,537 numbers"):
        vectors.add(block)
