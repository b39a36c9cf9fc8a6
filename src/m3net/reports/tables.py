"""Scores as a table: on the terminal, as CSV and as JSON.

Each names the protocol, without which its numbers mean nothing.
"""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from m3net.base.escaping import csv_cell
from m3net.base.files import replacing, write_text
from m3net.base.protocol import Protocol
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.scores import COUNTS, AttributeScores


def render_scores(
    scores: Sequence[AttributeScores],
    split: str,
    protocol: Protocol,
    config: MetricsConfig,
    num_images: int,
) -> Table:
    """Give the terminal table: attributes, then the overall rows, in percent.

    Args:
        scores: Rows; the last two are the overall rows.
        split: Name of what was evaluated, as "test".
        protocol: What a query is.
        config: Which metrics there are; of the cutoffs the last one is shown.
        num_images: Images in the split.
    """
    title = f"{split}, protocol {protocol}: {num_images:,} images, in percent"
    table = Table(title=title, title_justify="left")
    table.add_column("attribute")
    k = config.cutoffs[-1]
    columns = {"map_all": "MAP@all", f"map_{k}": f"MAP@{k}", f"recall_{k}": f"Recall@{k}"}
    for name in (*columns.values(), "queries", "gallery"):
        table.add_column(name, justify="right")
    without = sum(row.num_queries_without_relevant for row in scores[:-2])
    for place, row in enumerate(scores):
        percents = [_percent(row.values[metric]) for metric in columns]
        counts = f"{row.num_queries:,}", f"{row.num_gallery:,}"
        table.add_row(row.attribute, *percents, *counts)
        if place == len(scores) - 3:
            table.add_section()
    if without:
        fate = {"zero": "they score 0 and count", "skip": "they are left out of all means"}
        table.caption = (
            f"{without} queries have no relevant gallery image; {fate[config.without_relevant]}."
        )
    return table


def write_scores(scores: Sequence[AttributeScores], protocol: Protocol, folder: Path) -> None:
    """Write scores.csv and scores.json with unrounded values in [0, 1].

    Args:
        scores: Rows of the table.
        protocol: What a query is; stands in each row, so that rows of many tables can be joined.
        folder: Exists.
    """
    rows = [
        {"attribute": row.attribute, "protocol": protocol}
        | row.values
        | {name: getattr(row, name) for name in COUNTS}
        for row in scores
    ]
    with (
        replacing(folder / "scores.csv") as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in rows)
    plain = [{key: _json_number(value) for key, value in row.items()} for row in rows]
    write_text(folder / "scores.json", json.dumps(plain, indent=2) + "\n")


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"


def _json_number(value: float | str) -> float | str | None:
    """JSON knows no NaN, which an attribute without queries has for a score."""
    return None if isinstance(value, float) and math.isnan(value) else value
