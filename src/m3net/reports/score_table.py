"""The table of scores on the terminal."""

from collections.abc import Sequence

from rich.table import Table

from m3net.base.protocol import Protocol
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.scores import AttributeScores
from m3net.reports.formatting import metric_title, number_table, percent


def render_scores(
    scores: Sequence[AttributeScores],
    split: str,
    protocol: Protocol,
    config: MetricsConfig,
    num_images: int,
) -> Table:
    """Return the scores in percent, as a table for the terminal.

    Args:
        scores: Rows; the last two are the overall rows.
        split: Name of the evaluation, such as "test".
        protocol: What a query is.
        config: Names the metrics; of the cutoffs the last one is shown.
        num_images: Images in the split.
    """
    metrics = ["map_all", f"map_{config.cutoffs[-1]}", f"recall_{config.cutoffs[-1]}"]
    rows = [
        (
            row.attribute,
            *(percent(row.values[metric]) for metric in metrics),
            f"{row.num_queries:,}",
            f"{row.num_gallery:,}",
        )
        for row in scores
    ]
    caption = None
    if without := sum(row.num_queries_without_relevant for row in scores[:-2]):
        effect = {"zero": "they score 0 and count", "skip": "they are left out of all means"}
        caption = (
            f"{without} queries have no relevant gallery image; {effect[config.without_relevant]}."
        )
    title = f"{split}, protocol {protocol}: {num_images:,} images, in percent"
    columns = ["attribute", *map(metric_title, metrics), "queries", "gallery"]
    return number_table(title, columns, rows, num_overall=2, caption=caption)
