"""Tables of a page: percents, published numbers in their rows, differences to the first run."""

import math
from pathlib import Path

import pandas as pd
import pytest

from m3net.errors import ConfigError
from m3net.reports.page.comparison_section import beside_sheet, check_scores
from m3net.reports.page.run_files import RunFiles
from m3net.reports.page.score_section import published_sheet, score_sheet
from m3net.reports.published_numbers import published_scores


def scores(first: float, second: float, attributes: tuple[str, str] = ("a", "b")) -> pd.DataFrame:
    names = [*attributes, "overall (by queries)", "overall (by attributes)"]
    return pd.DataFrame(
        {
            "attribute": names,
            "protocol": "single",
            "map_all": [first, second, 0.5, 0.25],
            "map_10": [0.1, math.nan, 0.3, 0.4],
            "recall_10": [0.0, math.nan, 1.0, 0.5],
            "num_queries": [1000, 0, 1000, 1000],
            "num_gallery": 5,
            "num_queries_without_relevant": 2,
        }
    )


def test_scores_are_percents_and_counts_are_whole() -> None:
    sheet = score_sheet(scores(0.12345, math.nan), "skip")
    assert sheet.columns[:5] == ("attribute", "MAP@all", "MAP@10", "Recall@10", "queries")
    assert sheet.rows[0] == ("a", "12.35", "10.00", "0.00", "1,000", "5", "2")
    assert sheet.rows[1] == ("b", "-", "-", "-", "0", "5", "2")
    assert "left out" in sheet.notes[0]


def test_published_numbers_stand_in_the_rows_of_their_attributes() -> None:
    sheet = published_sheet(scores(0.5, 0.25, ("skirt_length", "x")), published_scores("fashionai"))
    place = sheet.columns.index("paper: m3net")
    rows = {row[0]: row for row in sheet.rows}
    # From Table 2 of the paper.
    assert (rows["skirt_length"][1], rows["skirt_length"][place]) == ("50.00", "75.27")
    assert (rows["neck_design"][1], rows["neck_design"][place]) == ("-", "75.51")
    assert rows["overall (by queries), MAP@100"][place] == "87.04"
    assert rows["overall (by queries), MAP@100"][1] == "-"


def test_scores_without_counts_do_not_compare() -> None:
    mine = scores(0.5, 0.25)
    other = RunFiles(Path("runs/shop/0"), scores=mine.drop(columns="num_gallery"))
    with pytest.raises(ConfigError, match=r"its scores\.csv has no column num_gallery"):
        check_scores(mine, "zero", other)


def test_differences_are_to_the_first_run() -> None:
    tables = {"x": scores(0.5, 0.25), "y": scores(0.625, math.nan), "z": scores(0.25, 0.25)}
    sheet = beside_sheet(tables)
    assert sheet.columns == ("attribute", "x", "y", "difference", "z", "difference")
    assert sheet.rows[0] == ("a", "50.00", "62.50", "+12.50", "25.00", "-25.00")
    assert sheet.rows[1] == ("b", "25.00", "-", "-", "25.00", "+0.00")
    assert [row[0] for row in sheet.rows[2:]] == [
        *("overall (by queries)", "overall (by queries), MAP@10"),
        *("overall (by queries), Recall@10", "overall (by attributes)"),
    ]
