"""Outputs of a network for photos, as arrays and tables."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m3net.errors import ConfigError
from m3net.serving.photos import Name


@dataclass(frozen=True)
class Views:
    """Vectors and class probabilities of N photos."""

    embeddings: dict[str, NDArray[np.float32]]
    """For each attribute (N, D) float32; inner products are scores."""
    probabilities: pd.DataFrame
    """N rows, named like the photos, and a float32 column (attribute, class) for each class."""

    @property
    def names(self) -> list[Name]:
        """The photos' names."""
        names: list[Name] = self.probabilities.index.tolist()
        return names

    def best_classes(self, attribute: str) -> NDArray[np.object_]:
        """Return (N,) names of the most probable classes of an attribute; of equals the first."""
        probabilities = self.probabilities.loc[:, [attribute]]
        names = np.array(probabilities.columns.get_level_values(1), dtype=object)
        best: NDArray[np.object_] = names[probabilities.to_numpy().argmax(axis=1)]
        return best


@dataclass(frozen=True)
class Attention:
    """Where a network looks in one photo."""

    image: NDArray[np.uint8]
    """(H, W, 3) uint8 RGB, what the network sees and the maps cover."""
    attributes: dict[str, NDArray[np.float32]]
    """For each attribute (h, w) float32, at least 0, sum 1; empty for M3-Net_c."""
    classes: dict[str, dict[str, NDArray[np.float32]]]
    """For each attribute such a map of each class; empty for a network without class attention."""


def check_attribute(name: str, known: Sequence[str]) -> None:
    """Check that an attribute is known.

    Raises:
        ConfigError: The attribute is unknown; the text names those with similar names.

    Example:
        >>> check_attribute("Collar", ["sleeve", "collar"])
        Traceback (most recent call last):
        m3net.errors.ConfigError: unknown attribute 'Collar'; did you mean 'collar'? Available:
        sleeve, collar.
    """
    if name in known:
        return
    spelt = {other.lower(): other for other in known}
    near = [repr(spelt[low]) for low in difflib.get_close_matches(str(name).lower(), spelt)]
    guess = f"; did you mean {' or '.join(near)}?" if near else "."
    raise ConfigError(f"unknown attribute {name!r}{guess} Available: {', '.join(known)}.")
