"""Vectors to write and to read again."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.embeddings.written import IMAGES, LENGTHS, Vectors


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
