"""Compute vectors, probabilities and attention of photos, batch by batch."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from m3net.errors import ConfigError
from m3net.models.retriever import Retriever
from m3net.serving.photos import Name, Photos, read_photos
from m3net.serving.views import Attention, Views


def prepare(
    photos: Photos, retriever: Retriever, batch_size: int
) -> Iterator[tuple[list[Name], Tensor]]:
    """Read and transform photos into batches; memory holds one batch and one original photo.

    Yields:
        The photos' names, and (B, 3, H, W) uint8 in channels-last memory.

    Raises:
        M3NetError: A photo cannot be read, or there is none.
    """
    ready = ((name, retriever.prepare([pixels])) for name, pixels in read_photos(photos))
    batch = list(islice(ready, batch_size))
    if not batch:
        raise ConfigError("there is no photo to look at: pass at least one.")
    while batch:
        yield [name for name, _ in batch], torch.cat([image for _, image in batch])
        batch = list(islice(ready, batch_size))


def look(
    retriever: Retriever, batches: Iterable[tuple[list[Name], Tensor]], attributes: Sequence[str]
) -> Views:
    """Return the class probabilities of all batches, and the vectors for some attributes."""
    names: list[Name] = []
    probabilities: list[NDArray[np.float32]] = []
    embeddings: dict[str, list[NDArray[np.float32]]] = {name: [] for name in attributes}
    taxonomy = retriever.taxonomy
    for batch_names, images in batches:
        outputs = retriever(images.to(retriever.device))
        names += batch_names
        probabilities.append(_to_numpy(outputs.probabilities))
        for name, parts in embeddings.items():
            parts.append(_to_numpy(outputs.vectors[taxonomy.names.index(name)]))
    pairs = [(attribute.name, name) for attribute in taxonomy for name in attribute.classes]
    columns = pd.MultiIndex.from_tuples(pairs, names=("attribute", "class"))
    return Views(
        {name: np.concatenate(parts) for name, parts in embeddings.items()},
        pd.DataFrame(np.concatenate(probabilities), index=pd.Index(names), columns=columns),
    )


def attend(retriever: Retriever, images: Tensor) -> Attention:
    """Return the attention in one image, (1, 3, H, W) uint8."""
    outputs, taxonomy = retriever(images.to(retriever.device)), retriever.taxonomy
    of_attribute, of_class = outputs.attribute_attention, outputs.class_attention
    attributes, classes = {}, {}
    if of_attribute is not None:
        attributes = dict(zip(taxonomy.names, _to_numpy(of_attribute[0]), strict=True))
    if of_class is not None:
        maps = _to_numpy(of_class[0])
        classes = {
            attribute.name: dict(zip(attribute.classes, maps[ids], strict=True))
            for attribute, ids in zip(taxonomy, taxonomy.slices, strict=True)
        }
    return Attention(images[0].permute(1, 2, 0).numpy(), attributes, classes)


def _to_numpy(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
