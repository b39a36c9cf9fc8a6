"""Scores as files: unrounded values in [0, 1], of attributes, of classes and of queries.

Each row names the protocol, because scores of different protocols do not compare.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m3net.base.escaping import csv_text
from m3net.base.files import replacing, write_text
from m3net.base.protocol import Protocol
from m3net.boundary.number_table import read_number_table
from m3net.data.records import Records
from m3net.data.taxonomy import Taxonomy
from m3net.experiments.run import EvaluationFolder
from m3net.metrics.query_results import QueryResults
from m3net.metrics.scores import COUNTS, AttributeScores, ClassScores
from m3net.reports.album import labels_of
from m3net.reports.formatting import write_csv

SEPARATOR = "|"
"""Separates the classes of a query that asks for several."""


def score_rows(scores: Sequence[AttributeScores], protocol: Protocol) -> list[dict[str, Any]]:
    """Return the rows of scores.csv: attribute, protocol, metrics, counts."""
    return [
        {"attribute": row.attribute, "protocol": protocol}
        | row.values  # noqa: PD011 - not of pandas
        | {name: getattr(row, name) for name in COUNTS}
        for row in scores
    ]


def plain_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with None in place of NaN, which JSON does not have."""
    return [
        {name: None if _is_nan(value) else value for name, value in row.items()} for row in rows
    ]


def write_scores(rows: Sequence[Mapping[str, Any]], folder: Path) -> None:
    """Write rows of `score_rows` to scores.csv and scores.json in an existing folder."""
    files = EvaluationFolder(folder)
    with replacing(files.scores) as part:
        write_csv(rows, [*rows[0]], part)
    write_text(files.plain_scores, json.dumps(plain_rows(rows), indent=2) + "\n")


def read_scores(file: Path) -> pd.DataFrame:
    """Read a scores.csv; an attribute may be called NA, null or =A1.

    Raises:
        ValueError: The file is no table of scores.
    """
    names = ["attribute", "protocol"]
    table = read_number_table(file, texts=names)
    return table.assign(**{name: table[name].map(csv_text) for name in names})


def write_classes(
    scores: Sequence[ClassScores], taxonomy: Taxonomy, protocol: Protocol, file: Path
) -> None:
    """Write a CSV row for each class, with the means over the queries that ask for it."""
    classes = {attribute.name: attribute.classes for attribute in taxonomy}
    counts = ("num_queries", "num_queries_without_relevant")
    rows = [
        {
            "attribute": row.attribute,
            "class": classes[row.attribute][row.class_id],
            "protocol": protocol,
        }
        | row.values  # noqa: PD011 - not of pandas
        | {name: getattr(row, name) for name in counts}
        for row in scores
    ]
    with replacing(file) as part:
        write_csv(rows, [*rows[0]], part)


def write_queries(
    results: Mapping[str, QueryResults],
    records: Records,
    taxonomy: Taxonomy,
    protocol: Protocol,
    file: Path,
) -> None:
    """Write a CSV row for each query: its image, the classes it asks for, and its metrics.

    Args:
        results: Of each attribute, at least one.
        records: The images of the split.
        taxonomy: Names of the classes.
        protocol: What a query is.
        file: The CSV to write.
    """
    keys = ["image", "attribute", "class", "protocol", "num_relevant"]
    columns = [*keys, *next(iter(results.values())).terms]
    rows = (
        row | {"attribute": attribute, "protocol": protocol}
        for attribute, queries in results.items()
        for row in _query_rows(queries, records, taxonomy, attribute)
    )
    with replacing(file) as part:
        write_csv(rows, columns, part)


def _query_rows(
    results: QueryResults, records: Records, taxonomy: Taxonomy, attribute: str
) -> Iterator[dict[str, Any]]:
    """Yield each query's image, classes, number of relevant images, and value of each metric."""
    columns = (results.query_index, results.query_class, results.num_relevant)
    values = (column.tolist() for column in (*columns, *results.terms.values()))
    for image, label, num_relevant, *terms in zip(*values, strict=True):
        record = records[image]
        classes = SEPARATOR.join(labels_of(record, taxonomy, attribute, label))
        row = {"image": record.path, "class": classes, "num_relevant": num_relevant}
        yield row | dict(zip(results.terms, terms, strict=True))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
