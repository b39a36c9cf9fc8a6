"""Where the network looks for an attribute or a class, collected and drawn."""

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
from m3net.models.outputs import Outputs
from m3net.models.retriever import Retriever

PHOTOS = 4
"""Photos that are looked at, evenly from the first query to the last."""
TOP_CLASSES = 3
"""Classes of each attribute, the most probable ones."""

Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]


@dataclass(frozen=True)
class ClassAttention:
    """A class in one photo."""

    name: str
    probability: float
    """That the photo carries it, in [0, 1]."""
    is_label: bool | None
    """Whether it does; None where the photo is not annotated for the attribute."""
    map: Map | None = None
    """(h, w) non-negative; None for a network that does not attend to classes."""


@dataclass(frozen=True)
class AttributeAttention:
    """An attribute in one photo."""

    name: str
    classes: Sequence[ClassAttention]
    """The most probable ones, from the best on; at least one."""
    map: Map | None = None
    """(h, w) non-negative; None for a network that does not attend to attributes."""


@dataclass(frozen=True)
class PhotoAttention:
    """Where the network looks in one photo."""

    image: int
    """Its index in the split."""
    pixels: Pixels
    """(H, W, 3) uint8 RGB, as the network sees it."""
    attributes: Sequence[AttributeAttention]


def look_at_queries(
    retriever: Retriever,
    dataset: RetrievalDataset,
    queries: Sequence[int],
    most: int = PHOTOS,
) -> list[PhotoAttention]:
    """Show a few queries to the network once more.

    Args:
        retriever: The network.
        dataset: The images of the split.
        queries: Indices of all queries in the split, ascending.
        most: How many are shown, evenly from the first to the last.
    """
    if not queries:
        return []
    places = np.linspace(0, len(queries) - 1, min(most, len(queries))).astype(int)
    chosen = [queries[place] for place in places]
    batch = dataset.read(chosen)["image"]
    # Not `retriever(batch)`: pictures show images as they are, without their mirror images.
    with torch.inference_mode():
        outputs = retriever.network.eval()(batch.to(retriever.device))
        probabilities = retriever.probabilities(outputs).cpu()
    return [
        PhotoAttention(
            image,
            pixels.permute(1, 2, 0).numpy(),
            _attributes(retriever, dataset, image, row, outputs, probabilities[row]),
        )
        for row, (image, pixels) in enumerate(zip(chosen, batch, strict=True))
    ]


def _attributes(
    retriever: Retriever,
    dataset: RetrievalDataset,
    image: int,
    row: int,
    outputs: Outputs,
    probabilities: Tensor,
) -> list[AttributeAttention]:
    """Return the attention of one row of a batch, for each attribute."""
    taxonomy, record = retriever.taxonomy, dataset.records[image]
    attributes = []
    for place, (attribute, ids) in enumerate(zip(taxonomy, taxonomy.slices, strict=True)):
        best = probabilities[ids].argsort(descending=True, stable=True)[:TOP_CLASSES] + ids.start
        classes = [
            ClassAttention(
                name=taxonomy.class_name(c),
                probability=float(probabilities[c]),
                is_label=c in record.class_ids if place in record.annotated else None,
                map=_map(outputs.class_attention, row, c),
            )
            for c in best.tolist()
        ]
        of_attribute = _map(outputs.attribute_attention, row, place)
        attributes.append(AttributeAttention(attribute.name, classes, of_attribute))
    return attributes


def _map(attention: Tensor | None, row: int, place: int) -> Map | None:
    return None if attention is None else attention[row, place].float().cpu().numpy()


def draw_attention(photos: Sequence[PhotoAttention], file: Path) -> None:
    """Draw one line per photo: the photo, then a map of each attribute laid over it.

    Where the network attends to classes, the map is that of the most probable class.

    Args:
        photos: At least one.
        file: The PNG to write.
    """
    rows = [[("", photo.pixels), *_laid_over(photo)] for photo in photos]
    columns = len(rows[0])
    figure = Figure(figsize=(1.5 * columns, 1.75 * len(rows)), dpi=110)
    # Room for a line of text over each; to let matplotlib measure it takes longer than to draw.
    room = {"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 1 - 0.13 / len(rows)}
    room |= {"wspace": 0.04, "hspace": 0.15}
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw=room)
    for line, pictures in zip(grid, rows, strict=True):
        for axes, (caption, picture) in zip(line, pictures, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
            axes.set_title(printable_lines(caption), fontsize=7, pad=2, parse_math=False)
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
    """Lay a map over a photo: red where the network looks, the photo greyed elsewhere.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        attention: (h, w) float, scaled by its maximum.

    Returns:
        (H, W, 3) uint8 RGB.

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
