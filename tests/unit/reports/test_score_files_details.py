"""The scores of single classes and queries, written."""

import csv
import math
from pathlib import Path

import numpy as np
import torch

from m3net.base.protocol import Protocol
from m3net.data.records import Records
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.metrics import RetrievalMetrics
from m3net.reports.score_files import write_classes, write_queries

TAXONOMY = Taxonomy(
    (Attribute("sleeve", ("long", "short")), Attribute("detail", ("bow", "cap", "zip"), True))
)
# Classes of three images, not in their order; nobody has a zip.
LABELS = [[0, 3, 2], [1, 2], [0, 3]]


def written(protocol: Protocol, folder: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Rank three images on a line, each of which asks and can be found, and read the files."""
    roles = np.full((3, 2), 3, dtype=np.uint8)
    records = Records.build(["a.jpg", "b.jpg", "c.jpg"], range(3), LABELS, roles > 0, roles, 5)
    targets = torch.from_numpy(records.targets(range(3)))
    metrics = RetrievalMetrics(TAXONOMY.names, TAXONOMY.sizes, protocol=protocol)
    line = torch.tensor([[1.0], [0.9], [0.8]])
    metrics.update([line, line], targets, torch.from_numpy(roles), torch.arange(3))
    write_classes(metrics.class_table(targets), TAXONOMY, protocol, folder / "classes.csv")
    write_queries(metrics.results(), records, TAXONOMY, protocol, folder / "queries.csv")
    tables = []
    for name in ("classes", "queries"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            tables.append(list(csv.reader(file)))
    return tables[0], tables[1]


def test_a_query_stands_for_all_its_classes_or_asks_for_each(tmp_path: Path) -> None:
    _, (header, *rows) = written("single", tmp_path)
    assert header[:6] == ["image", "attribute", "class", "protocol", "num_relevant", "map_all"]
    # By hand: a ranks b c, b ranks a c, and c ranks a b.
    assert [row[:6] for row in rows] == [
        ["a.jpg", "sleeve", "long", "single", "1", "0.5"],
        ["b.jpg", "sleeve", "short", "single", "0", "0.0"],
        ["c.jpg", "sleeve", "long", "single", "1", "1.0"],
        ["a.jpg", "detail", "bow|cap", "single", "2", "1.0"],
        ["b.jpg", "detail", "bow", "single", "1", "1.0"],
        ["c.jpg", "detail", "cap", "single", "1", "1.0"],
    ]
    _, (_, *rows) = written("multi", tmp_path)
    assert [row[:6] for row in rows if row[1] == "detail"] == [
        ["a.jpg", "detail", "bow", "multi", "1", "1.0"],
        ["a.jpg", "detail", "cap", "multi", "1", "0.5"],
        ["b.jpg", "detail", "bow", "multi", "1", "1.0"],
        ["c.jpg", "detail", "cap", "multi", "1", "1.0"],
    ]


def test_every_class_has_a_row_though_nobody_asks_for_it(tmp_path: Path) -> None:
    (header, *rows), _ = written("multi", tmp_path)
    assert header[:4] == ["attribute", "class", "protocol", "map_all"]
    assert header[-2:] == ["num_queries", "num_queries_without_relevant"]
    assert [[*row[:2], row[-2], row[-1]] for row in rows] == [
        ["sleeve", "long", "2", "0"],
        ["sleeve", "short", "1", "1"],
        ["detail", "bow", "2", "0"],
        ["detail", "cap", "2", "0"],
        ["detail", "zip", "0", "0"],
    ]
    assert [float(row[3]) for row in rows[:4]] == [0.75, 0.0, 1.0, 0.75]
    assert math.isnan(float(rows[4][3]))
