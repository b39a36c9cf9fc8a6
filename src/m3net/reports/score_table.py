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
    """Return the terminal table: attributes, then the overall rows, in percent.

    Args:
        scores: Rows; the last two are the overall rows.
        split: Name of what was evaluated, such as "test".
        protocol: What a query is.
        config: Which metrics there are; of the cutoffs the last one is shown.
        num_images: Images in the split.
    """
    cutoff = config.cutoffs[-1]
    metrics = ["map_all", f"map_{cutoff}", f"recall_{cutoff}"]
    title = f"{split}, protocol {protocol}: {num_images:,} images, in percent"
    columns = ["attribute", *map(metric_title, metrics), "queries", "gallery"]
    table = number_table(title, columns)
    for place, row in enumerate(scores):
        if place == len(scores) - 2:
            table.add_section()
        cells = [percent(row.values[metric]) for metric in metrics]
        table.add_row(row.attribute, *cells, f"{row.num_queries:,}", f"{row.num_gallery:,}")
    if without := sum(row.num_queries_without_relevant for row in scores[:-2]):
        effect = {"zero": "they score 0 and count", "skip": "they are left out of all means"}
        table.caption = (
            f"{without} queries have no relevant gallery image; {effect[config.without_relevant]}."
        )
    return table
