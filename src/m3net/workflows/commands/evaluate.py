"""`m3net evaluate`: scores vectors of any model as `m3net test` scores its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from m3net.base.messages import set_up_logging
from m3net.base.protocol import Protocol
from m3net.base.terminal import Terminal
from m3net.data.datamodules import RetrievalDataModule
from m3net.data.dataset import RetrievalDataset
from m3net.data.embeddings.attribute_vectors import AttributeVectors
from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy
from m3net.data.transforms import Transform
from m3net.experiments.run import Run
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.evaluation import Evaluation, write_evaluation
from m3net.reports.farewell import render_farewell

_CHUNK = 1024
_NAMES: dict[str, Literal["validate", "test"]] = {"val": "validate", "test": "test"}


def evaluate(
    embeddings: Path,
    data: RetrievalDataModule,
    split: Literal["test", "val"] = "test",
    runs: Path = Path("runs"),
    experiment: str = "evaluate",
    metrics: MetricsConfig = MetricsConfig(),
    photos: bool = True,
    details: bool = False,
) -> None:
    """Score vectors of any model as `m3net test` scores its own.

    Queries, galleries, metrics and tables are those of the data; an inner product is a score. All
    images that take part must have a vector. docs/evaluate.md describes the files.

    Args:
        embeddings: A Parquet file or a folder of its parts, as m3net predict writes it (columns
            image, attribute, vector); or a safetensors file with one tensor per attribute.
        data: What is evaluated; the same as for m3net fit, and so are its config files.
        split: Which part of the data, test or val.
        runs: Folder of all experiments.
        experiment: Name of the experiment; runs are numbered in it.
        metrics: Which metrics are computed, and how.
        photos: Whether the photos are available; false reads annotation files alone and draws no
            gallery.
        details: Whether to write scores of each class and query, classes.csv and queries.csv.

    Raises:
        M3NetError: The data or the vectors cannot be used.
    """
    set_up_logging()
    contents = data.load(photos=photos)
    taxonomy, records = contents.taxonomy, contents.splits.named()[split]
    vectors = read_embeddings(embeddings, images_taking_part(records, taxonomy), contents.root)
    transform = Transform(data.loading.image_size, data.loading.resize)
    dataset = RetrievalDataset(records, contents.reader, transform)
    scored = score(vectors, records, taxonomy, data.protocol, metrics)
    evaluation = Evaluation(_NAMES[split], dataset, taxonomy, scored)
    run = Run.create(runs, experiment)
    folder = run.evaluation(evaluation.name).folder
    write_evaluation(evaluation, folder, details=details, pictures=photos)
    console = Terminal(soft_wrap=True)
    console.print(evaluation.render())
    if unused := sum(attribute.num_unused for attribute in vectors.values()):
        console.print(f"Ignored {unused:,} vectors of images outside of this split.")
    console.print(render_farewell(run.folder, "evaluate"))


def images_taking_part(records: Records, taxonomy: Taxonomy) -> dict[str, list[str]]:
    """Return the paths of queries and gallery of each attribute; none if it has no query."""
    return {
        name: records.paths[roles != Role.NONE].tolist() if (roles & Role.QUERY).any() else []
        for name, roles in zip(taxonomy.names, records.roles.T, strict=True)
    }


def score(
    vectors: Mapping[str, AttributeVectors],
    records: Records,
    taxonomy: Taxonomy,
    protocol: Protocol,
    config: MetricsConfig,
) -> RetrievalMetrics:
    """Return metrics that were updated with a whole split.

    `vectors` hold for each attribute those of `images_taking_part`.
    """
    metrics = RetrievalMetrics(taxonomy.names, taxonomy.sizes, protocol=protocol, config=config)
    for index in np.split(np.arange(len(records)), range(_CHUNK, len(records), _CHUNK)):
        paths = records.paths[index].tolist()
        metrics.update(
            [torch.from_numpy(vectors[name].batch(paths)) for name in taxonomy.names],
            targets=torch.from_numpy(records.targets(index)),
            roles=torch.from_numpy(records.roles[index]),
            index=torch.from_numpy(index),
            product=torch.from_numpy(records.product_of(index)),
        )
    return metrics
