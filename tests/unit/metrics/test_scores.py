"""The table and its overall rows, worked out by hand."""

from math import isnan

import pytest
import torch

from m3net.metrics import (
    CUTOFFS,
    OVERALL_BY_ATTRIBUTES,
    OVERALL_BY_QUERIES,
    Images,
    QueryResults,
    QuerySums,
    flatten,
    metric_names,
    rank,
    score_table,
)


def results(*rankings: str) -> QuerySums:
    """Return the sums over queries that rank galleries as "01": not relevant, relevant."""
    return QuerySums.total([QuerySums.of(one_query(text)) for text in rankings])


def one_query(text: str) -> QueryResults:
    """Rank a gallery that lies on a line, best first."""
    scores = -torch.arange(len(text)).float()[:, None]
    targets = torch.tensor([[mark == "1"] for mark in text])
    query = Images(torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), torch.tensor([-1]))
    return rank(query, Images(scores, targets, torch.arange(len(text))))


def no_queries() -> QuerySums:
    """Return the sums over no queries."""
    empty = Images(torch.ones(0, 1), torch.ones(0, 1, dtype=torch.bool), torch.arange(0))
    return QuerySums.of(rank(empty, empty))


# Average precisions: sleeve 1, 1/2, 0; collar 1/3; length has no queries.
RESULTS = {"sleeve": results("10", "01", "00"), "collar": results("001"), "length": no_queries()}
NUM_GALLERY = {"sleeve": 2, "collar": 3, "length": 5}


def test_overall_by_queries_weighs_each_query_the_same() -> None:
    row = score_table(RESULTS, NUM_GALLERY)[-2]
    assert row.attribute == OVERALL_BY_QUERIES
    assert row.values["map_all"] == pytest.approx((1 + 1 / 2 + 0 + 1 / 3) / 4)
    assert row.values["recall_100"] == pytest.approx(3 / 4)
    assert (row.num_queries, row.num_gallery, row.num_queries_without_relevant) == (4, 10, 1)


def test_overall_by_queries_is_the_mean_of_attributes_weighed_by_their_queries() -> None:
    *rows, by_queries, _ = score_table(RESULTS, NUM_GALLERY)
    asked = [row for row in rows if row.num_queries]
    weighed = sum(row.values["map_all"] * row.num_queries for row in asked)
    assert by_queries.values["map_all"] == pytest.approx(
        weighed / sum(row.num_queries for row in asked)
    )


def test_overall_by_attributes_weighs_each_attribute_with_queries_the_same() -> None:
    row = score_table(RESULTS, NUM_GALLERY)[-1]
    assert row.attribute == OVERALL_BY_ATTRIBUTES
    assert row.values["map_all"] == pytest.approx(((1 + 1 / 2 + 0) / 3 + 1 / 3) / 2)
    assert row.values["recall_100"] == pytest.approx((2 / 3 + 1) / 2)
    assert (row.num_queries, row.num_gallery, row.num_queries_without_relevant) == (4, 10, 1)


def test_rows_of_attributes() -> None:
    sleeve, collar, length = score_table(RESULTS, NUM_GALLERY)[:3]
    assert (sleeve.attribute, sleeve.num_queries, sleeve.num_gallery) == ("sleeve", 3, 2)
    for name in ("map_all", "map_100", "map_100_by_min"):
        assert sleeve.values[name] == pytest.approx(0.5)
    # 10 has its one relevant image in the first rank, 01 in the second.
    assert sleeve.values["r_precision"] == pytest.approx(1 / 3)
    assert sleeve.values["hit_rate_100"] == pytest.approx(2 / 3)
    assert sleeve.values["precision_100"] == pytest.approx(2 / 3 / 100)
    assert sleeve.num_queries_without_relevant == 1
    assert collar.values["map_all"] == pytest.approx(1 / 3)
    assert (length.num_queries, length.num_gallery) == (0, 5)
    assert isnan(length.values["map_all"])


def test_without_any_queries_nothing_is_defined() -> None:
    table = score_table({"length": no_queries()}, {"length": 5})
    assert all(isnan(row.values["map_all"]) and isnan(row.values["recall_100"]) for row in table)


def test_queries_without_anything_to_find_can_be_left_out_of_all_means() -> None:
    rankings = RESULTS | {"length": results("00", "000")}
    sleeve, collar, length, by_queries, by_attributes = score_table(rankings, NUM_GALLERY, "skip")
    assert sleeve.values["map_all"] == pytest.approx((1 + 1 / 2) / 2)
    assert collar.values["map_all"] == pytest.approx(1 / 3)
    assert isnan(length.values["map_all"])
    assert by_queries.values["map_all"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert by_attributes.values["map_all"] == pytest.approx((3 / 4 + 1 / 3) / 2)
    rows = (sleeve, collar, length, by_queries, by_attributes)
    assert [row.num_queries for row in rows] == [3, 1, 2, 6, 6]
    assert [row.num_queries_without_relevant for row in rows] == [1, 0, 2, 3, 3]


def test_flat_names() -> None:
    flat = flatten(score_table(RESULTS, NUM_GALLERY))
    names = set(metric_names(CUTOFFS))
    counts = {"num_queries", "num_gallery", "num_queries_without_relevant"}
    attributes = {"sleeve", "collar", "length"}
    assert flat.keys() == (
        names
        | counts
        | {f"{name}_by_attribute" for name in names}
        | {f"{name}/{attribute}" for name in names | counts for attribute in attributes}
    )
    assert all(value.ndim == 0 for value in flat.values())
    assert flat["map_all"].item() == pytest.approx(11 / 24)
    assert flat["map_all_by_attribute"].item() == pytest.approx(5 / 12)
    assert flat["map_all/collar"].item() == pytest.approx(1 / 3)
    assert flat["num_queries"].item() == 4
    assert flat["num_gallery/length"].item() == 5
