"""Rankings of embeddings whose scores are hard to compute, against scores in exact integers."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from m3net.metrics import Images, QueryResults, rank
from m3net.metrics.functional import average_precision
from m3net.metrics.query_results import Criteria
from m3net.metrics.ranking.cpu_loops import exact_score, lengths
from m3net.metrics.ranking.cpu_product import STEPS, Product
from m3net.metrics.ranking.reference import exact_scores, rank_by_definition
from m3net.metrics.ranking.streaming import rank_streamed
from tests.unit.metrics.adversarial import FAMILIES, draw_hard, exact_scores_of, images
from tests.unit.metrics.ranking.test_cpu import values

LENGTHS = (1, 2, 33, 384)
few = settings(max_examples=60, deadline=None)
families = st.sampled_from(list(FAMILIES))


def assert_exact(queries: Images, gallery: Images, found: QueryResults) -> None:
    """Compare lists of the whole gallery, and average precisions, with exact scores."""
    scores, targets = exact_scores_of(queries, gallery), gallery.targets.numpy()
    for query, row in enumerate(scores):
        order = np.lexsort((gallery.index.numpy(), -row.astype(np.float64)))
        if found.top_index.shape[1]:
            assert found.top_index[query].tolist() == gallery.index.numpy()[order].tolist()
            assert found.top_score[query].tolist() == row[order].tolist()
        ranked = torch.from_numpy((targets & queries.targets[query].numpy()).any(axis=1)[order])
        expected = average_precision(ranked[None], ranked.sum()[None])
        torch.testing.assert_close(found.terms["map_all"][[query]], expected, rtol=0, atol=1e-13)


@few
@given(families, families, st.sampled_from(LENGTHS), st.integers(0, 1000))
def test_no_block_or_list_changes_an_exact_ranking(
    asking: str, listed: str, length: int, seed: int
) -> None:
    queries, gallery = draw_hard(asking, listed, length, seed=seed)
    for block_size in (1, 2, None):
        for top_k in (0, len(gallery)):
            assert_exact(
                queries, gallery, rank(queries, gallery, top_k=top_k, block_size=block_size)
            )


@pytest.mark.parametrize("family", FAMILIES)
def test_long_embeddings_are_ranked_exactly(family: str) -> None:
    queries, gallery = draw_hard(family, family, 4096, gallery=30)
    assert_exact(queries, gallery, rank(queries, gallery))
    assert_exact(queries, gallery, rank(queries, gallery, top_k=30))


@few
@given(families, families, st.sampled_from(LENGTHS), st.integers(0, 1000), st.integers(1, 30))
def test_the_reference_and_streams_are_exact(
    asking: str, listed: str, length: int, seed: int, size: int
) -> None:
    queries, gallery = draw_hard(asking, listed, length, seed=seed)
    gallery = gallery.select(gallery.index.argsort())

    def blocks(_: int) -> Iterator[tuple[Tensor, Tensor]]:
        for columns in torch.arange(len(gallery)).flip(0).tensor_split(size):
            yield columns, gallery.embeddings[columns]

    criteria = Criteria("single", (1, 10), top_k=len(gallery))
    limits = {"max_queries": len(queries), "memory_limit": 10**4, "gallery_limit": 10**9}
    assert_exact(queries, gallery, rank_by_definition(queries, gallery, criteria))
    assert_exact(queries, gallery, rank_streamed(queries, gallery, blocks, criteria, **limits))


@few
@given(families, families, st.sampled_from(LENGTHS), st.integers(0, 1000))
def test_a_score_is_the_exact_one(asking: str, listed: str, length: int, seed: int) -> None:
    queries, gallery = draw_hard(asking, listed, length, seed=seed)
    expected = exact_scores_of(queries, gallery)
    ours, theirs = queries.embeddings.numpy(), gallery.embeddings.numpy()
    assert [[exact_score(own, other) for other in theirs] for own in ours] == expected.tolist()
    assert exact_scores(queries.embeddings, gallery.embeddings).tolist() == expected.tolist()


@few
@given(families, families, st.sampled_from([*LENGTHS, 4096]), st.integers(0, 1000))
def test_integers_differ_by_more_than_their_slack_only_where_scores_do(
    asking: str, listed: str, length: int, seed: int
) -> None:
    queries, gallery = draw_hard(asking, listed, length, gallery=8, seed=seed)
    ours, theirs = queries.embeddings.numpy(), gallery.embeddings.numpy()
    product = Product.of(ours, theirs, lengths(ours), float(lengths(theirs).max()))
    assert (np.abs(product.negated.astype(np.int64)) <= STEPS).all()
    scaled = exact_scores_of(queries, gallery) * product.scale[:, None]
    # Rounding to float32 moves a score by half of what it is apart from the next.
    off = np.abs(scaled + product.negated) - 2.0**-24 * np.abs(scaled)
    assert (off <= product.slack[:, None] / 2).all()


@pytest.mark.parametrize("top_k", [0, 1, 200])
def test_constant_embeddings_are_told_apart(top_k: int) -> None:
    """The float32 product of such embeddings is off by a hundred roundings."""
    numbers = np.linspace(1, 0.999, 200, dtype=np.float32)
    gallery = images(np.repeat(numbers[:, None], 384, axis=1), seed=0)
    gallery.targets[:] = torch.arange(200)[:, None] < 100
    queries = images(np.ones((1, 384), dtype=np.float32), seed=0, first=200)
    queries.targets[:] = True
    for block_size in (1, None):
        found = rank(queries, gallery, top_k=top_k, block_size=block_size)
        assert found.terms["map_all"].item() == 1.0


@pytest.mark.parametrize("size", [1e-29, 1e-26, 1e-23, 1e-20, 1e17])
def test_queries_of_any_length_rank_alike(size: float) -> None:
    queries, gallery = draw_hard("_random", "_random", 384, gallery=100)
    scaled = Images(queries.embeddings * size, queries.targets, queries.index)
    assert_exact(scaled, gallery, rank(scaled, gallery, top_k=100))


def test_the_parts_of_several_processes_are_those_of_one() -> None:
    for family in FAMILIES:
        queries, gallery = draw_hard(family, "mixed_scales", 64, queries=7)
        ranked = partial(rank, gallery=gallery, protocol="multi", top_k=5)
        whole = values(ranked(queries))
        parts: dict[str, Any] = values(
            QueryResults.concatenate([ranked(part) for part in queries.split(3)])
        )
        for name, own in parts.items():
            assert torch.equal(own, whole[name])


def test_embeddings_that_are_nearly_too_long_have_finite_scores() -> None:
    queries, gallery = draw_hard("huge", "huge", 64)
    longest = torch.full((1, 64), 1.6e18)
    for sign in (1, -1):
        gallery.embeddings[:1] = sign * longest
        queries.embeddings[:1] = longest
        found = rank(queries, gallery, top_k=len(gallery))
        assert found.top_score.isfinite().all()
        assert (found.top_index >= 0).all()
