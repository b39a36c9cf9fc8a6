"""Queries and galleries of the sizes of FashionAI and DeepFashion, with random embeddings.

If M3NET_BENCHMARK_INDEX names the folder of the index files, labels are those of the validation
split; otherwise the same number of random labels.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from m3net.data.annotations import deepfashion, fashionai
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import read_evaluation
from m3net.data.records import Role
from m3net.metrics import Images

LENGTH, NOISE = 1_024, 4.5
QUERIES = (439, 596, 515, 419, 356, 330, 668, 277)
GALLERIES = (1_786, 2_436, 2_073, 1_701, 1_393, 1_240, 2_649, 1_122)
DEEPFASHION_IMAGES = 27_625
LABELS = (19_392, 26_276, 18_743, 17_310, 14_661)


class Task(NamedTuple):
    """Queries and gallery of one attribute."""

    targets: NDArray[np.bool_]
    """(n, K) bool, True where an image carries a class."""
    num_queries: int | None
    """The first images are queries, the others the gallery; None if all images are both."""

    def draw(self) -> tuple[Images, Images]:
        """Return queries and gallery; an embedding is the sum of its class centers, plus noise.

        The noise level makes FashionAI's MAP about 56 %. Nothing is copied, so that the memory peak
        is that of the embeddings.
        """
        rng = np.random.default_rng(1)
        embeddings = rng.standard_normal((len(self.targets), LENGTH), dtype=np.float32)
        centers = rng.standard_normal((self.targets.shape[1], LENGTH), dtype=np.float32)
        for first in range(0, len(embeddings), 256):
            own = embeddings[first : first + 256]
            own *= NOISE
            own += self.targets[first : first + 256].astype(np.float32) @ centers
            own /= np.linalg.norm(own, axis=1, keepdims=True)
        index = torch.arange(len(embeddings))
        images = Images(torch.from_numpy(embeddings), torch.from_numpy(self.targets), index)
        if self.num_queries is None:
            return images, images
        columns = (images.embeddings, images.targets, images.index)
        queries = Images(*(column[: self.num_queries] for column in columns))
        return queries, Images(*(column[self.num_queries :] for column in columns))


def fashionai_tasks() -> Iterator[Task]:
    """Yield 8 attributes, for the protocol "single"."""
    taxonomy = fashionai.TAXONOMY
    if folder := os.environ.get("M3NET_BENCHMARK_INDEX"):
        records = read_evaluation(Path(folder) / "FashionAI", "val", taxonomy, Findings())
        targets = records.targets(np.arange(len(records)))
        for attribute, classes in enumerate(taxonomy.slices):
            roles = records.roles[:, attribute]
            carried, is_query = targets[:, classes], roles == Role.QUERY
            parts = [carried[is_query], carried[roles == Role.GALLERY]]
            yield Task(np.concatenate(parts), int(is_query.sum()))
        return
    rng = np.random.default_rng(0)
    for num_queries, others, size in zip(QUERIES, GALLERIES, taxonomy.sizes, strict=True):
        labels = rng.integers(size, size=num_queries + others)
        yield Task(np.eye(size, dtype=bool)[labels], num_queries)


def deepfashion_tasks() -> Iterator[Task]:
    """Yield 5 attributes, for the protocol "multi": images ask and are ranked for each label."""
    rng = np.random.default_rng(0)
    sizes = deepfashion.SIZES.values()
    if folder := os.environ.get("M3NET_BENCHMARK_INDEX"):
        labels = _labels(Path(folder) / "DeepFashion" / "label_valid.txt")
    for attribute, (num_labels, size) in enumerate(zip(LABELS, sizes, strict=True)):
        if folder:
            image, of_attribute, row = labels
            image, row = image[of_attribute == attribute], row[of_attribute == attribute]
            column = np.unique(row, return_inverse=True)[1]
        else:
            often = 1 / np.arange(1, size + 1)
            image = rng.integers(DEEPFASHION_IMAGES, size=num_labels)
            column = rng.choice(size, size=num_labels, p=often / often.sum())
        targets = np.zeros((DEEPFASHION_IMAGES, size), dtype=bool)
        targets[image, column] = True
        yield Task(targets[targets.any(axis=1)], None)


def _labels(file: Path) -> NDArray[np.int64]:
    """Return image, attribute and row of list_attr_cloth.txt of each label: (3, labels)."""
    lines = [[int(word) for word in line.split()] for line in file.read_text().splitlines()]
    labels = [
        (image, attribute - 1, row)
        for image, *words in lines
        for attribute, row in zip(words[::2], words[1::2], strict=True)
    ]
    return np.array(labels).T
