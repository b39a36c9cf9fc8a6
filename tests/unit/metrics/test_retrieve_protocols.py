"""Queries that are labels, against loops over every image and class, and by hand."""

from dataclasses import fields
from math import inf

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from m3net.errors import M3NetError
from m3net.metrics import (
    GALLERY,
    QUERY,
    AttributeRetrieval,
    Images,
    MetricsConfig,
    QueryResults,
    RetrievalMetrics,
    rank,
)

BLOCK_SIZES = (1, 2, 7, 1000)


def naive(queries: Images, gallery: Images, top_k: int) -> list[dict[str, object]]:
    """Rank the whole gallery for each image and each of its classes."""
    return [
        ask(image, label, queries, gallery, top_k)
        for image in range(len(queries))
        for label in range(queries.targets.shape[1])
        if queries.targets[image, label]
    ]


def ask(image: int, label: int, queries: Images, gallery: Images, top_k: int) -> dict[str, object]:
    """Return the results of one image and class, from the definitions, in Python numbers."""
    embedding, own = queries.embeddings[image].tolist(), int(queries.index[image])
    ranked = sorted(
        (-sum(a * b for a, b in zip(embedding, other.tolist(), strict=True)), index, right)
        for other, index, right in zip(
            gallery.embeddings,
            gallery.index.tolist(),
            gallery.targets[:, label].tolist(),
            strict=True,
        )
        if index != own
    )
    hits = [place for place, (_, _, right) in enumerate(ranked, start=1) if right]
    precisions = [(count / place, place) for count, place in enumerate(hits, start=1)]
    early = [precision for precision, place in precisions if place <= 100]
    count = len(hits)
    best = ranked[:top_k] + [(inf, -1, False)] * (top_k - len(ranked))
    return {
        "query_index": own,
        "query_class": label,
        "num_relevant": count,
        "map_all": sum(p for p, _ in precisions) / max(count, 1),
        "r_precision": sum(place <= count for place in hits) / max(count, 1),
        "map_100": sum(early) / max(len(early), 1),
        "map_100_by_min": sum(early) / max(min(100, count), 1),
        "recall_100": len(early) / max(count, 1),
        "hit_rate_100": float(len(early) > 0),
        "precision_100": len(early) / 100,
        "top_index": [index for _, index, _ in best],
        "top_score": [-score for score, _, _ in best],
        "top_relevant": [right for _, _, right in best],
    }


