"""What a network says of photos, as arrays and tables."""

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
    """What a network says of N photos.

    Attributes:
        embeddings: For each attribute (N, D_a) float32; inner products are scores.
        probabilities: N rows, named as the photos are, and a column (attribute, class) of float32
            for each class of all attributes.
    """

    embeddings: dict[str, NDArray[np.float32]]
    probabilities: pd.DataFrame

    @property
    def names(self) -> list[Name]:
        """The photos' names."""
        names: list[Name] = self.probabilities.index.tolist()
        return names

    def best_classes(self, attribute: str) -> NDArray[np.object_]:
        """Return (N,) names of the most probable classes of an attribute; ties go to the first."""
        own = self.probabilities.loc[:, [attribute]]
        names = np.array(own.columns.get_level_values(1), dtype=object)
        best: NDArray[np.object_] = names[own.to_numpy().argmax(axis=1)]
        return best


@dataclass(frozen=True)
class Attention:
    """Where a network looks in one photo.

    Attributes:
        image: (H, W, 3) uint8 RGB, the photo as the network sees it, which the maps cover.
        attributes: For each attribute (h, w) float32, at least 0, sum 1; empty for M3-Net_c.
        classes: For each attribute the same of each of its classes; empty for a network that does
            not attend to classes.
    """

    image: NDArray[np.uint8]
    attributes: dict[str, NDArray[np.float32]]
    classes: dict[str, dict[str, NDArray[np.float32]]]


def check_attribute(name: str, known: Sequence[str]) -> None:
    """Check that an attribute is known.

    Raises:
        ConfigError: It is not; the text names those that are spelt alike.

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
