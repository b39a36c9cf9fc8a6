"""Tables of several systems, by cases worked by hand."""

import csv
import io
import math
import os
from pathlib import Path

import pandas as pd
import pytest

from m3net.base.terminal import Terminal
from m3net.errors import ConfigError
from m3net.reports.published_numbers import published_scores
from m3net.reports.sheets import Sheet
from m3net.reports.system_scores import Outline, SystemScores, add_finest
from m3net.reports.system_sheets import (
    attribute_sheets,
    comparison_sheets,
    draw_bars,
    overall_sheet,
    rankings_sheet,
)

EVERYTHING = "overall (by queries)"


def frame(rows: list[tuple[str, int, str, bool, str, str, float]]) -> pd.DataFrame:
    """Return long scores of map_all from (system, seed, ranking, own, split, attribute, value)."""
    names = ["system", "seed", "ranking", "own", "split", "attribute", "value"]
    return pd.DataFrame(rows, columns=names).assign(metric="map_all", protocol="single")


def of_seeds(system: str, attribute: str, *values: float) -> pd.DataFrame:
    rows = [(system, s, "class", True, "test", attribute, v) for s, v in enumerate(values)]
    return frame(rows)


def rows_of(sheet: Sheet) -> dict[str, dict[str, str]]:
    return {row[0]: dict(zip(sheet.columns, row, strict=True)) for row in sheet.rows}


def test_mean_and_sample_standard_deviation() -> None:
    # Deviations of -0.02, 0 and 0.02: sqrt(0.0008 / 2) = 0.02.
    scores = of_seeds("a", EVERYTHING, 0.50, 0.52, 0.54)
    row = rows_of(overall_sheet(SystemScores(scores, Outline("x", ("a",)))))["a"]
    assert (row["MAP@all"], row["MAP@100"], row["seeds"]) == ("52.00 ±2.00", "-", "3")


def test_one_seed_has_no_spread() -> None:
    scores = of_seeds("a", EVERYTHING, 0.5)
    row = rows_of(overall_sheet(SystemScores(scores, Outline("x", ("a",)))))["a"]
    assert (row["MAP@all"], row["seeds"]) == ("50.00", "1")


def test_gains_are_relative_to_the_baseline() -> None:
    parts = [("a", 0.4, 0.6), ("b", 0.55, 0.55), ("c", 0.45, 0.45)]
    scores = pd.concat([of_seeds(name, EVERYTHING, *values) for name, *values in parts])
    sheet = overall_sheet(SystemScores(scores, Outline("x", ("c", "b", "a"), baseline="a")))
    assert [(row[0], row[4]) for row in sheet.rows] == [
        ("c", "-10.0 %"),
        ("b", "+10.0 %"),
        ("a", "+0.0 %"),
    ]


def test_without_a_result_of_the_baseline_there_is_no_gain() -> None:
    scores = of_seeds("b", EVERYTHING, 0.5)
    outline = Outline("x", ("a", "b"), baseline="a", absent={"a": "not trained yet, seed 0."})
    sheet = overall_sheet(SystemScores(scores, outline))
    assert [row[:2] for row in sheet.rows] == [("b", "50.00")]
    assert rows_of(sheet)["b"]["gain"] == "-"
    assert "a: not trained yet, seed 0." in sheet.notes


def test_the_ranking_that_is_best_on_validation_is_marked_whatever_the_test_says() -> None:
    scores = frame(
        [
            ("a", 0, "class", True, "val", EVERYTHING, 0.60),
            ("a", 0, "class", True, "test", EVERYTHING, 0.90),
            ("a", 0, "posterior", False, "val", EVERYTHING, 0.70),
            ("a", 0, "posterior", False, "test", EVERYTHING, 0.50),
            ("a", 0, "attribute", False, "val", EVERYTHING, math.nan),
            ("a", 0, "attribute", False, "test", EVERYTHING, 0.95),
        ]
    )
    compared = SystemScores(scores, Outline("x", ("a",)))
    sheet = rankings_sheet(compared)
    assert [(row[1], row[2], row[3], row[4], row[-1]) for row in sheet.rows] == [
        ("class", "yes", "60.00", "90.00", "configured"),
        ("posterior", "yes", "70.00", "50.00", "best on val"),
        ("attribute", "no", "-", "95.00", ""),
    ]
    assert rows_of(overall_sheet(compared))["a"]["MAP@all"] == "90.00"


