"""The table of scores, printed and written."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from m3net.base.protocol import Protocol
from m3net.base.terminal import Terminal
from m3net.metrics import AttributeScores, MetricsConfig, metric_names
from m3net.metrics.query_results import WithoutRelevant
from m3net.reports.score_files import read_scores, score_rows, write_scores
from m3net.reports.score_table import render_scores

NAMES = metric_names((1, 100))


def row(attribute: str, values: Sequence[float], *counts: int) -> AttributeScores:
    """Return a row with these values of map_all, map_100 and recall_100, and others below them."""
    named = dict(zip(("map_all", "map_100", "recall_100"), values, strict=True))
    return AttributeScores(attribute, dict.fromkeys(NAMES, 0.125) | named, *counts)


ROWS = [
    row("sleeve [cm]", (0.51239, 0.4, 1.0), 1234, 5000, 0),
    row("collar", (math.nan, math.nan, math.nan), 0, 7, 0),
    row("colour", (0.0, 0.0, 0.0), 3, 7, 3),
    row("overall (by queries)", (0.51, 0.4, 0.9), 1237, 5014, 3),
    row("overall (by attributes)", (0.25, 0.2, 0.5), 1237, 5014, 3),
]


def printed(
    rows: list[AttributeScores],
    protocol: Protocol = "single",
    without_relevant: WithoutRelevant = "zero",
) -> str:
    config = MetricsConfig(cutoffs=(1, 100), without_relevant=without_relevant)
    out = io.StringIO()
    Terminal(file=out, width=120).print(render_scores(rows, "test", protocol, config, 12345))
    return out.getvalue()


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_the_title_names_split_protocol_and_images(protocol: Protocol) -> None:
    title, *_ = printed(ROWS, protocol).splitlines()
    assert title.strip() == f"test, protocol {protocol}: 12,345 images, in percent"


def test_scores_are_printed_in_percent_with_two_places() -> None:
    cells = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in printed(ROWS).splitlines()
        if line.startswith("│")
    ]
    assert cells == [
        ["sleeve [cm]", "51.24", "40.00", "100.00", "1,234", "5,000"],
        ["collar", "-", "-", "-", "0", "7"],
        ["colour", "0.00", "0.00", "0.00", "3", "7"],
        ["overall (by queries)", "51.00", "40.00", "90.00", "1,237", "5,014"],
        ["overall (by attributes)", "25.00", "20.00", "50.00", "1,237", "5,014"],
    ]


def test_the_last_cutoff_is_shown() -> None:
    [header] = [line for line in printed(ROWS).splitlines() if "attribute" in line and "┃" in line]
    cells = [cell.strip() for cell in header.split("┃")[1:-1]]
    assert cells == ["attribute", "MAP@all", "MAP@100", "Recall@100", "queries", "gallery"]


def test_a_line_parts_the_overall_rows_from_the_attributes() -> None:
    lines = printed(ROWS).splitlines()
    [line] = [place for place, text in enumerate(lines) if text.startswith("├")]
    assert "colour" in lines[line - 1]
    assert "overall (by queries)" in lines[line + 1]


def test_queries_without_anything_to_find_are_counted_once() -> None:
    said = "3 queries have no relevant gallery image"
    assert f"{said}; they score 0 and count." in printed(ROWS)
    assert f"{said}; they are left out of all means." in printed(ROWS, without_relevant="skip")
    assert "no relevant" not in printed([ROWS[0], *ROWS[-2:]])


def test_csv_holds_every_digit(tmp_path: Path) -> None:
    write_scores(score_rows(ROWS, "multi"), tmp_path)
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["attribute"] for row in rows] == [row.attribute for row in ROWS]
    counts = ["num_queries", "num_gallery", "num_queries_without_relevant"]
    assert list(rows[0]) == ["attribute", "protocol", *NAMES, *counts]
    assert float(rows[0]["map_all"]) == 0.51239
    assert math.isnan(float(rows[1]["map_all"]))
    assert rows[2]["num_queries_without_relevant"] == "3"
    assert [row["protocol"] for row in rows] == ["multi"] * 5


@pytest.mark.parametrize("name", ["=cmd()", "-", "+1", "@x", "'a", "'=a", "NA", "\x1b[5m"])
def test_no_name_is_a_formula_and_each_is_read_again(tmp_path: Path, name: str) -> None:
    rows = [row(name, (0.5, 0.4, -0.25), 1, 2, 0), *ROWS[-2:]]
    write_scores(score_rows(rows, "multi"), tmp_path)
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    assert not first["attribute"].startswith(("=", "-", "+", "@"))
    assert first["recall_100"] == "-0.25", "a number stays one"
    table = read_scores(tmp_path / "scores.csv")
    assert table["attribute"].tolist() == [name, *(own.attribute for own in ROWS[-2:])]
    assert json.loads((tmp_path / "scores.json").read_text("utf-8"))[0]["attribute"] == name


def test_json_holds_every_digit_and_null_where_there_is_no_score(tmp_path: Path) -> None:
    write_scores(score_rows(ROWS, "multi"), tmp_path)
    text = (tmp_path / "scores.json").read_text(encoding="utf-8")
    rows = json.loads(text, parse_constant=lambda word: f"{word} is not JSON")
    assert rows[0]["map_all"] == 0.51239
    assert rows[1]["map_all"] is None
    assert rows[1]["num_gallery"] == 7
    assert [row["protocol"] for row in rows] == ["multi"] * 5
    assert [row["attribute"] for row in rows] == [row.attribute for row in ROWS]
