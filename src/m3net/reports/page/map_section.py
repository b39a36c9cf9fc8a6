"""The ranking vectors of each attribute in two dimensions; each point is an image.

van der Maaten, Hinton: "Visualizing Data using t-SNE", JMLR 2008.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.album import Album, data_uri, shrink

SAMPLE = 300
"""Images on a map; its cost grows faster than their number."""
SEED = 0
GROUPS = 10
"""Most classes with a mark of their own; the eye tells no more apart."""
LEAST = 5
"""Fewest images of a map."""
TILE = 64
"""Height and width of a thumbnail in the sprite, in pixels."""
_ITERATIONS = 500


class Point(NamedTuple):
    """An image on a map, at (x, y) in 0 .. 1, y downwards."""

    x: float
    y: float
    tile: int
    """Index of its thumbnail in the sprite."""
    group: int
    """Index into `Plane.groups`."""


@dataclass(frozen=True)
class Plane:
    """The ranking vectors of one attribute in two dimensions."""

    attribute: str
    num_images: int
    """All that take part; the points are a sample of them."""
    groups: Sequence[str] = ()
    """Classes, each with a mark of its own."""
    has_rest: bool = False
    """Whether the last group stands for all other classes."""
    points: Sequence[Point] = ()
    note: str = ""
    """Why there is no map."""


@dataclass(frozen=True)
class Sprite:
    """Many thumbnails in one picture, row by row."""

    source: str
    """A data URI."""
    columns: int
    """Thumbnails in a row."""
    names: Sequence[str]
    """Paths of the photos."""


def collect_planes(metrics: RetrievalMetrics, album: Album) -> tuple[list[Plane], Sprite | None]:
    """Return one map for each attribute, and the thumbnails of all maps."""
    records = album.dataset.records
    # Attributes share one order, and so images and thumbnails.
    order = np.random.default_rng(SEED).permutation(len(records))
    samples = metrics.sample(torch.from_numpy(order), SAMPLE)
    tiles: dict[int, int] = {}
    planes = []
    for attribute, count in zip(metrics.names, (records.roles > 0).sum(axis=0), strict=True):
        if attribute not in samples:
            planes.append(Plane(attribute, int(count), note="No image takes part."))
            continue
        index, vectors = (sample.numpy() for sample in samples[attribute])
        if note := _obstacle(vectors):
            planes.append(Plane(attribute, int(count), note=note))
            continue
        images = index.tolist()
        labels = [" + ".join(album.labels(image, attribute)) for image in images]
        groups, members, has_rest = group_labels(labels)
        points = [
            Point(x, y, tiles.setdefault(image, len(tiles)), group)
            for (x, y), image, group in zip(flatten(vectors).tolist(), images, members, strict=True)
        ]
        planes.append(Plane(attribute, int(count), groups, has_rest, points))
    return planes, make_sprite([*tiles], album) if tiles else None


def make_sprite(images: Sequence[int], album: Album) -> Sprite:
    """Lay out the thumbnails of at least one image, each in the middle of a grey square."""
    columns = math.ceil(len(images) ** 0.5)
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * TILE, columns * TILE, 3), 238, np.uint8)
    for tile, image in enumerate(images):
        small = shrink(album.thumbnail(image), TILE)
        height, width = small.shape[:2]
        top = tile // columns * TILE + (TILE - height) // 2
        left = tile % columns * TILE + (TILE - width) // 2
        sheet[top : top + height, left : left + width] = small
    return Sprite(data_uri(sheet), columns, [album.name(image) for image in images])


def group_labels(labels: Sequence[str]) -> tuple[list[str], list[int], bool]:
    """Return the most frequent labels, and the rarest ones as one last group.

    Returns:
        The groups, the index of the group of each label, and whether the last one is a rest.

    Example:
        >>> group_labels(["long", "", "long"])
        (['long', 'no class'], [0, 1, 0], False)
    """
    named = [label or "no class" for label in labels]
    counted = sorted(Counter(named).items(), key=lambda pair: (-pair[1], pair[0]))
    order = [label for label, _ in counted]
    has_rest = len(order) > GROUPS
    groups = [*order[:GROUPS], f"{len(order) - GROUPS} others"] if has_rest else order
    return groups, [min(order.index(label), GROUPS) for label in named], has_rest


def flatten(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Project vectors to two dimensions by t-SNE, which starts from their principal components.

    Args:
        vectors: (n, D), n at least `LEAST`, not all alike.

    Returns:
        (n, 2) in 0 .. 1; one scale for both axes.
    """
    # It takes half a second to import, which no other command should wait for.
    from sklearn.manifold import TSNE

    # t-SNE needs two principal components.
    wide = np.pad(vectors, ((0, 0), (0, max(0, 2 - vectors.shape[1]))))
    perplexity = min(30.0, (len(wide) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", max_iter=_ITERATIONS, random_state=SEED)
    flat = np.asarray(tsne.fit_transform(wide), dtype=np.float64)
    least, size = flat.min(axis=0), np.ptp(flat, axis=0)
    scaled: NDArray[np.float64] = (flat - least - size / 2) / max(size.max(), 1e-12) + 0.5
    return scaled


def _obstacle(vectors: NDArray[np.float32]) -> str:
    """Return why vectors make no map; an empty string if they do."""
    if len(vectors) < LEAST:
        return f"Only {len(vectors)} images take part, too few for a map."
    return "All vectors are the same." if np.ptp(vectors, axis=0).max() == 0 else ""