def draw(seed: int, size: int, classes: int) -> Images:
    """Draw images with zero, one or many classes; small whole numbers make many scores equal."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(size, 1, generator=generator) ** 2
    share[::5] = 0
    return Images(
        torch.randint(-1, 2, (size, 4), generator=generator).float(),
        torch.rand(size, classes, generator=generator) < share,
        torch.randperm(2 * size, generator=generator)[:size],
    )


def assert_naive(results: QueryResults, expected: list[dict[str, object]]) -> None:
    """Compare every field of every query."""
    assert len(results) == len(expected)
    columns = {field.name: getattr(results, field.name) for field in fields(QueryResults)}
    columns |= columns.pop("terms")
    for name, values in columns.items():
        for value, own in zip(values.tolist(), expected, strict=True):
            assert value == pytest.approx(own[name], abs=1e-12), name


@pytest.mark.parametrize("block_size", BLOCK_SIZES)
def test_labels_agree_with_a_plain_loop(block_size: int) -> None:
    images = draw(1, 180, 9)
    rows = torch.arange(180)
    # Rows 20 to 39 are both, so self-matches occur.
    queries, gallery = images.select(rows[:40]), images.select(rows[20:])
    carried = queries.targets.sum(dim=1)
    assert (carried == 0).any()
    assert (carried > 5).any()
    found = rank(queries, gallery, protocol="multi", block_size=block_size, top_k=5)
    assert_naive(found, naive(queries, gallery, top_k=5))


@settings(max_examples=25, deadline=None)
@given(
    queries=st.integers(0, 5),
    gallery=st.integers(0, 9),
    seed=st.integers(0, 10_000),
    block_size=st.integers(1, 6),
)
def test_any_small_case_agrees_with_a_plain_loop(
    queries: int, gallery: int, seed: int, block_size: int
) -> None:
    asking, listed = draw(seed, queries, 3), draw(seed + 1, gallery, 3)
    found = rank(asking, listed, protocol="multi", block_size=block_size, top_k=4)
    assert_naive(found, naive(asking, listed, top_k=4))


def test_where_each_image_carries_one_class_the_protocols_agree() -> None:
    images = draw(2, 60, 4)
    label = torch.arange(60) % 4
    images = Images(images.embeddings, torch.eye(4, dtype=torch.bool)[label], images.index)
    single, multi = (rank(images, images, protocol=one) for one in ("single", "multi"))
    assert single.query_class.tolist() == [-1] * 60
    assert multi.query_class.tolist() == label.tolist()
    for field in fields(QueryResults):
        if field.name != "query_class":
            ours, theirs = (getattr(results, field.name) for results in (single, multi))
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


def four_photos() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return photos on a line with details zip, belt, bow; each is query and gallery image.

    Image 0 has zip and belt, 1 has belt, 2 has zip and bow, 3 has none.
    """
    targets = torch.tensor([[1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]) > 0
    embeddings = torch.tensor([[1.0], [0.9], [0.8], [0.7]])
    return (
        embeddings,
        targets,
        torch.full((4,), QUERY | GALLERY, dtype=torch.uint8),
        torch.arange(4),
    )


# 0 ranks 1 2 3: zip as -+-, belt as +--. 1 ranks 0 2 3: belt as +--.
# 2 ranks 0 1 3: zip as +--, bow as ---. 3 asks for nothing.
BY_HAND = {(0, 0): 1 / 2, (0, 1): 1.0, (1, 1): 1.0, (2, 0): 1.0, (2, 2): 0.0}


def test_four_photos_by_hand() -> None:
    metric = AttributeRetrieval(3, protocol="multi", config=MetricsConfig(top_k=3))
    metric.update(*four_photos())
    results = metric.results()
    asked = zip(results.query_index.tolist(), results.query_class.tolist(), strict=True)
    assert list(asked) == list(BY_HAND)
    assert results.terms["map_all"].tolist() == list(BY_HAND.values())
    assert results.top_index.tolist() == [[1, 2, 3]] * 2 + [[0, 2, 3]] + [[0, 1, 3]] * 2
    scores = metric.compute()
    assert scores["map_all"].item() == pytest.approx(3.5 / 5)
    assert scores["num_queries"] == 5
    assert scores["num_gallery"] == 4
    assert scores["num_queries_without_relevant"] == 1


def test_by_image_the_same_four_photos_score_otherwise() -> None:
    metric = AttributeRetrieval(num_classes=3)
    metric.update(*four_photos())
    # 0 ranks 1 2 3 as ++-, 1 ranks 0 2 3 as +--, 2 ranks 0 1 3 as +--, 3 finds nothing.
    assert metric.results().terms["map_all"].tolist() == [1.0, 1.0, 1.0, 0.0]


def test_overall_by_queries_weighs_each_label_the_same() -> None:
    embeddings, details, roles, index = four_photos()
    sleeve = torch.tensor([[1, 0], [0, 1], [0, 1], [0, 1]]) > 0
    metrics = RetrievalMetrics(["detail", "sleeve"], [3, 2], protocol="multi")
    targets, roles = torch.cat([details, sleeve], dim=1), torch.stack([roles, roles], dim=1)
    metrics.update([embeddings] * 2, targets, roles, index)
    # Sleeve: 0 finds nothing; 1 ranks 0 2 3 as -++, 2 and 3 rank 0 1 and the other as -++.
    late = (1 / 2 + 2 / 3) / 2
    *_, by_queries, by_attributes = metrics.table()
    assert by_queries.values["map_all"] == pytest.approx((3.5 + 3 * late) / (5 + 4))
    assert by_attributes.values["map_all"] == pytest.approx((3.5 / 5 + 3 * late / 4) / 2)
    assert (by_queries.num_queries, by_queries.num_gallery) == (9, 8)


def test_batches_and_repeated_images_change_nothing() -> None:
    images = draw(3, 50, 6)
    generator = torch.Generator().manual_seed(3)
    roles = torch.randint(4, (50,), generator=generator, dtype=torch.uint8)
    rows = torch.arange(50)
    asking, listed = (images.select(rows[(roles & role) > 0]) for role in (QUERY, GALLERY))
    asking = asking.select(asking.index.argsort())
    config = MetricsConfig(top_k=5)
    metric = AttributeRetrieval(6, protocol="multi", config=config, block_size=3)
    for batch in (rows[30:], rows[:0], rows[:35]):
        own = images.select(batch)
        metric.update(own.embeddings, own.targets, roles[batch], own.index)
    assert_naive(metric.results(), naive(asking, listed, top_k=5))


def test_missing_labels_are_noticed() -> None:
    embeddings, targets, roles, index = four_photos()
    metrics = RetrievalMetrics(["detail"], [3], protocol="multi")
    metrics.update([embeddings[1:]], targets[1:], roles[1:, None], index[1:])
    num_labels = torch.tensor([[2], [1], [2], [0]])
    with pytest.raises(M3NetError, match="'detail': 3 of 5 queries and 3 of 4 gallery images"):
        metrics.check_complete(roles[:, None], num_labels)
    metrics.update([embeddings[:1]], targets[:1], roles[:1, None], index[:1])
    metrics.check_complete(roles[:, None], num_labels)


def test_a_protocol_that_does_not_exist_is_refused() -> None:
    images = draw(4, 5, 2)
    with pytest.raises(ValueError, match="unknown protocol 'both'; choose single or multi"):
        rank(images, images, protocol="both")  # type: ignore[arg-type]
