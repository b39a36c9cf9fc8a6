"""An evaluation as one value, from which tables, pictures, the page and W&B are made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from rich.table import Table
from torch import Tensor

from m3net.base.files import make_folder
from m3net.base.protocol import Protocol
from m3net.data.dataset import RetrievalDataset
from m3net.data.taxonomy import Taxonomy
from m3net.experiments.run import EvaluationFolder
from m3net.metrics.query_results import QueryResults
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.metrics.scores import AttributeScores, ClassScores
from m3net.models.retriever import Retriever
from m3net.reports.album import Album
from m3net.reports.attention_pictures import PhotoAttention, draw_attention, look_at_queries
from m3net.reports.gallery_pictures import draw_galleries
from m3net.reports.score_files import score_rows, write_classes, write_queries, write_scores
from m3net.reports.score_table import render_scores


@dataclass
class Evaluation:
    """Scores and rankings of one split, from metrics that were updated with its images.

    All processes must build one, because they exchange their metrics.

    Raises:
        M3NetError: Images of a whole split are missing.
    """

    name: Literal["validate", "test"]
    """Also the name of the folder of its results."""
    dataset: RetrievalDataset
    taxonomy: Taxonomy
    metrics: RetrievalMetrics
    """Hold the ranking vectors."""
    is_whole: bool = True
    """Whether all batches of the split were evaluated."""
    retriever: Retriever | None = None
    """None for vectors of another model."""
    other_ranking: str | None = None
    """The ranking, if it is not the configured one."""
    scores: Sequence[AttributeScores] = field(init=False)
    """A row for each attribute, then the two overall rows."""
    results: Mapping[str, QueryResults] = field(init=False)
    """Of each attribute."""

    def __post_init__(self) -> None:
        """Compute scores and results."""
        self.scores, self.results = self.metrics.table(), self.metrics.results()
        if self.is_whole:
            records = self.dataset.records
            labels = records.labels_per_attribute(self.taxonomy.attribute_of_class)
            self.metrics.check_complete(torch.from_numpy(records.roles), torch.from_numpy(labels))

    @property
    def protocol(self) -> Protocol:
        """What a query is."""
        return self.metrics.protocol

    @property
    def has_lists(self) -> bool:
        """Whether the best gallery images of each query were kept."""
        return self.metrics.config.top_k > 0

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of scores.csv."""
        return score_rows(self.scores, self.protocol)

    @cached_property
    def targets(self) -> Tensor:
        """(N, M) bool, the classes of the images."""
        return torch.from_numpy(self.dataset.records.targets(range(len(self.dataset))))

    @cached_property
    def class_scores(self) -> list[ClassScores]:
        """A row for each of the M classes."""
        return self.metrics.class_table(self.targets)

    @cached_property
    def album(self) -> Album:
        """The photos of the split."""
        return Album(self.dataset, self.taxonomy)

    @cached_property
    def attention(self) -> list[PhotoAttention]:
        """Attention in a few queries; empty without a network or a query."""
        if self.retriever is None:
            return []
        queries = torch.cat([ranked.query_index for ranked in self.results.values()])
        return look_at_queries(self.retriever, self.dataset, torch.unique(queries).tolist())

    def render(self) -> Table:
        """Return the scores as a table for the terminal."""
        other = self.other_ranking
        title = self.name if other is None else f"{self.name}, ranking {other}"
        config, size = self.metrics.config, len(self.dataset)
        return render_scores(self.scores, title, self.protocol, config, size)


def write_evaluation(
    evaluation: Evaluation, folder: Path, *, details: bool = False, pictures: bool = True
) -> list[Path]:
    """Write the scores, and draw galleries and attention.

    Args:
        evaluation: What to write.
        folder: Made if it is missing.
        details: Whether to write scores of each class and query.
        pictures: Whether to read photos and draw.

    Returns:
        The pictures.
    """
    make_folder(folder)
    files = EvaluationFolder(folder)
    write_scores(evaluation.rows, folder)
    if details:
        names = (evaluation.taxonomy, evaluation.protocol)
        write_classes(evaluation.class_scores, *names, files.classes)
        write_queries(evaluation.results, evaluation.dataset.records, *names, files.queries)
    drawn: list[Path] = []
    if pictures and evaluation.has_lists:
        drawn += draw_galleries(evaluation.results, evaluation.album, folder)
    if pictures and evaluation.attention:
        draw_attention(evaluation.attention, files.attention)
        drawn.append(files.attention)
    return drawn
