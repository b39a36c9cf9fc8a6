"""A picture to encode."""

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """A smooth picture in which no edge, corner or channel looks like another."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 3, 255 - rows - columns], axis=2).astype(np.uint8)
