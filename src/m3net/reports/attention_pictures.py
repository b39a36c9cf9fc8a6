"""Where the network looks for attributes and classes, as values and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from m3net.base.escaping import printable_lines
from m3net.base.files import replacing
from m3net.data.dataset import RetrievalDataset
from m3net.models.retriever import Retriever

PHOTOS = 4
"""Queries shown, evenly from the first to the last."""
TOP_CLASSES = 3
"""Classes of each attribute, the most probable ones."""

Pixels = NDArray[np.uint8]
"""(H, W, 3) uint8 RGB."""
Map = NDArray[np.float32]
"""(h, w) non-negative."""


@dataclass(frozen=True)
class ClassAttention:
    """A class in one photo."""

    name: str
    probability: float
    is_label: bool | None
    """Whether the photo carries the class; None if it is not annotated for the attribute."""
    map: Map | None = None
    """None for a network without class attention."""


@dataclass(frozen=True)
class AttributeAttention:
    """An attribute in one photo."""

    name: str
    classes: Sequence[ClassAttention]
    """The most probable ones, the best first; at least one."""
    map: Map | None = None
    """None for a network without attribute attention."""


@dataclass(frozen=True)
class PhotoAttention:
    """Where the network looks in one photo."""

    image: int
    """Its index in the split."""
    pixels: Pixels
    """What the network sees."""
    attributes: Sequence[AttributeAttention]


def look_at_queries(
    retriever: Retriever,
    dataset: RetrievalDataset,
    queries: Sequence[int],
    most: int = PHOTOS,
) -> list[PhotoAttention]:
    """Compute the attention in a few queries.

    Args:
        retriever: The network.
        dataset: The images of the split.
        queries: Indices of all queries in the split, ascending.
        most: How many to look at, evenly from the first to the last.
    """
    if not queries:
        return []
    chosen = np.asarray(queries)[
        np.linspace(0, len(queries) - 1, min(most, len(queries)), dtype=int)
    ]
    batch = dataset.read(chosen.tolist())["image"]
    # Not `retriever(batch)`: pictures show images as they are, without their mirror images.
    with torch.inference_mode():
        outputs = retriever.network.eval()(batch.to(retriever.device))
        probabilities = retriever.probabilities(outputs).cpu()
    taxonomy, photos = retriever.taxonomy, []
    for row, image in enumerate(chosen.tolist()):
        record, attributes = dataset.records[image], []
        for index, (attribute, ids) in enumerate(zip(taxonomy, taxonomy.slices, strict=True)):
            order = probabilities[row, ids].argsort(descending=True, stable=True)
            classes = [
                ClassAttention(
                    name=taxonomy.class_name(c),
                    probability=float(probabilities[row, c]),
                    is_label=c in record.class_ids if index in record.annotated else None,
                    map=_map(outputs.class_attention, row, c),
                )
                for c in (order[:TOP_CLASSES] + ids.start).tolist()
            ]
            of_attribute = _map(outputs.attribute_attention, row, index)
            attributes.append(AttributeAttention(attribute.name, classes, of_attribute))
        pixels = batch[row].permute(1, 2, 0).numpy()
        photos.append(PhotoAttention(image, pixels, attributes))
    return photos


def _map(attention: Tensor | None, row: int, index: int) -> Map | None:
    return None if attention is None else attention[row, index].float().cpu().numpy()


def draw_attention(photos: Sequence[PhotoAttention], file: Path) -> None:
    """Draw one row per photo: the photo, then the map of each attribute laid over it.

    If the network attends to classes, the map is that of the most probable class.

    Args:
        photos: At least one.
        file: The PNG to write.
    """
    rows = [[("", photo.pixels), *_laid_over(photo)] for photo in photos]
    columns = len(rows[0])
    figure = Figure(figsize=(1.5 * columns, 1.75 * len(rows)), dpi=110)
    # Fixed margins for one line of text: matplotlib measures it more slowly than it draws.
    room = {"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 1 - 0.13 / len(rows)}
    room |= {"wspace": 0.04, "hspace": 0.15}
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw=room)
    for panels, pictures in zip(grid, rows, strict=True):
        for panel, (caption, picture) in zip(panels, pictures, strict=True):
            panel.imshow(picture)
            panel.set_axis_off()
            panel.set_title(printable_lines(caption), fontsize=7, pad=2, parse_math=False)
    with replacing(file) as part:
        figure.savefig(part, format="png")


def _laid_over(photo: PhotoAttention) -> list[tuple[str, Pixels]]:
    """Return the map of each attribute laid over a photo, with its caption."""
    pictures = []
    for attribute in photo.attributes:
        best = attribute.classes[0]
        if best.map is not None:
            caption = f"{attribute.name}:\n{best.name}"
            pictures.append((caption, overlay(photo.pixels, best.map)))
        elif attribute.map is not None:
            pictures.append((attribute.name, overlay(photo.pixels, attribute.map)))
    return pictures


def overlay(pixels: Pixels, attention: Map) -> Pixels:
    """Lay a map, scaled by its maximum, over a photo: red on grey.

    Example:
        >>> white = np.full((2, 2, 3), 255, np.uint8)
        >>> overlay(white, np.zeros((1, 1), np.float32))[0, 0]
        array([255, 255, 255], dtype=uint8)
    """
    height, width = pixels.shape[:2]
    heat = cv2.resize(attention, (width, height), interpolation=cv2.INTER_CUBIC)
    heat = np.clip(heat / max(float(heat.max()), 1e-12), 0, 1)[..., None]
    grey = pixels.mean(axis=2, keepdims=True) * 0.6 + pixels * 0.4
    red = np.array([230.0, 40.0, 30.0])
    blended: NDArray[np.float64] = grey * (1 - 0.65 * heat) + red * 0.65 * heat
    return blended.round().astype(np.uint8)
