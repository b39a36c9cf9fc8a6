"""The ranking vectors of each attribute in two dimensions, each point an image.

van der Maaten, Hinton: "Visualizing Data using t-SNE", JMLR 2008.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.page.pictures import make_sprite
from m3net.reports.page.thumbnails import Thumbnails
from m3net.reports.page.values import Plane, Point, Sprite

SAMPLE = 300
"""Images on a map; the cost of a map grows faster than they do."""
SEED = 0
GROUPS = 10
"""Classes with a mark of their own; the eye tells no more apart."""
LEAST = 5
_ITERATIONS = 500


def collect_planes(
    metrics: RetrievalMetrics, photos: Thumbnails
) -> tuple[tuple[Plane, ...], Sprite | None]:
    """Give one map for each attribute, and the thumbnails of all.

    Args:
        metrics: Hold the ranking vectors.
        photos: Of the split.
    """
    # One order for all attributes, so that their samples share images and so thumbnails.
    order = np.random.default_rng(SEED).permutation(len(photos.dataset.records))
    samples = metrics.sample(torch.from_numpy(order), SAMPLE)
    tiles: dict[int, int] = {}
    planes = []
    parts = (photos.dataset.records.roles > 0).sum(axis=0).tolist()
    for attribute, count in zip(photos.taxonomy.names, parts, strict=True):
        if attribute not in samples:
            planes.append(Plane(attribute, count, note="No image takes part."))
            continue
        index, vectors = (own.numpy() for own in samples[attribute])
        note = _why_not(vectors)
        if note:
            planes.append(Plane(attribute, count, note=note))
            continue
        images = index.tolist()
        for image in images:
            tiles.setdefault(image, len(tiles))
        labels = [" + ".join(photos.labels(image, attribute)) for image in images]
        groups, members, rest = group_labels(labels)
        places = zip(flatten(vectors).tolist(), images, members, strict=True)
        points = [Point(x, y, tiles[image], group) for (x, y), image, group in places]
        planes.append(Plane(attribute, count, groups, rest, points))
    if not tiles:
        return tuple(planes), None
    names = [photos.name(image) for image in tiles]
    return tuple(planes), make_sprite([photos.pixels(image) for image in tiles], names)


def group_labels(labels: Sequence[str]) -> tuple[list[str], list[int], bool]:
    """Give groups, the most frequent first, and the group of each label; the rest is the last.

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
    """Say why vectors make no map; an empty string if they do."""
    if len(vectors) < LEAST:
        return f"Only {len(vectors)} images take part, too few for a map."
    return "All vectors are the same." if np.ptp(vectors, axis=0).max() == 0 else ""
