"""The fast ranking against the plain one, and against exact sums where float32 cannot decide."""

from dataclasses import fields, replace
from math import fsum
from typing import get_args

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from m3net.metrics import Images, QueryResults, rank
from m3net.metrics.fast import FastRanking
from m3net.metrics.functional import average_precision, recall
from m3net.metrics.hits import hit_terms
from m3net.metrics.plain import rank_plainly
from m3net.metrics.product import Product, lengths
from m3net.protocol import Protocol

PROTOCOLS = get_args(Protocol)


def draw(
    seed: int, size: int, length: int, *, step: float = 0.0, different: int | None = None
) -> Images:
    """Draw images with no class, one or several.

    Where `step` is given, embeddings are multiples of it, which makes scores equal; where
    `different` is, no more embeddings than that occur.
    """
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(different or size, length, generator=generator)
    embeddings = embeddings[torch.arange(size) % len(embeddings)]
    if step:
        embeddings = (embeddings / step).round() * step
    share = torch.rand(size, 1, generator=generator) ** 2
    targets = torch.rand(size, 5, generator=generator) < share
    index = torch.randperm(2 * size, generator=generator)[:size]
    return Images(embeddings, targets, index)


def assert_plain(queries: Images, gallery: Images, protocol: Protocol, top_k: int = 7) -> None:
    """Hold the fast ranking, of different blocks, to the plain one of all images at once."""
    ordered = gallery.select(gallery.index.argsort())
    plain = QueryResults.concatenate(list(rank_plainly(queries, ordered, protocol, top_k)))
    for block_size in (1, 3, None):
        found = rank(queries, gallery, protocol=protocol, block_size=block_size, top_k=top_k)
        for field in fields(QueryResults):
            ours, theirs = (getattr(results, field.name) for results in (found, plain))
            atol = 1e-13 if ours.dtype == torch.float64 else 0
            torch.testing.assert_close(ours, theirs, rtol=0, atol=atol, msg=field.name)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    size=st.integers(0, 40),
    length=st.sampled_from([1, 3, 64, 513]),
    step=st.sampled_from([0.0, 0.5, 1e-4]),
    different=st.sampled_from([None, 1, 3]),
    shared=st.booleans(),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_any_case_agrees_with_the_plain_ranking(
    seed: int,
    size: int,
    length: int,
    step: float,
    different: int | None,
    shared: bool,
    protocol: Protocol,
) -> None:
    gallery = draw(seed, size, length, step=step, different=different)
    queries = gallery if shared else draw(seed + 1, 9, length, step=step)
    assert_plain(queries, gallery, protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_gallery_of_more_than_a_part_agrees_with_the_plain_ranking(protocol: Protocol) -> None:
    images = draw(1, 1200, 256)
    near = images.embeddings + 1e-7 * torch.randn(1200, 256, generator=torch.manual_seed(0))
    gallery = Images(
        torch.cat([images.embeddings, near]), images.targets.repeat(2, 1), torch.arange(2400)
    )
    assert_plain(draw(2, 300, 256), gallery, protocol, top_k=100)


def nearly_equal(spread: float) -> tuple[Images, Images]:
    """Give a query and 60 gallery images whose scores differ by about this share."""
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(1024, generator=generator)
    noise = torch.randn(60, 1024, generator=generator)
    query = Images(base[None], torch.tensor([[True]]), torch.tensor([99]))
    relevant = torch.rand(60, 1, generator=generator) < 0.5
    return query, Images(base * (1 + spread * noise), relevant, torch.arange(60))


@pytest.mark.parametrize("spread", [1e-7, 1e-6, 1e-5])
def test_near_ties_stand_in_the_order_of_exactly_summed_scores(spread: float) -> None:
    query, gallery = nearly_equal(spread)
    asked = query.embeddings[0].tolist()
    scores = [
        np.float32(fsum(a * b for a, b in zip(asked, own, strict=True)))
        for own in gallery.embeddings.tolist()
    ]
    expected = sorted(range(60), key=lambda image: (-scores[image], image))
    product = (-query.embeddings.numpy() @ gallery.embeddings.numpy().T)[0]
    assert np.argsort(product, kind="stable").tolist() != expected, "float32 must not suffice"
    results = rank(query, gallery, top_k=60)
    assert results.top_index[0].tolist() == expected
    assert results.top_score[0].tolist() == [float(scores[image]) for image in expected]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_network_that_tells_no_images_apart_gives_the_order_of_the_index(
    protocol: Protocol,
) -> None:
    images = draw(4, 300, 64, different=1)
    assert_plain(images, images, protocol)


def test_a_product_less_precise_than_thought_is_noticed() -> None:
    gallery, queries = draw(5, 2000, 16), draw(6, 20, 16)
    gallery = gallery.select(gallery.index.argsort())
    ranking = FastRanking(gallery, "multi", top_k=5)
    theirs = gallery.embeddings.numpy()
    product = Product.of(queries.embeddings.numpy(), theirs, float(lengths(theirs).max()))
    noise = np.random.default_rng(0).standard_normal(product.negated.shape, dtype=np.float32)
    imprecise = replace(product, negated=product.negated * (1 + 1e-4 * noise))
    found = QueryResults.concatenate(ranking._rank_part(queries, imprecise))
    plain = QueryResults.concatenate(list(rank_plainly(queries, gallery, "multi", 5)))
    for field in fields(QueryResults):
        assert torch.equal(getattr(found, field.name), getattr(plain, field.name))


@pytest.mark.parametrize("noise", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("length", [8, 512, 2048])
def test_products_are_twice_as_precise_as_they_are_taken_to_be(noise: float, length: int) -> None:
    rng = np.random.default_rng(6)
    centers = rng.standard_normal((4, length))
    drawn = centers[np.arange(600) % 4] + noise * rng.standard_normal((600, length))
    images = drawn.astype(np.float32)
    queries, gallery = images[:100], images[100:]
    product = Product.of(queries, gallery, float(lengths(gallery).max()))
    row, column = np.repeat(np.arange(100), 500), np.tile(np.arange(500), 100)
    exact = product.exact(row, column).astype(np.float64)
    off = np.abs(exact + product.negated[row, column])
    assert (off <= product.error(row, exact) / 2 + np.abs(exact) * 2.0**-24).all()


def test_terms_of_hits_are_those_of_ranked_relevance() -> None:
    generator = torch.Generator().manual_seed(7)
    ranked = torch.rand(50, 300, generator=generator) < torch.rand(50, 1, generator=generator) ** 3
    ranked[:3] = torch.tensor([[False], [True], [False]])
    terms, count = hit_terms(ranked.numpy()), ranked.sum(dim=1)
    expected = {
        "num_relevant": count,
        "average_precision": average_precision(ranked, count),
        "average_precision_100": average_precision(ranked, count, k=100, by="hits"),
        "average_precision_100_by_min": average_precision(ranked, count, k=100, by="min"),
        "recall_100": recall(ranked, count, k=100),
    }
    assert terms.keys() == expected.keys()
    for name, values in expected.items():
        torch.testing.assert_close(torch.from_numpy(terms[name]), values, rtol=0, atol=1e-13)


def test_a_memory_limit_changes_no_result() -> None:
    images = draw(8, 80, 16)
    few, many = (rank(images, images, memory_limit=limit) for limit in (1, 2**30))
    for field in fields(QueryResults):
        assert torch.equal(getattr(few, field.name), getattr(many, field.name))


def test_a_ranking_serves_several_blocks() -> None:
    gallery, queries = draw(9, 50, 8), draw(10, 6, 8)
    gallery = gallery.select(gallery.index.argsort())
    ranking = FastRanking(gallery, "multi", top_k=3)
    blocks = [results for block in queries.split(3) for results in ranking.rank(block)]
    whole = rank(queries, gallery, protocol="multi", top_k=3)
    assert torch.equal(QueryResults.concatenate(blocks).top_index, whole.top_index)
