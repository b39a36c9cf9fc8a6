"""The ranking vectors of each attribute in two dimensions, each point an image.

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
"""Images on a map; the cost of a map grows faster than they do."""
SEED = 0
GROUPS = 10
"""Classes with a mark of their own; the eye tells no more apart."""
LEAST = 5
"""Images below which there is no map."""
TILE = 64
"""Height and width of a thumbnail in the sprite, in pixels."""
_ITERATIONS = 500


class Point(NamedTuple):
    """An image on a map."""

    x: float
    """From 0 to 1, to the right."""
    y: float
    """From 0 to 1, downwards."""
    tile: int
    """Its thumbnail in the sprite."""
    group: int
    """Its place in `Plane.groups`."""


@dataclass(frozen=True)
class Plane:
    """The ranking vectors of one attribute in two dimensions."""

    attribute: str
    num_images: int
    """All that take part; the points are a sample of them."""
    groups: Sequence[str] = ()
    """Names of the classes that have a mark of their own, the rest in the last."""
    has_rest: bool = False
    """Whether the last group is that of all other classes."""
    points: Sequence[Point] = ()
    note: str = ""
    """Why there is no map; empty where there is one."""


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
    """Return one map for each attribute, and the thumbnails of all.

    Args:
        metrics: Hold the ranking vectors.
        album: Photos of the split.
    """
    records = album.dataset.records
    # One order for all attributes, so that their samples share images and so thumbnails.
    order = np.random.default_rng(SEED).permutation(len(records))
    samples = metrics.sample(torch.from_numpy(order), SAMPLE)
    tiles: dict[int, int] = {}
    planes = []
    for attribute, count in zip(metrics.names, (records.roles > 0).sum(axis=0), strict=True):
        if attribute not in samples:
            planes.append(Plane(attribute, int(count), note="No image takes part."))
            continue
        index, vectors = (sample.numpy() for sample in samples[attribute])
        if note := _why_not(vectors):
            planes.append(Plane(attribute, int(count), note=note))
            continue
        images = index.tolist()
        for image in images:
            tiles.setdefault(image, len(tiles))
        labels = [" + ".join(album.labels(image, attribute)) for image in images]
        groups, members, rest = group_labels(labels)
        points = [
            Point(x, y, tiles[image], group)
            for (x, y), image, group in zip(flatten(vectors).tolist(), images, members, strict=True)
        ]
        planes.append(Plane(attribute, int(count), groups, rest, points))
    return planes, make_sprite([*tiles], album) if tiles else None


def make_sprite(images: Sequence[int], album: Album) -> Sprite:
    """Lay thumbnails side by side, each in the middle of a grey square.

    Args:
        images: At least one, by their indices in the split.
        album: Photos of the split.
    """
    columns = math.ceil(len(images) ** 0.5)
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * TILE, columns * TILE, 3), 238, np.uint8)
    for place, image in enumerate(images):
        small = shrink(album.thumbnail(image), TILE)
        height, width = small.shape[:2]
        top = place // columns * TILE + (TILE - height) // 2
        left = place % columns * TILE + (TILE - width) // 2
        sheet[top : top + height, left : left + width] = small
    return Sprite(data_uri(sheet), columns, [album.name(image) for image in images])


def group_labels(labels: Sequence[str]) -> tuple[list[str], list[int], bool]:
    """Return groups, the most frequent first, and the group of each label; the rest is the last.

    Returns:
        The groups, the place of each label among them, and whether the last is a rest of many.

    Example:
        >>> group_labels(["long", "", "long"])
        (['long', 'no class'], [0, 1, 0], False)
    """
    named = [label or "no class" for label in labels]
    counted = sorted(Counter(named).items(), key=lambda pair: (-pair[1], pair[0]))
    groups = [label for label, _ in counted]
    rest = len(groups) > GROUPS
    if rest:
        groups = [*groups[:GROUPS], f"{len(groups) - GROUPS} others"]
    places = {label: place for place, (label, _) in enumerate(counted)}
    return groups, [min(places[label], len(groups) - 1) for label in named], rest


def flatten(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Bring vectors to two dimensions by t-SNE, which starts from their principal components.

    Args:
        vectors: (n, D), n at least `LEAST`, not all alike.

    Returns:
        (n, 2) in 0 .. 1; one scale for both axes.
    """
    # It takes half a second to import, which no other command should wait for.
    from sklearn.manifold import TSNE

    # Principal components are two at least.
    wide = np.pad(vectors, ((0, 0), (0, max(0, 2 - vectors.shape[1]))))
    perplexity = min(30.0, (len(wide) - 1) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", max_iter=_ITERATIONS, random_state=SEED)
    flat = np.asarray(tsne.fit_transform(wide), dtype=np.float64)
    least, size = flat.min(axis=0), np.ptp(flat, axis=0)
    placed: NDArray[np.float64] = (flat - least - size / 2) / max(size.max(), 1e-12) + 0.5
    return placed


def _why_not(vectors: NDArray[np.float32]) -> str:
    """Return why vectors make no map; an empty string if they do."""
    if len(vectors) < LEAST:
        return f"Only {len(vectors)} images take part, too few for a map."
    return "All vectors are the same." if np.ptp(vectors, axis=0).max() == 0 else ""