def test_finest_is_the_mean_of_each_run_over_attributes() -> None:
    parts = [("x", 0.2, 0.4), ("y", 0.6, 0.4), ("z", 0.9, 0.9), (EVERYTHING, 0.5, 0.5)]
    scores = pd.concat([of_seeds("a", name, *values) for name, *values in parts])
    found = add_finest(scores, ["x", "y"])
    assert found[found.attribute == "finest"].value.tolist() == pytest.approx([0.4, 0.4])
    compared = SystemScores(found, Outline("t", ("a",), focus=("x", "y")))
    assert rows_of(overall_sheet(compared))["a"]["finest"] == "40.00 ±0.00"
    [sheet] = attribute_sheets(compared)
    assert sheet.columns == ("system", "x", "y", "z", "overall")
    with pytest.raises(ConfigError, match="no attribute 'q'"):
        add_finest(scores, ["q"])


def test_an_attribute_that_nothing_asks_for_has_no_score_and_is_named() -> None:
    scores = pd.concat([of_seeds("a", "x", math.nan), of_seeds("a", EVERYTHING, 0.5)])
    compared = SystemScores(scores, Outline("t", ("a",)))
    assert rows_of(attribute_sheets(compared)[0])["a"]["x"] == "-"
    assert any("there is no score: x." in note for note in overall_sheet(compared).notes)


def test_many_attributes_take_several_tables() -> None:
    names = [f"n{place}" for place in range(11)]
    scores = pd.concat([of_seeds("a", name, 0.5) for name in (*names, EVERYTHING)])
    sheets = attribute_sheets(SystemScores(scores, Outline("t", ("a",))))
    assert [sheet.columns[1:-1] for sheet in sheets] == [tuple(names[:9]), tuple(names[9:])]


@pytest.mark.parametrize("dataset", ["fashionai", "darn", "deepfashion"])
def test_the_largest_tables_fit_into_a_hundred_columns(dataset: str, tmp_path: Path) -> None:
    systems = ("asen", "asen_v2", "asen_pp", "modc", "m3net_a", "m3net_c", "m3net", "m3net_plus")
    table = published_scores(dataset)
    base = table[table.system == "m3net"].assign(ranking="class", own=True, split="test")
    scores = pd.concat(
        base.assign(system=system, seed=seed, value=base.value - 0.012 * place - 0.006 * seed)
        for place, system in enumerate(systems)
        for seed in (0, 1)
    ).assign(protocol="single")
    compared = SystemScores(scores, Outline(dataset, systems, "asen_v2", table))
    out = io.StringIO()
    for sheet in comparison_sheets(compared):
        Terminal(file=out, width=100).print(sheet.render(100))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert text.count("±") - 1 == text.count("±0.42"), "a note, and 0.6 points over the root of two"
    draw_bars(compared, tmp_path / "bars.png")
    assert (tmp_path / "bars.png").stat().st_size > 10_000


def test_markdown_keeps_bars_within_their_cells() -> None:
    text = Sheet("t", ("a|b", "c"), (("1", "2"),), ("n",)).markdown()
    assert text == "## t\n\n| a\\|b | c |\n| --- | ---: |\n| 1 | 2 |\n\n* n\n"


def test_names_in_markdown_are_text_and_nothing_else() -> None:
    name = "\\|<b>[x](http://y)\x1b\nz"
    shown = r"\\\|\<b>\[x](http://y)\x1b\nz".replace(r"\x1b\nz", r"\\x1b\\nz")
    text = Sheet(name, (name, "c"), ((name, "2"),), (name,)).markdown()
    assert text.splitlines() == [
        *(f"## {shown}", "", f"| {shown} | c |", "| --- | ---: |", f"| {shown} | 2 |", ""),
        f"* {shown}",
    ]


def test_words_stand_at_the_left_and_numbers_at_the_right() -> None:
    text = Sheet("t", ("a", "b", "c"), (("x1", "no", "2"), ("x2", "yes", "-"))).markdown()
    assert (
        text == "## t\n\n| a | b | c |\n| --- | --- | ---: |\n| x1 | no | 2 |\n| x2 | yes | - |\n"
    )


def test_published_numbers_are_those_of_the_reference_file() -> None:
    place = os.environ.get("M3NET_PUBLISHED_RESULTS")
    if place is None:
        pytest.skip("M3NET_PUBLISHED_RESULTS does not name a file of the published results")
    with Path(place).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    metrics = {"map@all": "map_all", "map@100": "map_100", "recall@100": "recall_100"}
    expected = {
        (row["dataset"], row["model"], row["attribute"], metrics[row["metric"]]): row["value"]
        for row in rows
    }
    found = {
        (dataset, system, attribute.partition(" (")[0], metric): 100 * value
        for dataset in ("fashionai", "darn", "deepfashion")
        for system, attribute, metric, value in published_scores(dataset).itertuples(index=False)
    }
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(float(value)) for key, value in expected.items())
