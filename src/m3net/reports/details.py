"""Scores of single classes and single queries, as CSV with unrounded values in [0, 1]."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from m3net.base.escaping import csv_cell
from m3net.base.files import replacing
from m3net.base.protocol import Protocol
from m3net.data.records import Records
from m3net.data.taxonomy import Taxonomy
from m3net.metrics.query_results import QueryResults
from m3net.metrics.scores import ClassScores

# What stands between the classes of a query that asks for several.
SEPARATOR = "|"


def write_classes(
    scores: Sequence[ClassScores], taxonomy: Taxonomy, protocol: Protocol, file: Path
) -> None:
    """Write a row for each class, with the mean over the queries that ask for it.

    Args:
        scores: Rows, at least one.
        taxonomy: Names of the classes.
        protocol: What a query is.
        file: The CSV to write.
    """
    names = {attribute.name: attribute.classes for attribute in taxonomy}
    rows = (
        {
            "attribute": row.attribute,
            "class": names[row.attribute][row.class_id],
            "protocol": protocol,
        }
        | row.values
        | {
            "num_queries": row.num_queries,
            "num_queries_without_relevant": row.num_queries_without_relevant,
        }
        for row in scores
    )
    about = ("attribute", "class", "protocol")
    counts = ("num_queries", "num_queries_without_relevant")
    _write(rows, [*about, *scores[0].values, *counts], file)


def write_queries(
    results: Mapping[str, QueryResults],
    records: Records,
    taxonomy: Taxonomy,
    protocol: Protocol,
    file: Path,
) -> None:
    """Write a row for each query: its image, what it asks for, and how well it was answered.

    Args:
        results: For each attribute what became of its queries, at least one attribute.
        records: The images of the split.
        taxonomy: Names of the classes.
        protocol: What a query is.
        file: The CSV to write.
    """
    metrics = [*next(iter(results.values())).terms]
    rows = (
        {"image": image, "attribute": attribute, "class": asked, "protocol": protocol}
        | {"num_relevant": relevant}
        | dict(zip(metrics, values, strict=True))
        for attribute, own in results.items()
        for image, asked, relevant, values in _queries(own, records, taxonomy, attribute)
    )
    about = ("image", "attribute", "class", "protocol", "num_relevant")
    _write(rows, [*about, *metrics], file)


def _queries(
    results: QueryResults, records: Records, taxonomy: Taxonomy, attribute: str
) -> Iterator[tuple[str, str, int, list[float]]]:
    """Give each query's image, classes, number of relevant images, and value of each metric."""
    place = taxonomy.names.index(attribute)
    part, names = taxonomy.slices[place], taxonomy.attributes[place].classes
    values = np.stack([own.cpu().numpy() for own in results.terms.values()], axis=1).tolist()
    columns = (results.query_index, results.query_class, results.num_relevant)
    numbers = (column.tolist() for column in columns)
    for image, asked, relevant, own in zip(*numbers, values, strict=True):
        record = records[image]
        carried = sorted(c - part.start for c in record.class_ids if part.start <= c < part.stop)
        classes = carried if asked < 0 else [asked]
        yield record.path, SEPARATOR.join(names[one] for one in classes), relevant, own


def _write(rows: Iterable[Mapping[str, object]], columns: Sequence[str], file: Path) -> None:
    with replacing(file) as part, part.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, columns)
        writer.writeheader()
        writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in rows)
