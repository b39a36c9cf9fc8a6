"""From a few queries to the attention picture: the network looks at them once more."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m3net.data.dataset import RetrievalDataset
from m3net.metrics.query_results import QueryResults
from m3net.models.outputs import Outputs
from m3net.reports.attention import AttentionRow, draw_attention
from m3net.training.task import M3NetTask


def draw_query_attention(
    task: M3NetTask,
    dataset: RetrievalDataset,
    results: dict[str, QueryResults],
    photos: int,
    file: Path,
) -> None:
    """Draw where the network looks for each attribute in a few queries.

    Where it attends to classes, the map is that of the class it believes in most.

    Args:
        task: The network.
        dataset: The evaluated images.
        results: Say which of them are queries.
        photos: How many are drawn, evenly from the first to the last.
        file: The PNG to write.
    """
    queries = torch.unique(torch.cat([own.query_index for own in results.values()])).tolist()
    if not queries:
        return
    places = np.linspace(0, len(queries) - 1, min(photos, len(queries))).astype(int)
    images = dataset.read([queries[place] for place in places])["image"]
    with torch.inference_mode():
        outputs = task.retriever.network.eval()(images.to(task.device))
        probabilities = task.retriever.probabilities(outputs)
    draw_attention(
        [
            AttentionRow(
                image.permute(1, 2, 0).numpy(), _maps(task, outputs, probabilities[photo], photo)
            )
            for photo, image in enumerate(images)
        ],
        file,
    )


def _maps(
    task: M3NetTask, outputs: Outputs, probabilities: Tensor, photo: int
) -> dict[str, NDArray[np.float32]]:
    """Give one photo's map for each attribute, under the caption of what it shows."""
    maps = {}
    for place, (attribute, own) in enumerate(
        zip(task.retriever.taxonomy, task.retriever.taxonomy.slices, strict=True)
    ):
        best = int(own.start) + int(probabilities[own].argmax())
        if outputs.class_attention is not None:
            caption = f"{attribute.name}:\n{task.retriever.taxonomy.class_name(best)}"
            maps[caption] = outputs.class_attention[photo, best].cpu().numpy()
        elif outputs.attribute_attention is not None:
            maps[attribute.name] = outputs.attribute_attention[photo, place].cpu().numpy()
    return maps
