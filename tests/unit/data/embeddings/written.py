"""Files of vectors, what is asked of them, and what they say where it is not there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.errors import EmbeddingError

Vectors = dict[str, NDArray[np.float32]]

IMAGES = [f"ærme/{number}.jpg" for number in range(7)]
LENGTHS = {"collar": 3, "length [cm]": 5}


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
