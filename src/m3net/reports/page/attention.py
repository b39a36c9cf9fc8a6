"""Where the network looks in a few photos, for each attribute and its most probable classes."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m3net.models.outputs import Outputs
from m3net.reports.attention import overlay
from m3net.reports.page.pictures import data_uri, shrink
from m3net.reports.page.thumbnails import Thumbnails
from m3net.reports.page.values import AttributeMap, ClassMap, Looks, Photo
from m3net.training.task import M3NetTask

TOP_CLASSES = 3
"""Classes of each attribute, the most probable ones."""


def collect_looks(
    task: M3NetTask, photos: Thumbnails, queries: Sequence[int], most: int
) -> tuple[Looks, ...]:
    """Let the network look at a few queries once more.

    Args:
        task: The network.
        photos: Of the split.
        queries: Places of all queries in the split, ascending.
        most: How many are shown, evenly from the first to the last.
    """
    if not queries:
        return ()
    places = np.linspace(0, len(queries) - 1, min(most, len(queries))).astype(int)
    chosen = [queries[place] for place in places]
    batch = photos.dataset.read(chosen)["image"]
    with torch.inference_mode():
        outputs = task.retriever.network.eval()(batch.to(task.device))
        probabilities = task.retriever.probabilities(outputs)
    return tuple(
        _looks(photos, image, row, pixels.permute(1, 2, 0).numpy(), outputs, probabilities[row])
        for row, (image, pixels) in enumerate(zip(chosen, batch, strict=True))
    )


def _looks(
    photos: Thumbnails,
    image: int,
    row: int,
    pixels: NDArray[np.uint8],
    outputs: Outputs,
    probabilities: Tensor,
) -> Looks:
    """Give one photo under all attributes."""
    taxonomy, record = photos.taxonomy, photos.dataset.records[image]
    of_attribute, of_class = outputs.attribute_attention, outputs.class_attention
    maps = []
    for place, (attribute, own) in enumerate(zip(taxonomy, taxonomy.slices, strict=True)):
        best = probabilities[own].argsort(descending=True, stable=True)[:TOP_CLASSES] + own.start
        classes = [
            ClassMap(
                name=taxonomy.class_name(one),
                probability=float(probabilities[one]),
                is_label=one in record.class_ids if place in record.annotated else None,
                source="" if of_class is None else _laid_over(pixels, of_class[row, one]),
            )
            for one in best.tolist()
        ]
        whole = "" if of_attribute is None else _laid_over(pixels, of_attribute[row, place])
        labels = ", ".join(photos.labels(image, attribute.name))
        maps.append(AttributeMap(attribute.name, labels, whole, classes))
    return Looks(Photo(data_uri(shrink(pixels)), photos.name(image), ""), maps)


def _laid_over(pixels: NDArray[np.uint8], attention: Tensor) -> str:
    return data_uri(shrink(overlay(pixels, attention.float().cpu().numpy())))
