"""Retrieval in one call, against loops over its arguments, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from m3net.metrics import QueryResults, metric_names, retrieve

Arrays = dict[str, Any]


def drawn(seed: int = 0, *, several: bool = False) -> Arrays:
    """Draw 12 queries and 40 gallery images of 5 classes, named by any integers."""
    draw = np.random.default_rng(seed)
    names = np.array([-3, 7, 40, 41, 1000])
    classes = draw.random((52, 5)) < 0.3 if several else names[draw.integers(5, size=52)]
    embeddings = draw.normal(size=(52, 6))
    return {
        "queries": embeddings[:12],
        "query_labels": classes[:12],
        "gallery": embeddings[12:],
        "gallery_labels": classes[12:],
    }


def loop(
    arrays: Arrays, may_rank: Callable[[int, int], bool], *, multi: bool = False
) -> list[tuple[int, int, float]]:
    """Return image, class (else -1) and average precision of each query."""
    found = []
    asked_labels, labels = arrays["query_labels"], arrays["gallery_labels"]
    for query, (vector, asked) in enumerate(zip(arrays["queries"], asked_labels, strict=True)):
        rows = [row for row in range(len(labels)) if may_rank(query, row)]
        scores = [float(arrays["gallery"][row].astype(np.float32) @ vector) for row in rows]
        wanted: list[Any] = [asked]
        if labels.ndim == 2 and multi:
            wanted = [np.arange(5) == one for one in np.flatnonzero(asked)]
        for own in wanted:
            right = [
                bool((own & labels[row]).any()) if labels.ndim == 2 else bool(own == labels[row])
                for row in rows
            ]
            value = average_precision_score(right, scores) if any(right) else 0.0
            name = int(np.flatnonzero(own)[0]) if labels.ndim == 2 and multi else int(asked.flat[0])
            found.append((query, name if multi else -1, float(value)))
    return found


def rows_of(results: QueryResults) -> list[tuple[int, int, float]]:
    """Return the same from results."""
    columns = (results.query_index, results.query_class, results.terms["map_all"])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def anyone(query: int, row: int) -> bool:
    """Let every gallery image be ranked."""
    del query, row
    return True


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_agrees_with_a_loop(several: bool, multi: bool) -> None:
    arrays = drawn(several=several)
    results = retrieve(**arrays, protocol="multi" if multi else "single", cutoffs=(2, 5))
    assert [*results.terms] == [*metric_names((2, 5))]
    for found, expected in zip(rows_of(results), loop(arrays, anyone, multi=multi), strict=True):
        assert found[:2] == expected[:2]
        assert found[2] == pytest.approx(expected[2], abs=1e-12)


def test_an_image_is_left_out_of_its_own_ranking_where_both_sides_have_ids() -> None:
    arrays = drawn()
    own, theirs = np.arange(100, 112), np.arange(105, 145)[::-1]
    results = retrieve(**arrays, query_ids=own, gallery_ids=theirs, top_k=40)
    expected = loop(arrays, lambda query, row: bool(own[query] != theirs[row]))
    assert results.terms["map_all"].tolist() == pytest.approx([ap for *_, ap in expected])
    assert results.query_index.tolist() == own.tolist()
    for query, listed in zip(own.tolist(), results.top_index.tolist(), strict=True):
        assert {*listed} - {-1} == {*theirs.tolist()} - {query}


@pytest.mark.parametrize("named", [("query_ids",), ("gallery_ids",), ()])
def test_images_differ_where_a_side_has_no_ids(named: tuple[str, ...]) -> None:
    arrays = drawn()
    ids: Arrays = {"query_ids": np.arange(12), "gallery_ids": np.arange(40)}
    results = retrieve(**arrays, **{name: ids[name] for name in named}, top_k=40)
    assert (results.top_index >= 0).all()
    assert rows_of(results) == rows_of(retrieve(**arrays))


@pytest.mark.parametrize("with_ids", [False, True])
def test_images_of_a_product_are_left_out(with_ids: bool) -> None:
    arrays, draw = drawn(), np.random.default_rng(5)
    shown, others = draw.integers(8, size=12), draw.integers(8, size=40)
    given: Arrays = {"query_products": shown, "gallery_products": others}
    if with_ids:
        given |= {"query_ids": np.arange(12), "gallery_ids": np.arange(50, 90)}
    results = retrieve(**arrays, **given)
    expected = loop(arrays, lambda query, row: bool(shown[query] != others[row]))
    assert results.terms["map_all"].tolist() == pytest.approx([ap for *_, ap in expected])


def test_of_equal_scores_the_smaller_id_comes_first() -> None:
    one, same = np.ones((1, 2)), np.ones((4, 2))
    labels, ids = np.zeros(4, dtype=int), np.array([9, 2, 30, -4])
    results = retrieve(one, labels[:1], same, labels, gallery_ids=ids, top_k=4)
    assert results.top_index.tolist() == [[-4, 2, 9, 30]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_numpy_and_torch_give_the_same(dtype: str) -> None:
    arrays = drawn()
    given = arrays | {name: arrays[name].astype(dtype) for name in ("queries", "gallery")}
    native = {name: own.astype(own.dtype.newbyteorder("=")) for name, own in given.items()}
    tensors: Arrays = {name: torch.from_numpy(own) for name, own in native.items()}
    ours, theirs = retrieve(**given, top_k=3), retrieve(**tensors, top_k=3)
    assert rows_of(ours) == rows_of(theirs)
    assert torch.equal(ours.top_score, theirs.top_score)


@pytest.mark.filterwarnings("error")
def test_arrays_of_any_memory_are_read_and_left_as_they_are() -> None:
    arrays = drawn()
    odd = {name: own[::-1].copy()[::-1] for name, own in arrays.items()}
    for own in odd.values():
        own.flags.writeable = False
    assert rows_of(retrieve(**odd)) == rows_of(retrieve(**arrays))
    small = {name: arrays[name].astype(np.int16) for name in ("query_labels", "gallery_labels")}
    assert rows_of(retrieve(**(arrays | small))) == rows_of(retrieve(**arrays))


def test_a_single_row_may_be_read_backwards() -> None:
    arrays = drawn()
    one = {name: arrays[name][:1] for name in ("queries", "query_labels")}
    backwards = {name: row[::-1] for name, row in one.items()}
    single = {name: arrays[name].astype(np.float32)[:, :1] for name in ("queries", "gallery")}
    flipped = {name: column[:, ::-1] for name, column in single.items()}
    assert rows_of(retrieve(**(arrays | backwards))) == rows_of(retrieve(**(arrays | one)))
    assert rows_of(retrieve(**(arrays | flipped))) == rows_of(retrieve(**(arrays | single)))


def test_gradients_are_not_followed() -> None:
    arrays: Arrays = {name: torch.tensor(own) for name, own in drawn().items()}
    arrays["queries"].requires_grad_()
    assert not retrieve(**arrays, top_k=1).top_score.requires_grad


def test_nobody_asks_or_nothing_is_there() -> None:
    arrays = drawn()
    none = {name: arrays[name][:0] for name in ("queries", "query_labels")}
    assert len(retrieve(**(arrays | none))) == 0
    empty = {name: arrays[name][:0] for name in ("gallery", "gallery_labels")}
    results = retrieve(**(arrays | empty))
    assert results.num_without_relevant == 12
    assert results.means()["map_all"].item() == 0.0
    assert results.means("skip")["map_all"].isnan()
    assert len(retrieve(**(arrays | none | empty))) == 0


WRONG: dict[str, tuple[Any, str]] = {
    "queries": (np.zeros(12), r"queries must be \(n, D\) floating point .* of shape \(12,\)"),
    "gallery": (np.zeros((40, 6), dtype=int), "gallery must be .* not int64"),
    "query_labels": (
        np.zeros((12, 5)),
        r"query_labels must be .* integers or .* bool, not float64",
    ),
    "gallery_labels": (np.zeros(39, dtype=int), "gallery_labels has 39 rows, but there are 40"),
    "query_ids": (np.array(["a"] * 12), "query_ids must be .* integers"),
    "gallery_ids": (np.zeros(40, dtype=np.uint64), "gallery_ids must be .* integers, not uint64"),
    "query_products": (np.zeros(12, dtype=int), "both query_products and gallery_products"),
    "gallery_products": (np.zeros(40, dtype=int), "both query_products and gallery_products"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_argument_of_another_form_is_named(name: str) -> None:
    value, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        retrieve(**(drawn() | {name: value}))


def test_sides_that_do_not_match_are_named() -> None:
    arrays, several = drawn(), drawn(several=True)
    with pytest.raises(ValueError, match="queries have 6 numbers each, gallery has 5"):
        retrieve(**(arrays | {"gallery": arrays["gallery"][:, :5]}))
    for labels in (arrays["gallery_labels"], several["gallery_labels"][:, :4]):
        with pytest.raises(ValueError, match="query_labels and gallery_labels must both"):
            retrieve(**(several | {"gallery_labels": labels}))
    none = {name: several[name][:, :0] for name in ("query_labels", "gallery_labels")}
    with pytest.raises(ValueError, match=r"_labels must both .* one or more"):
        retrieve(**(several | none))


def test_ids_and_products_that_contradict_each_other_are_named() -> None:
    arrays, own, theirs = drawn(), np.arange(12), np.arange(40)
    with pytest.raises(ValueError, match="gallery_ids: 3 occurs more than once"):
        retrieve(**arrays, gallery_ids=np.where(theirs == 8, 3, theirs))
    products: Arrays = {"query_products": own // 2, "gallery_products": theirs // 2}
    ids: Arrays = {"query_ids": own, "gallery_ids": theirs}
    assert len(retrieve(**arrays, **ids, **products)) == 12
    products["gallery_products"] = np.where(theirs == 4, 99, theirs // 2)
    with pytest.raises(ValueError, match="_products differ for image 4"):
        retrieve(**arrays, **ids, **products)
